"""A batch normalization that is quick on every backend."""

import keras
from keras import ops

from kdl import private


class BatchNormalization(keras.layers.BatchNormalization):
    """Keras's `BatchNormalization` for images with their channels last.

    On PyTorch, Keras's is a dozen operations, each over all images. In training, this
    layer takes PyTorch's own there, of one operation.
    """

    def call(self, inputs, training=None):
        learns = training and self.trainable
        is_plain = not self.renorm and self.axis in (-1, len(inputs.shape) - 1)
        is_own = keras.backend.backend() == "torch" and 0 not in inputs.shape
        # Of several devices that train together, they are those of the whole batch.
        is_whole = private.MOMENTS in vars(self)
        if is_whole or not (learns and is_plain and is_own):
            return super().call(inputs, training=training)
        import torch

        gamma, beta = (
            None if weight is None else ops.cast(weight, "float32")
            for weight in (self.gamma, self.beta)
        )
        images = ops.cast(inputs, "float32").movedim(-1, 1)
        outputs, mean, inverse = torch.native_batch_norm(
            images, gamma, beta, None, None, True, 0.0, self.epsilon
        )
        variance = inverse.detach() ** -2 - self.epsilon
        for moving, now in (
            (self.moving_mean, mean.detach()),
            (self.moving_variance, variance),
        ):
            moving.assign(moving * self.momentum + now * (1 - self.momentum))
        return ops.cast(outputs.movedim(1, -1), self.compute_dtype)
