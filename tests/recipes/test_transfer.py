import itertools

import keras
import numpy as np
import pytest
from commands import kdl, read, refusal
from contracts import RecipeContract, array, same
from image_models import small_resnet
from scipy.special import softmax
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import SVC

from kdl.callbacks import GradualUnfreezing, Resume
from kdl.data import Splits
from kdl.recipes import Transfer, hyperparameters, run, transfer
from kdl.recipes.vision.backbones.few_labels import (
    LEARNED,
    few_clothes,
    few_digits,
    learned_clothes,
)

STILL = {"flip": False, "shift": 0.0, "rotation": 0.0, "zoom": 0.0, "shear": 0.0}


def splits(classes=4, white=1.0):
    """Grey images with noise, each class brighter than the one before it."""
    rng, parts = np.random.default_rng(0), []
    for count in (128, 32, 32):
        y = np.arange(count) % classes
        greys = 0.2 * (y + 1) + rng.normal(0.0, 0.06, count)
        noise = rng.uniform(-0.2, 0.2, (count, 8, 8, 1))
        x = np.clip(greys.reshape(-1, 1, 1, 1) + noise, 0, 1)
        parts.append(((white * x).astype("float32"), y))
    return Splits(*parts, classes=map(str, range(classes)))


NETWORK = small_resnet(classes=3, depth_rate=0.1)


def weights_of(model, *, head=False):
    """Values of the backbone, or of the head, by the name of the layer."""
    return {
        layer.name: [array(weight) for weight in layer.weights]
        for layer in model.layers
        if layer.name.startswith("head_") is head and layer.weights
    }


