"""The road from a model that learns anything to one that learns the right thing."""

import dataclasses
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import keras
import numpy as np
from keras import tree

from kdl.callbacks import TrainingDoctor
from kdl.callbacks.log_numbers import optimizers_of
from kdl.data.on_disk import take
from kdl.optimizers import ControlledOptimizer
from kdl.recipes.training.hyperparameters import hyperparameters
from kdl.recipes.training.training_data import DataError
from kdl.typing import HyperModel, HyperParameters, Values

ANYTHING, EVERYTHING, RIGHT = "anything", "everything", "the right thing"
EXAMPLES = 10  # That a sound model learns by heart
_EPOCHS, _STEPS = 10, 20  # in so many epochs of so many steps.
_SAMPLE = 128  # Examples that the doctor looks at.
_GROWTHS = 3
# Findings that explain why a model returns the same for all inputs.
_EXPLAINING = {"rate_too_high", "dead_units", "nan_loss", "nan_from_layer"}
_DOUBLED = 8  # Sizes up to which a hyperparameter grows by one; larger ones double.
# Regularization, as shares of the recipe's defaults.
STRENGTHS = (0.0, 0.5, 1.0, 2.0, 3.0)


@dataclasses.dataclass
class Training:
    """A training on the road.

    Attributes:
        milestone: String, `"anything"`, `"everything"` or `"the right thing"`.
        hp: `keras_tuner.HyperParameters`.
        changed: Dict of the values that differ from those of the training before.
        model: `keras.Model`, or `None` if nothing could be trained.
        history: Dict of lists by name, one value an epoch.
        reached: Boolean. Whether the milestone is reached.
        broken: Boolean. Whether something is wrong that no larger model mends.
        report: String. What the doctor and the road say of it.
        findings: List of what the doctor found, as of `kdl.callbacks.TrainingDoctor`.
        score: Optional float. The best value of the recipe's objective.
    """

    milestone: str
    hp: HyperParameters
    changed: dict[str, Any]
    model: keras.Model | None
    history: dict[str, list[float]]
    reached: bool
    report: str
    findings: list = dataclasses.field(default_factory=list)
    score: float | None = None
    broken: bool = False

    @property
    def epochs(self):
        """Number of epochs."""
        return len(self.history.get("loss", ()))


def milestones(
    recipe: HyperModel,
    hp: Values | None = None,
    epochs: int | None = None,
    seed: int = 0,
    callbacks: Callable[[], Iterable[keras.callbacks.Callback]] = lambda: (),
) -> Iterator[Training]:
    """Walks from a model that learns anything to one that learns the right thing.

    The road has three parts, of one training or several each.

    - *anything*: without regularization, the model learns ten examples by heart. If it
      cannot, and larger ones cannot either, something is broken, and the doctor says
      what. The road ends there.
    - *everything*: without regularization, it learns the training set. As long as it
      does not fit it, the model grows, at most three times.
    - *the right thing*: regularization and augmentation grow, from none to three times
      the defaults, until the score on the validation set no longer improves.

    `recipe.capacity` names the hyperparameters that make a model larger, and
    `recipe.regularization` those that regularize it.

    Args:
        recipe: `kdl.recipes.Recipe`.
        hp: Optional dict of values by name, or `keras_tuner.HyperParameters`, to begin
            with. Defaults to `None`, the recipe's own.
        epochs: Optional integer. Those of a training, but for ten examples. Defaults
            to `None`, those of the recipe.
        seed: Integer. Draws weights, order and augmentation. Defaults to `0`.
        callbacks: Function that returns further callbacks for a training.

    Returns:
        Iterator of `Training`s, each as it ends. It has the attributes `milestone`,
        `reached`, `hp`, `changed`, `model`, `history`, `report` and `score`.

    Example:

    >>> recipe = kdl.recipes.Images()
    >>> training = next(kdl.recipes.milestones(recipe))
    >>> training.milestone, training.reached
    ('anything', True)

    References:
        - Karpathy, [A Recipe for Training Neural
          Networks](https://karpathy.github.io/2019/04/25/recipe/)
    """
    if hp is None or isinstance(hp, dict):
        hp = hyperparameters(recipe, hp or {})
    road = _Road(recipe, epochs or recipe.epochs, seed, callbacks)
    first = yield from road.grow(road.by_heart, regularized(recipe, hp, 0.0))
    if not first.reached:
        return
    fitting = yield from road.grow(road.all, first.hp)
    # As large as it has become, with the regularization that the recipe has.
    sizes = {name: fitting.hp.values.get(name) for name in recipe.capacity}
    yield from road.regularize(with_values(hp, sizes))


