"""What a training step depends on, besides its data."""

import keras
import numpy as np

from kdl.layers.clock import numbers_of


def check_built(model):
    """Refuses a model of which there is no state yet."""
    if not model.built:
        raise ValueError(
            f"The model {model.name!r} has no weights yet that could be restored. "
            "Begin it with a `keras.Input`, or call it on a batch before `fit`."
        )


def variables_of(model):
    """Returns the variables of a compiled model and of its optimizer.

    With those of a model comes the random state of its layers.
    """
    # Those of its adjustable numbers are made when its clock looks for them.
    numbers_of(model)
    if not model.optimizer.built:
        model.optimizer.build(model.trainable_variables)
    return [*model.variables, *model.optimizer.variables]


def random_states():
    """Returns the random states of the backend that no variable holds, as arrays.

    Keras's own Dropout without a seed draws from that of PyTorch.
    """
    match keras.backend.backend():
        case "torch":
            import torch

            states = [torch.get_rng_state(), *torch.cuda.get_rng_state_all()]
            return [state.numpy() for state in states]
    return []


def set_random_states(states):
    """Goes back to what `random_states` returned."""
    if states:
        import torch

        first, *others = (torch.from_numpy(np.array(state)) for state in states)
        torch.set_rng_state(first)
        torch.cuda.set_rng_state_all(others)
