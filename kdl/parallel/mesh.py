"""Data parallel training on JAX."""

import contextlib
import os

import keras

from kdl.parallel.devices import check_cores, check_count
from kdl.private import layout_of_each_batch


class Mesh:
    """The engine of JAX: one program, whose arrays lie on several devices.

    Args:
        devices: Integer.
        synchronized: Boolean. `False` is refused.
    """

    shard = None

    def __init__(self, devices, synchronized):
        import jax

        if not synchronized:
            raise ValueError(
                "`synchronized` must be True on JAX, which computes a batch as one; "
                "TensorFlow and PyTorch have both. Received: synchronized=False"
            )
        # Has no effect, and raises an error, once JAX has begun.
        with contextlib.suppress(RuntimeError):
            if jax.config.jax_num_cpu_devices < devices <= (os.cpu_count() or 1):
                jax.config.update("jax_num_cpu_devices", devices)
        there = jax.devices()
        if there[0].platform == "cpu":
            check_cores(devices)
        check_count(devices, len(there), "JAX", there[0].platform)
        names = [f"{device.platform}:{device.id}" for device in there[:devices]]
        self._distribution = _EvenShares(devices=names)

    @contextlib.contextmanager
    def scope(self):
        with self._distribution.scope(), layout_of_each_batch():
            yield

    def gathered(self, model):
        return contextlib.nullcontext()

    def callbacks(self):
        return []

    def training(self, model):
        return contextlib.nullcontext()


class _EvenShares(keras.distribution.DataParallel):
    """Gives each device a share of a batch, or all of it where it does not divide."""

    def get_data_layout(self, data_shape):
        layout = super().get_data_layout(data_shape)
        if data_shape[0] % self.num_model_replicas:
            axes = [None] * len(data_shape)
            return keras.distribution.TensorLayout(axes, self.device_mesh)
        return layout
