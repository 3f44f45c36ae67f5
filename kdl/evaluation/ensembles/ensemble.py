"""Several models as one."""

import math
from collections.abc import Sequence
from typing import Literal

import keras
import numpy as np
from keras import ops, tree

from kdl.checks import check_boolean, check_choice, check_weights
from kdl.models.compiling import compile_as
from kdl.models.copies import copied, inputs_of
from kdl.models.interface import check_from_logits

VOTING = ("soft", "hard", "mean")


def ensemble(
    models: Sequence[keras.Model],
    voting: Literal["soft", "hard", "mean"] = "soft",
    weights: Sequence[float] | np.ndarray | None = None,
    from_logits: bool | Sequence[bool] = True,
) -> keras.Model:
    """Returns one model of several that decide together.

    With `p_m` the probabilities of member `m`, and weights `w_m` that sum to one, the
    ways to vote return

    - `"soft"`: the mean of the probabilities, `sum_m w_m p_m`;
    - `"hard"`: the share of the votes, `sum_m w_m [argmax(p_m) = k]` for class `k`. Of
      classes with as many votes, the first one is the greatest;
    - `"mean"`: the mean of the outputs as they are, which is for numbers.

    It is a `keras.Model` like any other, to be evaluated, saved in one file and
    exported. Its members are copies of the models as they predict: without penalties
    and without a `kdl.layers.Clock`, of which two cannot be in one model. It has the
    loss and the metrics of the first model, or, where only some return logits, of the
    first one that returns probabilities. It takes as long as all members one after the
    other.

    Args:
        models: List of built `keras.Model`s that take the same inputs and return a
            tensor of the same shape. For votes it is `(batch, …, classes)`, or
            `(batch, …, 1)` for the score of the second of two classes.
        voting: `"soft"`, `"hard"` or `"mean"`. Defaults to `"soft"`.
        weights: Optional sequence of numbers in `[0, inf)`, one for each model, such as
            `kdl.evaluation.ensemble_weights` returns. What has 0 is left out. Defaults
            to `None`, for equal ones.
        from_logits: Boolean. Whether models return logits, rather than probabilities,
            or a list of booleans, one for each model. `"mean"` does not ask for it.
            Defaults to `True`.

    Returns:
        `keras.Model`. If all models return logits, so does it: the logarithms of its
        probabilities, or the log-odds of the score of two classes; shares of votes
        count as 1e-7 at least. Otherwise it returns probabilities.

    Raises:
        ValueError: If an argument is not as described, if models take other inputs or
            have other outputs than the first one, or if the loss of a model says
            otherwise than `from_logits`.

    Example:

    >>> models = [kdl.models.cnn((8, 8, 1), 10, filters=(4,)) for _ in range(3)]
    >>> together = kdl.evaluation.ensemble(models)
    >>> together.predict(x[:5], verbose=0).shape
    (5, 10)

    References:
        - [Lakshminarayanan, Pritzel and Blundell, 2017](
          https://arxiv.org/abs/1612.01474)
    """
    check_choice("voting", voting, VOTING)
    models = check_members(models)
    count = len(models)
    is_logits = _each(from_logits, count)
    if voting != "mean":
        for model, each in zip(models, is_logits, strict=True):
            check_from_logits(model, each)
    weights = np.ones(count) if weights is None else weights
    weights = check_weights("weights", weights, count)
    kept = [n for n in range(count) if weights[n]]
    shares = [float(weights[n] / weights.sum()) for n in kept]
    first = inputs_of(models[0])
    inputs = tree.map_structure(
        lambda x: keras.Input(x.shape[1:], dtype=x.dtype, name=x.name), first
    )
    members = [copied(models[n], f"member_{n + 1}") for n in kept]
    outputs = [member(inputs) for member in members]
    _check_outputs(models, kept, outputs, voting)
    # Of less precision, the sum of small shares would be lost.
    outputs = [ops.cast(part, "float32") for part in outputs]
    if voting == "mean":
        together = sum(w * part for w, part in zip(shares, outputs, strict=True))
    else:
        kinds = [is_logits[n] for n in kept]
        vote = _soft if voting == "soft" else _hard
        together = vote(outputs, shares, kinds, all(is_logits))
    model = keras.Model(inputs, together, name="ensemble")
    # Its loss takes what the ensemble returns: logits only if all members do.
    kind = is_logits[0] if voting == "mean" else all(is_logits)
    compile_as(model, models[is_logits.index(kind)])
    return model


