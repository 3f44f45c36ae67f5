"""Data parallel training on TensorFlow."""

import contextlib

import keras

from kdl import private
from kdl.parallel.devices import check_cores, check_count


class Replicas:
    """The engine of TensorFlow: one program, with mirrored variables.

    Args:
        devices: Integer.
        synchronized: Boolean.
    """

    shard = None

    def __init__(self, devices, synchronized):
        import tensorflow as tf

        kind = "GPU" if tf.config.list_physical_devices("GPU") else "CPU"
        if kind == "CPU":
            check_cores(devices)
        if kind == "CPU" and devices > 1:
            (cpu, *_) = tf.config.list_physical_devices("CPU")
            parts = [tf.config.LogicalDeviceConfiguration() for _ in range(devices)]
            # Raises an error once TensorFlow has begun.
            with contextlib.suppress(RuntimeError):
                tf.config.set_logical_device_configuration(cpu, parts)
        there = tf.config.list_logical_devices(kind)
        check_count(devices, len(there), "TensorFlow", kind.lower())
        names = [device.name for device in there[:devices]]
        self._strategy = tf.distribute.MirroredStrategy(names)
        self._synchronized = synchronized

    def scope(self):
        return self._strategy.scope()

    def gathered(self, model):
        return contextlib.nullcontext()

    def callbacks(self):
        return []

    @contextlib.contextmanager
    def training(self, model):
        """Has gradients summed before anything is made of them, and statistics too."""
        changed = []
        if self._synchronized:
            changed = [
                layer
                for layer in private.layers_of(model)
                if isinstance(layer, keras.layers.BatchNormalization)
                and not layer.synchronized
            ]
        for layer in changed:
            layer.synchronized = True
        try:
            with private.summed_gradients(model.optimizer):
                yield
        finally:
            for layer in changed:
                layer.synchronized = False
