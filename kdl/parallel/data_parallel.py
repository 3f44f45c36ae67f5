"""A training on several devices, each with a copy of the model."""

import contextlib
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any, Self

import keras

from kdl.checks import check_boolean, check_integer
from kdl.parallel.devices import LOST, LostProcessError

_in_force = []


class DataParallel:
    """Trains a model on several devices, each with a part of every batch.

    It uses the engine that the backend has: `keras.distribution` on JAX,
    `tf.distribute.MirroredStrategy` on TensorFlow, `torch.distributed` on PyTorch.
    Each device has a copy of the model, and computes the gradients of its part of a
    batch; all copies take the step of their mean. That is the step of one device with
    the whole batch, to rounding, as far as the loss of a batch is the mean over its
    examples. Dropout is random: on TensorFlow each device draws its own, and on PyTorch
    all draw the same masks.

    Build the model within its `with`, and train it by `fit` instead of `model.fit`. A
    recipe of kdl does so by itself. On PyTorch the script runs in as many processes as
    there are devices, which `torchrun --nproc-per-node 2 script.py` starts; the other
    engines need one process. Without GPUs, the devices are parts of the CPU. On JAX and
    TensorFlow, these have to be made before either computes anything.

    Batches must divide by the number of devices. Have `kdl.data.Batches` drop or pad a
    last one that does not; JAX computes it whole on each device. An optimizer clips the
    gradients of the whole batch, also on TensorFlow, where Keras clips those of each
    part.

    Args:
        devices: Integer in `[1, inf)`. Number of devices, at most those there are.
        synchronized: Boolean. Whether batch normalization takes the mean and the
            variance of the whole batch, as on one device, which costs an exchange in
            each such layer. Otherwise it takes those of the part of each device. JAX
            always takes those of the whole batch. Defaults to `True`.

    Attributes:
        shard: Tuple `(index, count)` for `kdl.data.Batches`: which part of each batch
            this process reads. `None` where it reads whole batches.
        writes: Boolean. Whether this process writes files, of which there is one.

    Raises:
        ValueError: If there are fewer devices, if it is too late to make them, or, on
            PyTorch, if the number of processes is another.

    Example:

    >>> def train():  # By `torchrun --nproc-per-node 2 script.py` on PyTorch.
    ...     recipe = kdl.recipes.Images()
    ...     with kdl.parallel.DataParallel(2):
    ...         return kdl.recipes.run(recipe, **recipe.data())

    References:
        - [Li et al., 2020](https://arxiv.org/abs/2006.15704), data parallel training
    """

    def __init__(self, devices: int, synchronized: bool = True) -> None:
        self.devices = check_integer("devices", devices, "[1, inf)")
        self.synchronized = check_boolean("synchronized", synchronized)
        self._engine = _engine()(self.devices, self.synchronized)
        self.shard = self._engine.shard
        self.writes = self.shard is None or self.shard[0] == 0
        self._scope = None

    def __enter__(self) -> Self:
        self._scope = contextlib.ExitStack()
        self._scope.enter_context(self._engine.scope())
        _in_force.append(self)
        return self

    def __exit__(self, *error: Any) -> None:
        _in_force.remove(self)
        return self._scope.__exit__(*error)

    def check_batch_size(self, batch_size: int) -> int:
        """Returns a batch size, provided it divides by the number of devices.

        Raises:
            ValueError: If it does not.
        """
        if batch_size % self.devices:
            raise ValueError(
                f"`batch_size` must be a multiple of {self.devices}, the number of "
                f"devices. Received: batch_size={batch_size}"
            )
        return batch_size

    def gathered(self, model: keras.Model) -> AbstractContextManager[None]:
        """A context in which the metrics of a model are those of all processes.

        All processes enter it at once.
        """
        return self._engine.gathered(model)

    def fit(
        self,
        model: keras.Model,
        *args: Any,
        callbacks: Sequence[keras.callbacks.Callback] | None = None,
        **kwargs: Any,
    ) -> keras.callbacks.History:
        """Fits a model that was built in the block.

        The logs are those of all devices. Of callbacks that write files, give only the
        process that `writes` some; `kdl.callbacks.Resume` knows that by itself. Where
        one process stops the training, all do.

        Args:
            model: Compiled `keras.Model`.
            *args: As of `model.fit`.
            callbacks: List of `keras.callbacks.Callback`. Defaults to `None`.
            **kwargs: As of `model.fit`.

        Returns:
            `keras.callbacks.History`.

        Raises:
            RuntimeError: If another process has ended, or cannot be reached.
        """
        callbacks = [*(callbacks or ()), *self._engine.callbacks()]
        try:
            with self._engine.training(model):
                return model.fit(*args, callbacks=callbacks, **kwargs)
        except LostProcessError as error:
            # Without what Keras adds of the layer in which it was noticed.
            raise LostProcessError(LOST) from error


def in_force():
    """Returns the innermost `DataParallel` whose block is being run, or `None`."""
    return _in_force[-1] if _in_force else None


def writes():
    """Whether this process writes files: of several that train together, one does."""
    return not _in_force or _in_force[-1].writes


def gathered(model):
    """A context in which the metrics of a model are those of all processes."""
    if not _in_force:
        return contextlib.nullcontext()
    return _in_force[-1].gathered(model)


def _engine():
    match keras.backend.backend():
        case "jax":
            from kdl.parallel.mesh import Mesh as Engine
        case "tensorflow":
            from kdl.parallel.replicas import Replicas as Engine
        case "torch":
            from kdl.parallel.processes import Processes as Engine
    return Engine
