"""Draws the picture of docs/callbacks/early-stopping.md.

KERAS_BACKEND=jax python docs/figures/early_stopping.py
"""

from pathlib import Path

import keras
from matplotlib.figure import Figure

from kdl.callbacks import (
    EarlyStopping,
    GeneralizationLoss,
    Patience,
    ProgressQuotient,
    SuccessiveRises,
)
from kdl.data import digits

FILE = Path(__file__).parent.parent / "images" / "early_stopping.png"
EPOCHS = 50


def main():
    history = fit()
    stops = {
        "GeneralizationLoss(5)": stop(history, criterion=GeneralizationLoss(5)),
        "Patience(5)": stop(history, criterion=Patience(5)),
        "ProgressQuotient(0.2)": stop(history, criterion=ProgressQuotient(0.2)),
        "SuccessiveRises(2)": stop(history, criterion=SuccessiveRises(2)),
    }
    losses = history["val_loss"]
    figure = Figure(figsize=(9, 4), layout="constrained")
    axes = figure.subplots()
    axes.plot(range(1, EPOCHS + 1), losses, color="0.3", label="validation loss")
    for n, (name, (last, best)) in enumerate(stops.items()):
        label = f"{name}\nafter epoch {last}, best {best}"
        axes.axvline(last, color=f"C{n}", linestyle="--", label=label)
        axes.plot(best, losses[best - 1], "ko")
    axes.set(xlabel="epoch", ylabel="validation loss", ylim=(0.28, 0.56))
    axes.grid(alpha=0.3)
    figure.legend(loc="outside right upper")
    figure.savefig(FILE, dpi=120)


def fit():
    """The curves of a fit on 200 digits, which it learns by heart."""
    keras.utils.set_random_seed(0)
    (x, y), validation, _ = digits()
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            keras.layers.Flatten(),
            keras.layers.Dense(64, "relu"),
            keras.layers.Dropout(0.5),
            keras.layers.Dense(10),
        ]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.02), loss)
    history = model.fit(
        x[:200],
        y[:200],
        epochs=EPOCHS,
        batch_size=50,
        validation_data=validation,
        validation_batch_size=180,
        verbose=0,
    )
    return history.history


def stop(history, **options):
    """The epochs, from one, after which a criterion stops, and of the best before."""
    stopping = EarlyStopping(verbose=0, **options)
    model = keras.Model()
    model.stop_training = False
    stopping.set_model(model)
    stopping.on_train_begin()
    for epoch in range(EPOCHS):
        stopping.on_epoch_begin(epoch)
        stopping.on_epoch_end(epoch, {name: history[name][epoch] for name in history})
        if model.stop_training:
            break
    return epoch + 1, stopping.best_epoch + 1


if __name__ == "__main__":
    main()