class TestTransfer(RecipeContract):
    recipe = Transfer(splits(), backbone=NETWORK)
    epochs = 6

    def fit(self, epochs=1, recipe=None, callbacks=(), **values):
        keras.utils.set_random_seed(0)
        recipe = recipe or self.recipe
        return run(
            recipe,
            **recipe.data(),
            hp=values,
            epochs=epochs,
            callbacks=[*callbacks],
            verbose=0,
        )

    def test_head_leaves_weights_and_statistics_as_they_are(self):
        model, _ = self.fit(strategy="head", **STILL)
        built = self.recipe.build(hyperparameters(self.recipe, {"strategy": "head"}))
        assert same(weights_of(model), weights_of(built))
        assert not same(weights_of(model, head=True), weights_of(built, head=True))
        desired = [array(weight) for weight in NETWORK.weights[:-2]]
        assert same(list(itertools.chain(*weights_of(model).values())), desired)

    def test_groups_thaw_from_the_last_on(self):
        values = {"strategy": "fine_tuning", "groups": 2, "every": 1, **STILL}
        built = self.recipe.build(hyperparameters(self.recipe, values))
        seen = [weights_of(built)]

        class Watch(keras.callbacks.Callback):
            def on_epoch_end(self, epoch, logs=None):
                seen.append(weights_of(self.model))

        model, _ = self.fit(3, callbacks=[Watch()], **values)
        changed = [
            {name for name in now if not same(now[name], old[name])}
            for old, now in itertools.pairwise(seen)
        ]
        # Statistics are weights, too.
        last = "stage_2_block_1"
        assert changed == [set(), {last}, {"stem", "stage_1_block_1", last}]
        assert list(model.optimizer.multipliers) == [
            "head_.*",
            "stage_2_block_1/.*",
            "stem/.*|stage_1_block_1/.*",
        ]

    def test_fine_tuning_can_be_resumed(self, tmp_path):
        """Whatever thaws is covered by the checkpoint."""
        resume = Resume(tmp_path / "checkpoint")
        self.fit(callbacks=[resume], strategy="fine_tuning")
        kinds = {type(callback) for callback in resume.callbacks}
        assert GradualUnfreezing in kinds

    def test_scratch_has_the_same_network_with_other_weights(self):
        values = [{"strategy": name} for name in ("scratch", "head")]
        built = [
            weights_of(self.recipe.build(hyperparameters(self.recipe, some)))
            for some in values
        ]
        assert built[0].keys() == built[1].keys()
        assert not same(built[0]["stem"], built[1]["stem"])

    @pytest.mark.parametrize(
        ("values", "reference"),
        [
            (
                {"classifier": "logistic_regression", "C": 0.5},
                LogisticRegression(C=0.5),
            ),
            (
                {"classifier": "svm", "C": 3.0, "gamma": 0.5},
                OneVsRestClassifier(SVC(C=3.0, gamma=0.5 / 8)),
            ),
            (
                {"classifier": "nearest_neighbors", "neighbors": 3},
                KNeighborsClassifier(3),
            ),
        ],
    )
    def test_features_are_classified_as_by_scikit_learn(
        self, values, reference, tmp_path
    ):
        (x, y), _, (images, _) = self.recipe.splits
        part = keras.Model(NETWORK.input, NETWORK.get_layer("stage_2_block_1").output)
        known, new = (array(part(some)).mean((1, 2)) for some in (x, images))
        mean, variance = known.mean(0), known.var(0)
        scale = np.sqrt(np.maximum(variance, 1e-3 * variance.mean()) + 1e-6)
        known, new = (known - mean) / scale, (new - mean) / scale
        reference.fit(known, y)
        model, history = self.fit(strategy="features", **values)
        logits = array(model(images))
        if values["classifier"] == "nearest_neighbors":
            desired = reference.predict_proba(new)
            desired = np.log((3 * desired + 1) / (3 + 4))
        else:
            desired = reference.decision_function(new)
        # But for what a softmax does not see, and for the temperature.
        logits, desired = (
            some - some.mean(axis=-1, keepdims=True) for some in (logits, desired)
        )
        scale = np.sum(logits * desired) / np.sum(np.square(desired))
        assert scale > 0
        np.testing.assert_allclose(logits, scale * desired, rtol=1e-2, atol=1e-2)
        assert not model.trainable_weights
        assert history.epoch == [0]
        model.save(tmp_path / "model.keras")
        loaded = keras.saving.load_model(tmp_path / "model.keras")
        np.testing.assert_array_equal(array(loaded(images)), array(model(images)))

    def test_temperature_suits_the_validation_set(self):
        model, history = self.fit(strategy="features", C=1000.0)
        x, y = self.recipe.splits.validation
        logits = array(model(x)).astype("float64")

        def loss(factor):
            shares = softmax(factor * logits, axis=-1)
            return -np.log(shares[np.arange(len(y)), y]).mean()

        np.testing.assert_allclose(
            history.history["val_crossentropy"], loss(1.0), rtol=1e-3
        )
        assert loss(1.0) < min(loss(0.9), loss(1.1))

    @pytest.mark.one_backend
    def test_callbacks_hear_of_one_epoch(self):
        heard = []

        class Watch(keras.callbacks.Callback):
            def on_train_begin(self, logs=None):
                heard.append("begin")

            def on_epoch_end(self, epoch, logs=None):
                heard.append((epoch, sorted(logs)))
                heard.append(self.model.get_layer("head_logits").name)

            def on_train_end(self, logs=None):
                heard.append("end")

        self.fit(strategy="features", callbacks=[Watch(), Resume("nowhere")])
        scores = ["accuracy", "crossentropy", "loss"]
        logs = [*scores, *(f"val_{name}" for name in scores)]
        assert heard == ["begin", (0, logs), "head_logits", "end"]

    @pytest.mark.one_backend
    @pytest.mark.parametrize("classifier", ["logistic_regression", "svm"])
    def test_features_tell_two_classes_apart_and_know_of_a_third(self, classifier):
        recipe = Transfer(splits(2), backbone=NETWORK)
        model, _ = self.fit(recipe=recipe, strategy="features", classifier=classifier)
        assert recipe.evaluate(model)["accuracy"] > 0.8
        (x, y), *others = splits(3)
        few = Splits((x[y < 2], y[y < 2]), *others, classes=["a", "b", "c"])
        recipe = Transfer(few, backbone=NETWORK)
        model, _ = self.fit(recipe=recipe, strategy="features", classifier=classifier)
        assert recipe.evaluate(model)["accuracy"] > 0.5

    @pytest.mark.one_backend
    def test_refuses_more_examples_than_were_expected(self):
        hp = {"strategy": "features", "classifier": "nearest_neighbors"}
        data = self.recipe.data()
        data["x"], data["y"] = (np.repeat(data[name], 2, 0) for name in ("x", "y"))
        with pytest.raises(ValueError) as error:
            run(self.recipe, **data, hp=hp)
        assert str(error.value) == (
            "`x` must have 160 examples at most, as many as the source has to train "
            "and validate. Received: 256"
        )
        data = self.recipe.data()
        with pytest.raises(ValueError, match=r"^`sample_weight` has no meaning for"):
            run(self.recipe, **data, hp=hp, sample_weight=np.ones(128))

    @pytest.mark.one_backend
    def test_images_may_be_up_to_255(self):
        bright = Transfer(splits(white=255.0), backbone=NETWORK)
        values = {"strategy": "features"}
        one, other = (
            self.fit(recipe=recipe, **values)[0] for recipe in (self.recipe, bright)
        )
        x = self.recipe.splits.test[0]
        np.testing.assert_allclose(
            array(one(x)), array(other(255 * x)), rtol=1e-3, atol=1e-3
        )

    @pytest.mark.one_backend
    def test_predicts_with_what_is_kept(self):
        model, _ = self.fit(strategy="features")
        other = Transfer()
        other.set_state(self.recipe.get_state())
        images = self.recipe.splits.test[0][:3]
        rows = other.predict(model, images)
        assert same(rows, self.recipe.predict(model, images))
        assert [row["class"] for row in rows] == [
            str(label) for label in array(model(images)).argmax(-1)
        ]


