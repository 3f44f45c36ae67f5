"""Measures what the steps of a training are made of."""

import dataclasses
import statistics
from pathlib import Path
from typing import Any

import keras
from keras import tree

from kdl import recipes
from kdl.checks import check_integer, check_optional
from kdl.files import writing
from kdl.profiling.advice import advice
from kdl.profiling.devices import peak_memory, traced
from kdl.profiling.layer_costs import layer_costs
from kdl.profiling.memory import peak_of_process
from kdl.profiling.meter import PARTS, Meter
from kdl.typing import HyperModel, StrPath, Values

_MOST = "[1, 1000000]"


@dataclasses.dataclass(frozen=True)
class Profile:
    """What a profile has measured.

    Attributes:
        backend: String.
        batch_size: Integer. Examples of a step.
        steps: Integer. How many steps were measured, besides the first.
        first_step: Float. Milliseconds of the first step, which compiles the model.
        step: Float. Milliseconds of a step, the median.
        parts: Dict of floats. Milliseconds of a step by part, medians: `"data"`, making
            a batch or waiting for it; `"transfer"`, from host to device; `"compute"`;
            `"callbacks"`, those at the ends of steps; and `"other"`, what Keras does
            around them.
        examples_per_second: Float. Those of a step that takes the median.
        host_memory: Integer. The most bytes that this process has had in memory since
            it began, or `None` on Windows.
        device_memory: Integer. The most bytes that the device has held, or `None` where
            the backend does not tell, as of a CPU.
        layers: List of dicts, as `kdl.profiling.layer_costs` returns them.
        batch_sizes: Dict by batch size of what was measured with it, a dict that has
            `"examples_per_second"`, or `None` if the batch did not fit. Empty if no
            other sizes were tried.

    Example:

    >>> recipe = kdl.recipes.Images()
    >>> measured = kdl.profiling.profile(recipe, **recipe.data(), steps=5)
    >>> for sentence in measured.advice():
    ...     print(sentence)
    """

    backend: str
    batch_size: int
    steps: int
    first_step: float
    step: float
    parts: dict[str, float]
    examples_per_second: float
    host_memory: int | None
    device_memory: int | None
    layers: list[dict[str, Any]]
    batch_sizes: dict[int, dict[str, Any] | None] = dataclasses.field(
        default_factory=dict
    )

    @property
    def shares(self) -> dict[str, float]:
        """Dict of floats, the parts of a step as shares of their sum."""
        whole = sum(self.parts.values())
        return {name: part / whole for name, part in self.parts.items()}

    @property
    def parameters(self) -> int:
        """Integer, the parameters of all layers."""
        return sum(row["parameters"] for row in self.layers)

    @property
    def flops(self) -> float:
        """Float, the FLOPs of a forward pass for an example, as far as counted."""
        return sum(row["flops"] or 0.0 for row in self.layers)

    @property
    def not_counted(self) -> list[str]:
        """List of strings, the layers whose FLOPs are not counted."""
        return [row["layer"] for row in self.layers if row["flops"] is None]

    def advice(self) -> list[str]:
        """Returns three sentences, each with a number that was measured."""
        return advice(self)

    def as_dict(self) -> dict[str, Any]:
        """Returns all of it as a dict of plain values, for JSON."""
        more = "shares", "parameters", "flops", "not_counted"
        return (
            dataclasses.asdict(self)
            | {name: getattr(self, name) for name in more}
            | {"advice": self.advice()}
        )


def profile(
    model: HyperModel | keras.Model,
    *args: Any,
    hp: Values | None = None,
    steps: int = 30,
    trace: StrPath | None = None,
    **kwargs: Any,
) -> Profile:
    """Trains for some steps, and measures what they are made of.

    The steps are those of a fit as it is, with its batches and callbacks, but without
    validation. Each is awaited before the next begins, so that its parts can be told
    apart, as Keras does where a callback acts after each batch. Where it does not, on
    JAX and on a GPU, a fit prepares a step during the one before, and can be faster.
    Where TensorFlow or threads make batches ahead, what counts is how long a step waits
    for them.

    The measured training is a training: weights and optimizer go on with each step.

    Args:
        model: Recipe, that is a `keras_tuner.HyperModel`, of which a model is built; or
            compiled `keras.Model`.
        *args: Positional arguments of its `fit`, such as `x` and `y`.
        hp: Optional `keras_tuner.HyperParameters` of the recipe, or a dict of values by
            name. Defaults to `None`, the recipe's own.
        steps: Integer in `[1, 1000000]`. How many steps to measure after the first one.
            Medians of fewer than ten say little. Defaults to `30`.
        trace: Optional string or `Path` of a folder, which is made if need be. It gets
            a trace of five more steps by the profiler of the backend: for TensorBoard
            of JAX and TensorFlow, for Perfetto of JAX and PyTorch. Defaults to `None`.
        **kwargs: Keyword arguments of its `fit`, such as `callbacks`. There are as many
            epochs as the steps need.

    Returns:
        `kdl.profiling.Profile`.

    Raises:
        ValueError: If an argument is not as described, or if a fit ends before the
            steps are measured.

    Example:

    >>> measured = kdl.profiling.profile(model, x, y, batch_size=64, steps=5)
    >>> shares = measured.shares
    >>> print(f"The batches take {shares['data']:.0%} of a step.")
    """
    steps = check_integer("steps", steps, _MOST)
    trace = check_optional(_check_folder, "trace", trace)
    kwargs["epochs"] = kwargs.get("initial_epoch", 0) + steps + 10
    kwargs.setdefault("verbose", 0)
    # A profile does not validate; a recipe then does without early stopping.
    kwargs.pop("validation_data", None)
    recipe = None
    if not isinstance(model, keras.Model):
        if hp is None or isinstance(hp, dict):
            hp = recipes.hyperparameters(model, hp or {})
        recipe, model = model, model.build(hp)
    meter = Meter(model, steps, None if trace is None else traced(trace))
    with meter.inserted():
        if recipe is None:
            model.fit(*args, **kwargs)
        else:
            recipe.fit(hp, model, *args, **kwargs)
    return _summary(model, meter, steps)


def _check_folder(name, value):
    if not isinstance(value, (str, Path)):
        raise ValueError(
            f"`{name}` must be the path of a folder, or None. "
            f"Received: {name}={value!r}"
        )
    folder = Path(value)
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    return folder


def _summary(model, meter, steps):
    """Returns the `Profile` of what a meter has measured."""
    first, *others = meter.measured or [None]
    if len(others) < steps:
        raise ValueError(
            f"`steps` must be at most {max(0, len(others))}, after which the fit has "
            f"ended. Received: steps={steps}"
        )
    inputs, *_ = keras.utils.unpack_x_y_sample_weight(meter.batch)
    size = int(tree.flatten(inputs)[0].shape[0])
    middle = {
        name: 1000 * statistics.median(step[name] for step in others)
        for name in ("step", *PARTS)
    }
    step = middle.pop("step")
    return Profile(
        backend=keras.backend.backend(),
        batch_size=size,
        steps=steps,
        first_step=1000 * first["step"],
        step=step,
        parts=middle,
        examples_per_second=1000 * size / step,
        host_memory=peak_of_process(),
        device_memory=peak_memory(),
        layers=layer_costs(model, inputs),
    )
