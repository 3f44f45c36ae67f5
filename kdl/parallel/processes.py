"""Data parallel training on PyTorch."""

import contextlib
import datetime
import functools
import os

import keras
import numpy as np

from kdl import private
from kdl.parallel.devices import LOST, LostProcessError

# What `torchrun` tells a process.
_INDEX, _COUNT, _LOCAL = "RANK", "WORLD_SIZE", "LOCAL_RANK"
_PATIENCE = datetime.timedelta(minutes=30)


class Processes:
    """The engine of PyTorch: processes that exchange gradients.

    Args:
        devices: Integer.
        synchronized: Boolean.
    """

    def __init__(self, devices, synchronized):
        count = int(os.environ.get(_COUNT, "1"))
        if count != devices:
            raise ValueError(
                f"`devices` must be {count}, the number of processes: PyTorch has one "
                f"for each device, which `torchrun --nproc-per-node {devices} script.py"
                f"` starts, or `kdl run --devices {devices}`. Received: "
                f"devices={devices}"
            )
        self.count, self.index = count, int(os.environ.get(_INDEX, "0"))
        self.shard = (self.index, count) if count > 1 else None
        self._synchronized = synchronized

    @contextlib.contextmanager
    def scope(self):
        if self.count == 1:
            yield
            return
        import torch

        local = int(os.environ.get(_LOCAL, "0"))
        has_gpu = torch.cuda.device_count() > local
        threads = torch.get_num_threads()
        if has_gpu:
            torch.cuda.set_device(local)
        elif "OMP_NUM_THREADS" not in os.environ:
            torch.set_num_threads(max(1, (os.cpu_count() or 1) // self.count))
        with _told():
            torch.distributed.init_process_group(
                "nccl" if has_gpu else "gloo", timeout=_PATIENCE
            )
        try:
            yield
        finally:
            torch.distributed.destroy_process_group()
            torch.set_num_threads(threads)

    def callbacks(self):
        return [_StopTogether()] if self.count > 1 else []

    @contextlib.contextmanager
    def training(self, model):
        """Has the model train on the parts of all processes."""
        if self.count == 1:
            yield
            return
        _broadcast([variable.value.data for variable in model.variables])
        replaced = [
            (model.optimizer, {"apply": self._apply(model, model.optimizer.apply)}),
            (model, {"get_metrics_result": self._results(model)}),
        ]
        if self._synchronized:
            replaced += [
                (layer, {private.MOMENTS: self._moments(layer)})
                for layer in private.layers_of(model)
                if isinstance(layer, keras.layers.BatchNormalization)
            ]
        with contextlib.ExitStack() as stack:
            for target, attributes in replaced:
                stack.enter_context(private.replaced(target, attributes))
            yield

    @contextlib.contextmanager
    def gathered(self, model):
        """Has the metrics of a model be those of all processes for a while."""
        variables = model.metrics_variables
        before = [variable.value.data.clone() for variable in variables]
        for kind in ("sum", "mean"):
            states = [v.value.data for v in variables if v.aggregation == kind]
            _reduce(states, is_mean=kind == "mean")
        yield
        for variable, state in zip(variables, before, strict=True):
            variable.value.data.copy_(state)

    def _apply(self, model, apply):
        """The `apply` of an optimizer that takes the mean gradients of all."""

        @functools.wraps(apply)
        def applied(grads, trainable_variables=None):
            _average([gradient for gradient in grads if gradient is not None])
            apply(grads, trainable_variables)
            # Such as moving averages of a part of each batch.
            _average(
                [
                    variable.value.data
                    for variable in model.non_trainable_variables
                    if variable.value.is_floating_point()
                ]
            )

        return applied

    def _results(self, model):
        """The `get_metrics_result` of a model over the examples of all."""
        own = model.get_metrics_result

        def results():
            # All processes validate on all examples.
            if not model.training:
                return own()
            with self.gathered(model):
                return own()

        return results

    def _moments(self, layer):
        """The mean and the variance of a whole batch, for batch normalization."""
        own = getattr(layer, private.MOMENTS)

        def moments(inputs, mask):
            mean, variance = own(inputs, mask)
            if mask is not None:
                # Parts have not as many of these each.
                return mean, variance
            whole = _mean_of_all(mean)
            return whole, _mean_of_all(variance + (mean - whole) ** 2)

        return moments


class _StopTogether(keras.callbacks.Callback):
    """Stops the training where any process does, as by its clock."""

    def on_train_batch_end(self, batch, logs=None):
        self._agree()

    def on_epoch_end(self, epoch, logs=None):
        self._agree()

    def _agree(self):
        flag = keras.ops.convert_to_tensor([float(self.model.stop_training)])
        _reduce([flag])
        self.model.stop_training = bool(flag[0] > 0)


def _mean_of_all(tensor):
    """The mean of a tensor over all processes, through which gradients flow."""
    import torch

    class Mean(torch.autograd.Function):
        @staticmethod
        def forward(ctx, tensor):
            tensor = tensor.clone()
            _average([tensor])
            return tensor

        # The mean of the loss of all depends on each alike.
        backward = forward

    return Mean.apply(tensor)


def _average(tensors):
    _reduce(tensors, is_mean=True)


def _reduce(tensors, is_mean=False):
    """Sets tensors to their sums or means over all processes, in one exchange."""
    import torch

    for kind in {tensor.dtype for tensor in tensors}:
        some = [tensor for tensor in tensors if tensor.dtype == kind]
        flat = torch.cat([tensor.reshape(-1) for tensor in some])
        with _told():
            torch.distributed.all_reduce(flat)
        if is_mean:
            flat /= torch.distributed.get_world_size()
        places = np.cumsum([0, *(tensor.numel() for tensor in some)])
        for tensor, begin, end in zip(some, places, places[1:], strict=False):
            tensor.copy_(flat[begin:end].reshape(tensor.shape))


def _broadcast(tensors):
    """Sets tensors to those of the first process."""
    import torch

    for tensor in tensors:
        with _told():
            torch.distributed.broadcast(tensor, 0)


@contextlib.contextmanager
def _told():
    """Says in one sentence that another process has ended."""
    try:
        yield
    except RuntimeError as error:
        raise LostProcessError(LOST) from error
