"""What is known of a fit."""

import dataclasses
import math

import numpy as np

WINDOW = 50  # Batches before the current epoch against which its spikes are seen.
POINTS = 100  # Batch losses of an epoch that are kept, as means if there are more.


@dataclasses.dataclass
class Records:
    """Numbers of a fit, by epoch and by batch.

    Attributes:
        curves: Dict of names and pairs of lists, of epochs and values. The names are
            those of the logs, `"gradient_norm/<path>"` and `"update_ratio/<path>"`
            of variables, `"scale/<layer>"` and `"dead/<layer>"`, the root mean square
            of the outputs and the share of units that are 0 for all examples,
            `"sample_loss"`, `"spread"`, the variance of what a generator makes as a
            share of that of the data, and `"batch_loss"` at fractions of epochs.
        start: Dict of values before training, and of `"loss"`, norms and ratios of the
            first batch.
        window: List of losses of the batches before `batches`.
        batches: List of losses of the batches of the current epoch.
        steps: Number of batches of an epoch, or `None`.
        kernels: List of paths of the variables with two axes or more, in the order
            of the layers. (Biases and scales begin at 0 or 1.)
        entrance: What the first layer that learns gets, a layer or `"inputs"`.
        hidden: List of layers from there to the outputs, without these.
        constant: Loss of the best constant prediction, or `None`.
        penalized: Whether the losses of training and validation have penalties on
            weights, which `constant` and `"sample_loss"` have not.
        share: Share of the largest class, or `None`.
        spoilt: `"inputs"` or `"targets"`, which have values that are not finite.
        outside: What targets are that the loss cannot take, a clause, or `None`.
        classes: How many classes the integer labels of the loss may be of, or `None`.
        broken: Dict of an `epoch`, a `where` and `what`, the `"outputs"`,
            `"gradients"` or `"weights"` that are not finite there.
        samples: Array of what a generator made last, or `None`.
        lost: Dict of the `epoch` and `batch` at which the loss was not finite.
    """

    curves: dict = dataclasses.field(default_factory=dict)
    start: dict = dataclasses.field(default_factory=dict)
    window: list = dataclasses.field(default_factory=list)
    batches: list = dataclasses.field(default_factory=list)
    steps: int | None = None
    kernels: list = dataclasses.field(default_factory=list)
    entrance: str | None = None
    hidden: list = dataclasses.field(default_factory=list)
    constant: float | None = None
    penalized: bool = False
    share: float | None = None
    spoilt: str | None = None
    outside: str | None = None
    classes: int | None = None
    broken: dict | None = None
    lost: dict | None = None
    samples: np.ndarray | None = None

    def add(self, epoch, values):
        """Adds the values of an epoch, by name."""
        for name, value in values.items():
            epochs, column = self.curves.setdefault(name, ([], []))
            epochs.append(epoch)
            column.append(value)

    def close(self, epoch):
        """Ends an epoch of batches, after it has been looked at."""
        count = len(self.batches)
        parts = np.array_split(np.arange(count), min(count, POINTS)) if count else ()
        for part in parts:
            at = epoch + (part.mean() + 0.5) / max(self.steps or 0, count)
            self.add(
                float(at), {"batch_loss": float(np.take(self.batches, part).mean())}
            )
        self.window = (self.window + self.batches)[-WINDOW:]
        self.batches = []

    def epochs(self, name="loss"):
        return self.curves.get(name, ([], []))[0]

    def values(self, name="loss"):
        return self.curves.get(name, ([], []))[1]

    def group(self, prefix):
        """Values by what follows `prefix` and a slash in a name."""
        start = len(prefix) + 1
        return {
            name[start:]: column
            for name, (_, column) in self.curves.items()
            if name.startswith(f"{prefix}/")
        }

    def as_json(self):
        """Returns the curves as JSON has them, which knows finite numbers alone."""
        return {
            name: {
                "epochs": epochs,
                "values": [x if math.isfinite(x) else None for x in column],
            }
            for name, (epochs, column) in self.curves.items()
        }

    def get_state(self):
        curves = {
            name: {"epochs": np.array(epochs), "values": np.array(column)}
            for name, (epochs, column) in self.curves.items()
        }
        return {**dataclasses.asdict(self), "curves": curves}

    @classmethod
    def from_state(cls, state):
        curves = {
            name: (curve["epochs"].tolist(), curve["values"].tolist())
            for name, curve in state["curves"].items()
        }
        return cls(**{**state, "curves": curves})
