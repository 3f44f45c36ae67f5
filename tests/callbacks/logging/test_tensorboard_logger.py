import contextlib
import functools
import io
import subprocess
import sys

import keras
import numpy as np
import pytest
from contracts import CallbackContract
from matplotlib.figure import Figure
from PIL import Image
from tensorboard.backend.event_processing.event_multiplexer import EventMultiplexer
from tensorboard.plugins.hparams import api_pb2, metadata
from tensorboard.summary.writer.record_writer import RecordWriter
from tensorboard.util import tensor_util

from kdl.callbacks import Resume, TensorBoardLogger
from kdl.optimizers import ControlledOptimizer
from kdl.schedules import OneCycle

STEPS = 5  # Batches of an epoch: 18 examples by fours, the last batch is smaller.
INPUTS = np.random.default_rng(0).normal(size=(18, 3)).astype("float32")
TARGETS = INPUTS.sum(axis=1, keepdims=True)


def kernel(model):
    return {"kernel": np.ones((2, 3))}


class TestTensorBoardLogger(CallbackContract):
    component = TensorBoardLogger
    alternatives = {"directory": ["logs"]}
    refused = [
        (
            {"log_batches": -1},
            "`log_batches` must be an integer in [0, inf). Received: log_batches=-1",
        ),
        (
            {"log_histograms": 0.5},
            "`log_histograms` must be an integer in [0, inf). Received: "
            "log_histograms=0.5",
        ),
        (
            {"log_images": True},
            "`log_images` must be an integer in [0, inf). Received: log_images=True",
        ),
        (
            {"images": None},
            "`log_images` and `images` must be given together. Received: log_images=4, "
            "images=None",
        ),
        (
            {"log_images": 0},
            "`log_images` and `images` must be given together. Received: log_images=0, "
            f"images={kernel!r}",
        ),
        (
            {"hparams": [1]},
            "`hparams` must be a dict of hyperparameters by name, or None. Received: "
            "hparams=[1]",
        ),
    ]

    @pytest.fixture(autouse=True)
    def writes_to_tmp_path(self, tmp_path):
        self.arguments = {
            "directory": tmp_path / "logs",
            "log_batches": 4,
            "log_histograms": 2,
            "log_images": 4,
            "images": kernel,
            "hparams": {"rate": 0.1},
        }

    def test_works_alone_or_refuses(self):
        """It warns: see `test_refuses_to_log_batches_from_a_thread`."""

    def log(self, **options):
        return TensorBoardLogger(self.arguments["directory"], **options)

    def fit(self, *callbacks, model=None, **arguments):
        arguments = {"epochs": 2, "callbacks": list(callbacks), **arguments}
        model = model or shared()
        return model.fit(INPUTS, TARGETS, batch_size=4, verbose=0, **arguments)

    def written(self):
        """What TensorBoard itself reads, under each run and tag."""
        reader = EventMultiplexer()
        reader.AddRunsFromDirectory(str(self.arguments["directory"]))
        reader.Reload()
        return {
            run: {tag: reader.Tensors(run, tag) for tag in tags["tensors"]}
            | {"": reader.GetAccumulator(run)}
            for run, tags in reader.Runs().items()
        }

    def test_logs_the_metrics_of_both_runs(self):
        # A metric that has a value for each class.
        vector = keras.callbacks.LambdaCallback(
            on_epoch_end=lambda epoch, logs: logs.update(recalls=np.ones(3))
        )
        options = {
            "epochs": 5,
            "initial_epoch": 2,
            "validation_data": (INPUTS, TARGETS),
        }
        history = self.fit(vector, self.log(), **options)
        runs = self.written()
        assert set(runs) == {"train", "validation"}
        for run, name in (("train", "loss"), ("validation", "val_loss")):
            steps, values = scalars(runs[run]["epoch_loss"])
            assert steps == [2, 3, 4]
            np.testing.assert_allclose(values, history.history[name], rtol=1e-6)
        rates = scalars(runs["train"]["epoch_learning_rate"])[1]
        assert rates == pytest.approx([0.01] * 3)
        assert set(runs["validation"]) - {""} == {"epoch_loss"}
        assert set(runs["train"]) - {""} == {
            *(f"epoch_recalls/{n}" for n in range(3)),
            "epoch_loss",
            "epoch_learning_rate",
            "model",
        }
        assert plugin(runs["train"], "epoch_loss") == "scalars"

    def test_leaves_out_with_one_warning_what_is_no_number(self):
        odd = {"text": "good", "matrix": np.ones((40, 40)), "none": None, "one": [0.5]}
        report = keras.callbacks.LambdaCallback(
            on_epoch_end=lambda epoch, logs: logs.update(odd)
        )
        with pytest.warns(UserWarning) as caught:
            self.fit(report, self.log())
        (warning,) = (w for w in caught if w.category is UserWarning)
        assert str(warning.message) == (
            "TensorBoardLogger leaves out 'text', 'matrix', 'none': it logs numbers, "
            "and arrays of at most 1000."
        )
        assert scalars(self.written()["train"]["epoch_one"])[1] == [0.5, 0.5]

    def test_logs_every_third_batch_and_the_rate_of_a_schedule(self):
        losses, schedule = [], OneCycle(0.1, total_steps=3 * STEPS)
        recorder = keras.callbacks.LambdaCallback(
            on_train_batch_end=lambda batch, logs: losses.append(logs["loss"])
        )
        model = compiled(keras.optimizers.SGD(schedule))
        self.fit(self.log(log_batches=3), recorder, model=model, epochs=3)
        train = self.written()["train"]
        steps, values = scalars(train["batch_loss"])
        assert steps == [3, 6, 9, 12, 15]
        np.testing.assert_allclose(values, losses[2::3], rtol=1e-6)
        rates = scalars(train["batch_learning_rate"])[1]
        assert rates == pytest.approx([float(schedule(step)) for step in steps])

    def test_logs_histograms_of_weights_and_gradients(self):
        model = compiled(ControlledOptimizer(keras.optimizers.SGD(0.01), watch=True))
        weights = []
        recorder = keras.callbacks.LambdaCallback(
            on_epoch_end=lambda epoch, logs: weights.append(model.get_weights())
        )
        self.fit(self.log(log_histograms=2), recorder, model=model, epochs=5)
        train = self.written()["train"]
        for n, weight in enumerate(model.weights):
            tag = f"weights/{weight.path}"
            assert plugin(train, tag) == "histograms"
            assert [event.step for event in train[tag]] == [1, 3, 4]
            for event in train[tag]:
                values = weights[event.step][n].astype("float64")
                counts, edges = np.histogram(values, bins=30)
                left, right, heights = tensor(event).T
                np.testing.assert_allclose(left, edges[:-1])
                np.testing.assert_allclose(right, edges[1:])
                np.testing.assert_array_equal(heights, counts)
        norms = [
            scalars(train[f"epoch_gradient_norm/{weight.path}"])[1][-1]
            for weight in model.weights
        ]
        *_, last = train["gradient_norm"]
        assert tensor(last)[0, 0] == pytest.approx(min(norms))
        assert tensor(last)[-1, 1] == pytest.approx(max(norms))

    def test_logs_pictures(self):
        def images(model):
            figure = Figure(figsize=(2, 1), dpi=50)
            figure.subplots().plot([1, 2])
            return {"figure": figure, **arrays}

        arrays = {
            "floats": np.linspace(0, 1, 6).reshape(2, 3),
            "bytes": np.arange(18, dtype="uint8").reshape(2, 3, 3),
            "several": np.zeros((5, 2, 3, 4)),
        }
        self.fit(self.log(log_images=3, images=images), epochs=4)
        train = self.written()["train"]
        found = {}
        for name in ("figure", *arrays):
            assert plugin(train, name) == "images"
            assert [event.step for event in train[name]] == [2, 3]
            width, height, *pngs = tensor(train[name][0])
            found[name] = [np.asarray(Image.open(io.BytesIO(png))) for png in pngs]
            for array in found[name]:
                assert array.shape[:2] == (int(height), int(width))
        assert found["figure"][0].shape == (50, 100, 4)
        np.testing.assert_array_equal(found["floats"], [255 * arrays["floats"] // 1])
        np.testing.assert_array_equal(found["bytes"], [arrays["bytes"]])
        np.testing.assert_array_equal(found["several"], arrays["several"])

    def test_says_what_a_picture_is(self):
        reason = (
            "ValueError: A picture must be a figure of matplotlib, or an array of "
            "shape (height, width), (height, width, channels) or (images, height, "
            "width, channels) with 1, 3 or 4 channels. Received: shape=(1, 2, 3, 2)"
        )
        with warns_once("log an epoch", reason):
            self.fit(self.log(log_images=1, images=lambda m: {"a": np.ones((2, 3, 2))}))

    @pytest.mark.parametrize(
        ("options", "run"), [({}, "train"), ({"validation_split": 0.5}, "validation")]
    )
    def test_logs_hyperparameters_and_how_the_fit_ended(self, options, run):
        def interrupt(epoch, logs):
            raise KeyboardInterrupt

        hparams = {"rate": np.float32(0.5), 7: True, "to": [1, "a"]}
        logger = self.log(hparams=hparams)
        interruption = keras.callbacks.LambdaCallback(on_epoch_end=interrupt)
        with pytest.raises(KeyboardInterrupt):
            self.fit(logger, interruption, **options)
        logger.directory = str(logger.directory / "second")
        self.fit(logger, **options)
        for folder, status in (
            ("", api_pb2.STATUS_FAILURE),
            ("second/", api_pb2.STATUS_SUCCESS),
        ):
            reader = self.written()[f"{folder}{run}"][""]
            contents = reader.PluginTagToContent("hparams")
            start = metadata.parse_session_start_info_plugin_data(
                contents[metadata.SESSION_START_INFO_TAG]
            )
            assert start.group_name == str(self.arguments["directory"] / folder)
            assert start.hparams["rate"].number_value == 0.5
            assert start.hparams["7"].bool_value
            assert start.hparams["to"].string_value == "[1, 'a']"
            end = metadata.parse_session_end_info_plugin_data(
                contents[metadata.SESSION_END_INFO_TAG]
            )
            assert end.status == status

    def test_logs_the_summary_and_the_graph(self):
        inputs = keras.Input((3,), name="in")
        hidden = keras.layers.Dense(2, name="a")(inputs)
        outputs = keras.layers.Add(name="sum")(
            [keras.layers.Dense(1, name="b")(hidden), inputs]
        )
        model = keras.Model(inputs, outputs)
        model.compile("sgd", "mse")
        self.fit(self.log(), model=model)
        train = self.written()["train"]
        (summary,) = map(tensor, train["model"])
        assert plugin(train, "model") == "text"
        assert "Trainable params: 11" in summary.item().decode()
        nodes = train[""].Graph().node
        assert {node.name: list(node.input) for node in nodes} == {
            "in": [],
            "a": ["in"],
            "b": ["a"],
            "sum": ["b", "in"],
        }

    def test_a_model_without_a_graph_has_its_summary(self):
        class Model(keras.Model):
            def __init__(self):
                super().__init__()
                self.dense = keras.layers.Dense(1)

            def call(self, inputs):
                return self.dense(inputs)

        model = Model()
        model.compile("sgd", "mse")
        self.fit(self.log(), model=model)
        train = self.written()["train"]
        assert {"model", "epoch_loss"} <= set(train)
        with pytest.raises(ValueError, match="no graph"):
            train[""].Graph()

    def test_goes_on_with_its_steps(self):
        def kill(batch, logs):
            steps.append(batch)
            if len(steps) == 9:
                raise KeyboardInterrupt

        def fit(*callbacks):
            keras.utils.set_random_seed(0)
            logger = self.log(log_batches=2)
            resume = Resume(folder, callbacks=[logger], save_freq=1)
            model = compiled("sgd")
            callbacks = [logger, *callbacks, resume]
            return self.fit(*callbacks, model=model, epochs=3, shuffle=False)

        folder, steps = self.arguments["directory"].parent / "checkpoint", []
        killer = keras.callbacks.LambdaCallback(on_train_batch_end=kill)
        with pytest.raises(KeyboardInterrupt):
            fit(killer)
        history = fit()
        train = self.written()["train"]
        assert scalars(train["batch_loss"])[0] == [2, 4, 6, 8, 10, 12, 14]
        epochs, losses = scalars(train["epoch_loss"])
        assert epochs == [0, 1, 2]
        np.testing.assert_allclose(losses, history.history["loss"], rtol=1e-6)

    def test_is_on_disk_after_each_epoch(self):
        def look(epoch, logs):
            steps.append(scalars(self.written()["train"]["epoch_loss"])[0])

        steps = []
        self.fit(self.log(), keras.callbacks.LambdaCallback(on_epoch_end=look))
        assert steps == [[0], [0, 1]]

    def test_refuses_a_folder_that_is_a_file(self, tmp_path):
        (tmp_path / "logs").write_text("")
        with pytest.raises(ValueError) as error:
            self.fit(self.log())
        where = tmp_path / "logs"
        assert str(error.value) == (
            "`directory` must be a folder that can be written to. Received: "
            f"directory='{where}', of which the system says: [Errno 20] Not a "
            f"directory: '{where / 'train'}'"
        )

    def test_a_full_disk_warns_once_and_only_for_this_fit(self, monkeypatch):
        def write(self, data):
            if b"epoch_loss" in data:
                raise OSError("No space left on device")
            original(self, data)

        original, logger = RecordWriter.write, self.log()
        with monkeypatch.context() as patch:
            patch.setattr(RecordWriter, "write", write)
            with warns_once("log an epoch", "OSError: No space left on device"):
                history = self.fit(logger, epochs=3)
        assert len(history.epoch) == 3
        self.fit(logger)
        assert scalars(self.written()["train"]["epoch_loss"])[0] == [0, 1]

    @pytest.mark.skipif(
        keras.backend.backend() == "tensorflow", reason="Keras uses no threads"
    )
    def test_refuses_to_log_batches_from_a_thread(self):
        reason = "RuntimeError: `fit` must get its callbacks in a list"
        with warns_once("log a batch", reason):
            self.fit(callbacks=self.log(log_batches=1))

    @pytest.mark.parametrize("log_batches", [0, 4])
    def test_costs_nothing_per_batch_unless_asked(self, log_batches):
        hook = self.log(log_batches=log_batches).on_train_batch_end
        # So does Keras find out whether it must wait for each batch.
        assert getattr(hook, "_is_default", False) == (log_batches == 0)

    @pytest.mark.skipif(
        keras.backend.backend() != "jax", reason="TensorFlow or PyTorch is there"
    )
    def test_does_without_other_backends(self):
        command = [sys.executable, "-c", WITHOUT, str(self.arguments["directory"])]
        output = subprocess.run(command, capture_output=True, text=True, check=True)
        assert output.stdout.split() == []
        assert {"epoch_loss", "weights/sequential/dense/kernel"} <= set(
            self.written()["train"]
        )


# A fit of a process that has neither; it prints what tries to import them.
WITHOUT = """
import sys

class Absent:
    asked = []

    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("tensorflow", "torch"):
            self.asked.append(name)
            raise ImportError(f"There is no {name}")

sys.meta_path.insert(0, Absent())
import keras, numpy as np, kdl.callbacks
assert "tensorboard" not in sys.modules
keras.utils.set_random_seed(0)
x = np.ones((4, 1))
model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, name="dense")])
model.compile("sgd", "mse")
model.fit(x, x, verbose=0)
Absent.asked.clear()
logger = kdl.callbacks.TensorBoardLogger(
    sys.argv[1],
    log_histograms=1,
    log_images=1,
    images=lambda model: {"one": [[1.0]]},
    hparams={"one": 1},
)
model.fit(x, x, callbacks=[logger], verbose=0)
print(*Absent.asked)
"""


def compiled(optimizer):
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    model.compile(optimizer, "mse")
    return model


@functools.cache
def shared():
    return compiled("sgd")


def tensor(event):
    return tensor_util.make_ndarray(event.tensor_proto)


def scalars(events):
    return [event.step for event in events], [float(tensor(e)) for e in events]


def plugin(run, tag):
    """Which part of TensorBoard shows a tag."""
    return run[""].SummaryMetadata(tag).plugin_data.plugin_name


@contextlib.contextmanager
def warns_once(action, reason):
    with pytest.warns(UserWarning) as caught:
        yield
    (warning,) = (warning for warning in caught if warning.category is UserWarning)
    message = f"TensorBoardLogger failed to {action}; training goes on without "
    assert str(warning.message) == f"{message}TensorBoard. {reason}"
