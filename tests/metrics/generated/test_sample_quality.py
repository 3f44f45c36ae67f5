import numpy as np
import pytest
from contracts import Contract

from kdl.data import fashion
from kdl.metrics import SampleQuality, frechet_distance

RNG = np.random.default_rng(0)
(TRAIN, TRAIN_LABELS), (VALIDATION, _), (REAL, LABELS) = fashion()


def features(data):
    """The mean of each of sixteen parts of an image."""
    parts = data[:, :28, :28, 0].reshape(-1, 4, 7, 4, 7)
    return parts.mean((2, 4)).reshape(-1, 16)


@pytest.mark.one_backend
class TestSampleQuality(Contract):
    component = SampleQuality
    arguments = {
        "data": REAL[:40],
        "labels": LABELS[:40],
        "floor": VALIDATION[:20],
        "features": features,
        "neighbours": 3,
    }
    refused = [
        (
            {"data": REAL[:2]},
            "`data` must be an array of numbers of shape (examples, ...), of 4 "
            "examples or more. Received: float32 of shape (2, 28, 28, 1)",
        ),
        (
            {"data": REAL[:40, :, 0], "features": None},
            "`features` must be given for data that are no images of shape "
            "(examples, height, width, 1 or 3). Received: data of shape (40, 28, 1)",
        ),
        (
            {"features": "inception"},
            "`features` must be a keras.Model or a function of an array of data. "
            "Received: features='inception'",
        ),
        (
            {"features": lambda x: x},
            "`features` must return an array of shape (examples, features). Received: "
            "one of shape (40, 28, 28, 1) for 40 examples",
        ),
        (
            {"labels": LABELS[:5]},
            "`labels` must be 40 integers from 0, one for each of `data`. Received: "
            "int32 of shape (5,)",
        ),
        (
            {"floor": REAL[:, :20]},
            "`floor` must be of shape ('examples', 28, 28, 1), as the real examples. "
            "Received: (1000, 20, 28, 1)",
        ),
    ]
    quality = SampleQuality(REAL, LABELS, floor=VALIDATION, features=features)

    def test_real_examples_are_as_good_as_the_floor(self):
        found = self.quality(TRAIN[:1000])
        assert list(found) == [
            *("frechet_distance", "frechet_floor", "precision", "recall"),
            *("density", "coverage", "classes", "samples"),
        ]
        assert found["frechet_floor"] == frechet_distance(
            features(REAL), features(VALIDATION)
        )
        assert found["frechet_distance"] < 3 * found["frechet_floor"]
        assert min(found["precision"], found["recall"]) > 0.8
        # By chance, a ball around 5 of 1,000 misses as many others one time in 32.
        assert abs(found["coverage"] - (1 - 2**-5)) < 0.05
        assert abs(found["density"] - 1) < 0.1
        assert found["classes"] == 1 and found["samples"] == 1000

    def test_tells_a_collapse_that_precision_misses(self):
        bags = TRAIN[TRAIN_LABELS == 8]
        found, real = self.quality(bags[:400]), self.quality(TRAIN[:400])
        assert found["precision"] > 0.7
        assert found["recall"] < 0.75 * real["recall"]
        assert found["coverage"] < 0.2 < 0.6 < real["coverage"]
        assert found["classes"] <= 0.4
        assert found["frechet_distance"] > 20 * found["frechet_floor"]

    def test_tells_repeated_images_by_coverage(self):
        repeated = np.tile(TRAIN[:100], (10, 1, 1, 1))
        found, real = self.quality(repeated), self.quality(TRAIN[:1000])
        assert found["coverage"] < 0.5 < 0.9 < real["coverage"]

    def test_grows_with_noise(self):
        noise = RNG.normal(size=REAL.shape)
        found = [
            self.quality(VALIDATION + amount * noise)["frechet_distance"]
            for amount in (0.0, 0.5, 1.0, 2.0)
        ]
        assert found == sorted(found)

    def test_halves_are_the_floor_where_there_is_no_other(self):
        quality = SampleQuality(REAL, features=features)
        expected = frechet_distance(features(REAL[:500]), features(REAL[500:]))
        assert quality(TRAIN[:600])["frechet_floor"] == expected
        assert "classes" not in quality(TRAIN[:600])

    def test_warns_of_few_samples(self):
        message = r"^There are 16 samples or examples for 16 features, so that .* 160"
        with pytest.warns(UserWarning, match=message):
            found = self.quality(TRAIN[:16])
        assert np.isfinite(list(found.values())).all()

    @pytest.mark.parametrize(
        ("samples", "message"),
        [
            (REAL[:, :20], r"must be of shape \('examples', 28, 28, 1\), as the real"),
            (REAL + np.inf, "must be finite numbers. Received: NaN or inf"),
        ],
    )
    def test_refuses_what_cannot_be_compared(self, samples, message):
        with pytest.raises(ValueError, match=f"^`samples` {message}"):
            self.quality(samples)
