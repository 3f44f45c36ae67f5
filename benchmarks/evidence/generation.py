"""Images that are made: what helps, by the Fréchet distance and coverage of samples.

Each arm makes 1,000 images like those of `fashion`, which are compared with its 1,000
test images. Tables:

- `losses`: the three losses of a GAN, each with the learning rate of two that is better
  on the validation set;
- `stabilized`: a GAN with another moving average or none, and with noise on what the
  discriminator sees;
- `targets`: the paths from data to noise, and what a network predicts;
- `steps`: one diffusion model, by the number of steps from noise to an image;
- `families`: variational autoencoder, GAN and diffusion in equal CPU time.

The figures are in docs/benchmarks/evidence.md.

KERAS_BACKEND=jax python benchmarks/evidence/generation.py losses [--seeds 3]
"""

import argparse
import functools
import time

import keras
import numpy as np
from comparison import compare

import kdl
from kdl.metrics import SampleQuality
from kdl.recipes import GAN, Autoencoder, Diffusion, hyperparameters, run

SAMPLES = 1000
RATES = 5e-4, 1e-3
STEPS = 5, 10, 25, 50, 100
MEASURES = "frechet_distance", "recall", "coverage"
FLOOR = "frechet_floor"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("table", choices=TABLES)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, help="of a GAN or a diffusion model")
    parser.add_argument("--seconds", type=float, default=300, help="of families")
    options = parser.parse_args()
    arms = TABLES[options.table](options)
    measured = {name: functools.cache(arm) for name, arm in arms.items()}
    for measure in MEASURES:
        some = {
            name: lambda seed, arm=arm, measure=measure: arm(seed)[measure]
            for name, arm in measured.items()
        }
        compare(f"{measure}, {options.table}", some, options.seeds)
    floor = next(iter(measured.values()))(0)[FLOOR]
    print(f"Fréchet distance of {SAMPLES:,} real images: {floor:.2f}")


def losses(options):
    def arm(loss):
        def best(seed):
            found = [
                trained(GAN, options, adversarial_loss=loss, learning_rate=rate)(seed)
                for rate in RATES
            ]
            return min(found, key=lambda one: one["validation"])

        return best

    return {name: arm(name) for name in ("non_saturating", "hinge", "wasserstein")}


def stabilized(options):
    return {
        "average of 0.995": trained(GAN, options),
        "average of 0.999": trained(GAN, options, decay=0.999),
        "no average": trained(GAN, options, decay=0.0),
        "noise from 0.1": trained(GAN, options, noise=0.1),
        "noise from 0.3": trained(GAN, options, noise=0.3),
    }


def targets(options):
    return {
        f"{schedule}, {target}": trained(
            Diffusion, options, noise_schedule=schedule, target=target
        )
        for schedule in ("flow", "cosine")
        for target in ("velocity", "noise")
    }


def steps(options):
    recipe = Diffusion("fashion")

    @functools.cache
    def model_of(seed):
        model, _ = run(
            recipe, **recipe.data(), epochs=options.epochs, seed=seed, verbose=0
        )
        return model

    def arm(count):
        labels = np.arange(SAMPLES) % len(recipe.classes)
        return lambda seed: judged(
            model_of(seed).generate(SAMPLES, steps=count, labels=labels)
        )

    return {f"{count} steps": arm(count) for count in STEPS}


def families(options):
    """Each trains until its CPU seconds are spent, in one cycle of so many epochs."""

    def arm(kind, /, **values):
        recipe = kind("fashion")
        data = recipe.data()

        def train(seed, epochs):
            return run(recipe, **data, hp=values, epochs=epochs, seed=seed, verbose=0)[
                0
            ]

        @functools.cache
        def epochs():
            """So many that they take the time, by the second of two."""
            hp = hyperparameters(recipe, values)
            timer = Timer()
            recipe.fit(
                hp, recipe.build(hp), **data, epochs=3, verbose=0, callbacks=[timer]
            )
            return max(1, round(options.seconds / np.median(timer.seconds[1:])))

        def score(seed):
            begun = time.process_time()
            model = train(seed, epochs())
            print(
                f"{kind.__name__}: {time.process_time() - begun:.0f} CPU s", flush=True
            )
            if kind is Autoencoder:
                return judged(model.generate(SAMPLES))
            return judged(recipe.generate(model, SAMPLES))

        return score

    return {
        "variational autoencoder": arm(Autoencoder, kind="variational"),
        "GAN": arm(GAN),
        "diffusion": arm(Diffusion),
    }


TABLES = {
    table.__name__: table for table in (losses, stabilized, targets, steps, families)
}


class Timer(keras.callbacks.Callback):
    """CPU seconds of each epoch, without those of its validation."""

    def __init__(self):
        super().__init__()
        self.seconds = []

    def on_epoch_begin(self, epoch, logs=None):
        self._begun = time.process_time()

    def on_test_begin(self, logs=None):
        self._tested = time.process_time()

    def on_test_end(self, logs=None):
        self._begun += time.process_time() - self._tested

    def on_epoch_end(self, epoch, logs=None):
        self.seconds.append(time.process_time() - self._begun)


def trained(kind, options, **values):
    """A function of a seed that trains a recipe, and measures what it makes."""
    recipe = kind("fashion")

    def arm(seed):
        model, history = run(
            recipe,
            **recipe.data(),
            hp=values,
            epochs=options.epochs,
            seed=seed,
            verbose=0,
        )
        best = min(history.history["val_frechet_distance"])
        return {"validation": best, **judged(recipe.generate(model, SAMPLES))}

    return arm


@functools.cache
def quality():
    (x, _), _, (test, labels) = kdl.data.fashion()
    return SampleQuality(test, labels, floor=x[:SAMPLES])


def judged(samples):
    return quality()(samples)


if __name__ == "__main__":
    main()
