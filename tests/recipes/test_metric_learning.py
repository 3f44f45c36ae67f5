import json

import keras
import numpy as np
import pytest
from bars import NAMES, bars, splits
from contracts import RecipeContract, array
from PIL import Image

from kdl.data import fashion
from kdl.losses import TripletLoss
from kdl.recipes import MetricLearning, hyperparameters, run

QUICK = {"filters": 8, "size": 8, "examples_per_class": 4}


class TestMetricLearning(RecipeContract):
    recipe = MetricLearning(splits(tested=(2, 3)))

    def test_defaults_learn(self):
        """Scores are no metrics of the model, but what `evaluate` adds to them."""
        keras.utils.set_random_seed(0)
        recipe = MetricLearning(splits(256, 64, noise=0.5, shifts=4))
        model, history = run(recipe, **recipe.data(), epochs=3, verbose=0)
        first, *_, last = history.history["val_recall_at_1"]
        assert max(first, 0.95) < last
        scores = recipe.evaluate(model)
        assert list(scores) == ["loss", "recall_at_1", "recall_at_5", "nmi"]

    def test_has_what_the_command_line_asks_for(self):
        super().test_has_what_the_command_line_asks_for()
        assert MetricLearning().source == "unseen_fashion"

    def build(self, **values):
        hp = hyperparameters(self.recipe, values)
        return hp, self.recipe.build(hp)

    @pytest.mark.one_backend
    def test_builds_what_its_space_says(self):
        _, model = self.build(size=16, mining="hard", margin=0.5)
        assert model.output_shape == (None, 16)
        x = self.recipe.splits.test[0]
        lengths = np.linalg.norm(array(model(x)), axis=-1)
        np.testing.assert_allclose(lengths, 1, rtol=1e-5)
        assert isinstance(model.loss, TripletLoss)
        assert (model.loss.margin, model.loss.mining) == (0.5, "hard")
        assert model.get_layer("pooling").output.shape[-1] % (4 * 4) == 0
        _, model = self.build(soft_margin=True, pooling="mean", filters=24)
        assert model.loss.margin is None
        assert model.get_layer("pooling").output.shape[-1] == 48
        _, model = self.build(loss="softmax", rate=0.5, family="resnet", filters=8)
        assert model.output_shape == (None, 4)

    @pytest.mark.one_backend
    def test_batches_are_of_classes_and_examples(self):
        hp, _ = self.build(classes_per_batch=3, examples_per_class=5)
        data = self.recipe.data()
        batches = self.recipe.batches(self.recipe.space(hp), data["x"], data["y"])
        for x, y in batches:
            assert x.shape == (15, 8, 8, 1)
            assert sorted(np.unique(y, return_counts=True)[1]) == [5, 5, 5]

    @pytest.mark.one_backend
    def test_refuses_more_classes_a_batch_than_there_are(self):
        with pytest.raises(ValueError) as error:
            hyperparameters(self.recipe, {"classes_per_batch": 5})
        assert str(error.value) == (
            "`classes_per_batch` must be an integer in [2, 4]. Received: "
            "classes_per_batch=5"
        )

    @pytest.mark.one_backend
    def test_images_have_no_mean_with_their_mirror_image(self):
        with pytest.raises(ValueError, match="no variants of an input to average"):
            self.recipe.averaged(self.build()[1])


@pytest.fixture(scope="module", params=["triplet", "softmax"])
def trained(request):
    keras.utils.set_random_seed(0)
    recipe = MetricLearning(splits(tested=(2, 3)))
    values = {**QUICK, "loss": request.param}
    model, history = run(recipe, **recipe.data(), hp=values, epochs=2, verbose=0)
    return recipe, model, history


