"""Models that are to be combined, and how much each counts."""

import dataclasses

import keras
import numpy as np
from keras import tree

from kdl.callbacks.log_values import Scalars
from kdl.data.on_disk import OnDisk
from kdl.evaluation import ensemble, ensemble_weights, greedy_selection
from kdl.evaluation.ensembles.ensemble import check_members
from kdl.models.interface import LOGITS, scores_of
from kdl.recipes.estimator import probabilities
from kdl.recipes.reading.from_disk import evaluated, predicted
from kdl_cli.folder import reading

EQUAL, VALIDATION, GREEDY = WEIGHTS = "equal", "validation", "greedy"
_ROUNDS = 50  # Members that greedy selection adds: shares are multiples of 2 %.


@dataclasses.dataclass(frozen=True)
class Combined:
    """An ensemble, and what is known of it by the validation set.

    Attributes:
        model: `keras.Model`.
        voting: `"soft"`, `"hard"` or `"mean"`.
        weights: List of floats that sum to one.
        members: List of dicts, the scores of each member.
        scores: Dict of floats, the scores of the ensemble.
    """

    model: keras.Model
    voting: str
    weights: list
    members: list
    scores: dict


def combined(recipe, models, data, voting=None, weights=EQUAL, rounds=_ROUNDS):
    """Combines models of a recipe; only the validation set has a say in the weights.

    Args:
        recipe: `kdl.recipes.Recipe`.
        models: List of `keras.Model`s of the recipe.
        data: Tuple of inputs and targets of the validation set, as models take them.
        voting: Optional, as of `kdl.evaluation.ensemble`. Defaults to `None`: soft
            votes of classes, the mean of anything else.
        weights: One of `WEIGHTS`. Defaults to `EQUAL`.
        rounds: Integer. Members that greedy selection adds.

    Returns:
        `Combined`.

    Raises:
        ValueError: If the models cannot be combined so.
    """
    check_members(models)
    x, y = data
    outputs = [np.asarray(predicted(model, x), "float64") for model in models]
    has_classes = are_classes(models[0], outputs[0], y)
    if voting is None:
        voting = "soft" if has_classes else "mean"
    if voting != "mean" and not has_classes:
        raise ValueError(
            f"The recipe {recipe.name!r} learns no classes to vote for here. Give "
            "--voting mean, or leave it out."
        )
    kinds = [scores_of(model) == LOGITS for model in models]
    numbers = np.ones(len(models))
    # Others are refused by `ensemble`.
    are_alike = len({part.shape for part in outputs}) == 1
    if are_alike and weights != EQUAL:
        numbers = _weights(weights, models, outputs, y, has_classes, rounds)
    together = ensemble(models, voting, numbers, kinds)
    shares = np.asarray(numbers, "float64") / np.sum(numbers)
    return Combined(
        together,
        voting,
        shares.tolist(),
        [_scores(recipe, model, x, y) for model in models],
        _scores(recipe, together, x, y),
    )


def rows_of(found, names):
    """The members of a `Combined` as dicts, and the ensemble as the last one."""
    parts = zip(names, found.weights, found.members, strict=True)
    return [
        *(
            {"member": str(name), "weight": weight, **scores}
            for name, weight, scores in parts
        ),
        {"member": "ensemble", **found.scores},
    ]


def check_combines(recipe):
    """Refuses recipes of which more counts than the outputs of a model."""
    if not recipe.combines:
        raise ValueError(
            f"A model of the recipe {recipe.name!r} cannot be part of another one: "
            "what it predicts is more than the outputs of its model."
        )


def differing(recipe, state, other):
    """Returns in what two states of a recipe differ that its models must share."""
    names = [name for name in state | other if name not in recipe.joins]
    return [name for name in names if state.get(name) != other.get(name)]


def part_for(recipe, model, name):
    """Returns inputs and targets of a part of the splits, as a model takes them."""
    x, y = recipe.encode(getattr(recipe.splits, name))
    return recipe.inputs_for(model, x), recipe.targets_for(model, y)


def are_classes(model, outputs, y):
    """Whether outputs of a model are scores of classes that integer targets name."""
    # What is on disk is masks.
    is_integer = isinstance(y, OnDisk) or (
        isinstance(y, np.ndarray) and y.dtype.kind in "iu"
    )
    if scores_of(model) is None or not is_integer:
        return False
    # With or without a last axis of size 1.
    axes = tuple(np.shape(outputs)[:-1])
    return tuple(np.shape(y)) in (axes, (*axes, 1))


def _scores(recipe, model, x, y):
    scores = evaluated(model, x, y) | recipe.scores(model, x, y)
    scores = Scalars(reading.MEMBERS)(scores)
    return {f"val_{name}": value for name, value in scores.items()}


def _weights(way, models, outputs, y, has_classes, rounds):
    """Weights of models that are best, or good, on the validation set."""
    y = y[np.arange(len(y))] if isinstance(y, OnDisk) else np.asarray(y)
    if has_classes:
        parts = [
            probabilities(model, part)
            for model, part in zip(models, outputs, strict=True)
        ]
        parts = [part.reshape(-1, part.shape[-1]) for part in parts]
        if way == GREEDY:
            return greedy_selection(parts, np.ravel(y), rounds)
        return ensemble_weights(parts, np.ravel(y))
    target = np.asarray(tree.flatten(y)[0], "float64")
    if target.size != outputs[0].size:
        raise ValueError(
            f"Weights by the validation set ({way}) need a number of the targets for "
            f"each one of the outputs. Received: outputs of shape {outputs[0].shape} "
            f"for targets of shape {target.shape}"
        )
    parts = [
        np.ravel(_as_targets(model, part, target))
        for model, part in zip(models, outputs, strict=True)
    ]
    target = np.ravel(target)
    if way == GREEDY:
        return greedy_selection(parts, target, rounds, _squared)
    return ensemble_weights(parts, target, "squared")


def _as_targets(model, outputs, target):
    """Outputs as numbers that may be compared with targets: logits are none."""
    if scores_of(model) is None:
        return outputs
    is_one_hot = outputs.shape[-1] > 1 and np.allclose(target.sum(axis=-1), 1)
    if is_one_hot:
        return probabilities(model, outputs)
    # Of several labels, each is true or not, whatever the others are.
    return probabilities(model, outputs[..., None])[..., 1]


def _squared(y, mean):
    return float(np.mean((mean - y) ** 2))
