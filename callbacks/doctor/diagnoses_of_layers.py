"""Diagnoses from what layers do, and from what updates do to them.

Each takes `Records` and returns a `Finding`, or `None` as long as it is not sure.
Thresholds are such that healthy fits are far from them: a late word is better than a
false one.
"""

import numpy as np

from kdl.callbacks.doctor.findings import Finding
from kdl.callbacks.doctor.learning import diverged, has_learned, reference

# Updates of 1e-3 of the weights are usual: Karpathy, CS231n. A median over the kernels
# of two orders of magnitude more or less is not. In 44 healthy fits, the tests' with
# four seeds, it was 4e-4 to 3e-2 except at the end of a schedule, and up to 0.1 at the
# first step.
HIGH_RATIO, HIGH_FIRST_RATIO, LOW_RATIO = 0.1, 0.5, 1e-5
# A first step that, with units that die in the same epoch, is too large; and one of
# weights that were zero.
FATAL_RATIO, ENDLESS = 0.2, 1e6
STILL_FALLING = 0.9  # Of one epoch's loss, that of the next.
# Pascanu et al., 2013, clip norms at about 1 to 10. Healthy fits had up to 17, at
# losses of 1 to 3.
EXPLODING = 1e3
# Norm of the largest gradient in the lowest third of the kernels, over that in the
# highest. In Glorot and Bengio, 2010, it falls by 10 in five layers; healthy fits had
# 0.5 and more. A sigmoid divides by 4 and more in each layer.
VANISHING, FEWEST_KERNELS = 1e-3, 4
# Of the ReLU units of a layer. A rate that is too high kills "as much as 40%", says
# CS231n; but of a healthy fit, a sample of 64 examples did not reach up to 53%.
DEAD = 0.8
# Root mean square of outputs: about 1 is what initializers aim at. Healthy fits had
# 0.1 to 6, and images up to 255 have 150.
SMALL_SCALE, LARGE_SCALE = 1e-4, 1e4


def nan_in_data(records):
    if records.spoilt:
        seen = f"The {records.spoilt} of the sample hold values that are not finite."
        return Finding("nan_in_data", records.epochs()[0], seen)


def labels_out_of_range(records):
    if records.outside:
        seen = f"{records.outside}, which the loss cannot take."
        return Finding("labels_out_of_range", records.epochs()[0], seen)


def nan_from_layer(records):
    broken = records.broken or {}
    if broken.get("what") in ("outputs", "gradients"):
        others = {
            "outputs": "its inputs and its weights are",
            "gradients": "those of the layers above are",
        }
        where, what = broken["where"], broken["what"]
        seen = f"The {what} of {where} are not finite, while {others[what]}."
        return Finding("nan_from_layer", broken["epoch"], seen, where=where)


def nan_in_weights(records):
    broken = records.broken or {}
    if broken.get("what") == "weights" and not records.lost:
        seen = f"The weights of {broken['where']} are not finite, though the loss is."
        return Finding("nan_in_weights", broken["epoch"], seen, where=broken["where"])


def inputs_scale(records):
    where, epoch = records.entrance, records.epochs()[0]
    scale = records.start.get(f"scale/{where}", 0)
    if scale > LARGE_SCALE:
        seen = f"The first layer that learns gets values of about {scale:.1g}."
        return Finding("activation_scale", epoch, seen, where=where)


def exploding_gradients(records):
    if has_learned(records, surely=True):
        return None
    # At the first batch no update has made the weights large: it is the model.
    first = _first_batch(records, "gradient_norm")
    if finding := _exploded(records, first, records.epochs()[0], 0):
        return finding
    if len(records.values()) >= 2 and not diverged(records):
        columns = _by_kernel(records, "gradient_norm")
        last = {path: min(column[-2:]) for path, column in columns.items()}
        return _exploded(records, last, records.epochs()[-2], None)


def _exploded(records, norms, epoch, batch):
    norms = {path: x for path, x in norms.items() if np.isfinite(x)}
    where, loss = max(norms, key=norms.get, default=None), reference(records)
    if norms and norms[where] > EXPLODING * max(1, abs(loss)):
        seen = (
            f"The gradient of {where} has a norm of {norms[where]:.2g}, where "
            f"{10 * max(1, abs(loss)):.2g} would be much."
        )
        return Finding("exploding_gradients", epoch, seen, batch, where)


