"""Stochastic depth."""

from typing import Any, Literal

import keras
from keras import ops

from kdl.checks import check_choice, check_integer, check_number, check_seed
from kdl.layers.sublayers import freeze_parts
from kdl.schedules import now, number
from kdl.schedules.number import find_numbers
from kdl.typing import FloatOrSchedule, Shape, Tensor


@keras.saving.register_keras_serializable(package="kdl")
class StochasticDepth(keras.layers.Layer):
    """Drops a residual branch at random in training.

    With a shortcut around it, each training call gives

        inputs + kept * branch(inputs) / (1 - rate),   P(kept = 1) = 1 - rate

    where this layer is what is added to the inputs. Networks of many residual blocks
    train faster, and generalize better, when each block is missing now and then.

    Keras's `Dropout` with a `noise_shape` would drop the outputs of the branch after
    they have been computed. This layer owns its branch: in the mode `"batch"` a branch
    that is dropped is not computed at all, neither forward nor backward.

    The paper scales the branch by `1 - rate` at inference; here, as in torchvision, a
    branch that is kept is scaled up in training, and inference has it as it is. It is
    the `drop_connect` of EfficientNet, in the mode `"row"`.

    Args:
        branch: `keras.layers.Layer`, such as a `keras.Sequential`, whose outputs have
            the shape of its inputs. In the mode `"batch"` it may hold batch
            normalization and dropout, whose state stays as it is when the branch is
            dropped, but no schedule by a `kdl.layers.Clock`, no activity regularizer
            and no other loss.
        rate: Float in `[0, 1)`, or a schedule of it. Probability that the branch is
            dropped. Usually it grows with depth, to 0.2 or 0.5: see `linear_rates`.
            Defaults to `0.2`.
        mode: `"batch"`, one draw for all examples, or `"row"`, one for each, for which
            the branch is computed all the same. With JAX on a CPU, a branch of
            convolutions takes `"row"`: XLA is tens of times slower at a convolution
            that may be left out. Defaults to `"batch"`.
        seed: Optional integer. Makes the sequence of draws reproducible on a given
            backend. Defaults to `None`.
        **kwargs: Arguments of `keras.layers.Layer`, such as `name`.

    Call arguments:
        inputs: Float tensor of shape `(batch, ...)`.
        training: Boolean. Whether to drop. Defaults to `False`.

    Returns:
        Tensor of the shape of the inputs and of the layer's compute dtype.

    Raises:
        ValueError: If an argument is not as described, or if the outputs of the branch
            have another shape than its inputs.

    Example:

    >>> rates = kdl.layers.StochasticDepth.linear_rates(0.5, depth=3)
    >>> inputs = outputs = keras.Input((8,))
    >>> for rate in rates:
    ...     branch = keras.layers.Dense(8, "relu")
    ...     dropped = kdl.layers.StochasticDepth(branch, rate)(outputs)
    ...     outputs = keras.layers.Add()([outputs, dropped])

    References:
        - [Huang et al., 2016](https://arxiv.org/abs/1603.09382)
    """

    def __init__(
        self,
        branch: keras.Layer,
        rate: FloatOrSchedule = 0.2,
        mode: Literal["batch", "row"] = "batch",
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if isinstance(branch, dict):
            branch = keras.saving.deserialize_keras_object(branch)
        if not isinstance(branch, keras.layers.Layer):
            raise ValueError(
                f"`branch` must be a keras.layers.Layer. Received: {branch=}"
            )
        self.branch = branch
        self.rate = number("rate", rate, "[0, 1)")
        self.mode = check_choice("mode", mode, ("batch", "row"))
        self.seed = check_seed("seed", seed)
        self.seed_generator = keras.random.SeedGenerator(self.seed)

    @staticmethod
    def linear_rates(rate: float, depth: int) -> list[float]:
        """Returns a rate for each of `depth` blocks, growing linearly to `rate`.

        Args:
            rate: Float in `[0, 1)`. Rate of the last block.
            depth: Integer in `[1, inf)`. Number of blocks.
        """
        rate = check_number("rate", rate, "[0, 1)")
        depth = check_integer("depth", depth, "[1, inf)")
        return [rate * block / depth for block in range(1, depth + 1)]

    def build(self, input_shape: Shape) -> None:
        if not self.branch.built:
            self.branch.build(input_shape)
        output_shape = self.branch.compute_output_shape(input_shape)
        if tuple(output_shape) != tuple(input_shape):
            raise ValueError(
                f"`branch` of the layer {self.name!r} must return what has the shape "
                f"of its inputs, {tuple(input_shape)}. Received: a branch that returns "
                f"{tuple(output_shape)}"
            )
        if self.mode == "batch" and (numbers := find_numbers(self.branch)):
            raise ValueError(
                f"`branch` of the layer {self.name!r} must not follow a schedule in "
                "the mode 'batch', in which it is compiled apart; the mode 'row' "
                "allows it. "
                f"Received: a branch with schedules of {', '.join(numbers)}"
            )
        freeze_parts(self)

    def call(self, inputs: Tensor, training: bool | None = False) -> Tensor:
        rate = now(self.rate, training)
        if not training:
            return ops.cast(self.branch(inputs, training=False), self.compute_dtype)
        keep = 1 - rate
        shape = (ops.shape(inputs)[0],) if self.mode == "row" else ()
        # In float32: bfloat16 has too few numbers in [0, 1) for most rates.
        drawn = keras.random.uniform(shape, dtype="float32", seed=self.seed_generator)
        if self.mode == "batch":
            outputs = self._computed_if(drawn < keep, inputs)
            return outputs / ops.cast(keep, outputs.dtype)
        outputs = ops.cast(self.branch(inputs, training=True), self.compute_dtype)
        kept = ops.reshape(drawn < keep, (-1, *[1] * (len(inputs.shape) - 1)))
        return ops.where(kept, outputs / ops.cast(keep, outputs.dtype), 0)

    def _computed_if(self, kept, inputs):
        """What the branch returns, or zeros for which it is not computed."""
        # What a branch of a condition assigns is lost on JAX: its state is passed in
        # and out instead.
        branch = self.branch
        trainable, state = (
            [ops.convert_to_tensor(variable) for variable in variables]
            for variables in (
                branch.trainable_variables,
                branch.non_trainable_variables,
            )
        )
        takes_training = "training" in branch.call_signature_parameters
        options = {"training": True} if takes_training else {}

        def computed():
            outputs, after = branch.stateless_call(trainable, state, inputs, **options)
            after = [ops.convert_to_tensor(variable) for variable in after]
            return ops.cast(outputs, self.compute_dtype), after

        def dropped():
            # Zeros, of which the weights have gradients: PyTorch gives none to what
            # was not computed, and Keras's optimizer would pass over it there.
            seen = sum(ops.ravel(variable)[0] for variable in trainable)
            zeros = ops.where(kept, seen, 0.0) + ops.zeros_like(inputs)
            return ops.cast(zeros, self.compute_dtype), state

        outputs, state = ops.cond(kept, computed, dropped)
        for variable, value in zip(branch.non_trainable_variables, state, strict=True):
            variable.assign(value)
        return outputs

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "branch": keras.saving.serialize_keras_object(self.branch),
            "rate": keras.saving.serialize_keras_object(self.rate),
            "mode": self.mode,
            "seed": self.seed,
        }