def check_members(models):
    """Returns models as a list, provided that they take the same inputs.

    Args:
        models: List or tuple of `keras.Model`s.

    Raises:
        ValueError: If they are not.
    """
    if isinstance(models, keras.Model) or not isinstance(models, (list, tuple)):
        raise ValueError(
            f"`models` must be a list of keras.Model. Received: models={models!r}"
        )
    for model in models:
        if not isinstance(model, keras.Model):
            raise ValueError(
                f"`models` must be a list of keras.Model. Received: {model!r} among "
                "them"
            )
    if not models:
        raise ValueError("`models` must have a model at least. Received: none")
    described = [_described(inputs_of(model)) for model in models]
    for model, found in zip(models, described, strict=True):
        if found != described[0]:
            raise ValueError(
                f"`models` must take the same inputs. Received: {described[0]} of "
                f"{models[0].name!r} and {found} of {model.name!r}"
            )
    return list(models)


def _described(inputs):
    """Inputs in words, with which two models can be compared."""
    described = tree.map_structure(lambda x: f"{x.dtype} {tuple(x.shape)}", inputs)
    if isinstance(described, dict):
        return ", ".join(f"{name}: {part}" for name, part in sorted(described.items()))
    return ", ".join(tree.flatten(described))


def _each(from_logits, count):
    """`from_logits` of each model."""
    if isinstance(from_logits, (list, tuple)):
        if len(from_logits) != count:
            raise ValueError(
                f"`from_logits` must be a boolean, or {count} of them. Received: "
                f"from_logits={from_logits!r}"
            )
        return [check_boolean("from_logits", part) for part in from_logits]
    return [check_boolean("from_logits", from_logits)] * count


def _check_outputs(models, kept, outputs, voting):
    """Refuses outputs that cannot be combined."""
    for n, part in zip(kept, outputs, strict=True):
        if not isinstance(part, keras.KerasTensor):
            raise ValueError(
                "`models` must return one tensor. Received: a structure of several of "
                f"{models[n].name!r}"
            )
        if part.shape != outputs[0].shape:
            what = "numbers" if voting == "mean" else "classes"
            shapes = tuple(outputs[0].shape), tuple(part.shape)
            raise ValueError(
                f"`models` must have the same {what}. Received: outputs of shape "
                f"{shapes[0]} of {models[kept[0]].name!r} and {shapes[1]} of "
                f"{models[n].name!r}"
            )


def _soft(outputs, shares, kinds, as_logits):
    """Weighted mean of probabilities; the way of logits underflows nowhere."""
    is_binary = outputs[0].shape[-1] == 1
    if not as_logits:
        parts = [
            w * _probabilities(part, is_logits)
            for w, part, is_logits in zip(shares, outputs, kinds, strict=True)
        ]
        return sum(parts)
    if is_binary:
        yes, no = (
            _log_mean([ops.log_sigmoid(sign * part) for part in outputs], shares)
            for sign in (1, -1)
        )
        return yes - no
    return _log_mean([ops.log_softmax(part, -1) for part in outputs], shares)


def _log_mean(logarithms, shares):
    """Logarithm of the weighted mean of what some tensors are the logarithms of."""
    parts = [part + math.log(w) for w, part in zip(shares, logarithms, strict=True)]
    return ops.logsumexp(ops.stack(parts, 0), axis=0)


def _probabilities(part, is_logits):
    if not is_logits:
        return part
    return ops.sigmoid(part) if part.shape[-1] == 1 else ops.softmax(part, -1)


def _hard(outputs, shares, kinds, as_logits):
    """Weighted share of the votes for each class, or for the second of two."""
    classes, votes = outputs[0].shape[-1], []
    for part, is_logits in zip(outputs, kinds, strict=True):
        if classes == 1:
            votes.append(ops.cast(part > (0.0 if is_logits else 0.5), "float32"))
        else:
            votes.append(ops.one_hot(ops.argmax(part, -1), classes, dtype="float32"))
    together = sum(w * vote for w, vote in zip(shares, votes, strict=True))
    if not as_logits:
        return together
    least = 1e-7  # Keras's epsilon: a loss stays finite.
    logarithm = ops.log(ops.clip(together, least, 1.0))
    if classes > 1:
        return logarithm
    return logarithm - ops.log(ops.clip(1.0 - together, least, 1.0))
