import itertools
import math

import numpy as np
import pytest
from scipy import stats

from kdl.tuning.oracles.acquisition import log_expected_improvement
from kdl.tuning.oracles.hypervolume import (
    boxes,
    hypervolume,
    log_expected_hypervolume_improvement,
)

pytestmark = pytest.mark.one_backend


def by_inclusion_and_exclusion(points, reference):
    """The volume of a union of boxes, by the volumes of all their intersections."""
    points = points[(points < reference).all(1)]
    total = 0.0
    for size in range(1, len(points) + 1):
        for some in itertools.combinations(points, size):
            worst = np.max(some, axis=0)
            total -= (-1) ** size * np.prod(reference - worst)
    return total


def improvements(samples, points, reference):
    """By how much each sample, one at a time, adds to the hypervolume, by counting.

    The volume is cut along all coordinates into cells that are dominated or not.
    """
    found = []
    for sample in samples:
        both = np.vstack([points, np.minimum(sample, reference)])
        edges = [np.unique(column) for column in np.vstack([both, reference]).T]
        centers = [(edge[1:] + edge[:-1]) / 2 for edge in edges]
        cells = np.stack(np.meshgrid(*centers, indexing="ij"), -1)
        sizes = np.prod(
            np.stack(np.meshgrid(*map(np.diff, edges), indexing="ij"), -1), -1
        )
        taken = (points <= cells[..., None, :]).all(-1).any(-1)
        mine = (sample <= cells).all(-1)
        found.append(sizes[mine & ~taken].sum())
    return np.array(found)


class TestHypervolume:
    @pytest.mark.parametrize("objectives", [1, 2, 3, 4])
    @pytest.mark.parametrize("count", [0, 1, 7])
    def test_is_that_of_a_union_of_boxes(self, objectives, count):
        rng = np.random.default_rng(objectives)
        points = rng.random((count, objectives))
        reference = np.full(objectives, 0.8)
        np.testing.assert_allclose(
            hypervolume(points, reference),
            by_inclusion_and_exclusion(points, reference),
            rtol=1e-9,
            atol=1e-12,
        )

    def test_of_equal_points_is_that_of_one(self):
        points = np.array([[0.2, 0.5], [0.2, 0.5], [0.2, 0.7], [0.6, 0.5]])
        np.testing.assert_allclose(hypervolume(points, np.ones(2)), 0.4)


class TestBoxes:
    @pytest.mark.parametrize("objectives", [1, 2, 3, 4])
    @pytest.mark.parametrize("count", [0, 1, 6])
    def test_hold_once_what_no_point_dominates(self, objectives, count):
        rng = np.random.default_rng(count)
        points = rng.random((count, objectives)).round(1)
        reference = np.full(objectives, 0.9)
        lower, upper = boxes(points, reference)
        places = rng.uniform(-1, 1.2, (2000, objectives))
        within = (lower < places[:, None]) & (places[:, None] < upper)
        dominated = (points <= places[:, None]).all(-1).any(-1)
        free = (places < reference).all(1) & ~dominated
        np.testing.assert_array_equal(within.all(-1).sum(1), free)

    def test_are_few(self):
        angles = np.linspace(0, math.pi / 2, 22)[1:-1]
        front = np.c_[1 - np.cos(angles), 1 - np.sin(angles)]
        assert len(boxes(front, np.ones(2))[0]) == 21
        front = np.random.default_rng(0).dirichlet([1, 1, 1], 20)
        assert len(boxes(front, np.ones(3))[0]) <= 20 * 21 / 2 + 21


