"""Trains the classifier whose features `kdl.metrics.image_features` has.

It learns the ten classes of `kdl.data.fashion` and the ten digits of `kdl.data.digits`,
enlarged to 28 x 28 pixels, as twenty classes. The weights of all but the last layer go
to `kdl/metrics/generated/image_features.npz`, in float16.

KERAS_BACKEND=jax python benchmarks/image_features.py [--write]
"""

import argparse
import sys
from pathlib import Path

import keras
import numpy as np
from PIL import Image

import kdl
from kdl.metrics.generated import image_features

EPOCHS, BATCH, RATE = 24, 64, 3e-3


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--write", action="store_true", help="replace the weights")
    options = parser.parse_args()
    keras.utils.set_random_seed(0)
    clothes, digits = kdl.data.fashion(), kdl.data.digits()
    train, _, test = (
        [(x, y), (enlarged(other), labels + 10)]
        for (x, y), (other, labels) in zip(clothes, digits, strict=True)
    )
    x, y = map(np.concatenate, zip(*train, strict=True))
    model = image_features.classifier(20)
    steps = EPOCHS * (len(x) // BATCH)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    rate = kdl.schedules.OneCycle(RATE, steps)
    model.compile(keras.optimizers.AdamW(rate), loss, metrics=["accuracy"])
    moved = kdl.data.RandomAffine(1.0, 5.0, 0.05, 0.05)
    batches = kdl.data.Batches(x, y, BATCH, augment=[moved], drop_remainder=True)
    model.fit(batches, epochs=EPOCHS, shuffle=False, verbose=0)
    weights = [weight.astype("float16") for weight in model.get_weights()[:-2]]
    rest = [weight.astype("float32") for weight in model.get_weights()[-2:]]
    model.set_weights([*(weight.astype("float32") for weight in weights), *rest])
    print(f"$ KERAS_BACKEND={keras.backend.backend()} python {' '.join(sys.argv)}\n")
    for name, part in zip(("fashion", "digits"), test, strict=True):
        _, accuracy = model.evaluate(*part, verbose=0)
        print(f"accuracy on the test set of {name}: {accuracy:.4f}")
    if options.write:
        path = Path(image_features.__file__).with_suffix(".npz")
        # Named by their order, which is that of the file.
        named = {f"weight_{n:02}": weight for n, weight in enumerate(weights)}
        np.savez_compressed(path, **named)
        print(f"{path.name}: {path.stat().st_size:,} bytes")


def enlarged(images):
    """Images of 28 x 28 pixels, as the network scales them."""
    side = 28
    return np.stack(
        [
            np.array(
                Image.fromarray(image[..., 0]).resize((side, side), Image.BILINEAR)
            )
            for image in images
        ]
    )[..., np.newaxis]


if __name__ == "__main__":
    main()
