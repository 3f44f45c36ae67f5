import types

import keras
import keras_tuner
import numpy as np
import pytest

from kdl.data import Splits
from kdl.recipes import Recipe, hyperparameters, milestones
from kdl.recipes.training.milestones import grown, regularized


def points(count=60, seed=0):
    """Three clouds of points, and six coordinates that tell nothing."""
    rng = np.random.default_rng(seed)
    y = np.arange(count, dtype="int32") % 3
    centers = np.pad([[0, 3], [3, -2], [-3, -2]], ((0, 0), (0, 6)))
    return (centers[y] + rng.normal(size=(count, 8))).astype("float32"), y


def all_wrong(x, y):
    return np.full_like(x, 7.0), y


def contradicting(x, y):
    return np.repeat(x[:3], len(x) // 3, 0), y


class Clouds(Recipe):
    """Tells clouds of points apart."""

    default_source = Splits(points(), points(30, 1), points(30, 2))
    objective = keras_tuner.Objective("val_loss", "min")
    epochs = 20
    capacity = ("units", "layers")
    regularization = ("rate", "kind", "flip")
    fault = None

    def space(self, hp):
        p = types.SimpleNamespace(
            units=hp.Int("units", 1, 40, default=16),
            layers=hp.Int("layers", 1, 2, default=1),
            rate=hp.Float("rate", 0.0, 0.5, default=0.2),
            kind=hp.Choice("kind", ["l2", "none"]),
            flip=hp.Boolean("flip", default=True),
            learning_rate=hp.Float("learning_rate", 1e-4, 1e4, default=0.05),
        )
        with hp.conditional_scope("kind", ["l2"]):
            p.strength = hp.Float("strength", 1e-5, 1.0, default=1e-3)
        return p

    def build(self, hp):
        p = self.space(hp)
        layers = [keras.layers.Dense(p.units, "relu") for _ in range(p.layers)]
        layers += [keras.layers.Dropout(p.rate, seed=0), keras.layers.Dense(3)]
        model = keras.Sequential([keras.Input((8,)), *layers])
        if self.fault == "frozen":
            model.trainable = False
        if self.fault == "dead":
            model.layers[0].bias.assign([-100.0] * p.units)
        if self.fault == "lost":
            outputs = keras.layers.Dense(3)(0.0 * model.inputs[0])
            model = keras.Model(model.inputs, outputs)
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(keras.optimizers.Adam(), loss, metrics=["accuracy"])
        return model


def walk(fault=None, change=None, epochs=None, **values):
    recipe = Clouds()
    recipe.fault = fault
    if change is not None:
        recipe.source = Splits(*(change(*part) for part in recipe.source))
    return list(milestones(recipe, values, epochs=epochs))


class TestMilestones:
    def test_learns_ten_examples_by_heart(self):
        training = next(milestones(Clouds()))
        assert (training.milestone, training.reached) == ("anything", True)
        assert not training.broken and training.hp.values["rate"] == 0

    @pytest.mark.one_backend
    def test_learns_anything_everything_and_the_right_thing(self):
        trainings = walk(rate=0.4)
        names = list(dict.fromkeys(training.milestone for training in trainings))
        assert names == ["anything", "everything", "the right thing"]
        assert all(training.reached for training in trainings)
        first, second, *others = trainings
        assert first.epochs == 10 and second.epochs == 20
        for training in (first, second):
            values = training.hp.values
            assert (values["rate"], values["kind"], values["flip"]) == (
                0,
                "none",
                False,
            )
        assert [training.hp.values["rate"] for training in others] == [
            0.0,
            0.2,
            *[0.4, 0.5][: len(others) - 2],
        ]
        # It ends with the first that is no better.
        scores = [training.score for training in others]
        assert scores[:-1] == sorted(scores[:-1], reverse=True)
        assert all("Learned the right thing: in epoch" in t.report for t in others)
        assert others[1].changed == {"rate": 0.2, "kind": "l2", "flip": True}

    @pytest.mark.one_backend
    def test_a_model_that_is_too_small_grows(self):
        trainings = walk(units=1, learning_rate=0.01)
        sizes = [t.hp.values["units"] for t in trainings]
        growing = [t.milestone != "the right thing" for t in trainings]
        assert sizes[0] == 1 and len(set(sizes)) > 1
        assert sizes == sorted(sizes[: sum(growing)]) + sizes[sum(growing) :]
        assert len(set(sizes[sum(growing) :])) == 1 and sizes[-1] in sizes[1:-1]

    @pytest.mark.one_backend
    @pytest.mark.parametrize(
        ("fault", "change", "values", "said"),
        [
            ("frozen", None, {}, "all of its layers are frozen"),
            ("lost", None, {}, "The model returns the same for all inputs"),
            (None, all_wrong, {}, "The inputs of all examples are the same"),
            (None, contradicting, {}, "the same inputs have different targets"),
            ("dead", None, {}, "dead_units"),
            (None, None, {"learning_rate": 1e-4, "units": 1}, "rate_too_low|not yet"),
            (None, lambda x, y: (x, y + 1), {}, "targets from 0 to 2"),
            (None, lambda x, y: (x * np.nan, y), {}, "must hold finite numbers"),
        ],
    )
    def test_names_what_is_broken(self, fault, change, values, said):
        (training,) = walk(fault, change, **values)
        assert training.milestone == "anything" and not training.reached
        assert any(part in training.report for part in said.split("|"))

    @pytest.mark.one_backend
    def test_labels_that_mean_nothing_are_not_the_right_thing(self):
        def shuffled(x, y):
            return x, np.random.default_rng(0).permutation(y)

        trainings = walk(change=shuffled, epochs=8, units=40, layers=2)
        assert trainings[0].reached
        assert not any(t.reached for t in trainings if t.milestone == "the right thing")


@pytest.mark.one_backend
class TestStrengths:
    def values(self, strength, **values):
        recipe = Clouds()
        hp = regularized(recipe, hyperparameters(recipe, values), strength)
        return [hp.values[name] for name in Clouds.regularization]

    def test_are_shares_of_the_values_within_their_ranges(self):
        assert self.values(0) == [0.0, "none", False]
        assert self.values(0.5, rate=0.3) == [0.15, "l2", True]
        assert self.values(1) == [0.2, "l2", True]
        assert self.values(3) == [0.5, "l2", True]

    def test_leave_the_values_that_they_are_shares_of(self):
        recipe = Clouds()
        hp = hyperparameters(recipe, {})
        regularized(recipe, hp, 0)
        assert hp.values["rate"] == 0.2

    def test_models_grow_within_their_ranges(self):
        recipe = Clouds()
        hp, sizes = hyperparameters(recipe, {"units": 7}), []
        while hp is not None:
            sizes.append((hp.values["units"], hp.values["layers"]))
            hp = grown(recipe, hp)
        assert sizes == [(7, 1), (8, 2), (16, 2), (32, 2), (40, 2)]