class TestExpectedImprovement:
    def case(self, objectives, count=5):
        rng = np.random.default_rng(10 * objectives)
        points, reference = rng.random((count, objectives)), np.full(objectives, 1.1)
        means = rng.uniform(-0.2, 1.2, (6, objectives))
        deviations = rng.uniform(0.05, 0.5, (6, objectives))
        return points, reference, means, deviations

    @pytest.mark.parametrize("objectives", [1, 2, 3])
    def test_is_the_mean_of_what_samples_add(self, objectives):
        """Within 4 standard errors of each of the 6 means, seeded."""
        points, reference, means, deviations = self.case(objectives)
        value, *_ = log_expected_hypervolume_improvement(
            means, deviations, *boxes(points, reference)
        )
        rng = np.random.default_rng(0)
        for k in range(len(means)):
            samples = means[k] + deviations[k] * rng.normal(size=(3000, objectives))
            added = improvements(samples, points, reference)
            error = added.std(ddof=1) / math.sqrt(len(added))
            assert abs(np.exp(value[k]) - added.mean()) < 4 * error + 1e-9

    def test_is_the_integral_over_two_objectives(self):
        """By Gauss and Legendre's rule in each cell that the front's corners cut."""
        points, reference, means, deviations = self.case(2, count=3)
        value, *_ = log_expected_hypervolume_improvement(
            means, deviations, *boxes(points, reference)
        )
        nodes, weights = np.polynomial.legendre.leggauss(10)
        for k in range(2):
            axes = []
            for column in range(2):
                normal = stats.norm(means[k, column], deviations[k, column])
                edges = [
                    normal.ppf(1e-9),
                    *np.sort(points[:, column]),
                    reference[column],
                ]
                half = np.diff(edges)[:, None] / 2
                starts = np.array(edges[:-1])[:, None]
                places = np.ravel(starts + half * (1 + nodes))
                axes.append((places, np.ravel(half * weights) * normal.pdf(places)))
            (x, wx), (y, wy) = axes
            samples = np.stack(np.meshgrid(x, y, indexing="ij"), -1).reshape(-1, 2)
            added = improvements(samples, points, reference)
            total = np.outer(wx, wy).ravel() @ added
            np.testing.assert_allclose(np.exp(value[k]), total, rtol=1e-4)

    def test_of_one_objective_is_the_expected_improvement(self):
        _, _, means, deviations = self.case(1)
        found = log_expected_hypervolume_improvement(
            means, deviations, *boxes([[0.4], [0.7]], [1.1])
        )
        known = log_expected_improvement(means[:, 0], deviations[:, 0], 0.4)
        for ours, theirs in zip(found, known, strict=True):
            np.testing.assert_allclose(np.ravel(ours), theirs, rtol=1e-10)

    @pytest.mark.parametrize("objectives", [1, 2, 3, 4])
    @pytest.mark.parametrize("away", [0.0, 3.0, 30.0])
    def test_derivatives_are_those_of_differences(self, objectives, away):
        """Also where the improvement itself has underflown to zero."""
        points, reference, means, deviations = self.case(objectives)
        means = means + away
        corners = boxes(points, reference)

        def value(means, deviations):
            return log_expected_hypervolume_improvement(means, deviations, *corners)[0]

        _, by_mean, by_deviation = log_expected_hypervolume_improvement(
            means, deviations, *corners
        )
        step = 1e-5
        for column in range(objectives):
            move = np.zeros(objectives)
            move[column] = step
            for slope, up, down in (
                (
                    by_mean,
                    value(means + move, deviations),
                    value(means - move, deviations),
                ),
                (
                    by_deviation,
                    value(means, deviations + move),
                    value(means, deviations - move),
                ),
            ):
                np.testing.assert_allclose(
                    slope[:, column], (up - down) / (2 * step), rtol=1e-4, atol=1e-5
                )

    def test_many_points_are_as_each_by_itself(self, monkeypatch):
        points, reference, means, deviations = self.case(3)
        corners = boxes(points, reference)
        whole = log_expected_hypervolume_improvement(means, deviations, *corners)
        monkeypatch.setattr("kdl.tuning.oracles.hypervolume._MOST", 1)
        parts = log_expected_hypervolume_improvement(means, deviations, *corners)
        for one, other in zip(whole, parts, strict=True):
            np.testing.assert_allclose(one, other)
