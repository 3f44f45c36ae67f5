import numpy as np
import pytest

from kdl.tuning import MedianStopping, SuccessiveHalving

pytestmark = pytest.mark.one_backend

# Trials that end at 1, 2, …, 9, and come from 10 above.
CURVES = [np.linspace(10 + level, level, 9) for level in range(1, 10)]


class TestMedianStopping:
    def test_prunes_what_is_worse_than_the_median(self):
        pruner = MedianStopping(startup_trials=5, warmup_epochs=3)
        pruned = [pruner.prunes(curve[:4], CURVES) for curve in CURVES]
        # The middle one is the median itself.
        assert pruned == [False] * 5 + [True] * 4

    def test_the_best_so_far_counts(self):
        losses = np.array([0.5, 30.0, 30.0, 30.0])
        assert not MedianStopping().prunes(losses, CURVES)
        assert MedianStopping().prunes(losses + 20, CURVES)

    def test_gives_everyone_some_epochs(self):
        bad = np.full(3, 99.0)
        assert not MedianStopping(warmup_epochs=3).prunes(bad, CURVES)
        assert MedianStopping(warmup_epochs=2).prunes(bad, CURVES)

    def test_waits_for_some_trials_that_came_as_far(self):
        bad = np.full(5, 99.0)
        short = [curve[:4] for curve in CURVES]
        assert not MedianStopping(startup_trials=5).prunes(bad, [*short, *CURVES[:4]])
        assert MedianStopping(startup_trials=5).prunes(bad, [*short, *CURVES[:5]])

    def test_what_is_no_number_is_the_worst(self):
        pruner = MedianStopping()
        assert pruner.prunes(np.full(4, np.nan), CURVES)
        gaps = np.array([np.nan, 0.1, np.nan, np.nan])
        assert not pruner.prunes(gaps, CURVES)

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (
                {"startup_trials": 0},
                "`startup_trials` must be an integer in [1, inf). "
                "Received: startup_trials=0",
            ),
            (
                {"warmup_epochs": -1},
                "`warmup_epochs` must be an integer in [0, inf). "
                "Received: warmup_epochs=-1",
            ),
        ],
    )
    def test_refuses(self, arguments, message):
        with pytest.raises(ValueError) as error:
            MedianStopping(**arguments)
        assert str(error.value) == message


class TestSuccessiveHalving:
    def test_a_third_goes_on_past_a_rung(self):
        pruner = SuccessiveHalving(min_epochs=3, factor=3)
        for epochs in (3, 9):
            pruned = [
                pruner.prunes(curve[:epochs], [c for c in CURVES if c is not curve])
                for curve in CURVES
            ]
            assert pruned == [False] * 3 + [True] * 6

    def test_decides_on_rungs_alone(self):
        pruner = SuccessiveHalving(min_epochs=3, factor=3)
        worst = np.full(9, 99.0)
        pruned = [pruner.prunes(worst[:epochs], CURVES) for epochs in range(1, 10)]
        assert pruned == [False, False, True, False, False, False, False, False, True]

    def test_the_first_goes_on(self):
        assert not SuccessiveHalving().prunes(np.full(3, 99.0), [])

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (
                {"min_epochs": 0},
                "`min_epochs` must be an integer in [1, inf). Received: min_epochs=0",
            ),
            (
                {"factor": 1},
                "`factor` must be an integer in [2, inf). Received: factor=1",
            ),
        ],
    )
    def test_refuses(self, arguments, message):
        with pytest.raises(ValueError) as error:
            SuccessiveHalving(**arguments)
        assert str(error.value) == message
