"""In which arithmetic a recipe builds and trains its models."""

import contextlib
import functools

import keras

from kdl import private
from kdl.checks import check_choice

PRECISIONS = ("float32", "mixed_bfloat16", "mixed_float16", "float64")


def check_precision(name, value, precisions=PRECISIONS):
    """Returns a precision, provided it is one of some, and this backend has it.

    Args:
        name: String. Name of the argument.
        value: String.
        precisions: Tuple of strings.

    Raises:
        ValueError: If it is not.
    """
    check_choice(name, value, precisions)
    if value == "float64" and (reason := _lack_of_float64()):
        rest = ", ".join(repr(one) for one in precisions if one != value)
        raise ValueError(
            f"`{name}` must be one of {rest}, since {reason}. Received: "
            f"{name.removeprefix('--')}='float64'"
        )
    return value


def _lack_of_float64():
    """Why there is no float64, as a clause, or `None` where there is."""
    match keras.backend.backend():
        case "jax":
            import jax

            if not jax.config.jax_enable_x64:
                return (
                    "JAX has float64 only if JAX_ENABLE_X64=1 is in the environment "
                    "when it is imported"
                )
        case "torch":
            if keras.ops.zeros(()).device.type == "mps":
                return "the device 'mps' has no float64"
    return None


@contextlib.contextmanager
def arithmetic(precision):
    """Has layers, losses and metrics that are made in the block compute so."""
    policy, float_type = keras.config.dtype_policy(), keras.config.floatx()
    keras.config.set_floatx("float64" if precision == "float64" else "float32")
    keras.config.set_dtype_policy(precision)
    try:
        yield
    finally:
        keras.config.set_floatx(float_type)
        keras.config.set_dtype_policy(policy)


def in_its_precision(build):
    """Has the `build` of a recipe build in the recipe's precision.

    The last layers of a model are float32 where the others are narrower, and the loss
    is scaled where gradients of float16 would vanish.
    """

    @functools.wraps(build)
    def built(self, hp, *args, **kwargs):
        if self.precision == "float32":
            return build(self, hp, *args, **kwargs)
        with arithmetic(self.precision):
            model = build(self, hp, *args, **kwargs)
        if self.precision.startswith("mixed_"):
            for layer in heads(model):
                layer.dtype_policy = "float32"
        if self.precision == "mixed_float16":
            private.keep_loss_scaling(model)
        return model

    return built


def heads(model):
    """Returns the layers that make the outputs of a model.

    They are the last ones with weights, and those without that come after; a layer of
    several parts, such as a decoder, stays as it is.
    """
    wanted = list(getattr(model, "outputs", None) or [])
    if not wanted:
        return model.layers[-1:] if isinstance(model, keras.Sequential) else []
    found = []
    while wanted:
        layer, inputs = private.origin(wanted.pop())
        is_layer = isinstance(layer, keras.layers.Layer) and inputs
        if not is_layer or layer in found:
            continue
        if isinstance(layer, keras.Model):
            found += heads(layer)
        elif not layer.weights:
            found.append(layer)
            wanted += inputs
        elif hasattr(layer, "kernel"):
            found.append(layer)
    return found
