"""A depthwise convolution that is quick on every backend."""

import keras
from keras import ops

from kdl.layers.data_format import strided


class DepthwiseConv2D(keras.layers.DepthwiseConv2D):
    """Keras's `DepthwiseConv2D` for padded images with their channels last.

    XLA's depthwise convolution is slow on a CPU: forward and backward of 3 by 3 on
    `(32, 14, 14, 64)` take some ten times as long there as a sum of nine shifted
    products, which it is by definition. There, this layer adds up the products.
    """

    def call(self, inputs):
        if not _is_slow():
            return super().call(inputs)
        height, width = (
            self._slices(side, size, stride, dilation)
            for side, size, stride, dilation in zip(
                inputs.shape[1:3],
                self.kernel_size,
                self.strides,
                self.dilation_rate,
                strict=True,
            )
        )
        padding = [(0, 0), height[0], width[0], (0, 0)]
        images = ops.pad(inputs, padding)
        # Height, width, channels and 1.
        kernel = ops.cast(self.kernel, images.dtype)[..., 0]
        outputs = 0
        for row, rows in enumerate(height[1]):
            for column, columns in enumerate(width[1]):
                outputs += images[:, rows, columns] * kernel[row, column]
        if self.use_bias:
            outputs += ops.cast(self.bias, outputs.dtype)
        return self.activation(outputs)

    @staticmethod
    def _slices(side, size, stride, dilation):
        """The padding of a side, and what each place of the kernel sees of it."""
        count = strided(side, stride)
        total = max((count - 1) * stride + (size - 1) * dilation + 1 - side, 0)
        seen = [
            slice(start, start + (count - 1) * stride + 1, stride)
            for start in range(0, size * dilation, dilation)
        ]
        return (total // 2, total - total // 2), seen


def _is_slow():
    match keras.backend.backend():
        case "jax":
            import jax

            return jax.default_backend() == "cpu"
    return False
