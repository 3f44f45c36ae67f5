"""Generative adversarial networks."""

from typing import Any, Literal

import keras
import numpy as np
from keras import ops
from numpy.typing import ArrayLike

from kdl.checks import check_choice, check_integer, check_seed
from kdl.layers import Clock
from kdl.layers.sublayers import call_frozen
from kdl.models.generative.parts import (
    FIXED,
    average,
    call_once,
    check_labels,
    check_network,
    check_no_loss,
    made_from,
    twin_of,
    weighted_mean,
)
from kdl.models.generative.two_optimizers import TwoOptimizers
from kdl.private import over_replicas
from kdl.schedules import now, number
from kdl.typing import FloatOrSchedule, Shape, Tensor

LOSSES = "non_saturating", "hinge", "wasserstein"


@keras.saving.register_keras_serializable(package="kdl")
class GenerativeAdversarialNetwork(keras.Model):
    """Learns to make data that another network takes for real ones.

    A generator `G` makes data of codes `z` from N(0, 1), and a discriminator `D` says,
    by a logit, whether data are real. Both learn in each training step, by the
    `adversarial_loss`:

    - `"non_saturating"`: `D` minimizes `softplus(-D(x)) + softplus(D(G(z)))`, and `G`
      minimizes `softplus(-D(G(z)))`.
    - `"hinge"`: `D` minimizes `relu(1 - D(x)) + relu(1 + D(G(z)))`, and `G` minimizes
      `-D(G(z))`.
    - `"wasserstein"`: `D` minimizes `D(G(z)) - D(x)`, and `G` minimizes `-D(G(z))`. `D`
      has to be bounded: use `kdl.layers.SpectralNormalization` in it.

    The gradient of each reaches its own network alone. The model is fitted to data
    without targets, `model.fit(x)`, and compiled without a loss. `loss` is the sum of
    both; it says little about the data that are made. A discriminator whose
    `discriminator_accuracy` is near 1 has won, and teaches nothing any more.

    `compile(optimizer, discriminator_optimizer=None, **kwargs)` takes the optimizers of
    the generator and the discriminator. Without the second, both have the same. With
    `gradient_accumulation_steps=n` in that of the generator, the discriminator makes
    `n` steps for one of the generator, which learns from the mean of `n` batches; the
    literature has it learn from the last one.

    With `classes`, it is fitted to data and labels as inputs, `model.fit([x, labels])`,
    and both networks take the label as a second input.

    `generate` uses a moving average of the generator's weights, which is a part of the
    model and saved with it. Codes and noise are the same in each evaluation.

    Keras has no such model; its example has a training step of its own.

    Args:
        generator: `keras.Model` from codes to data; with `classes`, of a list of codes
            and labels of shape `(1,)`.
        discriminator: `keras.Model` from data to logits of shape `(1,)`; with
            `classes`, of a list of data and labels of shape `(1,)`.
        adversarial_loss: String, `"non_saturating"`, `"hinge"` or `"wasserstein"`.
            Defaults to `"non_saturating"`.
        classes: Optional integer in `[1, inf)`. Defaults to `None`.
        noise: Float in `[0, inf)`, or a schedule of it. Standard deviation of normal
            noise on all that the discriminator sees in training, in the unit of the
            data. Noise that ends at 0 keeps it from winning early. Defaults to `0.0`.
        decay: Float in `[0, 1)`, or a schedule of it. That of the moving average in
            each training step; it begins at less. Defaults to `0.999`.
        seed: Optional integer. Makes the sequence of codes and noise in training
            reproducible on a given backend. Defaults to `None`.
        **kwargs: Arguments of `keras.Model`, such as `name`.

    Call arguments:
        inputs: Float tensor of data, or with `classes` a list of data and labels.
        training: Boolean. Whether codes and noise are drawn anew. Defaults to `False`.

    Returns:
        Dict of logits of shape `(batch, 1)`: `"real"`, of the data, `"made"`, of as
        many that are made, as the discriminator learns from them, and `"judged"`, the
        same as the generator learns from them.

    Raises:
        ValueError: If an argument is not as described, or if the shapes of the networks
            do not agree.

    Example:

    >>> layers = [keras.Input((4,)), keras.layers.Dense(2)]
    >>> generator = keras.Sequential(layers)
    >>> layers = [keras.Input((2,)), keras.layers.Dense(8, "relu")]
    >>> discriminator = keras.Sequential([*layers, keras.layers.Dense(1)])
    >>> model = kdl.models.GenerativeAdversarialNetwork(generator, discriminator)
    >>> model.compile(keras.optimizers.Adam(2e-4), keras.optimizers.Adam(4e-4))
    >>> points = np.random.default_rng(0).normal(size=(64, 2))
    >>> history = model.fit(points, verbose=0)
    >>> model.generate(5, seed=0).shape
    (5, 2)

    References:
        - [Goodfellow et al., 2014](https://arxiv.org/abs/1406.2661)
        - [Lim and Ye, 2017](https://arxiv.org/abs/1705.02894), hinge
        - [Arjovsky, Chintala and Bottou, 2017](https://arxiv.org/abs/1701.07875),
          Wasserstein
        - [Arjovsky and Bottou, 2017](https://arxiv.org/abs/1701.04862), noise
        - [Yazici et al., 2019](https://arxiv.org/abs/1806.04498), the moving average
    """

    def __init__(
        self,
        generator: keras.Model,
        discriminator: keras.Model,
        adversarial_loss: Literal[
            "non_saturating", "hinge", "wasserstein"
        ] = "non_saturating",
        classes: int | None = None,
        noise: FloatOrSchedule = 0.0,
        decay: FloatOrSchedule = 0.999,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.classes = classes
        if classes is not None:
            self.classes = check_integer("classes", classes, "[1, inf)")
        has_label = classes is not None
        self.generator = _check_network("generator", generator, has_label)
        self.discriminator = _check_network("discriminator", discriminator, has_label)
        _check_match(self.generator, self.discriminator)
        self.adversarial_loss = check_choice(
            "adversarial_loss", adversarial_loss, LOSSES
        )
        self.noise = number("noise", noise, "[0, inf)")
        self.decay = number("decay", decay, "[0, 1)")
        self.seed = check_seed("seed", seed)
        self.seed_generator = keras.random.SeedGenerator(self.seed)
        self.averaged = twin_of(self.generator)
        self.clock = Clock()
        self._parts = {
            name: keras.metrics.Mean(name=name)
            for name in (
                "generator_loss",
                "discriminator_loss",
                "discriminator_accuracy",
            )
        }
        inputs = [(_data_shape(self.discriminator), "float32")]
        if has_label:
            inputs.append(((), "int32"))
        call_once(self, *inputs)

    def compile(
        self,
        optimizer: keras.optimizers.Optimizer | str = "rmsprop",
        discriminator_optimizer: keras.optimizers.Optimizer | str | None = None,
        **kwargs: Any,
    ) -> None:
        optimizer = keras.optimizers.get(optimizer)
        if discriminator_optimizer is None:
            discriminator_optimizer = type(optimizer).from_config(
                optimizer.get_config()
            )
        discriminator_optimizer = keras.optimizers.get(discriminator_optimizer)
        for other in (optimizer, discriminator_optimizer):
            if isinstance(other, keras.optimizers.LossScaleOptimizer):
                raise ValueError(
                    "`optimizer` must not be a LossScaleOptimizer: there are two, of "
                    "one loss. Use mixed_bfloat16 in place of mixed_float16. Received: "
                    f"{other!r}"
                )
        both = TwoOptimizers(
            optimizer,
            discriminator_optimizer,
            self.discriminator.trainable_variables,
        )
        super().compile(both, auto_scale_loss=False, **kwargs)

    def get_compile_config(self) -> dict[str, Any]:
        config = super().get_compile_config()
        if config:
            both = config.pop("optimizer")["config"]
            config["optimizer"] = both["first"]
            config["discriminator_optimizer"] = both["second"]
        return config

    def compile_from_config(self, config: dict[str, Any]) -> None:
        self.compile(**keras.saving.deserialize_keras_object(config))
        self.optimizer.build(self.trainable_variables)

    def call(self, inputs: Tensor, training: bool = False) -> dict[str, Tensor]:
        inputs = self.clock(inputs, training=training)
        x, *labels = inputs if self.classes is not None else [inputs]
        x = ops.cast(x, self.compute_dtype)
        labels = [ops.reshape(ops.cast(part, "int32"), (-1, 1)) for part in labels]
        shape = ops.shape(x)[0], *self.generator_shape
        made = self.generator(
            [self._draw(0, shape, training), *labels]
            if labels
            else self._draw(0, shape, training),
            training=training,
        )
        if training:
            average(self.averaged, self.generator, self.decay, self.clock)
        made = ops.cast(made, self.compute_dtype)
        amount = now(self.noise, training)
        if training:
            x, made = (
                part
                + ops.cast(amount, part.dtype) * self._draw(1, ops.shape(part), True)
                for part in (x, made)
            )
        constant = ops.stop_gradient(made)
        real, taken, judged = (
            [part, *labels] if labels else part for part in (x, constant, made)
        )
        judge = self.discriminator
        return {
            "real": judge(real, training=training),
            "made": judge(taken, training=training),
            "judged": call_frozen(judge, judged, training=training),
        }

    @property
    def generator_shape(self) -> Shape:
        """Shape of a code."""
        return _data_shape(self.generator)

    def _draw(self, place, shape, training):
        """Normal numbers; in an evaluation, always the same."""
        seed = self.seed_generator if training else FIXED + place
        return keras.random.normal(shape, dtype=self.compute_dtype, seed=seed)

    def compute_loss(
        self,
        x: Tensor | None = None,
        y: Tensor | None = None,
        y_pred: Tensor | None = None,
        sample_weight: Tensor | None = None,
        training: bool = True,
    ) -> Tensor:
        check_no_loss(self, "a generative adversarial network")
        real, made, judged = (
            ops.cast(y_pred[name], "float32") for name in ("real", "made", "judged")
        )
        match self.adversarial_loss:
            case "non_saturating":
                told = ops.softplus(-real) + ops.softplus(made)
                fooled = ops.softplus(-judged)
            case "hinge":
                told, fooled = ops.relu(1 - real) + ops.relu(1 + made), -judged
            case "wasserstein":
                told, fooled = made - real, -judged
        right = (ops.cast(real > 0, "float32") + ops.cast(made < 0, "float32")) / 2
        for name, values in (
            ("generator_loss", fooled),
            ("discriminator_loss", told),
            ("discriminator_accuracy", right),
        ):
            self._parts[name].update_state(values[:, 0], sample_weight)
        loss = weighted_mean((told + fooled)[:, 0], sample_weight)
        penalties = sum(ops.sum(penalty) for penalty in self.losses)
        return over_replicas(loss + penalties)

    def generate(
        self, count: int, seed: int = 0, labels: ArrayLike | None = None
    ) -> np.ndarray:
        """Returns new data.

        The codes of a seed are the same on each backend.

        Args:
            count: Integer in `[1, inf)`.
            seed: Integer in `[0, inf)`. Defaults to `0`.
            labels: Optional integers of shape `(count,)`, the classes of a model that
                has some. Defaults to `None`, for labels that are drawn.

        Returns:
            Array of shape `(count, ...)`.
        """
        count = check_integer("count", count, "[1, inf)")
        rng = np.random.default_rng(check_integer("seed", seed, "[0, inf)"))
        codes = rng.normal(size=(count, *self.generator_shape)).astype("float32")
        if labels is None and self.classes is not None:
            labels = rng.integers(self.classes, size=count)
        inputs = [codes]
        if labels is not None:
            inputs.append(check_labels(labels, count, self.classes))
        return made_from(self.averaged, inputs)

    def get_config(self) -> dict[str, Any]:
        serialized = {
            name: keras.saving.serialize_keras_object(getattr(self, name))
            for name in ("generator", "discriminator", "noise", "decay")
        }
        return {
            "name": self.name,
            "trainable": self.trainable,
            **serialized,
            "adversarial_loss": self.adversarial_loss,
            "classes": self.classes,
            "seed": self.seed,
        }


def _data_shape(network):
    """Shape of the first input of a network, without the batch."""
    shape = network.input_shape
    return tuple((shape[0] if isinstance(shape, list) else shape)[1:])


def _check_network(name, value, has_label):
    """Returns a network of one input, or of a list of two, the second a label."""
    if not has_label:
        return check_network(name, value)
    if isinstance(value, dict) and value:
        value = keras.saving.deserialize_keras_object(value)
    shapes = getattr(value, "input_shape", None)
    takes_label = isinstance(shapes, list) and len(shapes) == 2
    is_network = isinstance(value, keras.Model) and takes_label
    if not (
        is_network and shapes[1] == (None, 1) and isinstance(value.output_shape, tuple)
    ):
        raise ValueError(
            f"`{name}` must be a keras.Model of a list of two inputs, of which the "
            "second is a label of shape (1,) and of one output. Received: "
            + (f"inputs of {shapes}" if shapes else f"{name}={value!r}")
        )
    return value


def _check_match(generator, discriminator):
    made, seen = tuple(generator.output_shape[1:]), _data_shape(discriminator)
    if made != seen:
        raise ValueError(
            f"`generator` must return data of the shape that `discriminator` takes, "
            f"{seen}. Received: a generator that returns {made}"
        )
    if tuple(discriminator.output_shape[1:]) != (1,):
        raise ValueError(
            "`discriminator` must return logits of shape (1,). Received: a "
            f"discriminator that returns {tuple(discriminator.output_shape[1:])}"
        )
