"""What a layer returns, recorded or replaced."""

import contextlib

import keras
from keras import ops

from kdl import private
from kdl.layers import EmbeddingBag


def replaced(layer, method, function):
    """Has a layer use another function for a method of its own, for a while.

    Args:
        layer: `keras.layers.Layer`.
        method: String, such as `"call"`.
        function: Function that is called with the method as it is, and its arguments.
    """
    original = getattr(layer, method)
    return private.replaced(
        layer, {method: lambda *args, **kwargs: function(original, *args, **kwargs)}
    )


class Tap:
    """Records what a layer returns, or has it return something else.

    Args:
        model: `keras.Model`.
        index: Integer. Place of the layer among all of the model.
        given: Optional tensor that the layer is to return. Defaults to `None`.

    Attributes:
        value: Tensor, what the layer has returned.
    """

    def __init__(self, model, index, given=None):
        self.layer = private.layers_of(model)[index]
        self.given, self.value, self.calls = given, None, 0

    def inserted(self):
        return replaced(self.layer, "call", self)

    def __call__(self, original, *args, **kwargs):
        self.calls += 1
        return self._returned(original, *args, **kwargs)

    def check(self):
        """Refuses a layer that was not called once, or does not return one tensor."""
        if self.calls != 1:
            raise ValueError(
                f"The layer {self.layer.name!r} must be called once by the model for "
                f"gradients by what it returns. It is called {self.calls} times."
            )
        if not hasattr(self.value, "dtype"):
            raise ValueError(
                f"The layer {self.layer.name!r} must return one tensor for gradients "
                f"by it. Received: {type(self.value).__name__}"
            )

    def _returned(self, original, *args, **kwargs):
        self.value = outputs = original(*args, **kwargs)
        return outputs if self.given is None else ops.cast(self.given, outputs.dtype)


class BagTap(Tap):
    """Multiplies each token of an `EmbeddingBag` by a number, which is 1.

    The embeddings of the tokens are never written down: what a token adds to the bag
    is seen by the gradient of its factor.
    """

    def _returned(self, original, indices, weights=None, mask=None):
        layer, ones = self.layer, ops.ones(ops.shape(indices), "float32")
        self.value = ones
        factors = ones if self.given is None else ops.cast(self.given, "float32")
        if weights is not None:
            factors = factors * ops.cast(weights, "float32")
        if layer.combiner == "sum":
            return original(indices, factors, mask=mask)
        kept = ones if mask is None else ops.cast(mask, "float32")
        if layer.padding_index is not None:
            kept = kept * ops.cast(indices != layer.padding_index, "float32")
        count = ops.maximum(ops.sum(kept, axis=1, keepdims=True), 1)
        layer.combiner = "sum"
        try:
            return original(indices, factors / count, mask=mask)
        finally:
            layer.combiner = "mean"


def called(model, inputs, taps):
    """Returns the outputs of a model for inputs, with some taps inserted."""
    with contextlib.ExitStack() as stack:
        for tap in taps:
            stack.enter_context(tap.inserted())
        outputs = model(inputs, training=False)
    for tap in taps:
        tap.check()
    return outputs


def tap_of(model, index):
    """Returns the kind of tap by which tokens are seen in an embedding."""
    return BagTap if isinstance(private.layers_of(model)[index], EmbeddingBag) else Tap


def embeddings_of(model):
    """Returns the places of a model's embeddings of tokens among all its layers."""
    return [
        index
        for index, layer in enumerate(private.layers_of(model))
        if isinstance(layer, keras.layers.Embedding)
    ]
