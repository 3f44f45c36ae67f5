"""A generator that collapses, and who notices: eight heaps of points on a ring.

Each GAN trains on points of eight normal distributions around a circle. Its samples are
compared with those: how many heaps they reach, the coverage of
`kdl.metrics.density_coverage`, their variance as a share of that of the data, and
whether `kdl.callbacks.TrainingDoctor` names a collapse, as a share of the seeds. The
first GAN is healthy. The others are made to fail: a generator learns ten times as fast
as a discriminator whose slope nothing bounds, and another one has a code of one number.

The figures are in docs/benchmarks/evidence.md.

KERAS_BACKEND=jax python benchmarks/evidence/collapse.py [--seeds 5]
"""

import argparse
import functools

import keras
import numpy as np
from comparison import compare
from scipy import spatial

import kdl
from kdl.callbacks import TrainingDoctor
from kdl.metrics import density_coverage

HEAPS, RADIUS, SPREAD = 8, 4.0, 0.2
POINTS, SAMPLES = 4096, 1000
UNITS = 64


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=90)
    options = parser.parse_args()
    arms = {
        "healthy": arm(options),
        "fast generator": arm(options, rates=(1e-2, 1e-3), bounded=False),
        "code of one number": arm(options, codes=1),
    }
    for measure in ("heaps", "coverage", "spread", "named by the doctor"):
        some = {
            name: lambda seed, one=one, measure=measure: one(seed)[measure]
            for name, one in arms.items()
        }
        compare(measure, some, options.seeds, digits=2)


def arm(options, rates=(1e-3, 2e-3), bounded=True, codes=8):
    @functools.cache
    def measured(seed):
        real, centres = ring(np.random.default_rng(seed))
        model = network(bounded, codes)
        model.compile(*(keras.optimizers.Adam(rate, beta_1=0.5) for rate in rates))
        doctor = TrainingDoctor(data=(real[:256], real[:256]), verbose=0)
        model.fit(
            real, epochs=options.epochs, batch_size=64, verbose=0, callbacks=[doctor]
        )
        made = model.generate(SAMPLES, seed=0)
        distances, nearest = spatial.cKDTree(centres).query(made)
        reached = np.bincount(nearest[distances < 4 * SPREAD], minlength=HEAPS)
        found = {finding.name for finding in doctor.findings}
        return {
            "heaps": np.sum(reached >= SAMPLES / HEAPS / 10),
            "coverage": density_coverage(real[:SAMPLES], made)[1],
            "spread": np.var(made, axis=0).sum() / np.var(real, axis=0).sum(),
            "named by the doctor": float("mode_collapse" in found),
        }

    return measured


def ring(rng):
    angle = 2 * np.pi * np.arange(HEAPS) / HEAPS
    centres = RADIUS * np.stack([np.cos(angle), np.sin(angle)], 1)
    points = centres[rng.integers(HEAPS, size=POINTS)]
    return (points + rng.normal(0, SPREAD, points.shape)).astype("float32"), centres


def network(bounded, codes):
    layers = keras.layers
    generator = keras.Sequential(
        [
            keras.Input((codes,)),
            layers.Dense(UNITS, "relu"),
            layers.Dense(UNITS, "relu"),
            layers.Dense(2),
        ]
    )
    wrap = kdl.layers.SpectralNormalization if bounded else lambda layer: layer
    discriminator = keras.Sequential(
        [
            keras.Input((2,)),
            wrap(layers.Dense(UNITS, "leaky_relu")),
            wrap(layers.Dense(UNITS, "leaky_relu")),
            wrap(layers.Dense(1)),
        ]
    )
    return kdl.models.GenerativeAdversarialNetwork(generator, discriminator)


if __name__ == "__main__":
    main()
