"""The loss of each example."""

import keras
import numpy as np
from keras import ops


class ExampleLosses(keras.Model):
    """The loss of each example under another model, compiled in `predict`.

    Keras's `predict` returns outputs without their mask, and so does not tell which
    steps of a sequence count. Here the loss is taken where the mask is known.

    Args:
        model: Compiled `keras.Model` of one loss.
        targets: Array, or a structure of them. What the model is trained towards.

    Call arguments:
        inputs: Tuple `(x, y)` of inputs of the model, and targets.
        training: Boolean. Passed on. Defaults to `False`.

    Returns:
        Float tensor of shape `(batch,)`. The mean of the losses of an example that are
        not masked.

    Raises:
        ValueError: If the model has several losses.
    """

    def __init__(self, model, targets):
        super().__init__()
        loss = model.loss
        if isinstance(loss, (list, tuple)) and len(loss) == 1:
            (loss,) = loss
        loss = keras.losses.get(loss) if isinstance(loss, str) else loss
        if not callable(loss) or not isinstance(targets, np.ndarray):
            raise ValueError(
                "`difficulty` must be an array or a function where a model has several "
                "losses or outputs. Received: difficulty='loss'"
            )
        self.model, self.mean = model, _UnmaskedMean()
        self.loss_of = loss.call if isinstance(loss, keras.losses.Loss) else loss
        self.compile(jit_compile=model.jit_compile, run_eagerly=model.run_eagerly)
        # It has no weights of its own. JAX would run it once uncompiled to build it.
        self.built = True

    def call(self, inputs, training=False):
        x, targets = inputs
        outputs = self.model(x, training=training)
        if len(outputs.shape) == len(targets.shape) + 1 and outputs.shape[-1] == 1:
            targets = targets[..., None]
        # As Keras does, in float32 where the model has less.
        pair = (ops.cast(part, keras.config.floatx()) for part in (targets, outputs))
        return self.mean(self.loss_of(*pair), outputs)

    def __reduce__(self):
        # It belongs to one fit. A copy of the callback that has it gets `None`.
        return type(None), ()


class _UnmaskedMean(keras.layers.Layer):
    """The mean over all axes but the first of losses that neither mask leaves out."""

    def call(self, losses, outputs, losses_mask=None, outputs_mask=None):
        weights = ops.ones_like(losses)
        for mask in (losses_mask, outputs_mask):
            if mask is not None:
                axes = tuple(range(len(mask.shape), len(losses.shape)))
                weights *= ops.expand_dims(ops.cast(mask, losses.dtype), axes)
        flat = (ops.shape(losses)[0], -1)
        total = ops.sum(ops.reshape(losses * weights, flat), axis=1)
        return total / ops.maximum(ops.sum(ops.reshape(weights, flat), axis=1), 1)

    def compute_mask(self, losses, previous_mask):
        # Keras would warn that the mask ends here.
        return None