def rate_too_high(records):
    losses, first = records.values(), _first_ratio(records)
    is_high = first is not None and first > HIGH_FIRST_RATIO
    if records.lost:
        return _diverged_to_nan(records, first if is_high else None)
    if len(losses) < 2:
        return None
    dead = dead_units(records)
    if dead and first is not None and first > FATAL_RATIO:
        name = f"dead/{dead.where}"
        was_alive = records.start.get(name, 1) < DEAD / 2
        if was_alive and records.values(name)[0] >= DEAD:
            seen = (
                f"The first update changed the weights by {first:.0%} (median over "
                f"kernels; 0.1% is usual), and most units of {dead.where} died."
            )
            return Finding("rate_too_high", records.epochs()[0], seen, batch=0)
    if rise := diverged(records):
        epoch, start = rise
        seen = (
            f"The loss rose from {start:.3g} to {max(losses):.3g}, and stands at "
            f"{losses[-1]:.3g}."
        )
        return Finding("rate_too_high", epoch, seen)
    # One that still falls may do so from afar.
    if has_learned(records) or losses[-1] < STILL_FALLING * losses[-2]:
        return None
    stays = f"(median over kernels; 0.1% is usual), and the loss is {losses[-1]:.3g}."
    if is_high:
        seen = f"The first update changed the weights by {first:.0%} {stays}"
        return Finding("rate_too_high", records.epochs()[0], seen, batch=0)
    ratios = median_ratios(records)[-2:]
    if len(ratios) == 2 and min(ratios) > HIGH_RATIO:
        seen = f"An update changes the weights by {ratios[-1]:.0%} {stays}"
        return Finding("rate_too_high", records.epochs()[-2], seen)


def _diverged_to_nan(records, first):
    before = records.window + records.batches
    before = before or [x for x in records.values() if np.isfinite(x)]
    if before and max(before) > 10 * max(abs(before[0]), abs(records.constant or 0)):
        seen = f"The loss rose from {before[0]:.3g} to {max(before):.3g}, and was then"
    elif first is not None and len(before) < 10:
        seen = f"The first update changed the weights by {first:.0%}, and the loss was"
    else:
        return None
    lost = records.lost
    seen = f"{seen} no longer finite."
    return Finding("rate_too_high", lost["epoch"], seen, lost["batch"])


def vanishing_gradients(records):
    norms = list(_by_kernel(records, "gradient_norm").items())
    if len(norms) < FEWEST_KERNELS or len(records.epochs()) < 2 or has_learned(records):
        return None
    third = len(norms) // 3
    for n in (-2, -1):
        low, high = (
            max((column[n] for _, column in part if len(column) > 1), default=0)
            for part in (norms[:third], norms[-third:])
        )
        if not 0 < low < VANISHING * high:
            return None
    (where, lowest), (top, highest) = norms[0], norms[-1]
    seen = (
        f"The gradient of {where} has a norm of {lowest[-1]:.1g}, that of {top} one of "
        f"{highest[-1]:.1g}, and nothing is learned."
    )
    return Finding("vanishing_gradients", records.epochs()[-2], seen, where=where)


def dead_units(records):
    dead = {
        layer: column[-1]
        for layer, column in records.group("dead").items()
        if len(column) > 1 and min(column[-2:]) >= DEAD
    }
    if dead:
        where = max(dead, key=dead.get)
        epoch = records.epochs(f"dead/{where}")[-2]
        seen = f"{dead[where]:.0%} of its units are 0 for every example."
        return Finding("dead_units", epoch, seen, where=where)


def activation_scale(records):
    for where in records.hidden:
        recent = records.values(f"scale/{where}")[-2:]
        # A layer that is all zeros is dead rather than small.
        is_small = len(recent) == 2 and min(recent) > 0 and max(recent) < SMALL_SCALE
        if is_small or (len(recent) == 2 and min(recent) > LARGE_SCALE):
            epoch = records.epochs(f"scale/{where}")[-2]
            seen = f"The outputs of {where} are about {recent[-1]:.1g} in size."
            return Finding("activation_scale", epoch, seen, where=where)


def rate_too_low(records):
    ratios, losses = median_ratios(records)[-3:], records.values()
    if len(ratios) < 3 or has_learned(records):
        return None
    # One that grows, does so by a warm-up.
    if 0 < max(ratios) < LOW_RATIO and ratios[-1] < 1.1 * ratios[0]:
        seen = (
            f"An update changes the weights by {ratios[-1]:.0e} of their size (median "
            f"over kernels; 1e-3 is usual), and the loss is {losses[-1]:.3g}."
        )
        return Finding("rate_too_low", records.epochs()[-3], seen)


def median_ratios(records):
    """Medians over the kernels of how much of itself an update changes."""
    columns = _by_kernel(records, "update_ratio").values()
    # No diagnosis goes further back.
    recent = [column[-10:] for column in columns]
    return [float(np.median(row)) for row in zip(*recent, strict=False)]


def _by_kernel(records, kind):
    """Values of the kernels that get gradients and updates, by path."""
    columns = {path: records.values(f"{kind}/{path}") for path in records.kernels}
    return {path: column for path, column in columns.items() if column and column[-1]}


def _first_batch(records, kind):
    values = {path: records.start.get(f"{kind}/{path}") for path in records.kernels}
    return {path: value for path, value in values.items() if value is not None}


def _first_ratio(records):
    ratios = _first_batch(records, "update_ratio").values()
    # Of kernels that begin at zero, it says nothing.
    ratios = [x for x in ratios if 0 < x < ENDLESS]
    return float(np.median(ratios)) if ratios else None
