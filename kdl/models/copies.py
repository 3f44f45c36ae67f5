"""Copies of trained models, without what belonged to their training."""

import keras

from kdl.layers import Clock
from kdl.models.student import Student
from kdl.private import layers_of


def copied(model, name):
    """Returns a copy of a model as it predicts, with its weights.

    Penalties are left behind, and the `kdl.layers.Clock`: two of them cannot be in one
    model. Schedules are the numbers that they had reached.

    Args:
        model: Built `keras.Model`, functional, sequential or subclassed.
        name: String. Name of the copy.

    Returns:
        `keras.Model`, functional unless `model` has a `call` of its own.

    Raises:
        ValueError: If a subclassed model has not been built, or has a clock.
    """
    if not _is_of_layers(model):
        return _copied_whole(model, name)
    step = step_of(model)
    graph = keras.models.clone_model(
        model,
        clone_function=lambda layer: settled_layer(layer, step),
        recursive=True,
    )
    copy_weights(model, graph)
    outputs = graph.outputs[0] if isinstance(graph, keras.Sequential) else graph.output
    return keras.Model(inputs_of(graph), outputs, name=name)


def inputs_of(model):
    """Returns symbolic inputs of a model, a `keras.KerasTensor` or a structure of such.

    Raises:
        ValueError: If they are not known.
    """
    if isinstance(model, keras.Sequential) and model.built:
        return model.inputs[0]
    if not isinstance(model, keras.Sequential) and getattr(model, "inputs", None):
        return model.input
    shapes = (model.get_build_config() or {}).get("input_shape")
    if isinstance(shapes, (list, tuple)) and not isinstance(shapes[0], (list, tuple)):
        return keras.Input(shapes[1:], name="inputs")
    if isinstance(shapes, dict):
        return {name: keras.Input(s[1:], name=name) for name, s in shapes.items()}
    raise ValueError(
        f"The model {model.name!r} must have been called on an input, or on a dict of "
        "them, so that their shapes are known."
    )


def step_of(model):
    """How many batches the clock of a model has counted, before the last one."""
    for layer in layers_of(model):
        if isinstance(layer, Clock):
            return max(int(keras.ops.convert_to_numpy(layer.batches)) - 1, 0)
    return 0


def settled_layer(layer, step):
    """A copy of a layer with other weights, without what belonged to its training."""
    if isinstance(layer, Clock):
        return keras.layers.Identity(name=layer.name)
    return type(layer).from_config(_settled(layer.get_config(), step))


def copy_weights(model, copy):
    """Gives a copy the weights of a model, layer by layer, also within models."""
    for layer in model.layers:
        if isinstance(layer, Clock) or not layer.weights:
            continue
        other = copy.get_layer(layer.name)
        if isinstance(layer, keras.Model) and _is_of_layers(layer):
            copy_weights(layer, other)
            continue
        other.set_weights(layer.get_weights())
        if isinstance(other, keras.layers.Normalization):
            # It computes with what it made of its weights.
            other.finalize_state()


def _is_of_layers(model):
    """Whether a model predicts as its layers do, one after the other.

    One that has a `call` of its own need not.
    """
    is_plain = type(model).call.__module__.startswith("keras.")
    return is_plain or isinstance(model, Student)


def _copied_whole(model, name):
    """A copy of a subclassed model, by its config."""
    if any(isinstance(layer, Clock) for layer in layers_of(model)):
        raise ValueError(
            f"The model {model.name!r} has a `kdl.layers.Clock` within its `call`, "
            "which cannot be left out. Build it of layers: "
            "`keras.Model(inputs, outputs)`."
        )
    inputs = inputs_of(model)
    copy = type(model).from_config(model.get_config())
    # Not all configs have it in the same place.
    copy.name = name
    copy(inputs)
    copy.set_weights(model.get_weights())
    return copy


def _settled(config, step):
    """A part of a config in which schedules are the numbers that they had reached."""
    if isinstance(config, (list, tuple)):
        return type(config)(_settled(value, step) for value in config)
    if not isinstance(config, dict):
        return config
    if config.get("registered_name") == "kdl>Number":
        return _settled(config["config"]["schedule"], step)
    if _is_schedule(config):
        return float(keras.saving.deserialize_keras_object(config)(step))
    return {
        name: None if str(name).endswith("regularizer") else _settled(value, step)
        for name, value in config.items()
    }


def _is_schedule(config):
    """Whether a config is that of a schedule."""
    kind = keras.saving.get_registered_object(config.get("registered_name"))
    schedule = keras.optimizers.schedules.LearningRateSchedule
    is_own = isinstance(kind, type) and issubclass(kind, schedule)
    return is_own or config.get("module") == "keras.optimizers.schedules"
