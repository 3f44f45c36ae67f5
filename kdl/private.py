"""The private names of Keras and KerasTuner that kdl uses.

They stand here alone, so that a release that changes one breaks one line. Each function
has its test in tests/test_private.py, which says what has changed.
"""

import contextlib
import sys
from pathlib import Path

import keras

# Attributes of Keras's optimizers that are replaced for a while.
LEARNING_RATE = "_learning_rate"
UPDATE_STEP = "_backend_update_step"
# Of its optimizers on TensorFlow, which sums the gradients of replicas.
_SUM = "_all_reduce_sum_gradients"
# Method of its batch normalization that returns mean and variance of a batch.
MOMENTS = "_moments"
# Methods that Keras and KerasTuner call, and that classes of kdl define anew.
OVERRIDDEN = {
    "kdl.optimizers.wrapper.Wrapper": ("_model_variables_moving_average",),
    "kdl.tuning.oracle.DurableOracle": (
        "_check_consecutive_failures",
        "_project_dir",
        "_record_values",
        "_retry",
        "_save_trial",
    ),
    "kdl.tuning.RandomSearch": (
        "_populate_initial_space",
        "_try_build",
        "_try_run_and_update_trial",
    ),
}


# Layers of Keras


def layers_of(model):
    """Returns a model or layer and all layers within, whatever their depth."""
    return model._flatten_layers()


def parts_of(layer):
    """Returns the layers within a layer or model, without those within these."""
    return layer._flatten_layers(include_self=False, recursive=False)


def outermost_call():
    """Returns the outermost layer that is being called, or `None`."""
    layer = _OUTSIDER._get_call_context().entry_layer
    if layer is _OUTSIDER:
        # Asking outside of any call has begun one.
        _OUTSIDER._maybe_reset_call_context()
        return None
    return layer


def call_context(layer):
    """Returns what tells one call of the outermost layer from another."""
    return layer._get_call_context()


class _Outsider:
    """Asks Keras which layers are being called, as a layer does that is none."""

    _get_call_context = keras.layers.Layer._get_call_context
    _maybe_reset_call_context = keras.layers.Layer._maybe_reset_call_context

    def _clear_losses(self):
        pass


_OUTSIDER = _Outsider()


def build_step(model, batch):
    """Makes all variables of a compiled model's training step.

    TensorFlow traces a step again that makes some; on the others, `fit` does this.
    """
    if keras.backend.backend() == "tensorflow":
        model._symbolic_build(data_batch=batch)


@contextlib.contextmanager
def replaced(target, attributes):
    """Has an object have other attributes for a while.

    It is past `__setattr__`, by which Keras and PyTorch keep track of parts.

    Args:
        target: Layer, model or optimizer.
        attributes: Dict of values by name, such as a function for a method.
    """
    before = {name: vars(target)[name] for name in attributes if name in vars(target)}
    vars(target).update(attributes)
    try:
        yield
    finally:
        for name in attributes:
            del vars(target)[name]
        vars(target).update(before)


@contextlib.contextmanager
def layout_of_each_batch():
    """Has Keras on JAX lay out each batch by its own shape, not by that of the first.

    A last batch may be one that does not divide by the number of devices.
    """
    trainer = next(kind for kind in keras.Model.__mro__ if "fit" in vars(kind))
    module = sys.modules[trainer.__module__]
    distribute = module._distribute_data
    module._distribute_data = lambda data, layouts=None: distribute(data)
    try:
        yield
    finally:
        module._distribute_data = distribute


def origin(tensor):
    """Returns what has made a symbolic tensor, and a list of what it was made of."""
    operation, node, _ = tensor._keras_history
    return operation, operation._inbound_nodes[node].input_tensors


def untrack(layer, part):
    """Has a layer no longer count another one among its parts."""
    layer._tracker.untrack(part)


def draw_dropout_masks(layer, inputs, states):
    """Draws the masks of a recurrent layer's cell for a batch."""
    layer._maybe_config_dropout_masks(layer.cell, inputs, states)


def drop_dropout_masks(layer):
    """Has the masks drawn anew for the next batch."""
    layer._maybe_reset_dropout_masks(layer.cell)


# Optimizers of Keras


def slot(optimizer, name, variable):
    """Returns what an optimizer keeps for a variable.

    Args:
        optimizer: Built `keras.optimizers.Optimizer`.
        name: String, such as `"velocities"`, `"accumulated_gradients"` or
            `"model_variables_moving_average"`.
        variable: `keras.Variable` that it trains.
    """
    return getattr(optimizer, f"_{name}")[variable_index(optimizer, variable)]


def variable_index(optimizer, variable):
    """Returns the place of a variable among those that an optimizer trains."""
    return optimizer._get_variable_index(variable)


def trained_variables(optimizer):
    """Returns the variables that a built optimizer trains."""
    return optimizer._trainable_variables


def check_variables_are_known(optimizer, variables):
    """Refuses variables that an optimizer was not built for."""
    optimizer._check_variables_are_known(variables)


