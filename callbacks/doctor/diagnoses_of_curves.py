"""Diagnoses from the curves of losses and metrics.

Each takes `Records` and returns a `Finding`, or `None` as long as it is not sure.
Thresholds are such that healthy fits are far from them: a late word is better than a
false one.
"""

import math

import numpy as np

from kdl.callbacks.doctor.diagnoses_of_layers import median_ratios
from kdl.callbacks.doctor.findings import Finding
from kdl.callbacks.doctor.learning import (
    LEARNED,
    accuracies,
    has_fitted,
    has_learned,
    named,
    reference,
    training_curve,
    validation_reference,
)

# Batches with a finite loss after which it does not diverge, but is lost at once.
STEADY = 10
# A batch's loss above the median of up to 50 before, at least 20, in multiples of the
# furthest of them. Losses of single examples, exponentially distributed, pass it once
# in 1e8 batches.
SPIKE, SPIKE_BATCHES = 5.0, 20
# Epochs and updates after which something ought to have been learned. The slowest
# healthy fit took 5 epochs of 16 updates.
EPOCHS, UPDATES = 8, 100
# Rise of the validation loss from its best, as a share of what had been gained, and for
# how many epochs in a row; fall of an accuracy from its best, for as many. Healthy fits
# had a rise of 0.1 in single epochs.
OVERFITTED, OVERFITTED_EPOCHS, ACCURACY_FALL = 0.2, 3, 0.05
# Updates an epoch that are few, and epochs that are then many. Goyal et al., 2017:
# batches k times as large have k times fewer updates, and need k times the rate.
FEW_UPDATES, MANY_EPOCHS = 10, 10
# Range of the loss over its last epochs, over their mean, and the largest ratio of the
# updates in them, one an epoch: of healthy fits that no longer fell, 0.1 and 0.01.
WOBBLE, WOBBLING_RATIO, WOBBLING_EPOCHS = 0.3, 0.02, 5
# A loss has stopped when the mean of three epochs is no more than this below that of
# three before.
STOPPED = 0.01


def nan_from_batch(records):
    before = records.window + records.batches
    if records.lost and records.lost["batch"] is not None and len(before) >= STEADY:
        seen = (
            "The loss was no longer finite from one batch to the next; it had been "
            f"steady, at {np.median(before[-STEADY:]):.3g}.{_of_labels(records)}"
        )
        return Finding(
            "nan_from_batch", records.lost["epoch"], seen, records.lost["batch"]
        )


def nan_loss(records):
    if not records.lost:
        return _nan_in_validation(records)
    before = records.window + records.batches or records.values()
    before = [x for x in before if math.isfinite(x)]
    seen = "The loss was never finite."
    if before:
        seen = f"The loss was no longer finite; it had been {before[-1]:.3g}."
    seen += _of_labels(records)
    return Finding("nan_loss", records.lost["epoch"], seen, records.lost["batch"])


def _of_labels(records):
    """What else makes NaN of a loss, where nobody has seen the labels."""
    if records.classes is None:
        return ""
    return f" A label that is not an integer from 0 to {records.classes - 1} does that."


def _nan_in_validation(records):
    validation = records.values("val_loss")
    if validation and not math.isfinite(validation[-1]):
        seen = "The loss of validation is not finite, that of training is."
        seen += _of_labels(records)
        return Finding("nan_loss", records.epochs("val_loss")[-1], seen)


def batch_and_rate(records):
    return _few_updates(records) or _wide_updates(records)


def _few_updates(records):
    losses, steps = records.values(), records.steps
    if len(losses) < MANY_EPOCHS or not steps or steps > FEW_UPDATES:
        return None
    if not has_learned(records) and (np.diff(losses[-MANY_EPOCHS:]) < 0).all():
        seen = (
            f"The loss falls steadily, but with {steps} update{'s' * (steps > 1)} an "
            f"epoch only from {losses[0]:.3g} to {losses[-1]:.3g} in {len(losses)} "
            "epochs."
        )
        return Finding("batch_and_rate", records.epochs()[0], seen)


def _wide_updates(records):
    losses, ratios = records.values(), median_ratios(records)[-WOBBLING_EPOCHS:]
    if len(losses) < MANY_EPOCHS or len(ratios) < WOBBLING_EPOCHS:
        return None
    before, last = losses[:-WOBBLING_EPOCHS], losses[-WOBBLING_EPOCHS:]
    wobbles = max(last) - min(last) > WOBBLE * abs(np.mean(last))
    if not wobbles or min(last) < min(before) or max(ratios) < WOBBLING_RATIO:
        return None
    if has_learned(records, surely=True) and not has_fitted(records):
        seen = (
            f"The loss goes up and down between {min(last):.3g} and {max(last):.3g}, "
            f"while updates change the weights by up to {max(ratios):.0%} (median over "
            "kernels; 0.1% is usual)."
        )
        return Finding("batch_and_rate", records.epochs()[-WOBBLING_EPOCHS], seen)