class _Road:
    """What the trainings have in common."""

    def __init__(self, recipe, epochs, seed, callbacks):
        self.recipe, self.epochs, self.seed = recipe, epochs, seed
        self.callbacks = callbacks
        self.data = recipe.data()
        self.values = {}

    def by_heart(self, hp):
        """Trains on ten examples until the model has learned them."""
        x, y = self.data["x"], self.data["y"]
        rows = _mixed_rows(y, EXAMPLES, self.seed)
        # Several times, so that an epoch has some steps.
        count = _STEPS * hp.values.get("batch_size", 32)
        many = np.resize(rows, count)
        try:
            training = self._train(
                *(ANYTHING, hp, EVERYTHING, _rows_of(x, many), _rows_of(y, many)),
                epochs=_EPOCHS,
            )
        except DataError as error:
            return Training(ANYTHING, hp, {}, None, {}, False, str(error), broken=True)
        if training.epochs and not training.reached:
            x, y = _rows_of(x, rows), _rows_of(y, rows)
            x = self.recipe.inputs_for(training.model, x)
            y = self.recipe.targets_for(training.model, y)
            # What is wrong with the data explains what the doctor sees, and that
            # explains what the model returns.
            if sentence := _wrong_with(x, y):
                training.report = f"{sentence}\n{training.report}"
            elif not _EXPLAINING & {finding.name for finding in training.findings}:
                sentence = _wrong_with_outputs(training.model.predict(x, verbose=0))
                training.report = "\n".join(filter(None, [training.report, sentence]))
            training.broken |= bool(sentence)
        return training

    def all(self, hp):
        """Trains on the training set."""
        return self._train(EVERYTHING, hp, EVERYTHING, self.data["x"], self.data["y"])

    def grow(self, train, hp):
        """Trains models that grow until one reaches the milestone.

        Args:
            train: Function of hyperparameters that returns a `Training`.
            hp: `keras_tuner.HyperParameters` of the first.

        Yields:
            Each `Training`.

        Returns:
            The one of the least loss.
        """
        best = None
        for growth in range(1 + _GROWTHS):
            if growth:
                hp = grown(self.recipe, hp)
            if hp is None:
                break
            training = train(hp)
            yield training
            if training.reached or training.broken:
                return training
            if best is None or _last_loss(training) < _last_loss(best):
                best = training
        return best

    def regularize(self, hp):
        """Trains with more regularization each time, as long as that helps."""
        objective, best = self.recipe.objective, None
        for strength in STRENGTHS:
            changed = regularized(self.recipe, hp, strength)
            if best is not None and changed.values == best.hp.values:
                continue
            training = self._train(RIGHT, changed, RIGHT, **self.data)
            yield training
            best = best_of(objective, [best, training] if best else [training])
            if best is not training:
                break

    def _train(self, milestone, hp, wanted, x, y, epochs=None, **data):
        recipe = self.recipe
        keras.utils.set_random_seed(self.seed)
        model = recipe.build(hp)
        if model.built and not model.trainable_variables:
            text = "The model has no weights to train: all of its layers are frozen."
            return Training(milestone, hp, {}, model, {}, False, text, broken=True)
        # So that the doctor sees gradients and updates.
        *outer, optimizer = optimizers_of(model)
        watched = ControlledOptimizer(optimizer, watch=True)
        if outer:
            # What scales the loss goes around it.
            outer[-1].inner_optimizer = watched
        else:
            model.optimizer = watched
        rows = np.arange(min(_SAMPLE, len(tree.flatten(x)[0])))
        sample = (
            recipe.inputs_for(model, _rows_of(x, rows)),
            recipe.targets_for(model, _rows_of(y, rows)),
        )
        doctor = TrainingDoctor(sample, verbose=0)
        history = recipe.fit(
            *(hp, model, x, y),
            **data,
            epochs=epochs or self.epochs,
            seed=self.seed,
            callbacks=[doctor, *self.callbacks()],
            verbose=0,
        ).history
        changed = {
            name: value
            for name, value in hp.values.items()
            if self.values.get(name, value) != value
        }
        self.values = dict(hp.values)
        scores = history.get(recipe.objective.name)
        best = max if recipe.objective.direction == "max" else min
        return Training(
            milestone,
            hp,
            changed,
            model,
            history,
            doctor.learned.get(wanted, False),
            doctor.report(),
            doctor.findings,
            best(scores) if scores else None,
            broken=not doctor.learned.get(ANYTHING, False),
        )


