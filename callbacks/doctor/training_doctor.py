"""Diagnoses of a fit."""

import dataclasses
import math
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal, Self

import keras
import numpy as np

from kdl.callbacks.arguments import check_path, make_folder
from kdl.callbacks.deep_copies import copy_sharing
from kdl.callbacks.doctor.activations import Activations
from kdl.callbacks.doctor.diagnoses import diagnose
from kdl.callbacks.doctor.diagnoses_of_generators import SAMPLES, spread
from kdl.callbacks.doctor.findings import Finding, sort
from kdl.callbacks.doctor.learning import learned, milestones
from kdl.callbacks.doctor.picture import SHOWN, draw
from kdl.callbacks.doctor.records import Records
from kdl.callbacks.doctor.sample import Sample, classes_of
from kdl.callbacks.failures import Unwritten
from kdl.callbacks.log_numbers import optimizers_of
from kdl.callbacks.log_values import Scalars
from kdl.callbacks.readable_data import check_sample, sample_of
from kdl.callbacks.threads import check_thread
from kdl.checks import check_boolean, check_choice, check_optional
from kdl.files import write_json, write_png
from kdl.typing import Arrays, StrPath


class TrainingDoctor(keras.callbacks.Callback):
    """Watches a fit, and says what is wrong with it, since when, and what to try.

    At the end of each epoch it looks at the curves, and at whatever else it was given:

        batches=True                    the loss of each batch
        data=(x, y)                     outputs of the layers, and the targets
        ControlledOptimizer(watch=True) gradients and updates, by variable

    What it is sure of, it calls by one of these names:

        nan_in_data, labels_out_of_range
        nan_from_layer, nan_from_batch, nan_in_weights, nan_loss
        exploding_gradients, vanishing_gradients, dead_units, activation_scale
        rate_too_high, rate_too_low, batch_and_rate, loss_spike
        no_trend, imbalance, memorizing, overfitting, underfitting
        discriminator_won, mode_collapse

    Each is in the list `findings`, with its `name`, `epoch` and `batch`, counted from
    0, and `where`, `seen` and `advice`, which are text. One that another explains is
    left out: a rate that is too high kills units and ends in NaN, but it is the rate
    that is to be changed. Nothing is found twice. A healthy fit is met with silence,
    and a slow disease is named late rather than a false one early.

    `report()` adds the milestones: when the model learned anything, everything (the
    training set), and the right thing (on validation data). None of them is a disease
    while it is missing. `learned` has them as a dict of booleans.

    The weights of a fit are the same with and without it. It does not stop the fit.

    Args:
        data: Optional tuple `(x, y)` of some training examples, 64 to 256 of them; or
            batches of them as `fit` takes them, of which the first 256 examples are
            read as it begins: a `keras.utils.PyDataset`, a `tf.data.Dataset`, a
            `DataLoader`, or another iterable, but no generator. They are run through a
            functional or Sequential model at the end of each epoch. Their targets tell
            the loss of the best constant prediction and the share of the largest class.
            Defaults to `None`.
        directory: Optional path of a folder for `doctor.json` and `doctor.png`,
            written when something is found and at the end. Defaults to `None`.
        batches: Boolean. Whether to look at each batch's loss, for which Keras has to
            wait for the result of each. `False` costs nothing per batch, and finds
            no spikes. Defaults to `True`.
        verbose: `0` or `1`. Whether to print what is found. Defaults to `1`.

    Raises:
        ValueError: If an argument is none of its values.
        RuntimeError: If `fit` gets this callback alone, not in a list, and runs it in
            a thread.

    Example:

    >>> optimizer = keras.optimizers.Adam(1e-3)
    >>> optimizer = kdl.optimizers.ControlledOptimizer(optimizer, watch=True)
    >>> loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    >>> model.compile(optimizer, loss, metrics=["accuracy"])
    >>> doctor = kdl.callbacks.TrainingDoctor(data=(x[:128], y[:128]))
    >>> history = model.fit(x, y, epochs=2, callbacks=[doctor])
    >>> print(doctor.report())

    References:
        - Karpathy, [A Recipe for Training Neural
          Networks](https://karpathy.github.io/2019/04/25/recipe/)
        - [Glorot and Bengio, 2010](https://proceedings.mlr.press/v9/glorot10a.html),
          activations and gradients by depth
        - [Pascanu et al., 2013](https://arxiv.org/abs/1211.5063), exploding and
          vanishing gradients
        - [Goyal et al., 2017](https://arxiv.org/abs/1706.02677), batch size and rate
    """

    def __init__(
        self,
        data: Arrays | None = None,
        directory: StrPath | None = None,
        batches: bool = True,
        verbose: Literal[0, 1] = 1,
    ) -> None:
        super().__init__()
        self.data = check_optional(check_sample, "data", data)
        self.directory = check_optional(check_path, "directory", directory)
        self.batches = check_boolean("batches", batches)
        self.verbose = check_choice("verbose", verbose, (0, 1, False, True))
        self._reset()

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        self._reset()
        self._thread = threading.get_ident()
        if self.directory is not None:
            make_folder(self.directory)
        if self.data is None:
            self._unseen.append(_NO_DATA)
        else:
            steps = (self.params or {}).get("steps")
            self._examples = sample_of("data", self.data, steps)
        if _watching(self.model) is None:
            self._unseen.append(_NO_GRADIENTS)
        if not self.batches:
            self._unseen.append(_NO_BATCHES)

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._epoch, self._sum, self._count = epoch, 0.0, 0
        self._records.steps = (self.params or {}).get("steps")
        self._records.classes = classes_of(self.model)
        if not self._records.start:
            # Before an update has spread over all weights what is not finite.
            self._records.start = self._look_at_layers(epoch, self.model)

    @property
    def on_train_batch_end(self) -> Callable[..., None]:
        # Keras waits for every batch as soon as a callback overrides this hook.
        return self._on_batch if self.batches else super().on_train_batch_end

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        model, records = self.model, self._records
        values = self._scalars(logs)
        if not math.isfinite(values.get("loss", 0.0)):
            self._lose(epoch)
        values |= self._look_at_gradients(model) | self._look_at_layers(epoch, model)
        values |= self._look_at_samples(model, values)
        records.steps = records.steps or self._count or None
        records.add(epoch, values)
        found = diagnose(records, self.findings)
        records.close(epoch)
        if found:
            self.findings = sort([*self.findings, *found])
            if self.verbose:
                # Below the progress bar, as Keras's callbacks print.
                print("", *found, sep="\n")
            self._write()

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        self._activations = self._sample = self._examples = None
        self._write()

    @property
    def learned(self) -> dict[str, bool]:
        """Whether each milestone was reached, a dict of booleans by name."""
        return learned(self._records)

    def report(self) -> str:
        """Returns what was found, what was learned, and what was not looked at."""
        lines = [_count(len(self.findings), len(self._records.epochs()))]
        lines += map(str, self.findings)
        for name, text in milestones(self._records).items():
            lines.append(f"Learned {name}: {text}.")
        return "\n".join([*lines, *self._unseen])

    def get_state(self) -> dict[str, Any]:
        """Returns all that was seen, for a fit that goes on."""
        findings = [dataclasses.asdict(finding) for finding in self.findings]
        return {
            "records": self._records.get_state(),
            "findings": findings,
            "sum": self._sum,
            "count": self._count,
        }

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Takes back what `get_state` returned, once the fit that goes on has begun."""
        self._records = Records.from_state(state["records"])
        self.findings = [Finding(**finding) for finding in state["findings"]]
        self._sum, self._count = state["sum"], state["count"]

    def __getstate__(self) -> dict[str, Any]:
        # The model, emptied by JAX meanwhile, belongs to one fit.
        spent = dict.fromkeys(("_activations", "_sample", "_examples", "_model"))
        return {**self.__dict__, **spent}

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return copy_sharing(self, self.data, memo)

    def _reset(self):
        self.findings = []
        self._records, self._unseen = Records(), []
        self._scalars, self._unwritten = (
            kind("TrainingDoctor") for kind in (Scalars, Unwritten)
        )
        self._activations = self._sample = self._examples = None
        self._epoch, self._sum, self._count = 0, 0.0, 0

    def _on_batch(self, batch, logs=None):
        check_thread(self._thread)
        mean, records = logs.get("loss"), self._records
        if mean is None or records.lost:
            return
        if not math.isfinite(mean):
            self._lose(self._epoch, batch)
            return
        # Keras logs the mean of the epoch so far. With `steps_per_execution`, `batch`
        # may lie beyond the end of the data.
        count = max(min(batch + 1, records.steps or batch + 1), self._count + 1)
        before, self._sum = self._sum, count * mean
        records.batches.append((self._sum - before) / (count - self._count))
        self._count = count
        if "loss" not in records.start:
            records.start |= {"loss": mean, **self._look_at_gradients(self.model)}

    def _lose(self, epoch, batch=None):
        if self._records.lost is None:
            self._records.lost = {"epoch": epoch, "batch": batch}

    def _look_at_data(self, model):
        records = self._records
        self._sample = sample = Sample(model, self._examples)
        records.spoilt, records.share = sample.spoilt, sample.share
        records.outside = sample.outside
        try:
            self._activations = Activations(model, self._examples[0])
        except ValueError as error:
            self._unseen.append(f"Activations were not looked at: {error}.")
            return
        records.entrance = self._activations.entrance
        records.hidden = self._activations.hidden
        records.constant = sample.constant
        variables = model.trainable_variables
        records.penalized = any(v.regularizer is not None for v in variables)

    def _look_at_layers(self, epoch, model):
        """Returns the scale and the dead share of layers, by name."""
        # On TensorFlow, a model without an input is built in its first step.
        if self.data is not None and self._sample is None and model.built:
            self._look_at_data(model)
        if self._activations is None:
            return {}
        records, (scale, dead, outputs) = self._records, self._activations.read()
        is_sound = all(map(math.isfinite, scale.values()))
        if not (is_sound or records.spoilt or records.lost):
            self._break(epoch, self._activations.culprit(scale), "outputs")
        # Where a ReLU makes 0 of NaN, the outputs do not tell.
        silent = [name for name, share in dead.items() if share == 1]
        self._break(epoch, self._activations.spoilt(silent), "weights")
        values = {f"scale/{name}": value for name, value in scale.items()}
        values |= {f"dead/{name}": value for name, value in dead.items()}
        if records.constant is not None:
            values["sample_loss"] = self._sample.loss(*outputs)
        return values

    def _look_at_samples(self, model, values):
        """Returns how much samples of a generator differ, and keeps some."""
        if self._examples is None or "discriminator_accuracy" not in values:
            return {}
        real = keras.tree.flatten(self._examples[0])[0]
        made = model.generate(SAMPLES)
        if not np.isfinite(made).all():
            return {}
        self._records.samples = made[:SHOWN].astype("float32")
        return {"spread": spread(made, real)}

    def _look_at_gradients(self, model):
        """Returns norms of gradients and ratios of updates, by name."""
        optimizer, records = _watching(model), self._records
        if optimizer is None:
            return {}
        norms, ratios = (
            {k: x for k, x in optimizer.values().items() if k.startswith(kind)}
            for kind in ("gradient_norm/", "update_ratio/")
        )
        paths = [name.partition("/")[2] for name in norms]
        variables = zip(paths, model.trainable_variables, strict=False)
        records.kernels = [path for path, v in variables if len(v.shape) > 1]
        if records.lost:
            # From there on they say what the backward pass hides, not where it began.
            return norms | ratios
        lost, spoilt = (
            [name for name, x in values.items() if not math.isfinite(x)]
            for values in (norms, ratios)
        )
        # A scaled loss makes gradients overflow now and then, and the step is left out.
        is_scaled = isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer)
        if lost and len(lost) < len(paths) and not is_scaled:
            self._break(self._epoch, _layer_of(lost[-1]), "gradients")
        elif spoilt and not lost:
            self._break(self._epoch, _layer_of(spoilt[0]), "weights")
        return norms | ratios

    def _break(self, epoch, where, what):
        if where is not None and self._records.broken is None:
            self._records.broken = {"epoch": epoch, "where": where, "what": what}

    def _write(self):
        if self.directory is None:
            return
        records, folder = self._records, Path(self.directory)
        value = {
            "epochs": records.epochs(),
            "findings": [finding.as_dict() for finding in self.findings],
            "learned": milestones(records),
            "not_looked_at": self._unseen,
            "curves": records.as_json(),
        }
        with self._unwritten():
            write_json(folder / "doctor.json", value)
            write_png(folder / "doctor.png", draw(records, self.findings))


_NO_DATA = "Activations were not looked at: give some training examples, `data=(x, y)`."
_NO_GRADIENTS = (
    "Gradients and updates were not looked at: put the optimizer in "
    "`kdl.optimizers.ControlledOptimizer(…, watch=True)`."
)
_NO_BATCHES = "Single batches were not looked at: leave `batches` at True."


def _watching(model):
    optimizers = optimizers_of(model)
    return next((o for o in optimizers if getattr(o, "watch", False)), None)


def _layer_of(name):
    """The path of the layer in `"gradient_norm/<path>/kernel"`."""
    path = name.partition("/")[2]
    return path.rpartition("/")[0] or path


def _count(findings, epochs):
    counted = f"{epochs} epoch{'s' * (epochs != 1)}"
    return f"{findings or 'No'} finding{'s' * (findings != 1)} in {counted}."
