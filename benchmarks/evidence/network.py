"""A dense network for the digits, trained and scored."""

import keras
import numpy as np

from kdl.data import digits
from kdl.data.splits import hold_out
from kdl.layers import Clock


def train(
    seed,
    optimizer,
    split="gallery",
    epochs=30,
    hidden=(256,),
    noise=0.0,
    before=None,
    draw=0,
    **options,
):
    """Trains a network, and returns its accuracy in validation and test.

    Args:
        seed: Integer. Draws the split, the weights and the order.
        optimizer: `keras.optimizers.Optimizer`.
        split: String. Split of `kdl.data.digits`.
        epochs: Integer.
        hidden: Sequence of integers. Units of the hidden layers.
        noise: Float in `[0, 1]`. Share of the training labels that are drawn anew.
        before: Optional function of the model and the training images, that is
            called before the training.
        draw: Integer. Draws other weights and another order, on the same split.
        **options: Arguments of the hidden layers.
    """
    (x, y), *others = parts(split, seed)
    rng = np.random.default_rng(seed)
    y = np.where(rng.random(len(y)) < noise, rng.integers(10, size=len(y)), y)
    keras.utils.set_random_seed(1000 * draw + seed)
    model = keras.Sequential(
        [
            keras.Input(x.shape[1:]),
            Clock(),
            keras.layers.Flatten(),
            *[keras.layers.Dense(n, "relu", **options) for n in hidden],
            keras.layers.Dense(10),
        ]
    )
    if before is not None:
        before(model, x)
    return scores(model, optimizer, epochs, (x, y), *others)


def scores(model, optimizer, epochs, data, *others):
    """Trains a model that gives logits, and returns its accuracy on other sets."""
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer, loss, metrics=["accuracy"])
    model.fit(*data, epochs=epochs, batch_size=32, verbose=0)
    return tuple(
        model.evaluate(*part, batch_size=1024, verbose=0, return_dict=True)["accuracy"]
        for part in others
    )


def parts(split, seed, share=1 / 3):
    """Training, validation and test set, a share of the training for validation."""
    train, validation, test = digits(split, seed)
    x, y = (np.concatenate(pair) for pair in zip(train, validation, strict=True))
    return *hold_out(x, y, share, seed), test


def steps(epochs, split="gallery", share=1 / 3):
    """Number of training batches in so many epochs."""
    return epochs * -(-len(parts(split, 0, share)[0][0]) // 32)
