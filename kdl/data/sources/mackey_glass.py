"""A chaotic series."""

import numpy as np

from kdl.checks import check_integer, check_number
from kdl.data.splits import Splits


def mackey_glass(
    history: int = 40,
    horizon: int = 40,
    steps: int = 6000,
    delay: float = 17.0,
    seed: int = 0,
) -> Splits:
    """Returns windows of the series of Mackey and Glass, and how each goes on.

        dx/dt = 0.2 x(t - delay) / (1 + x(t - delay)**10) - 0.1 x(t)

    It is computed by Runge and Kutta's method of fourth order in steps of 0.1, with
    what is between two steps of the past taken to be linear, and read at each whole
    `t`, from 1,000 on. Until 0 it is constant, at a value drawn from `[0.5, 1.5)`. With
    a delay of 17 it is mildly chaotic: neighbours part by a factor of e in some 150
    steps. With 30 it is wilder.

    Args:
        history: Integer in `[1, inf)`. Steps that are known. Defaults to `40`.
        horizon: Integer in `[1, inf)`. Steps that are to be predicted. Defaults to
            `40`.
        steps: Integer in `[10 * (history + horizon), inf)`. Length of the series.
            Defaults to `6000`.
        delay: Float in `[1, 100]`, taken to the nearest tenth. Defaults to `17.0`.
        seed: Integer in `[0, 2**32)`. Draws the value that it begins with. Defaults to
            `0`.

    Returns:
        `kdl.data.Splits` of tuples `(x, y)` of float32 arrays of shapes
        `(windows, history, 1)` and `(windows, horizon, 1)`, of the first 80, the next
        10 and the last 10 in a hundred of the series, scaled so that the first part has
        mean 0 and variance 1. No step is in two of them.

    Raises:
        ValueError: If an argument is outside its interval.

    Example:

    >>> (x, y), validation, test = kdl.data.mackey_glass(steps=1000)

    References:
        - [Mackey and Glass, 1977](https://doi.org/10.1126/science.267326)
    """
    check_integer("history", history, "[1, inf)")
    check_integer("horizon", horizon, "[1, inf)")
    length = history + horizon
    check_integer("steps", steps, f"[{10 * length}, inf)")
    check_number("delay", delay, "[1, 100]")
    rng = np.random.default_rng(check_integer("seed", seed, "[0, 4294967296)"))
    parts = np.split(series(steps, delay, rng), [steps * 8 // 10, steps * 9 // 10])
    mean, deviation = parts[0].mean(), parts[0].std()
    splits = []
    for part in parts:
        part = ((part - mean) / deviation).astype("float32")
        windows = np.lib.stride_tricks.sliding_window_view(part, length)[..., None]
        splits.append((windows[:, :history].copy(), windows[:, history:].copy()))
    return Splits(*splits)


def series(count, delay, rng, begin=1000):
    """Returns the values of the series at whole times.

    Args:
        count: Integer. Number of values.
        delay: Float. Taken to the nearest tenth.
        rng: `numpy.random.Generator`. Draws the value up to time 0.
        begin: Integer. Time of the first value. Defaults to `1000`.

    Returns:
        Float array of shape `(count,)`.
    """
    step, steps_of_one = 0.1, 10
    past = round(delay * steps_of_one)

    def slope(x, delayed):
        return 0.2 * delayed / (1 + delayed**10) - 0.1 * x

    x = [rng.uniform(0.5, 1.5)] * (past + 1)
    for _ in range((begin + count - 1) * steps_of_one):
        # What was a delay ago, at the begin, in the middle and at the end of the step.
        now, early, late = x[-1], x[-1 - past], x[-past]
        middle = (early + late) / 2
        k1 = slope(now, early)
        k2 = slope(now + step / 2 * k1, middle)
        k3 = slope(now + step / 2 * k2, middle)
        k4 = slope(now + step * k3, late)
        x.append(now + step / 6 * (k1 + 2 * k2 + 2 * k3 + k4))
    return np.array(x[past + begin * steps_of_one :: steps_of_one])
