import keras
import numpy as np
import pytest
from contracts import Contract

import kdl
from kdl.metrics import SampleQuality, density_coverage, precision_recall
from kdl.metrics import frechet_distance as frechet

RNG = np.random.default_rng(0)
POINTS = RNG.normal(size=(60, 4))
OTHERS = RNG.normal(size=(40, 4))
LABELS = np.arange(60) % 3
BAG = 8


def doubled(x):
    """Features of points, which have two axes then."""
    return 2 * np.reshape(x, (len(x), -1))


class TestSampleQuality(Contract):
    component = SampleQuality
    arguments = {
        "data": POINTS,
        "labels": LABELS,
        "floor": OTHERS,
        "features": doubled,
        "neighbours": 3,
    }
    refused = [
        (
            {"data": POINTS[:1]},
            "`data` must be an array of two or more rows of numbers. Received: "
            "shape=(1, 4)",
        ),
        (
            {"data": POINTS[:3], "labels": None, "floor": None, "neighbours": 2},
            "`data` must have four or more examples, whose halves are compared, if "
            "there is no `floor`. Received: 3",
        ),
        (
            {"labels": [0, 1]},
            "`labels` must be integers of shape (60,), one for each example. Received: "
            "labels=[0, 1]",
        ),
        (
            {"floor": OTHERS[:, :3]},
            "`floor` must have the shape of `data`, (examples, 4). Received: "
            "shape=(40, 3)",
        ),
        (
            {"features": "inception"},
            "`features` must be a keras.Model, a function, or None. Received: "
            "features='inception'",
        ),
        (
            {"features": lambda x: x[:5]},
            "`features` must return a row for each example. Received: 5 rows for 60 "
            "examples",
        ),
        (
            {"features": lambda x: x[:, :, np.newaxis]},
            "`features` must have the shape (examples, features). Received: "
            "shape=(60, 4, 1)",
        ),
        (
            {"features": None},
            "Without `features`, `data` must be images in [0, 1] or [0, 255] of shape "
            "(examples, height, width, 1 or 3). Received: shape=(60, 4), from "
            f"{POINTS.min():g} to {POINTS.max():g}",
        ),
        (
            {"neighbours": 60},
            "`neighbours` must be less than the number of examples in `data`, 60. "
            "Received: neighbours=60",
        ),
    ]

    @pytest.mark.one_backend
    def test_agrees_with_the_functions(self):
        samples = 0.3 + RNG.normal(size=(25, 4))
        found = self.make()(samples)
        real, made = doubled(POINTS), doubled(samples)
        precision, recall = precision_recall(real, made, 3)
        density, coverage = density_coverage(real, made, 3)
        assert list(found) == [
            *("frechet_distance", "frechet_floor", "precision", "recall"),
            *("density", "coverage", "classes", "samples"),
        ]
        assert found["frechet_distance"] == pytest.approx(frechet(real, made))
        assert (found["precision"], found["recall"]) == (precision, recall)
        assert (found["density"], found["coverage"]) == (density, coverage)
        assert (found["classes"], found["samples"]) == (1.0, 25)
        assert {type(value) for value in found.values()} == {float, int}
        assert found == self.make()(samples)
        without = self.make(labels=None)(samples)
        assert without.keys() == found.keys() - {"classes"}

    @pytest.mark.one_backend
    def test_floor_is_of_as_many_real_examples_as_there_are_samples(self):
        quality, samples = self.make(), POINTS[:40]
        assert quality(samples)["frechet_floor"] == pytest.approx(
            frechet(doubled(OTHERS), doubled(POINTS))
        )
        # Fewer are biased more.
        few, many = (quality(samples[:n])["frechet_floor"] for n in (10, 40))
        assert few > many
        # Without others, those that are left out are the other side.
        sides = []
        quality = self.make(floor=None, features=doubled)
        for count in (10, 30, 60):
            sides.append([*map(len, quality._sides_of_floor(count))])
        assert sides == [[10, 50], [30, 30], [30, 30]]

    @pytest.mark.one_backend
    def test_real_features_are_computed_once(self):
        seen = []

        def counted(x):
            seen.append(len(x))
            return doubled(x)

        quality = self.make(features=counted)
        for _ in range(2):
            quality(POINTS[:20])
        assert seen == [60, 40, 20, 20]

    @pytest.mark.one_backend
    def test_a_class_is_shown_by_half_of_its_share(self):
        """Each sample is of the class of the real example beside it."""
        data = np.arange(40.0).reshape(-1, 1) // 10 * 100 + RNG.normal(size=(40, 1))
        quality = SampleQuality(data, np.arange(40) // 10 - 7, features=doubled)
        # Five of 40 are half of a quarter.
        samples = np.repeat(data[[0, 10, 20]], [30, 5, 5], axis=0)
        assert quality(samples)["classes"] == 0.75
        assert quality(samples[:-1])["classes"] == 0.5

    @pytest.mark.one_backend
    def test_warns_once_of_fewer_examples_than_features(self):
        quality = self.make(neighbours=1)
        with pytest.warns(UserWarning, match="of 4 examples in 4 features") as caught:
            found = quality(POINTS[:4])
        (warning,) = caught
        assert warning.filename == __file__
        assert np.isfinite([*found.values()]).all()

    @pytest.mark.one_backend
    @pytest.mark.parametrize(
        ("samples", "message"),
        [
            (
                POINTS[:1],
                "`generated` must be an array of two or more rows of numbers. "
                "Received: shape=(1, 4)",
            ),
            (
                POINTS[:3],
                "`neighbours` must be less than the number of examples in `generated`, "
                "3. Received: neighbours=3",
            ),
            (
                POINTS[:, :2],
                "`generated` must have the shape of `data`, (examples, 4). Received: "
                "shape=(60, 2)",
            ),
            (
                np.where(POINTS > 1, np.nan, POINTS),
                "`generated` must have finite numbers. Received: "
                f"{np.sum(POINTS > 1)} that are not",
            ),
        ],
    )
    def test_refuses_what_are_no_samples(self, samples, message):
        with pytest.raises(ValueError) as error:
            self.make()(samples)
        assert str(error.value) == message

    @pytest.mark.one_backend
    def test_refuses_images_scaled_for_other_networks(self):
        images = np.linspace(-1, 1, 40).reshape(10, 2, 2, 1)
        with pytest.raises(ValueError) as error:
            SampleQuality(images)
        assert str(error.value) == (
            "Without `features`, `data` must be images in [0, 1] or [0, 255] of shape "
            "(examples, height, width, 1 or 3). Received: shape=(10, 2, 2, 1), from -1 "
            "to 1"
        )

    def test_takes_a_model_for_features(self):
        dense = keras.layers.Dense(4, kernel_initializer="identity")
        model = keras.Sequential([keras.Input((4,)), dense, keras.layers.Rescaling(2)])
        samples = 0.3 + POINTS[:30]
        found = self.make(features=model)(samples)
        for name, value in self.make()(samples).items():
            assert found[name] == pytest.approx(value, rel=1e-4), name


@pytest.fixture(scope="module")
def clothes():
    return kdl.data.fashion()


@pytest.fixture(scope="module")
def quality(clothes):
    x, y = clothes.test
    return SampleQuality(x, y, floor=clothes.validation[0])


class TestOfImages:
    """By the classifier that comes with kdl, on the thousand test images of clothes."""

    def test_real_images_are_at_the_floor(self, quality, clothes):
        """On each backend."""
        found = quality(clothes.train[0][:1000])
        assert found["frechet_distance"] < 2 * found["frechet_floor"] < 10
        assert min(found["precision"], found["recall"]) > 0.8
        assert min(found["density"], found["coverage"]) > 0.85
        assert found["classes"] == 1

    @pytest.mark.one_backend
    def test_of_the_data_themselves_nothing_is_missing(self, quality, clothes):
        found = quality(clothes.test[0])
        assert found["frechet_distance"] < 1e-6
        assert found["precision"] == found["recall"] == found["coverage"] == 1

    @pytest.mark.one_backend
    def test_bytes_count_as_numbers_up_to_one(self, quality, clothes):
        (x, y), samples = clothes.test, clothes.train[0][:200]
        of_bytes = SampleQuality(
            np.uint8(np.round(255 * x)), y, np.round(255 * clothes.validation[0])
        )
        found = of_bytes(np.round(255 * samples))
        for name, value in quality(samples).items():
            assert found[name] == pytest.approx(value, rel=1e-3, abs=0.01), name
        # Beyond white there is nothing.
        assert quality(samples + (samples == 1)) == quality(samples)

    @pytest.mark.one_backend
    def test_a_collapse_to_one_class_is_told_by_all_but_precision(
        self, quality, clothes
    ):
        x, y = clothes.train
        found = quality(x[y == BAG][:300])
        assert found["precision"] > 0.85
        assert found["recall"] < 0.25 and found["coverage"] < 0.15
        assert found["classes"] == 0.1
        assert found["frechet_distance"] > 20 * found["frechet_floor"]

    @pytest.mark.one_backend
    def test_a_hundred_images_repeated_are_told_by_coverage(self, quality, clothes):
        found = quality(np.repeat(clothes.train[0][:100], 10, axis=0))
        other = quality(clothes.train[0][:1000])
        assert found["precision"] > 0.8 and found["classes"] >= 0.8
        assert found["coverage"] < 0.5 < other["coverage"]

    @pytest.mark.one_backend
    def test_distance_grows_with_noise(self, quality, clothes):
        x = clothes.train[0][:500]
        found = [
            quality(x + strength * RNG.normal(size=x.shape))["frechet_distance"]
            for strength in (0, 0.1, 0.2, 0.4)
        ]
        assert found == sorted(found)
