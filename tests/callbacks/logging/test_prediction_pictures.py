import keras
import numpy as np
import pytest
from contracts import CallbackContract
from sklearn.metrics import confusion_matrix

from kdl.callbacks import PredictionPictures
from kdl.callbacks.logging import prediction_figures
from kdl.callbacks.logging.samples import class_labels

RNG = np.random.default_rng(0)
LOGITS = RNG.normal(size=(9, 3)).astype("float32")
LABELS = np.arange(9) % 3


class Fixed(keras.layers.Layer):
    """Returns the predictions that its inputs hold, of which the rest is an image."""

    def call(self, inputs):
        return inputs[:, 0, : self.count, 0] + 0 * self.bias

    def build(self, input_shape):
        self.bias = self.add_weight(shape=(), initializer="zeros")

    def __init__(self, count):
        super().__init__()
        self.count = count


class TestPredictionPictures(CallbackContract):
    component = PredictionPictures
    alternatives = {"directory": ["pictures"]}
    writes = True
    refused = [
        (
            {"data": 3},
            "`data` must be a tuple (x, y) of arrays of as many examples, or batches "
            "that can be read more than once, such as a keras.utils.PyDataset, a "
            "tf.data.Dataset or a DataLoader. Received: data of type int",
        ),
        (
            {"class_names": "abc"},
            "`class_names` must be a list of two or more strings, or None. "
            "Received: class_names='abc'",
        ),
        ({"every": 0}, "`every` must be an integer in [1, inf). Received: every=0"),
        (
            {"examples": 101},
            "`examples` must be an integer in [1, 100]. Received: examples=101",
        ),
    ]

    @pytest.fixture(autouse=True)
    def has_a_folder(self, tmp_path):
        self.folder = tmp_path / "pictures"
        self.arguments = {
            "data": (RNG.normal(size=(4, 4)).astype("float32"), np.array([0, 1, 2, 1])),
            "directory": self.folder,
            "every": 2,
            "examples": 9,
            "class_names": ["a", "b", "c"],
        }

    def drawn(self, outputs, y, monkeypatch, **options):
        """What the figures are made of after one epoch."""
        found = {}
        for name in ("confusion_figure", "images_figure", "regression_figure"):
            draw = getattr(prediction_figures, name)

            def record(*args, name=name, draw=draw):
                found[name] = args
                return draw(*args)

            monkeypatch.setattr(prediction_figures, name, record)
        images = np.zeros((len(outputs), 3, 3, 1), "float32")
        images[:, 0, : outputs.shape[1], 0] = outputs
        images[:, 2, 2, 0] = np.arange(len(outputs))
        inputs = keras.Input((3, 3, 1))
        model = keras.Model(inputs, Fixed(outputs.shape[1])(inputs))
        model.compile("sgd", "mse")
        pictures = PredictionPictures((images, y), self.folder, **options)
        model.fit(images[:1], outputs[:1], callbacks=[pictures], verbose=0)
        return found

    @pytest.mark.parametrize("y", [LABELS, LABELS[:, None], np.eye(3)[LABELS]])
    def test_draws_classes_and_the_worst_images(self, y, monkeypatch):
        keras.config.set_image_data_format("channels_last")
        found = self.drawn(LOGITS, y, monkeypatch, examples=4)
        labels, predicted, *_ = found["confusion_figure"]
        np.testing.assert_array_equal(labels, LABELS)
        np.testing.assert_array_equal(predicted, LOGITS.argmax(axis=1))
        images, labels, *_ = found["images_figure"]
        margins = [
            row[label] - max(np.delete(row, label))
            for row, label in zip(LOGITS, LABELS, strict=True)
        ]
        worst = np.argsort(margins)[:4]
        np.testing.assert_array_equal(images[:, 2, 2, 0], worst)
        np.testing.assert_array_equal(labels, LABELS[worst])
        names = sorted(path.name for path in self.folder.iterdir())
        assert names == ["confusion_matrix.png", "predictions.png"]
        for path in self.folder.iterdir():
            assert path.read_bytes().startswith(b"\x89PNG")

    def test_draws_a_regression(self, monkeypatch):
        targets = np.linspace(0.5, 2.5, 9)
        found = self.drawn(LOGITS[:, :1], targets, monkeypatch)
        assert list(found) == ["regression_figure"]
        np.testing.assert_array_equal(found["regression_figure"][0], targets)
        np.testing.assert_array_equal(found["regression_figure"][1], LOGITS[:, 0])

    def test_refuses_names_of_other_classes(self, monkeypatch):
        with pytest.raises(ValueError) as error:
            self.drawn(LOGITS, LABELS, monkeypatch, class_names=["a", "b"])
        assert str(error.value) == (
            "`class_names` must have 3 names, one for each class. "
            "Received: class_names=['a', 'b']"
        )

    def test_refuses_targets_that_are_neither(self, monkeypatch):
        with pytest.raises(ValueError) as error:
            self.drawn(LOGITS, LOGITS, monkeypatch)
        assert str(error.value) == (
            "`data` must have targets that are classes, or one number an example, for "
            "the outputs of the model. Received: targets of shape (9, 3), outputs of "
            "shape (9, 3)"
        )


def test_labels_of_two_classes():
    y = np.array([0, 1, 1])
    for outputs, predicted in (([0.2, 0.4, 0.9], [0, 0, 1]), ([-2, 0.4, 9], [0, 1, 1])):
        found = class_labels(y, np.array(outputs)[:, None])
        np.testing.assert_array_equal(found, [y, predicted])


@pytest.mark.parametrize("names", [None, ["one", "two", "three"]])
def test_matrix_is_that_of_scikit_learn(names):
    predicted = LOGITS.argmax(axis=1)
    figure = prediction_figures.confusion_figure(LABELS, predicted, names, "Test")
    (axes,) = figure.axes
    cells = [int(text.get_text()) for text in axes.texts]
    assert cells == confusion_matrix(LABELS, predicted).ravel().tolist()
    ticks = [label.get_text() for label in axes.get_xticklabels()]
    assert ticks == (names or ["0", "1", "2"])
    wrong = (predicted != LABELS).sum()
    assert axes.get_title() == f"Test: {wrong} of 9 wrong"


def test_images_say_what_they_were_taken_for():
    images = np.zeros((3, 2, 2, 3))
    figure = prediction_figures.images_figure(images, [0, 1, 2], [0, 2, 2], list("abc"))
    titles = [axes.get_title() for axes in figure.axes]
    assert titles == ["a", "b, not c", "c", ""]
