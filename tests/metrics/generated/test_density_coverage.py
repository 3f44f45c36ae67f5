import numpy as np
import pytest

from kdl.metrics import density_coverage

pytestmark = pytest.mark.one_backend

RNG = np.random.default_rng(0)
REAL = RNG.normal(size=(60, 3))
GENERATED = 0.5 + 0.8 * RNG.normal(size=(45, 3))


@pytest.mark.parametrize("count", [1, 5, 59])
def test_agrees_with_loops(count):
    inside, covered = 0, 0
    for place, real in enumerate(REAL):
        others = [p for n, p in enumerate(REAL) if n != place]
        reach = sorted(np.linalg.norm(real - other) for other in others)[count - 1]
        within = [np.linalg.norm(real - sample) <= reach for sample in GENERATED]
        inside += sum(within)
        covered += any(within)
    desired = inside / (count * len(GENERATED)), covered / len(REAL)
    np.testing.assert_allclose(density_coverage(REAL, GENERATED, count), desired)


def test_of_samples_as_the_real_ones_is_as_derived():
    """Density 1 and coverage 1 - 2^-5, within four standard errors of 40 pairs."""
    found = []
    for _ in range(40):
        found.append(density_coverage(*RNG.normal(size=(2, 300, 2)), 5))
    errors = np.std(found, axis=0, ddof=1) / np.sqrt(len(found))
    gap = np.abs(np.mean(found, axis=0) - [1, 1 - 2**-5])
    # Of finite numbers, coverage is off by about 5 / 300 of the part not covered.
    assert (gap < 4 * errors + 2**-5 * 5 / 300).all()
    assert (errors < 0.01).all()


def test_counts_nothing_far_from_all_that_is_real():
    near = REAL + 1e-6
    strays = 1e3 * RNG.normal(size=(60, 3))
    density, coverage = density_coverage(REAL, np.concatenate([near, strays]))
    alone = density_coverage(REAL, near)
    assert (2 * density, coverage) == (pytest.approx(alone[0]), alone[1])


def test_takes_fewer_samples_than_neighbours():
    density, coverage = density_coverage(REAL, REAL[:2], 5)
    assert 0 < coverage < 0.5 < density


def test_refuses_more_neighbours_than_real_examples():
    with pytest.raises(ValueError) as error:
        density_coverage(REAL[:5], GENERATED, 5)
    assert str(error.value) == (
        "`neighbours` must be less than the number of examples in `real`, 5. "
        "Received: neighbours=5"
    )