def best_of(objective, trainings):
    """Returns the best of the trainings that were to learn the right thing, or `None`.

    Of equal ones it is the first.

    Args:
        objective: `keras_tuner.Objective` of their scores.
        trainings: List of `Training`s.
    """
    best = None
    for training in trainings:
        if training.milestone != RIGHT or training.score is None:
            continue
        if best is None or objective.better_than(training.score, best.score):
            best = training
    return best


def with_values(hp, values):
    """Returns a copy of hyperparameters with other values."""
    again = hp.copy()
    again.values = {**hp.values, **values}
    return again


def regularized(recipe, hp, strength):
    """Returns hyperparameters with more or less regularization.

    Args:
        recipe: `kdl.recipes.Recipe`, whose `regularization` names them.
        hp: `keras_tuner.HyperParameters`. What they have at a strength of 1.
        strength: Float in `[0, inf)`. `0` is none, or as little as the space allows.
            A choice is as in `hp` from 0.5 on, and a number is so many times what it
            is there, within its range.

    Returns:
        `keras_tuner.HyperParameters`.
    """
    values = {}
    for parameter in _active(hp, recipe.regularization):
        value = hp.values[parameter.name]
        if hasattr(parameter, "min_value"):
            least = max(0, parameter.min_value)
            scaled = type(value)(least + strength * (value - least))
            values[parameter.name] = min(scaled, parameter.max_value)
        elif strength < 0.5:
            values[parameter.name] = _nothing(parameter)
    return with_values(hp, values)


def grown(recipe, hp):
    """Returns hyperparameters of a larger model, or `None` if it cannot grow.

    Small numbers, such as those of layers, grow by one, and others double.
    """
    values = {}
    for parameter in _active(hp, recipe.capacity):
        value = hp.values[parameter.name]
        larger = value + 1 if value < _DOUBLED else 2 * value
        if value < parameter.max_value:
            values[parameter.name] = min(larger, parameter.max_value)
    return with_values(hp, values) if values else None


def _active(hp, names):
    """The hyperparameters of some names that have an effect beside the others."""
    return [p for p in hp.space if p.name in names and hp.is_active(p)]


def _nothing(parameter):
    """The value of a choice that regularizes nothing."""
    for value in (False, "none"):
        if value in parameter.values:
            return value
    return parameter.values[0]


def _mixed_rows(y, count, seed):
    """Rows of a few examples, of as many classes as there are, if there are any."""
    total = len(tree.flatten(y)[0])
    order = np.random.default_rng(seed).permutation(total)
    if not isinstance(y, np.ndarray) or y.ndim != 1 or y.dtype.kind not in "iu":
        return order[:count]
    turn = np.zeros(total, int)
    for label in np.unique(y):
        of = np.flatnonzero(y[order] == label)
        turn[of] = np.arange(len(of))
    return order[np.argsort(turn, kind="stable")][:count]


def _rows_of(data, rows):
    """Some examples of data, read if they are on disk."""
    return tree.map_structure(lambda part: take(part, rows)[np.arange(len(rows))], data)


def _last_loss(training):
    losses = training.history.get("loss") or [np.inf]
    return losses[-1] if np.isfinite(losses[-1]) else np.inf


def _wrong_with(x, y):
    """Returns what is wrong with examples that no model can learn, or `None`."""
    inputs, targets = (
        np.concatenate(
            [
                np.reshape(part, (len(part), -1)).astype("U16")
                for part in tree.flatten(of)
            ],
            axis=1,
        )
        for of in (x, y)
    )
    together = np.concatenate([inputs, targets], axis=1)
    alike, different, pairs = (
        len(np.unique(rows, axis=0)) for rows in (inputs, targets, together)
    )
    if alike == 1 < different:
        return (
            "The inputs of all examples are the same, and their targets are not: look "
            "at how the inputs are read and scaled."
        )
    if alike < pairs:
        return (
            "Examples with the same inputs have different targets: look at how inputs "
            "and targets are matched."
        )
    return None


def _wrong_with_outputs(outputs):
    """Returns what is wrong with outputs for different inputs, or `None`."""
    parts = tree.flatten(outputs)
    if all(np.allclose(part, part[:1], rtol=1e-4, atol=1e-6) for part in parts):
        return (
            "The model returns the same for all inputs: somewhere in it they are lost."
        )
    return None
