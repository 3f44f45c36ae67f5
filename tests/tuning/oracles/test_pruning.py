import numpy as np
import pytest

from kdl.tuning import Hyperband, MedianStopping, SuccessiveHalving
from kdl.tuning.trial.pruned import is_pruned

pytestmark = pytest.mark.one_backend

# Trials that end at 1, 2, …, 9, and come from 10 above.
CURVES = [np.linspace(10 + level, level, 9) for level in range(1, 10)]


# Arguments of rungs that are refused, and how.
RUNGS = [
    (
        {"min_epochs": 0},
        "`min_epochs` must be an integer in [1, inf). Received: min_epochs=0",
    ),
    ({"factor": 1}, "`factor` must be an integer in [2, inf). Received: factor=1"),
]


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
        RUNGS,
    )
    def test_refuses(self, arguments, message):
        with pytest.raises(ValueError) as error:
            SuccessiveHalving(**arguments)
        assert str(error.value) == message


class TestHyperband:
    def test_brackets_begin_later_and_get_as_many_trials_as_in_the_paper(self):
        pruner = Hyperband(min_epochs=1, factor=3, brackets=3)
        first = [pruner.of(number).min_epochs for number in range(17)]
        assert {epochs: first.count(epochs) for epochs in (1, 3, 9)} == {
            1: 9,
            3: 5,
            9: 3,
        }
        assert [pruner.of(number + 17).min_epochs for number in range(17)] == first
        # Spread out: each has a trial early.
        assert set(first[:4]) == {1, 3, 9}

    def test_trials_are_compared_within_their_bracket(self):
        pruner = Hyperband(min_epochs=3, factor=3, brackets=2)
        early = [n for n in range(8) if pruner.of(n).min_epochs == 3]
        late = [n for n in range(8) if pruner.of(n).min_epochs == 9]
        curves = {n: np.full(9, 1.0) for n in late} | {early[0]: np.full(3, 5.0)}
        # Alone in its bracket, a bad one goes on, and a late one is not at a rung.
        assert not is_pruned(pruner, early[0], curves)
        curves[late[-1]] = np.full(3, 5.0)
        assert not is_pruned(pruner, late[-1], curves)
        curves |= {n: np.full(3, 1.0) for n in early[1:]}
        assert is_pruned(pruner, early[0], curves)
        curves[late[-1]] = np.full(9, 5.0)
        assert is_pruned(pruner, late[-1], curves)

    def test_one_bracket_is_successive_halving(self):
        pruner, halving = Hyperband(brackets=1), SuccessiveHalving()
        for epochs in (3, 5, 9):
            curves = {n: curve[:epochs] for n, curve in enumerate(CURVES)}
            for number, curve in curves.items():
                others = [curves[n] for n in curves if n != number]
                found = is_pruned(pruner, number, curves)
                assert found == halving.prunes(curve, others)
                assert is_pruned(halving, number, curves) == found

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            *RUNGS,
            (
                {"brackets": 0},
                "`brackets` must be an integer in [1, inf). Received: brackets=0",
            ),
        ],
    )
    def test_refuses(self, arguments, message):
        with pytest.raises(ValueError) as error:
            Hyperband(**arguments)
        assert str(error.value) == message
