"""Several models of one training."""

from typing import Any

import keras
from numpy.typing import ArrayLike

from kdl.checks import check_integer, check_number
from kdl.models.compiling import compile_as
from kdl.models.copies import copied
from kdl.typing import Arrays

# Arguments of `fit` with which a cycle has other steps than its examples say.
_OTHER_STEPS = ("validation_split", "steps_per_epoch", "initial_epoch")


def snapshots(
    model: keras.Model,
    x: Arrays,
    y: ArrayLike,
    cycles: int = 5,
    epochs: int = 10,
    learning_rate: float = 0.1,
    batch_size: int = 32,
    **fit: Any,
) -> list[keras.Model]:
    """Trains a model in cycles, and returns a copy of it from the end of each.

    In each cycle the learning rate falls from `learning_rate` to zero by half a cosine,
    and jumps up again at the next, so that the model leaves the minimum that it has
    found for another. The copies are an ensemble for the price of one training. They
    are less unlike each other than models of several seeds.

    Args:
        model: Compiled `keras.Model`, which is trained on. Its optimizer keeps the
            schedule.
        x: Array of inputs, or a structure of such.
        y: Array of targets.
        cycles: Integer in `[1, inf)`. Number of cycles. Defaults to `5`.
        epochs: Integer in `[1, inf)`. Epochs of a cycle. Defaults to `10`.
        learning_rate: Float in `(0, inf)`. Learning rate at the beginning of each
            cycle, larger than usual. Defaults to `0.1`.
        batch_size: Integer in `[1, inf)`. Examples of a training step. Defaults to
            `32`.
        **fit: Other arguments of `model.fit`, such as `verbose` and `validation_data`,
            but none that changes the number of steps: `validation_split`,
            `steps_per_epoch` or `initial_epoch`.

    Returns:
        List of compiled `keras.Model`s, the last one of the last cycle.

    Raises:
        ValueError: If an argument is outside its interval or changes the number of
            steps, or if the model is not compiled.

    Example:

    >>> models = kdl.evaluation.snapshots(model, x, y, cycles=2, epochs=1, verbose=0)
    >>> together = kdl.evaluation.ensemble(models)

    References:
        - [Huang et al., 2017](https://arxiv.org/abs/1704.00109)
    """
    cycles = check_integer("cycles", cycles, "[1, inf)")
    epochs = check_integer("epochs", epochs, "[1, inf)")
    learning_rate = check_number("learning_rate", learning_rate, "(0, inf)")
    batch_size = check_integer("batch_size", batch_size, "[1, inf)")
    if not getattr(model, "compiled", False):
        raise ValueError(
            f"`model` must be a compiled keras.Model. Received: model={model!r}"
        )
    for name in _OTHER_STEPS:
        if fit.get(name):
            raise ValueError(
                f"`{name}` must be left out: a cycle has a step for each batch of `x` "
                f"in each of its epochs. Received: {name}={fit[name]!r}"
            )
    steps = epochs * -(-len(y) // batch_size)
    model.optimizer.learning_rate = keras.optimizers.schedules.CosineDecayRestarts(
        learning_rate, steps, t_mul=1.0, m_mul=1.0
    )
    # Counted from the first cycle, whatever was trained before.
    model.optimizer.iterations.assign(0)
    if model.train_function is not None:
        # It was compiled for another rate.
        model.make_train_function(force=True)
    found = []
    for n in range(cycles):
        model.fit(x, y, batch_size=batch_size, epochs=epochs, **fit)
        found.append(copied(model, f"{model.name}_cycle_{n + 1}"))
        compile_as(found[-1], model)
    return found