def untrack_variable(optimizer, variable):
    """Has an optimizer no longer count a variable among its own."""
    optimizer._untrack_variable(variable)


def update_step(optimizer):
    """Returns the function that updates variables, without averages or constraints."""
    return getattr(optimizer, UPDATE_STEP)


def sum_over_replicas(optimizer, grads, variables):
    """Returns the sums of gradients over the replicas of a strategy of TensorFlow.

    Those of one that has `is_summed` are sums already, and are returned as they are.
    """
    if keras.backend.backend() != "tensorflow":
        return grads
    return _summed(getattr(optimizer, _SUM), grads, variables)


def _summed(add, grads, variables):
    """Sums of gradients by Keras, which fails where a variable has none."""
    pairs = zip(grads, variables, strict=True)
    given = [pair for pair in pairs if pair[0] is not None]
    sums = iter(add(given) if given else ())
    return [None if gradient is None else next(sums)[0] for gradient in grads]


def over_replicas(loss):
    """Returns a loss as Keras scales its own for replicas of a strategy of TensorFlow.

    Gradients are summed over replicas, so that the mean of a batch is that of all.
    """
    if keras.backend.backend() != "tensorflow":
        return loss
    import tensorflow as tf

    count = tf.distribute.get_strategy().num_replicas_in_sync
    return loss / count if count > 1 else loss


def is_summed():
    """Returns the attributes of an optimizer that is given sums over replicas."""
    return (
        {_SUM: lambda pairs: pairs} if keras.backend.backend() == "tensorflow" else {}
    )


@contextlib.contextmanager
def summed_gradients(optimizer):
    """Has an optimizer on TensorFlow sum the gradients of replicas before all else.

    Keras's own do so last, so that each replica clips the gradients of its part.
    """
    leaves, apply = _leaves(optimizer), optimizer.apply
    add = getattr(leaves[0], _SUM)

    def applied(grads, trainable_variables=None):
        # Without variables, they are those that it was built with.
        variables = trainable_variables or trained_variables(optimizer)
        apply(_summed(add, grads, variables), trainable_variables)

    with contextlib.ExitStack() as stack:
        stack.enter_context(replaced(optimizer, {"apply": applied}))
        for leaf in leaves:
            stack.enter_context(replaced(leaf, is_summed()))
        yield


def _leaves(optimizer):
    """The optimizers within one that contain no others."""
    inner = getattr(optimizer, "inner_optimizer", None)
    parts = getattr(optimizer, "optimizers", [] if inner is None else [inner])
    return [leaf for part in parts for leaf in _leaves(part)] or [optimizer]


def count_batches(optimizer):
    """Returns how many batches an optimizer has seen, those it accumulates too."""
    return int(keras.ops.convert_to_numpy(optimizer._iterations))


def learning_rate(optimizer):
    """Returns the schedule or the variable of the learning rate itself."""
    return vars(optimizer)[LEARNING_RATE]


def set_learning_rate(optimizer, rate):
    """Sets it past its setter, which would take a variable out of the state."""
    vars(optimizer)[LEARNING_RATE] = rate


def keep_loss_scaling(model):
    """Has the file of a model hold the scaling of its loss, if Keras has added it.

    Keras saves the optimizer that it was given, which is loaded without the scaling.
    """
    model._compile_config.config["optimizer"] = model.optimizer


# Oracles and tuners of KerasTuner


def oracle_file(oracle):
    """Returns the `Path` that an oracle is saved to."""
    return Path(oracle._get_oracle_fname())


def tuner_file(tuner):
    """Returns the `Path` that a tuner is saved to."""
    return Path(tuner._get_tuner_fname())


def search_folder(oracle):
    """Returns the `Path` of an oracle's search, which may not be there."""
    return Path(str(oracle._directory)) / oracle._project_name


def trial_folder(oracle, trial_id):
    """Returns the `Path` of a trial's folder."""
    return Path(oracle._get_trial_dir(trial_id))


def checkpoint_file(tuner, trial_id):
    """Returns where a tuner keeps the best weights of a trial."""
    return tuner._get_checkpoint_fname(trial_id)


def is_worker(tuner):
    """Whether a tuner asks a chief in another process for its trials."""
    return tuner._is_worker()


def run_trial(tuner, trial, *args, **kwargs):
    """Runs a trial and tells its scores, without catching what it raises."""
    tuner._run_and_update_trial(trial, *args, **kwargs)


def queue_trial(oracle, trial_id):
    """Has an oracle hand out a trial again, before it makes new ones."""
    # The queue is taken from its end.
    oracle._retry_queue.insert(0, trial_id)


def is_duplicate(oracle, values):
    """Whether the values have been tried, of a search that tries none twice."""
    return oracle._duplicate(values)


def remember_values(oracle, trial_id, values):
    """Notes the values of a trial as tried, in place of those it was made with."""
    known = oracle._compute_values_hash(values)
    oracle._tried_so_far.discard(oracle._id_to_hash[trial_id])
    oracle._tried_so_far.add(known)
    oracle._id_to_hash[trial_id] = known
