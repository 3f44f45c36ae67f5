import json

import keras
import numpy as np
import pytest
from keras import layers

from kdl.callbacks import TrainingDoctor
from kdl.callbacks.doctor.diagnoses_of_generators import spread
from kdl.models import GenerativeAdversarialNetwork

pytestmark = pytest.mark.one_backend

RNG = np.random.default_rng(0)
# Four heaps.
X = RNG.choice([-1.0, 1.0], (512, 2)) + RNG.normal(0, 0.2, (512, 2))


def network(inputs, outputs, units=16):
    hidden = layers.Dense(units, "leaky_relu")
    return keras.Sequential([keras.Input((inputs,)), hidden, layers.Dense(outputs)])


def findings(rates, generator=None, epochs=12, folder=None):
    keras.utils.set_random_seed(0)
    model = GenerativeAdversarialNetwork(
        generator or network(4, 2), network(2, 1), decay=0.5, seed=0
    )
    model.compile(*(keras.optimizers.Adam(rate, beta_1=0.5) for rate in rates))
    doctor = TrainingDoctor(data=(X[:128], X[:128]), directory=folder, verbose=0)
    options = {"batch_size": 64, "epochs": epochs, "verbose": 0, "callbacks": [doctor]}
    model.fit(X.astype("float32"), **options)
    return doctor


def test_is_silent_where_both_learn():
    doctor = findings((5e-3, 5e-3), epochs=20)
    assert doctor.findings == []
    assert len(doctor._records.values("spread")) == 20


def test_names_a_discriminator_that_has_won():
    (finding,) = findings((0.0, 0.1), far()).findings
    assert finding.name == "discriminator_won"
    assert "right in 100.0% of the cases" in finding.seen


def test_names_a_collapse_and_draws_it(tmp_path):
    # It makes a point beside that where all heaps meet, whatever the code.
    doctor = findings((0.0, 1e-4), collapsed(), folder=tmp_path)
    (finding,) = doctor.findings
    assert (finding.name, finding.epoch) == ("mode_collapse", 5)
    assert "is 0% of that of the data" in finding.seen
    (written,) = json.loads((tmp_path / "doctor.json").read_text())["findings"]
    assert written["name"] == "mode_collapse"
    assert (tmp_path / "doctor.png").stat().st_size > 10_000


def far():
    """A generator whose points differ, and lie where no data are."""
    return _fixed(np.eye(4, 2), 20.0)


def collapsed():
    return _fixed(np.zeros((4, 2)), 0.1)


def _fixed(kernel, bias):
    dense = layers.Dense(2)
    generator = keras.Sequential([keras.Input((4,)), dense])
    dense.set_weights([kernel, np.full(2, bias)])
    return generator


def test_spread_is_the_ratio_of_variances():
    real = RNG.normal(size=(1000, 3, 2))
    np.testing.assert_allclose(spread(2 * real + 1, real), 4)
    assert spread(np.ones((5, 3)), RNG.normal(size=(5, 3))) == 0
    assert spread(np.ones((5, 3)), np.ones((5, 3))) == 1
