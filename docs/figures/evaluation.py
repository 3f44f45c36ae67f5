"""Draws the picture of docs/evaluation.md: a network before and after calibration.

KERAS_BACKEND=jax python docs/figures/evaluation.py
"""

from pathlib import Path

import keras
from scipy.special import softmax

from kdl.data import fashion
from kdl.evaluation import fit_scaling, reliability_figure
from kdl.files import write_png

FILE = Path(__file__).parent.parent / "images" / "reliability.png"


def main():
    keras.utils.set_random_seed(0)
    (x, y), (x_val, y_val), (x_test, y_test) = fashion()
    model = keras.Sequential(
        [
            keras.Input(x.shape[1:]),
            keras.layers.Flatten(),
            keras.layers.Dense(128, "relu"),
            keras.layers.Dense(10),
        ]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.002), loss)
    model.fit(x[:300], y[:300], epochs=60, verbose=0)
    scaling = fit_scaling(model.predict(x_val, verbose=0), y_val)
    logits = model.predict(x_test, verbose=0)
    both = {
        "before": softmax(logits.astype("float64"), axis=-1),
        f"after, temperature {scaling.temperature:.2f}": scaling.probabilities(logits),
    }
    write_png(FILE, reliability_figure(both, y_test))


if __name__ == "__main__":
    main()
