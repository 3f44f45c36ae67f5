import keras
import numpy as np
import pytest
import torch
from contracts import ScheduleContract, array, compiled
from keras import ops

from kdl.schedules import CyclicalLearningRate


@keras.saving.register_keras_serializable(package="tests")
def four_fifths(x):
    """As in the documentation of PyTorch and of TensorFlow Addons."""
    return 0.8 ** (x - 1.0)


MODES = [("triangular", 1.0), ("triangular2", 1.0), ("exp_range", 0.99)]


class TestCyclicalLearningRate(ScheduleContract):
    component = CyclicalLearningRate
    arguments = {
        "base_value": 0.01,
        "max_value": 0.3,
        "step_size_up": 7,
        "step_size_down": 16,
        "mode": "exp_range",
        "gamma": 0.9999998,
        "scale_mode": "iterations",
    }
    peak = 0.3
    period = 5 * 23
    refused = [
        (
            {"base_value": -0.1},
            "`base_value` must be a number in [0, inf). Received: base_value=-0.1",
        ),
        (
            {"max_value": 0.01},
            "`max_value` must be a number in (0.01, inf). Received: max_value=0.01",
        ),
        (
            {"step_size_up": 0},
            "`step_size_up` must be an integer in [1, inf). Received: step_size_up=0",
        ),
        (
            {"step_size_down": 2.0},
            "`step_size_down` must be an integer in [1, inf). "
            "Received: step_size_down=2.0",
        ),
        (
            {"mode": "sine"},
            "`mode` must be one of 'triangular', 'triangular2', 'exp_range'. "
            "Received: mode='sine'",
        ),
        (
            {"gamma": 1.1},
            "`gamma` must be a number in (0, 1]. Received: gamma=1.1",
        ),
        (
            {"gamma": 0.9, "mode": "triangular"},
            "`gamma` must be 1.0 unless `mode` is 'exp_range'. "
            "Received: gamma=0.9, mode='triangular'",
        ),
        (
            {"scale_fn": 0.8, "mode": "triangular", "gamma": 1.0},
            "`scale_fn` must be a function of a tensor, or None. "
            "Received: scale_fn=0.8",
        ),
        (
            {"scale_fn": four_fifths},
            "`scale_fn` takes the place of a `mode` that scales: leave `mode` at "
            "'triangular'. Received: mode='exp_range'",
        ),
        (
            {"scale_mode": "epoch"},
            "`scale_mode` must be one of 'cycle', 'iterations'. "
            "Received: scale_mode='epoch'",
        ),
    ]

    def parameters(self):
        # Goes with no mode but the default.
        parameters = super().parameters()
        del parameters["scale_fn"]
        return parameters

    def reference(self, step):
        # At step 10**7 the decay has left 0.135 of the height.
        return cyclical(step, 0.01, 0.3, 7, 16, "exp_range", 0.9999998)

    @pytest.mark.parametrize(("mode", "gamma"), MODES)
    @pytest.mark.parametrize("down", [None, 5])
    def test_is_pytorch_s(self, mode, gamma, down):
        ours = CyclicalLearningRate(0.1, 0.5, 20, down, mode, gamma)
        np.testing.assert_allclose(
            array(ours(np.arange(200))),
            torch_cyclical(200, 0.1, 0.5, 20, down, mode, gamma),
            rtol=0,
            atol=5e-7,
        )

    @pytest.mark.parametrize("scale_mode", ["cycle", "iterations"])
    def test_scales_by_a_function_as_pytorch_does(self, scale_mode):
        options = {"scale_fn": four_fifths, "scale_mode": scale_mode}
        ours = CyclicalLearningRate(0.1, 0.5, 20, 5, **options)
        theirs = torch_cyclical(200, 0.1, 0.5, 20, 5, "triangular", 1.0, **options)
        np.testing.assert_allclose(array(ours(np.arange(200))), theirs, atol=5e-7)
        self.assert_survives_json(ours)

    @pytest.mark.parametrize("base", [0.0, 1e-9, 0.01])
    def test_ends_are_exact_however_small(self, base):
        schedule = CyclicalLearningRate(base, 0.3, 7, 16)
        values = array(schedule(np.array([0, 7, 23, 30, 46])))
        np.testing.assert_allclose(values, [base, 0.3, base, 0.3, base], rtol=1e-6)

    @pytest.mark.parametrize(
        ("mode", "gamma"),
        [*MODES, ("exp_range", 0.99999), ("exp_range", 1 - 1e-7), ("exp_range", 0.5)],
    )
    @pytest.mark.parametrize("down", [None, 999, 1])
    def test_is_exact_after_many_cycles(self, mode, gamma, down):
        schedule = compiled(CyclicalLearningRate(0.0, 1.0, 2000, down, mode, gamma))
        cycle = 2000 + (down or 2000)
        near = np.arange(-2500, 2500)
        steps = np.concatenate([near + 10**n for n in (4, 5, 6, 7, 8, 9)])
        steps = np.concatenate([steps, np.arange(1, 9) * cycle, np.arange(4000)])
        np.testing.assert_allclose(
            array(schedule(ops.convert_to_tensor(steps, "int32"))),
            cyclical(steps, 0.0, 1.0, 2000, down or 2000, mode, gamma),
            rtol=0,
            atol=1e-6,
        )

    def test_halves_the_peak_with_each_cycle(self):
        schedule = CyclicalLearningRate(0.0, 1.0, 10, mode="triangular2")
        peaks = array(schedule(np.arange(10, 100, 20)))
        np.testing.assert_allclose(peaks, [1, 1 / 2, 1 / 4, 1 / 8, 1 / 16], rtol=1e-6)

    def test_stays_between_its_values(self):
        values = array(CyclicalLearningRate(0.25, 0.5, 7, 11)(np.arange(1000)))
        assert values.min() == 0.25 and values.max() == 0.5


def cyclical(step, base, top, up, down, mode, gamma):
    """By interpolation between the corners of the triangle, in float64."""
    step = np.asarray(step)
    cycle, phase = np.divmod(step, up + down)
    height = np.interp(phase, [0, up, up + down], [0, top - base, 0])
    scale = {"triangular": 1.0, "triangular2": 2.0**-cycle, "exp_range": gamma**step}
    return base + height * scale[mode]


def torch_cyclical(steps, base, top, up, down, mode, gamma, **options):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))])
    schedule = torch.optim.lr_scheduler.CyclicLR(
        optimizer, base, top, up, down, mode, gamma, cycle_momentum=False, **options
    )
    rates = []
    for _ in range(steps):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    return rates
