"""On PyTorch, a compiled `fit` traces layers, and trains each of their weights.

Several at once: to trace what is Keras's own takes most of the time of each `fit`.
"""

import keras
import numpy as np
import pytest
from contracts import LayerContract, array, compile_without_a_compiler
from test_reload import saved

pytestmark = pytest.mark.skipif(
    keras.backend.backend() != "torch", reason="The contract has it for each layer"
)
TESTS = saved()
LAYERS = [
    name
    for name, test in sorted(TESTS.items())
    if issubclass(test, LayerContract) and not test.is_composed
]


class Side(keras.Model):
    """Layers side by side, each of an input of its own.

    All inputs pass a number that is learned, so that each layer has a gradient to pass.
    """

    def __init__(self, parts):
        super().__init__()
        self.parts = parts
        self.shift = self.add_weight(shape=(), initializer="zeros", name="shift")

    def call(self, inputs, training=False):
        outputs = [
            keras.ops.reshape(part(x + self.shift, training=training), (len(x), -1))
            for part, x in zip(self.parts, inputs, strict=True)
        ]
        return keras.ops.concatenate(outputs, axis=1)


def train(names):
    """Fits layers by one compiled step, and checks that they have learned."""
    tests = [TESTS[name] for name in names]
    model = Side([test().wrap(test().make()) for test in tests])
    inputs = [test().batch() for test in tests]
    targets = np.zeros_like(array(model(inputs)))
    model.compile("sgd", "mse", jit_compile=True)
    before = [array(weight) for weight in model.trainable_weights]
    with pytest.MonkeyPatch.context() as patch:
        compile_without_a_compiler(patch)
        model.fit(inputs, targets, verbose=0)
    for old, weight in zip(before, model.trainable_weights, strict=True):
        assert np.isfinite(array(weight)).all(), weight.path
        assert (array(weight) != old).any(), weight.path


def failing(names):
    """Layers that do not train so, alone or only together, with what went wrong."""
    try:
        train(names)
        return {}
    except Exception as error:
        if len(names) == 1:
            return {names[0]: repr(error)}
        half = len(names) // 2
        found = {**failing(names[:half]), **failing(names[half:])}
        return found or {", ".join(names): repr(error)}


@pytest.mark.parametrize("names", [LAYERS[0::2], LAYERS[1::2]], ids=["odd", "even"])
def test_layers_train_in_a_compiled_fit(names):
    assert failing(names) == {}