def loss_spike(records):
    losses, before = records.window + records.batches, len(records.window)
    start = records.start.get("loss", math.inf)
    for n in range(max(before, SPIKE_BATCHES), len(losses)):
        # Late in a fit, one hard example is far above the others, but not the start;
        # early in a fit, losses may hardly differ.
        if losses[n] > start + abs(start) / 2:
            window = losses[max(0, n - 50) : n]
            usual = float(np.median(window))
            if losses[n] - usual > SPIKE * (max(window) - usual):
                seen = f"The loss of a batch was {losses[n]:.3g}, after {usual:.3g}."
                epoch = records.epochs()[-1]
                return Finding("loss_spike", epoch, seen, n - before)


def no_trend(records):
    losses = records.values()
    updates = len(losses) * (records.steps or 0)
    if len(losses) < EPOCHS or updates < UPDATES:
        return None
    curve, start = training_curve(records), reference(records)
    column, share = records.values(curve), STOPPED
    if curve == "sample_loss":
        if min(column) < start - 2 * STOPPED * abs(start):
            return None
        # The model's outputs may still be on their way to the constant prediction.
        share = 5 * STOPPED
    # Without the first epoch, in which the outputs alone settle.
    if _has_stopped(losses[1:4], losses[-3:], share) and not has_learned(records):
        last = column[-1]
        seen = f"After {updates} updates the {curve} is {last:.3g}; "
        return Finding(
            "no_trend", records.epochs()[0], f"{seen}{named(records, start)}."
        )


def imbalance(records):
    losses = records.values()
    for name in accuracies(records) if len(losses) >= EPOCHS else ():
        column = records.values(name)
        if len(column) < len(losses):
            continue
        best = column.index(max(column))
        falls = column[best] - max(column[-OVERFITTED_EPOCHS:]) > ACCURACY_FALL
        gain = losses[best] - max(losses[-OVERFITTED_EPOCHS:])
        if falls and gain > LEARNED * abs(losses[best]):
            seen = (
                f"The loss falls, from {losses[best]:.3g} to {losses[-1]:.3g}, and so "
                f"does the {name}, from {column[best]:.3g} to {column[-1]:.3g}."
            )
            if records.share is not None:
                seen += f" The largest class has {records.share:.0%} of the sample."
            return Finding("imbalance", records.epochs(name)[best], seen)


def memorizing(records):
    validation, start = records.values("val_loss"), validation_reference(records)
    if len(validation) < EPOCHS or not has_learned(records, surely=True):
        return None
    if min(validation) > start - LEARNED / 2 * abs(start):
        seen = (
            f"The loss of training has fallen to {records.values()[-1]:.3g}, that of "
            f"validation was never below {min(validation):.3g}; "
            f"{named(records, start)}."
        )
        return Finding("memorizing", records.epochs("val_loss")[0], seen)


def overfitting(records):
    losses, validation = records.values(), records.values("val_loss")
    best = int(np.argmin(validation)) if validation else 0
    after = len(validation) - 1 - best
    if after < OVERFITTED_EPOCHS or not has_learned(records, surely=True):
        return None
    start = validation_reference(records)
    gained = start - validation[best]
    rise = min(validation[-OVERFITTED_EPOCHS:]) - validation[best]
    at = records.epochs().index(records.epochs("val_loss")[best])
    if rise <= OVERFITTED * gained or losses[-1] >= losses[at]:
        return None
    # Where nothing was gained, training learned by heart from the first.
    if gained < LEARNED * abs(start):
        return None
    # Surer of its right answers, and of the wrong ones: no harm while there are more
    # of the right ones.
    for name in accuracies(records, "val_"):
        column = records.values(name)
        if np.mean(column[-3:]) > np.mean(column[max(0, best - 1) : best + 2]):
            return None
    seen = (
        f"The loss of validation has risen from {validation[best]:.3g} to "
        f"{validation[-1]:.3g}, that of training has fallen from {losses[at]:.3g} to "
        f"{losses[-1]:.3g}."
    )
    return Finding("overfitting", records.epochs("val_loss")[best + 1], seen)


def underfitting(records):
    losses, validation = records.values(), records.values("val_loss")
    constant, sample = records.constant, records.values("sample_loss")
    if len(losses) < MANY_EPOCHS or constant is None:
        return None
    stopped = _has_stopped(losses[-6:-3], losses[-3:])
    alike = not validation or validation[-1] < losses[-1] + 0.1 * abs(losses[-1])
    # Half of what there is to learn.
    half = has_learned(records) and sample[-1] > constant / 2 > 0
    for name in accuracies(records) if records.share is not None else ():
        half = half and records.values(name)[-1] < (1 + records.share) / 2
    if stopped and alike and half:
        seen = (
            f"The loss no longer falls, and that of the sample is {sample[-1]:.3g}; "
            f"{named(records, constant)}."
        )
        return Finding("underfitting", records.epochs()[-6], seen)


def _has_stopped(early, late, share=STOPPED):
    return np.mean(late) > np.mean(early) - share * abs(np.mean(early))
