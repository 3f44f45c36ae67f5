"""Diffusion and flow matching."""

import math
from collections.abc import Sequence
from typing import Any, Literal

import keras
import numpy as np
from keras import ops
from numpy.typing import ArrayLike

from kdl.checks import (
    check_choice,
    check_integer,
    check_number,
    check_optional,
    check_seed,
)
from kdl.layers import Clock
from kdl.models.generative.parts import (
    FIXED,
    average,
    call_once,
    check_labels,
    check_no_loss,
    made_from,
    twin_of,
    weighted_mean,
)
from kdl.private import over_replicas
from kdl.schedules import number
from kdl.typing import FloatOrSchedule, Tensor

# Each with its targets, the usual one first.
SCHEDULES = {
    "flow": ("velocity", "noise"),
    "cosine": ("v", "noise"),
    "linear": ("v", "noise"),
}
SAMPLERS = "ddim", "ddpm"
# Of the rate of noise that grows linearly, in units of the whole time.
_LOWEST, _HIGHEST = 0.1, 20.0
_FIRST, _LAST = 1e-3, 0.999  # Times between which noise is predicted.


@keras.saving.register_keras_serializable(package="kdl")
class Diffusion(keras.Model):
    """Learns to make data of noise, step by step.

    Data `x` and noise `e` from N(0, 1) are blended to `x_t = a(t) x + s(t) e`, from
    data at time 0 to noise at time 1, by `noise_schedule`:

    - `"flow"`: `a = 1 - t`, `s = t`.
    - `"cosine"`: `a = cos(pi t / 2)`, `s = sin(pi t / 2)`.
    - `"linear"`: `a² = exp(-0.1 t - 19.9 t² / 2)`, `s² = 1 - a²`, of noise whose rate
      grows linearly.

    The network sees `x_t` and `t`, and learns, by the mean squared error, the `target`:
    the `"noise"` `e`; the `"velocity"` `e - x` of a flow; or `"v"`, `a e - s x`, of the
    others. Time is drawn uniformly for each example, and the times of a batch are at
    equal distances, for less noise in the gradients. It is fitted to data alone,
    `model.fit(x)`, compiled without a loss.

    New data are made from noise in as many steps as you ask for, by DDIM, which draws
    nothing more and is Euler's method on a flow, or by DDPM, which draws noise at each
    step. All steps are one compiled call.

    With `classes`, it is fitted to data and labels as inputs, `model.fit([x, labels])`,
    and the network takes the label as a third input, an integer, where `classes` itself
    stands for no label. In training, a tenth of the labels is left out, so that
    `generate` can lead data towards their class by `guidance`.

    `generate` uses a moving average of the weights, which is a part of the model and
    saved with it. Times and noise are the same in each evaluation, so that losses can
    be compared.

    Args:
        network: `keras.Model` of a list of two inputs, data and time of shape `(1,)`,
            or of three with `classes`, the label of shape `(1,)`. It returns what has
            the shape of the data.
        noise_schedule: String, `"flow"`, `"cosine"` or `"linear"`. Defaults to
            `"flow"`.
        target: Optional string, `"velocity"`, `"noise"` or `"v"`. Defaults to `None`,
            `"velocity"` for a flow and `"v"` for the others.
        classes: Optional integer in `[1, inf)`. Defaults to `None`.
        data_range: Optional pair of floats. Numbers between which data lie, such as
            `(0, 1)` for images. The network sees them scaled to -1 to 1, and what is
            generated lies between them. Defaults to `None`: data as they are, which
            should lie at about -1 to 1.
        decay: Float in `[0, 1)`, or a schedule of it. That of the moving average in
            each training step; it begins at less. Defaults to `0.999`.
        seed: Optional integer. Makes the sequence of times and noise in training
            reproducible on a given backend. Defaults to `None`.
        **kwargs: Arguments of `keras.Model`, such as `name`.

    Call arguments:
        inputs: Float tensor of data, or with `classes` a list of data and labels.
        training: Boolean. Whether times and noise are drawn anew. Defaults to `False`.

    Returns:
        Tensor of the squared error of each number, of the shape of the data.

    Raises:
        ValueError: If an argument is not as described, or if the network has other
            inputs or outputs.

    Example:

    >>> data, time = keras.Input((2,)), keras.Input((1,))
    >>> hidden = keras.layers.Dense(16, "relu")(keras.ops.concatenate([data, time], 1))
    >>> network = keras.Model([data, time], keras.layers.Dense(2)(hidden))
    >>> model = kdl.models.Diffusion(network)
    >>> model.compile("adam")
    >>> points = np.random.default_rng(0).normal(size=(64, 2))
    >>> history = model.fit(points, verbose=0)
    >>> model.generate(5, steps=10).shape
    (5, 2)

    References:
        - [Ho, Jain and Abbeel, 2020](https://arxiv.org/abs/2006.11239), DDPM
        - [Song, Meng and Ermon, 2021](https://arxiv.org/abs/2010.02502), DDIM
        - [Song et al., 2021](https://arxiv.org/abs/2011.13456), the linear schedule
        - [Salimans and Ho, 2022](https://arxiv.org/abs/2202.00512), v and the cosine
        - [Kingma et al., 2021](https://arxiv.org/abs/2107.00630), times of a batch
        - [Lipman et al., 2023](https://arxiv.org/abs/2210.02747), flow matching
        - [Ho and Salimans, 2022](https://arxiv.org/abs/2207.12598), guidance
    """

    def __init__(
        self,
        network: keras.Model,
        noise_schedule: Literal["flow", "cosine", "linear"] = "flow",
        target: Literal["velocity", "noise", "v"] | None = None,
        classes: int | None = None,
        data_range: Sequence[float] | None = None,
        decay: FloatOrSchedule = 0.999,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if isinstance(network, dict) and network:
            network = keras.saving.deserialize_keras_object(network)
        self.noise_schedule = check_choice(
            "noise_schedule", noise_schedule, tuple(SCHEDULES)
        )
        targets = SCHEDULES[noise_schedule]
        self.target = check_choice(
            "target", targets[0] if target is None else target, targets
        )
        self.classes = classes
        if classes is not None:
            self.classes = check_integer("classes", classes, "[1, inf)")
        self.network = _check_network(network, classes is not None)
        self.data_range = check_optional(_check_range, "data_range", data_range)
        self.decay = number("decay", decay, "[0, 1)")
        self.seed = check_seed("seed", seed)
        self.seed_generator = keras.random.SeedGenerator(self.seed)
        self.averaged = twin_of(self.network)
        self.clock = Clock()
        self._samplers = _Samplers()
        inputs = [(self.network.input_shape[0][1:], "float32")]
        if self.classes is not None:
            inputs.append(((), "int32"))
        call_once(self, *inputs)

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        inputs = self.clock(inputs, training=training)
        x, *labels = inputs if self.classes is not None else [inputs]
        x = ops.cast(x, self.compute_dtype)
        if self.data_range is not None:
            low, high = self.data_range
            x = (x - low) * (2 / (high - low)) - 1
        # Else the same each time, so that evaluations can be compared.
        seed = self.seed_generator if training else FIXED
        count = ops.shape(x)[0]
        time = spread_times(count, seed)
        noise = keras.random.normal(ops.shape(x), seed=seed if training else FIXED + 1)
        if labels:
            (label,) = labels
            label = ops.reshape(ops.cast(label, "int32"), (-1, 1))
            if training:
                drop = keras.random.uniform((count, 1), seed=self.seed_generator)
                label = ops.where(drop < 0.1, self.classes, label)
            labels = [label]
        scale, deviation = (_like(part, x) for part in blend(self.noise_schedule, time))
        blended = scale * x + deviation * noise
        if training:
            average(self.averaged, self.network, self.decay, self.clock)
        found = self.network([blended, time, *labels], training=training)
        wanted = {
            "noise": noise,
            "velocity": noise - x,
            "v": scale * noise - deviation * x,
        }[self.target]
        return ops.square(ops.cast(found, "float32") - ops.cast(wanted, "float32"))

    def compute_loss(
        self,
        x: Tensor | None = None,
        y: Tensor | None = None,
        y_pred: Tensor | None = None,
        sample_weight: Tensor | None = None,
        training: bool = True,
    ) -> Tensor:
        check_no_loss(self, "a diffusion model")
        each = ops.mean(y_pred, axis=tuple(range(1, len(y_pred.shape))))
        loss = weighted_mean(each, sample_weight)
        penalties = sum(ops.sum(penalty) for penalty in self.losses)
        return over_replicas(loss + penalties)

    def generate(
        self,
        count: int,
        seed: int = 0,
        steps: int = 25,
        sampler: Literal["ddim", "ddpm"] = "ddim",
        labels: ArrayLike | None = None,
        guidance: float = 0.0,
    ) -> np.ndarray:
        """Returns new data.

        The noise of a seed is the same on each backend.

        Args:
            count: Integer in `[1, inf)`.
            seed: Integer in `[0, inf)`. Defaults to `0`.
            steps: Integer in `[1, inf)`. Defaults to `25`.
            sampler: String, `"ddim"` or `"ddpm"`. Defaults to `"ddim"`.
            labels: Optional integers of shape `(count,)`, the classes of a model that
                has some. Defaults to `None`, for no label.
            guidance: Float in `[0, inf)`. How far to go beyond what the label says,
                away from what no label says. Defaults to `0.0`.

        Returns:
            Array of shape `(count, ...)`.

        Raises:
            ValueError: If an argument is not as described.
        """
        count = check_integer("count", count, "[1, inf)")
        steps = check_integer("steps", steps, "[1, inf)")
        check_choice("sampler", sampler, SAMPLERS)
        guidance = check_number("guidance", guidance, "[0, inf)")
        if labels is not None:
            labels = check_labels(labels, count, self.classes)
        elif self.classes is not None:
            labels = np.full((count, 1), self.classes, "int32")
        rng = np.random.default_rng(check_integer("seed", seed, "[0, inf)"))
        shape = self.network.input_shape[0][1:]
        inputs = [rng.normal(size=(count, *shape)).astype("float32")]
        if sampler == "ddpm":
            inputs.append(rng.normal(size=(count, steps, *shape)).astype("float32"))
        if labels is not None:
            inputs.append(labels)
        key = steps, sampler, guidance if self.classes is not None else 0.0
        made = self._samplers.made
        if key not in made:
            made[key] = self._sampler(*key)
        data = made_from(made[key], inputs)
        if self.data_range is None:
            return data
        low, high = self.data_range
        return np.clip(low + (data + 1) * ((high - low) / 2), low, high)

    def _sampler(self, steps, sampler, guidance):
        """A model from noise to data, in so many steps."""
        shape = self.network.input_shape[0][1:]
        start = keras.Input(shape, name="start")
        inputs = [start]
        if sampler == "ddpm":
            inputs.append(keras.Input((steps, *shape), name="noise"))
        if self.classes is not None:
            inputs.append(keras.Input((1,), dtype="int32", name="label"))
        outputs = _Steps(self, steps, sampler, guidance)(inputs)
        made = keras.Model(inputs if len(inputs) > 1 else start, outputs)
        if keras.backend.backend() == "tensorflow":
            # By itself, Keras has XLA compile it on GPUs alone. On two cores, a step
            # takes a tenth less time by it.
            made.jit_compile = True
        return made

    def get_config(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "trainable": self.trainable,
            "network": keras.saving.serialize_keras_object(self.network),
            "noise_schedule": self.noise_schedule,
            "target": self.target,
            "classes": self.classes,
            "data_range": self.data_range,
            "decay": keras.saving.serialize_keras_object(self.decay),
            "seed": self.seed,
        }


class _Samplers:
    """Models that make data, by steps, sampler and guidance.

    In a plain object, since Keras would save those that are attributes.
    """

    def __init__(self):
        self.made = {}


class _Steps(keras.layers.Layer):
    """The steps from noise to data.

    Args:
        model: `Diffusion`.
        steps: Integer.
        sampler: String.
        guidance: Float.
    """

    def __init__(self, model, steps, sampler, guidance):
        # In mixed precision, too: small steps add up to the data.
        super().__init__(dtype="float32")
        self.steps, self.sampler, self.guidance = steps, sampler, guidance
        self.noise_schedule, self.target, self.classes = (
            model.noise_schedule,
            model.target,
            model.classes,
        )
        self.network = model.averaged
        # Noise is not predicted where there is none, or nothing else.
        self.times = np.linspace(1, 0, steps + 1).astype("float32")
        if self.target == "noise":
            self.times = np.linspace(_LAST, _FIRST, steps + 1).astype("float32")

    def call(self, inputs):
        x, *rest = inputs
        label = rest.pop() if self.classes is not None else None
        noise = rest[0] if rest else None
        times = ops.convert_to_tensor(self.times)

        def step(index, x):
            here, there = (ops.take(times, index + n) for n in (0, 1))
            after = self._step(x, here, there, index, noise, label)
            return ops.cast(after, x.dtype)

        return ops.fori_loop(0, self.steps, step, x)

    def _step(self, x, here, there, index, noise, label):
        time = ops.ones((ops.shape(x)[0], 1)) * here
        found = self._predicted(x, time, label)
        (a, s), (a_next, s_next) = (
            blend(self.noise_schedule, t) for t in (here, there)
        )
        match self.target:
            case "velocity":
                data, drawn = x - here * found, x + (1 - here) * found
            case "v":
                data, drawn = a * x - s * found, s * x + a * found
            case "noise":
                data, drawn = (x - s * found) / a, found
        if noise is None:
            return a_next * data + s_next * drawn
        # A part of the noise is drawn anew, the rest is kept. Their variances add up to
        # that of the next time.
        ratio = ops.square(a * s_next / ops.maximum(a_next * s, 1e-12))
        fresh = s_next * ops.sqrt(ops.maximum(1 - ratio, 0.0))
        kept = ops.sqrt(ops.maximum(ops.square(s_next) - ops.square(fresh), 0.0))
        return a_next * data + kept * drawn + fresh * ops.take(noise, index, axis=1)

    def _predicted(self, x, time, label):
        if label is None:
            return self.network([x, time], training=False)
        found = self.network([x, time, label], training=False)
        if not self.guidance:
            return found
        without = ops.full_like(label, self.classes)
        other = self.network([x, time, without], training=False)
        return found + self.guidance * (found - other)

    def compute_output_shape(self, input_shape):
        return input_shape[0]


def spread_times(count, seed):
    """Returns times of the examples of a batch, in `[0, 1)`.

    Each is uniform by itself. Together they are at equal distances from a random start,
    so that losses and gradients differ less from batch to batch than those of times
    that know nothing of each other.

    Args:
        count: Integer, or a tensor of one.
        seed: Integer or `keras.random.SeedGenerator`.

    Returns:
        Tensor of shape `(count, 1)`.
    """
    begin = keras.random.uniform((1, 1), seed=seed)
    places = ops.cast(ops.arange(count), begin.dtype)[:, None]
    return ops.mod(begin + places / ops.cast(count, begin.dtype), 1.0)


def blend(schedule, time):
    """Returns the shares of data and of noise at a time.

    Args:
        schedule: String.
        time: Tensor of times in `[0, 1]`.

    Returns:
        Tuple of two tensors.
    """
    match schedule:
        case "flow":
            return 1 - time, time
        case "cosine":
            return ops.cos(math.pi / 2 * time), ops.sin(math.pi / 2 * time)
    exponent = -(_LOWEST * time + (_HIGHEST - _LOWEST) * ops.square(time) / 2)
    return ops.exp(exponent / 2), ops.sqrt(ops.maximum(-ops.expm1(exponent), 0.0))


def _like(part, x):
    """A number for each example, as it is multiplied with data."""
    return ops.cast(ops.reshape(part, (-1, *[1] * (len(x.shape) - 1))), x.dtype)


def _check_range(name, value):
    """Returns a pair of floats, of which the second is the larger one, as a tuple."""
    if isinstance(value, (list, tuple)) and len(value) == 2:
        low, high = (check_number(name, part, "(-inf, inf)") for part in value)
        if low < high:
            return low, high
    raise ValueError(
        f"`{name}` must be two numbers, the lower one first. Received: {name}={value!r}"
    )


def _check_network(network, has_label):
    shapes = getattr(network, "input_shape", None)
    wanted = 3 if has_label else 2
    fits = (
        isinstance(network, keras.Model)
        and isinstance(shapes, (list, tuple))
        and len(shapes) == wanted
        and all(isinstance(shape, (list, tuple)) for shape in shapes)
        and tuple(network.output_shape) == tuple(shapes[0])
        and all(tuple(shape[1:]) == (1,) for shape in shapes[1:])
    )
    if not fits:
        what = "data, time and label" if has_label else "data and time"
        found = f"{shapes} to {getattr(network, 'output_shape', None)}"
        raise ValueError(
            f"`network` must be a keras.Model of a list of {wanted} inputs, {what}, of "
            "which all but the data have the shape (1,), that returns what has the "
            "shape of the data. Received: "
            + (found if isinstance(network, keras.Model) else f"network={network!r}")
        )
    return network