@pytest.mark.one_backend
class TestBackbone:
    """What the recipe makes of the backbone that it is given, or not given."""

    def test_own_one_is_trained_once_and_announced(self, monkeypatch):
        runs = []

        def learn(recipe, **options):
            runs.append(options["epochs"])
            return recipe.build(hyperparameters(recipe, {"filters": 8})), None

        monkeypatch.setattr(transfer, "run", learn)
        recipe = Transfer()
        scratch, head = (
            hyperparameters(recipe, {"strategy": name}) for name in ("scratch", "head")
        )
        recipe.build(scratch)
        (advice,) = recipe.remarks(scratch)
        assert runs == [] and "labels a class" in advice
        lines = recipe.remarks()
        assert next(lines) == (
            "There is no backbone: one learns pullover, dress, coat, sandal and "
            "sneaker of Fashion-MNIST first, in about a minute."
        )
        assert runs == []
        assert list(lines) == [advice]
        recipe.build(head)
        assert len(runs) == 1 and list(recipe.remarks()) == [advice]

    def test_own_one_does_not_change_what_is_drawn(self, monkeypatch):
        """Weights that come after it differ from seed to seed."""
        monkeypatch.setattr(transfer, "run", lambda recipe, **_: (NETWORK, None))
        drawn = []
        for seed in (0, 0, 1):
            keras.utils.set_random_seed(seed)
            assert Transfer().origin.model is NETWORK
            drawn.append(float(keras.random.uniform(())))
        assert drawn[0] == drawn[1] != drawn[2]

    def test_says_what_images_are_made_into(self):
        (x, y), *_ = splits()
        part = np.repeat(x, 3, axis=-1)[:, :6], y
        recipe = Transfer(Splits(part, part, part), backbone=NETWORK)
        *lines, _ = recipe.remarks()
        assert lines == [
            "For the backbone, images in colour become grey.",
            "For the backbone, images are resized from 6 x 8 to 8 x 8 pixels.",
        ]

    def test_refuses_what_does_not_fit_before_it_trains(self):
        with pytest.raises(ValueError, match=r"^A backbone must be the folder of"):
            Transfer(backbone="nowhere")
        with pytest.raises(ValueError, match=r"has no network 'Resnet'. It has ResNet"):
            Transfer(backbone="keras.applications:Resnet")
        with pytest.raises(ValueError, match=r"'transfer' takes no `teacher`."):
            Transfer(teacher="nowhere")
        part = np.zeros((4, 8, 8, 2)), np.arange(4)
        recipe = Transfer(Splits(part, part, part), backbone=NETWORK)
        with pytest.raises(ValueError, match=r"^The backbone 'resnet' takes images of"):
            recipe.data()


@pytest.mark.one_backend
def test_goes_on_from_a_folder_on_the_command_line(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    NETWORK.save("network.keras")
    told = ("transfer", "--data", "gallery", "--backbone")
    features = ("--set", "strategy=features", "--out")
    kdl("run", *told, "network.keras", *features, "first")
    output = kdl("run", *told, "first", *features, "again").output
    assert "labels a class: begin with strategy=fine_tuning" in output
    results = [read(tmp_path / name / "results.json") for name in ("first", "again")]
    # Its classifier has been cut off and fitted anew to the same features.
    assert same(*(round(one["test"]["accuracy"], 2) for one in results))
    assert read(tmp_path / "again" / "settings.json")["backbone"] == "first"
    assert refusal("lr", *told, "first", *features, "sweep") == (
        "There is no learning rate to find unless `strategy` is one of 'head', "
        "'fine_tuning', 'scratch'."
    )
    assert refusal("run", *told, "nowhere").startswith("A backbone must be the folder")


@pytest.mark.one_backend
class TestSources:
    def test_no_class_is_learned_beforehand(self):
        ours, learned = few_clothes(0), learned_clothes()
        assert learned.classes == list(LEARNED)
        assert sorted([*ours.classes, *learned.classes]) == sorted(
            set(ours.classes) | set(LEARNED)
        )
        assert [len(y) for _, y in learned] == [2000, 500, 500]

    @pytest.mark.parametrize("few", [few_clothes, few_digits])
    def test_few_examples_of_each_class_train(self, few):
        drawn = few(3, 7)
        assert set(np.bincount(drawn.train[1])) == {7}
        assert [len(y) for _, y in drawn[1:]] in ([500, 500], [300, 500])
        for x, _ in drawn:
            assert x.shape[1:] == (28, 28, 1) and x.min() >= 0 and x.max() <= 1
        assert same(tuple(drawn), tuple(few(3, 7)))
        assert not same(drawn.train, few(4, 7).train)
