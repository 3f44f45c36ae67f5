"""What a fit has learned, as functions of its records."""

import numpy as np

# A loss has been learned from once it is this share below that of the best constant
# prediction or, where that is not known, below that of the first batch; to be sure by
# the latter, it takes more.
LEARNED, SURER = 0.1, 3
# The training set is learned at this accuracy or, without one, at this share of what
# the loss was.
FITTED_ACCURACY, FITTED_LOSS = 0.99, 0.05
# Losses of the batches of an epoch, the largest over the median. Those of 8 examples
# each seldom differ as much.
UNEVEN = 5.0
# Losses this many times that of the best constant prediction are no noise. Where the
# start is known from the first batch alone, which is one of many, it takes more.
DIVERGED, DIVERGED_FROM_START = 3.0, 10.0


def milestones(records):
    """Returns what has been learned and when, as a dict of sentences by name."""
    if not records.values():
        return {}
    anything = _when(records, training_curve(records), reference(records))
    validation = _when(records, "val_loss", validation_reference(records))
    fitted = _fitted_in(records)
    figures = ", ".join(f"{name} {records.values(name)[-1]:.3g}" for name in fitted)
    everything = "not known"
    if fitted:
        everything = f"not yet ({figures})"
        if None not in fitted.values():
            last = max(fitted.values())
            everything = f"in epoch {last + 1} (by now {figures})"
    return {
        "anything": anything,
        "everything": everything,
        "the right thing": validation,
    }


def learned(records):
    """Returns whether each milestone was reached, a dict of booleans by name."""
    if not records.values():
        return {}
    fitted = _fitted_in(records)
    return {
        "anything": _learned_in(records, training_curve(records), reference(records))
        is not None,
        "everything": bool(fitted) and None not in fitted.values(),
        "the right thing": _learned_in(
            records, "val_loss", validation_reference(records)
        )
        is not None,
    }


def training_curve(records):
    """Name of the loss that tells what has been learned of the training set.

    That of the sample has no dropout, penalties and weights of classes, as little as
    the constant prediction has.
    """
    return "loss" if records.constant is None else "sample_loss"


def reference(records):
    """The loss that shows that nothing has been learned."""
    return records.constant if records.constant is not None else _start(records)


def validation_reference(records):
    """The loss of validation that shows that nothing has been learned."""
    return reference(records) if not records.penalized else _start(records)


def named(records, value):
    """What has the loss that is a reference, as words."""
    if value == records.constant:
        return f"the best constant prediction has {value:.3g}"
    of = "batch" if value == records.start.get("loss") else "epoch"
    return f"the first {of} had {value:.3g}"


def has_learned(records, surely=False):
    """Whether the last loss is below the reference.

    Args:
        records: `Records`.
        surely: Boolean. Whether more is asked for where the reference is the loss of
            the first batch, which is some way above that of a constant prediction.
            Defaults to `False`.
    """
    share = LEARNED
    if surely and records.constant is None:
        share *= SURER
    losses, start = records.values(training_curve(records)), reference(records)
    return bool(losses) and losses[-1] < start - share * abs(start)


def has_fitted(records):
    """Whether the training set is learned, by any of its curves."""
    return any(
        reached(records.values(name)[-1])
        for name, reached in _fitted_when(records).items()
    )


def diverged(records):
    """Returns the epoch and the start of a loss that rose and did not come back."""
    losses, start, factor = records.values(), reference(records), DIVERGED
    if records.constant is not None:
        start = max(start, records.start.get("loss", start))
    else:
        factor = DIVERGED_FROM_START
    # The mean of an epoch is above the start from the first if losses have heavy tails.
    limit = max(start, min(losses))
    limit += (factor - 1) * abs(limit)
    if max(losses) > limit and losses[-1] > start - LEARNED * abs(start):
        epochs = zip(records.epochs(), losses, strict=True)
        return next(epoch for epoch, loss in epochs if loss > limit), start
    return None


def accuracies(records, prefix=""):
    """Names of the accuracies of training, or of validation."""
    return [
        name
        for name in records.curves
        if name.startswith(prefix)
        and (prefix or not name.startswith("val_"))
        and (name.endswith("accuracy") or name == f"{prefix}acc")
    ]


def _start(records):
    """The loss of the first batch, or of the first epoch if batches differ too much."""
    recent = (records.window + records.batches)[-min(records.steps or 50, 50) :]
    is_uneven = recent and max(recent) > UNEVEN * np.median(recent)
    first = records.values()[0]
    return first if is_uneven else records.start.get("loss", first)


def _when(records, name, start):
    column, epoch = records.values(name), _learned_in(records, name, start)
    if not column:
        return "not known, there was no validation"
    if epoch is None:
        return f"not yet ({name} {column[-1]:.3g}; {named(records, start)})"
    value = column[records.epochs(name).index(epoch)]
    return f"in epoch {epoch + 1} ({name} {value:.3g}; {named(records, start)})"


def _learned_in(records, name, start):
    """The first epoch in which a loss is below the reference, or `None`."""
    return _first(records, name, lambda x: x < start - LEARNED * abs(start))


def _fitted_when(records):
    """By the name of a curve, when it says that the training set is learned."""
    if names := accuracies(records):
        return dict.fromkeys(names, lambda x: x >= FITTED_ACCURACY)
    limit = FITTED_LOSS * reference(records)
    return {training_curve(records): lambda x: x <= limit} if limit > 0 else {}


def _fitted_in(records):
    """By the name of a curve, the first epoch of which it says so, or `None`."""
    return {
        name: _first(records, name, reached)
        for name, reached in _fitted_when(records).items()
    }


def _first(records, name, reached):
    pairs = zip(records.epochs(name), records.values(name), strict=True)
    return next((epoch for epoch, value in pairs if reached(value)), None)
