"""Bilinear."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from kdl.checks import check_boolean, check_integer, check_part
from kdl.typing import (
    ActivationLike,
    ConstraintLike,
    InitializerLike,
    RegularizerLike,
    Shape,
    Shapes,
    Tensor,
)


@keras.saving.register_keras_serializable(package="kdl")
class Bilinear(keras.layers.Layer):
    """Combines two tensors by a bilinear form for each unit.

        outputs[…, u] = sum(x1[…, i] * kernel[i, j, u] * x2[…, j] for i, j) + bias[u]

    It sees how the features of one go with those of the other, as in the scores of
    pairs of entities or of a head and its dependent; `Dense` on both, joined, sees
    each for itself. Keras has no such layer. PyTorch's holds the kernel as
    `(units, features_1, features_2)`.

    Args:
        units: Integer in `[1, inf)`. Dimension of the output space.
        activation: Optional name or function of the activation. Defaults to `None`.
        use_bias: Boolean. Whether to add the bias. Defaults to `True`.
        kernel_initializer: Name or `keras.initializers.Initializer`. Defaults to
            `"lecun_uniform"`, of variance `1 / (features_1 * features_2)`, which keeps
            the variance of independent inputs.
        bias_initializer: Name or `keras.initializers.Initializer`. Defaults to
            `"zeros"`.
        kernel_regularizer: Optional `keras.regularizers.Regularizer`. Defaults to
            `None`.
        bias_regularizer: Optional `keras.regularizers.Regularizer`. Defaults to
            `None`.
        kernel_constraint: Optional `keras.constraints.Constraint`. Defaults to `None`.
        bias_constraint: Optional `keras.constraints.Constraint`. Defaults to `None`.
        **kwargs: Arguments of `keras.layers.Layer`, such as `name`.

    Call arguments:
        inputs: List of two float tensors, of shapes `(…, features_1)` and
            `(…, features_2)`, alike but for the last axis.

    Returns:
        Tensor of shape `(…, units)` and of the layer's compute dtype.

    Raises:
        ValueError: If `units` is outside its interval, or if the inputs are not two
            tensors as described.

    Example:

    >>> layer = kdl.layers.Bilinear(8)
    >>> outputs = layer([keras.ops.ones((2, 4)), keras.ops.ones((2, 3))])

    References:
        - [Socher et al., 2013](https://papers.nips.cc/paper/5028), neural tensor
          networks
    """

    def __init__(
        self,
        units: int,
        activation: ActivationLike | None = None,
        use_bias: bool = True,
        kernel_initializer: InitializerLike = "lecun_uniform",
        bias_initializer: InitializerLike = "zeros",
        kernel_regularizer: RegularizerLike | None = None,
        bias_regularizer: RegularizerLike | None = None,
        kernel_constraint: ConstraintLike | None = None,
        bias_constraint: ConstraintLike | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.units = check_integer("units", units, "[1, inf)")
        self.activation = check_part("activation", activation, "activation")
        self.use_bias = check_boolean("use_bias", use_bias)
        self.kernel_initializer = check_part(
            "kernel_initializer", kernel_initializer, "initializer"
        )
        self.bias_initializer = check_part(
            "bias_initializer", bias_initializer, "initializer"
        )
        self.kernel_regularizer = check_part(
            "kernel_regularizer", kernel_regularizer, "regularizer"
        )
        self.bias_regularizer = check_part(
            "bias_regularizer", bias_regularizer, "regularizer"
        )
        self.kernel_constraint = check_part(
            "kernel_constraint", kernel_constraint, "constraint"
        )
        self.bias_constraint = check_part(
            "bias_constraint", bias_constraint, "constraint"
        )
        self.input_spec = [keras.InputSpec(min_ndim=2), keras.InputSpec(min_ndim=2)]

    def build(self, input_shape: Shapes) -> None:
        first, second = self._check_shapes(input_shape)
        self.kernel = self.add_weight(
            name="kernel",
            shape=(first[-1], second[-1], self.units),
            initializer=self.kernel_initializer,
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
        )
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight(
                name="bias",
                shape=(self.units,),
                initializer=self.bias_initializer,
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
            )
        self.input_spec = [
            keras.InputSpec(min_ndim=2, axes={-1: shape[-1]})
            for shape in (first, second)
        ]

    def call(self, inputs: Sequence[Tensor]) -> Tensor:
        first, second = inputs
        sizes = ops.shape(self.kernel)
        # One product of matrices over the first features, and one a row over the
        # second.
        kernel = ops.reshape(self.kernel, (sizes[0], -1))
        rows = ops.matmul(first, kernel)
        rows = ops.reshape(rows, (*ops.shape(first)[:-1], *sizes[1:]))
        outputs = ops.squeeze(ops.matmul(second[..., None, :], rows), axis=-2)
        if self.bias is not None:
            outputs = ops.add(outputs, self.bias)
        return self.activation(outputs)

    def compute_output_shape(self, input_shape: Shapes) -> Shape:
        first, _ = self._check_shapes(input_shape)
        return *first[:-1], self.units

    def _check_shapes(self, shapes):
        first, second = map(tuple, shapes)
        pairs = zip(first[:-1], second[:-1], strict=False)
        if len(first) != len(second) or any(
            None not in pair and pair[0] != pair[1] for pair in pairs
        ):
            raise ValueError(
                "Bilinear takes two tensors of shapes that are alike but for the last "
                f"axis. Received: inputs of shapes {first} and {second}"
            )
        if None in (first[-1], second[-1]):
            raise ValueError(
                "Bilinear has to know the last axis of its inputs. Received: inputs "
                f"of shapes {first} and {second}"
            )
        return first, second

    def get_config(self) -> dict[str, Any]:
        own = {
            "units": self.units,
            "activation": keras.activations.serialize(self.activation),
            "use_bias": self.use_bias,
        }
        for kind in ("initializer", "regularizer", "constraint"):
            for name in (f"kernel_{kind}", f"bias_{kind}"):
                part = getattr(self, name)
                own[name] = part and keras.saving.serialize_keras_object(part)
        return {**super().get_config(), **own}
