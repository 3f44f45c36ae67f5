"""What the measures of generated samples say of samples that are known.

1,000 test images of clothes are compared with 1,000 other real images, and with what
was made of these: noise, blur, a single class, few images repeated, noise alone and the
mean image. Whatever is worse than real images should be told from the floor, by one
figure or another. Expected: the Fréchet distance grows with noise and blur, precision
says nothing of a collapse, and coverage tells images that are repeated.

The figures are in docs/benchmarks/evidence.md.

KERAS_BACKEND=jax python benchmarks/evidence/sample_quality.py
"""

import sys

import keras
import numpy as np
from scipy import ndimage

import kdl

COUNT = 1000
FIGURES = {
    "frechet_distance": 2,
    "frechet_floor": 2,
    "precision": 2,
    "recall": 2,
    "density": 2,
    "coverage": 2,
    "classes": 1,
}


def main():
    splits = kdl.data.fashion()
    (x, y), (data, labels) = splits.train, splits.test
    quality = kdl.metrics.SampleQuality(data, labels, floor=splits.validation[0])
    print(f"$ KERAS_BACKEND={keras.backend.backend()} python {' '.join(sys.argv)}\n")
    print(f"| samples | {' | '.join(name.replace('_', ' ') for name in FIGURES)} |")
    print("|---" * (1 + len(FIGURES)) + "|")
    for name, samples in arms(x, y, splits.classes):
        found = quality(samples)
        assert found["samples"] == COUNT
        cells = [f"{found[key]:.{digits}f}" for key, digits in FIGURES.items()]
        print(f"| {name} | {' | '.join(cells)} |", flush=True)


def arms(x, y, classes):
    """Yields names and samples, made of training images."""
    rng = np.random.default_rng(0)
    order = rng.permutation(len(x))
    real = x[order[:COUNT]]
    yield "other real images", real
    noise = rng.normal(size=real.shape)
    for strength in (0.1, 0.3):
        # As an image file would hold it.
        yield f"noise, sigma {strength}", np.clip(real + strength * noise, 0, 1)
    for pixels in (0.5, 1):
        sigma = 0, pixels, pixels, 0
        yield f"blur, sigma {pixels}", ndimage.gaussian_filter(real, sigma)
    for name in ("bag", "shirt"):
        # Of 400 images, some come twice and others three times.
        yield f"one class, {name}", np.resize(x[y == classes.index(name)], real.shape)
    yield "100 images, ten times each", np.repeat(real[:100], COUNT // 100, axis=0)
    yield "uniform noise", rng.uniform(size=real.shape)
    yield "the mean image", np.repeat(real.mean(0, keepdims=True), COUNT, axis=0)


if __name__ == "__main__":
    main()