class TestTrained:
    def test_scores_of_each_epoch_are_those_of_the_validation_set(self, trained):
        recipe, model, history = trained
        again = recipe.scores(model, *recipe.splits.validation)
        epoch = int(np.argmax(history.history["val_recall_at_1"]))
        for name, score in again.items():
            # The best weights were restored.
            np.testing.assert_allclose(history.history[f"val_{name}"][epoch], score)
        assert 0 <= again["recall_at_1"] <= again["recall_at_5"] <= 1

    def test_scores_of_unseen_classes(self, trained):
        recipe, model, _ = trained
        assert set(recipe.splits.test[1]) == {2, 3}
        scores = recipe.evaluate(model)
        assert ("loss" in scores) == ("logits" not in [x.name for x in model.layers])
        assert all(0 <= scores[name] <= 1 for name in list(scores)[-3:])

    def test_predicts_the_class_of_the_nearest_mean(self, trained):
        recipe, model, _ = trained
        x, y = recipe.splits.train
        rows = recipe.predict(model, x[:6])
        embedding = np.array([row["embedding"] for row in rows])
        np.testing.assert_allclose(np.linalg.norm(embedding, axis=-1), 1, rtol=1e-5)
        whole = np.array([row["embedding"] for row in recipe.predict(model, x)])
        means = {NAMES[n]: whole[y == n].mean(0) for n in range(4)}
        for row in rows:
            known = {
                name: np.linalg.norm(m - row["embedding"]) for name, m in means.items()
            }
            assert row["class"] == min(known, key=known.get)
            np.testing.assert_allclose(row["distance"], min(known.values()), rtol=1e-4)

    def test_predicts_without_the_data_once_the_state_is_kept(self, trained, tmp_path):
        recipe, model, _ = trained
        x = recipe.splits.test[0][:3]
        path = tmp_path / "model.keras"
        model.save(path)
        state = json.loads(json.dumps(recipe.get_state(model)))
        other = MetricLearning("npz:nowhere.npz")
        other.set_state(state)
        again = keras.saving.load_model(path)
        for row, known in zip(
            other.predict(again, x), recipe.predict(model, x), strict=True
        ):
            assert row["class"] == known["class"]
            np.testing.assert_allclose(row["embedding"], known["embedding"], atol=1e-6)
            np.testing.assert_allclose(row["distance"], known["distance"], atol=1e-6)

    def test_examines_the_test_set(self, trained):
        recipe, model, _ = trained
        parts = recipe.examine(model)
        assert list(parts) == ["embedding.png", "neighbors.png", "classes.csv"]
        rows = parts["classes.csv"]
        assert [row["class"] for row in rows] == ["falling", "rising"]
        mean = np.mean([row["recall_at_1"] for row in rows])
        np.testing.assert_allclose(mean, recipe.evaluate(model)["recall_at_1"])


@pytest.mark.one_backend
def test_learns_images_on_disk(tmp_path):
    x, y = bars(64, classes=(0, 1))
    for n, (image, label) in enumerate(zip(x, y, strict=True)):
        folder = tmp_path / "bars" / NAMES[label]
        folder.mkdir(parents=True, exist_ok=True)
        pixels = np.clip(255 * image[..., 0], 0, 255).astype("uint8")
        Image.fromarray(pixels).save(folder / f"{n}.png")
    recipe = MetricLearning(f"images:{tmp_path / 'bars'}")
    model, _ = run(recipe, **recipe.data(), hp=QUICK, epochs=1, verbose=0)
    row, *_ = recipe.predict(model, tmp_path / "bars" / "rows")
    assert row["class"] in NAMES and len(row["embedding"]) == 8
    # New data may have other classes, and few examples of one.
    new = tmp_path / "new"
    for name, one in (("dots", pixels), ("lines", pixels.T)):
        (new / name).mkdir(parents=True)
        for n in range(2):
            Image.fromarray(np.roll(one, n, 1)).save(new / name / f"{n}.png")
    other = MetricLearning(f"images:{tmp_path / 'bars'}")
    other.set_state(recipe.get_state(model))
    other.test_on(f"images:{new}")
    assert set(other.evaluate(model)) == {"loss", "recall_at_1", "recall_at_5", "nmi"}


@pytest.mark.one_backend
def test_default_tests_on_clothes_that_it_has_not_seen():
    recipe = MetricLearning()
    seen, unseen = (set(np.unique(y)) for _, y in recipe.splits[::2])
    assert (len(seen), len(unseen)) == (6, 4) and not seen & unseen
    assert seen == set(np.unique(recipe.splits.validation[1]))
    # Nothing is left out of the classes that test.
    assert len(recipe.splits.test[1]) == sum(
        np.isin(y, list(unseen)).sum() for _, y in fashion()
    )
    assert recipe.space(hyperparameters(recipe, {})).flip
