"""Proximal steps."""

import keras
from keras import ops

from kdl import private

SGD, Adam = keras.optimizers.SGD, keras.optimizers.Adam
Adagrad, RMSprop = keras.optimizers.Adagrad, keras.optimizers.RMSprop


def has_step_sizes(optimizer):
    """Whether the update of an optimizer is one that `step_sizes` knows.

    Args:
        optimizer: `keras.optimizers.Optimizer`. Keras's SGD, Adam, AdamW, RMSprop and
            Adagrad are known.
    """
    # By the method, which AdamW inherits, and a subclass with another update does not.
    return type(optimizer).update_step in _STEP_SIZES


def step_sizes(optimizer, learning_rate):
    """Returns how far an optimizer steps per unit of gradient, after its update.

    Args:
        optimizer: `keras.optimizers.Optimizer`.
        learning_rate: Scalar tensor.

    Returns:
        Function of a variable. It returns a scalar, or a tensor of the shape of the
        variable where coordinates have steps of their own: while the gradient is
        constant, the updates come to subtract this times the gradient.
    """
    return _STEP_SIZES[type(optimizer).update_step](optimizer, learning_rate)


def shrink(value, step_size, regularizer):
    """Returns the proximal operator of an elastic net.

    It is the minimum over `x` of

        sum((x - value) ** 2 / step_size) / 2 + regularizer(x)

    which is exactly zero wherever the gradient cannot outweigh the L1 norm.

    Args:
        value: Tensor.
        step_size: Scalar tensor, or tensor of the shape of `value`.
        regularizer: `kdl.regularizers.ElasticNet` whose `alpha` and `l1_ratio` are
            floats.
    """
    step_size = ops.cast(step_size, value.dtype)
    if l1 := regularizer.alpha * regularizer.l1_ratio:
        threshold = l1 * step_size
        # Exactly zero within the threshold, where a value is its own clip.
        value = value - ops.clip(value, -threshold, threshold)
    if l2 := regularizer.alpha * (1 - regularizer.l1_ratio):
        value = value / (1 + l2 * step_size)
    return value


def _sgd(optimizer, learning_rate):
    # A constant gradient comes to 1 + momentum + momentum² + … times itself.
    step_size = learning_rate / (1 - optimizer.momentum)
    return lambda variable: step_size


def _adam(optimizer, learning_rate):
    slot = "velocity_hats" if optimizer.amsgrad else "velocities"
    step = ops.cast(optimizer.iterations + 1, "float32")
    decay = ops.power(ops.cast(optimizer.beta_2, "float32"), step)
    rate = learning_rate * ops.sqrt(1 - decay)

    def step_size(variable):
        return rate / (ops.sqrt(_slot(optimizer, slot, variable)) + optimizer.epsilon)

    return step_size


def _rmsprop(optimizer, learning_rate):
    rate = learning_rate / (1 - optimizer.momentum)

    def step_size(variable):
        square = _slot(optimizer, "velocities", variable)
        if optimizer.centered:
            mean = _slot(optimizer, "average_gradients", variable)
            square = square - ops.square(mean)
        return rate / ops.sqrt(square + optimizer.epsilon)

    return step_size


def _adagrad(optimizer, learning_rate):
    def step_size(variable):
        square = _slot(optimizer, "accumulators", variable)
        return learning_rate / ops.sqrt(square + optimizer.epsilon)

    return step_size


def _slot(optimizer, name, variable):
    return ops.cast(private.slot(optimizer, name, variable), "float32")


_STEP_SIZES = {
    SGD.update_step: _sgd,
    Adam.update_step: _adam,
    RMSprop.update_step: _rmsprop,
    Adagrad.update_step: _adagrad,
}
