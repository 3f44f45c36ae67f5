"""An epoch of the digits on the recipe's data path and on plain arrays.

Target: no longer than `model.fit` on arrays. The recipe's path also augments.

The figures are in docs/benchmarks/recipes.md.

KERAS_BACKEND=jax python benchmarks/data_path.py
"""

import time

import keras
from paired import report

from kdl.data import Batches, RandomAffine
from kdl.recipes import Images, hyperparameters


def main():
    recipe = Images()
    hp = hyperparameters(recipe, {})
    p = recipe.space(hp)
    x, y = recipe.splits.train
    # A whole number of batches on either path: one compilation, one amount of work.
    count = len(x) // p.batch_size * p.batch_size
    x, y = x[:count], y[:count]
    model = recipe.build(hp)
    warp = RandomAffine(p.shift, p.rotation, p.zoom, p.shear)
    plain = Batches(x, y, p.batch_size)
    augmented = Batches(x, y, p.batch_size, augment=[warp])

    def arrays():
        return timed(model, x, y, batch_size=p.batch_size)

    for run in (arrays, lambda: timed(model, augmented, shuffle=False)):
        run()
    report(
        f"An epoch of {count} digits, {keras.backend.backend()}",
        arrays,
        {
            "batches": lambda: timed(model, plain, shuffle=False),
            "batches, augmented": lambda: timed(model, augmented, shuffle=False),
        },
        target=1.0,
    )


def timed(model, *data, **options):
    start = time.perf_counter()
    model.fit(*data, verbose=0, **options)
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
