"""What became of a change."""

import dataclasses

import keras
import numpy as np
from keras import ops

from change_cases.part import BATCHES, EPOCHS, STEP, STEPS
from change_cases.ways import PLAIN, UNCLOCKED, by_schedule
from kdl.schedules import PerUpdate


def changed(part, way, run=PLAIN):
    """What became of a change of a number of a part."""
    part = dataclasses.replace(part, held=run.held or part.held)
    callback, values = way(part)
    number, start, factor = part.number(), part.start, part.factor
    if way is by_schedule:
        start, factor = part.ramp[0], np.ones(STEPS)
        if part.held != "both":
            number = PerUpdate(part.schedule) if run.per_update else part.schedule
        if run.accumulate and (run.per_update or part.counts_updates):
            values = part.ramp[STEP // run.accumulate]
    wanted, unchanged = part.foretell(factor * values), part.foretell(factor * start)
    if run.accumulate and part.counts_updates:
        updates = (STEP + 1) % run.accumulate == 0
        wanted, unchanged = updates * wanted, updates * unchanged
    return verdict(part, number, run, callback, wanted, unchanged)


def changed_by_hand(part, way):
    """What became of a change that a callback of one's own made."""
    number, callback, values = way(part)
    foretold = part.foretell(values), part.foretell(part.factor * part.start)
    return verdict(part, number, UNCLOCKED, callback, *foretold)


def verdict(part, number, run, callback, wanted, unchanged):
    """Fits a model and compares what is read with what was foretold."""
    keras.utils.clear_session()  # Names of models and clocks begin anew.
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(run.policy)
    x, y = np.ones((BATCHES, part.size)), np.zeros((BATCHES, 1))
    callbacks = [callback] if callback and run.listed else callback
    try:
        model = part.model(number, run)
        model.fit(x, y, 1, EPOCHS, 0, callbacks, shuffle=False)
    except Exception as error:
        name = type(error).__name__
        refused = isinstance(error, (TypeError, ValueError))
        said = {"why": f"{name}: {error}"[:300]}
        return {"verdict": "refused" if refused else name, **said}
    finally:
        keras.config.set_dtype_policy(before)
    read = part.read(model, ops.convert_to_numpy(model.record))
    tolerance = part.tolerance if run.policy == "float32" else 0.05

    def is_as(foretold):
        # What is to be zero, such as the step of a frozen weight, is to be just that.
        return np.abs(read - foretold) <= tolerance * np.abs(foretold)

    differs = np.abs(wanted - unchanged) > 2 * tolerance * np.abs(unchanged)
    log = {"read": read.tolist(), "wanted": wanted.tolist()}
    if is_as(wanted).all() and differs.any():
        return {"verdict": "works", **log}
    if is_as(unchanged).all():
        return {"verdict": "ignored", **log}
    count = (is_as(wanted) & differs).sum()
    return {"verdict": f"{count} of {differs.sum()}", **log}
