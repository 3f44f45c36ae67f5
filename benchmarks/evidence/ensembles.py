"""Ensembles of 3, 5 and 10 members against one model of equal cost, on `gallery`.

The recipe `images` is trained with its defaults. Members differ by their seeds, by
bootstrap samples, or are snapshots of one training with a cyclic learning rate. One
model of equal cost is trained for as many epochs as all members together. The score is
the accuracy, or with `--score crossentropy` minus the cross-entropy, on digits of
writers that no training has seen. Expected: three members gain most of it, and a longer
training little.

The figures are in docs/benchmarks/evidence.md.

KERAS_BACKEND=jax python benchmarks/evidence/ensembles.py [--seeds 5]
"""

import argparse
import functools

import keras
import numpy as np
from comparison import compare

from kdl.evaluation import ensemble, snapshots
from kdl.recipes import Images, run


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=Images.epochs)
    parser.add_argument("--members", type=int, nargs="+", default=[3, 5, 10])
    parser.add_argument(
        "--score", choices=["accuracy", "crossentropy"], default="accuracy"
    )
    options = parser.parse_args()
    recipe, most = Images("gallery"), max(options.members)
    data = recipe.data()

    @functools.cache
    def trained(kind, seed, epochs=options.epochs):
        keras.utils.set_random_seed(seed)
        given = dict(data)
        if kind == "bags":
            count = len(data["x"])
            rows = np.random.default_rng(seed).integers(0, count, count)
            given |= {"x": data["x"][rows], "y": data["y"][rows]}
        model, _ = run(recipe, **given, epochs=epochs, seed=seed, verbose=0)
        return model

    @functools.cache
    def cycles(seed, count):
        """Snapshots, each of as many epochs as a model is trained for."""
        keras.utils.set_random_seed(seed)
        model, _ = run(recipe, **data, epochs=1, seed=seed, verbose=0)
        return snapshots(
            model,
            *(data["x"], data["y"]),
            cycles=count,
            epochs=options.epochs,
            learning_rate=0.01,
            verbose=0,
        )

    def score(model):
        scores = recipe.evaluate(model)
        way = 1 if options.score == "accuracy" else -1
        return way * scores[options.score]

    def members(kind, seed, count):
        if kind == "snapshots":
            return cycles(seed, count)
        # No two seeds have a member in common.
        return [trained(kind, most * seed + n) for n in range(count)]

    arms = {"one model": lambda seed: score(trained("seeds", most * seed))}
    for count in options.members:
        arms[f"one model, {count} times the epochs"] = lambda seed, count=count: score(
            trained("seeds", most * seed, count * options.epochs)
        )
        for kind in ("seeds", "bags", "snapshots"):
            arms[f"{count} {kind}"] = lambda seed, kind=kind, count=count: score(
                ensemble(members(kind, seed, count))
            )
    title = f"Ensembles of images, {options.epochs} epochs: {options.score}"
    compare(title, arms, options.seeds, digits=4)


if __name__ == "__main__":
    main()
