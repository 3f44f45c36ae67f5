"""How many operations layers take, by formulas.

A multiplication and an addition are two. Each formula takes a layer, the shapes of what
it was called with, in the order of the arguments of its `call`, and the shape of its
output, batch included.
"""

from math import prod

from keras import layers

from kdl.layers import Clock, EmbeddingBag


def flops_of(layer, inputs, output):
    """Returns the operations of one call of a layer, or `None` if none are known.

    Args:
        layer: `keras.layers.Layer` that was called.
        inputs: List, by argument, of lists of shapes.
        output: Tuple of integers. Shape of the first output.
    """
    for kinds, formula in _FORMULAS:
        if isinstance(layer, kinds):
            return formula(layer, inputs, output)
    if any(len(weight.shape) > 1 for weight in layer.weights):
        return None
    return prod(output)


def is_whole(layer):
    """Whether a formula counts a layer with all layers within."""
    return isinstance(layer, layers.RNN)


def has_products(layer):
    """Whether a layer with layers within multiplies by itself as well."""
    return isinstance(layer, _ATTENTIONS)


def _activated(layer, count):
    """Operations of bias and activation for so many outputs."""
    name = getattr(getattr(layer, "activation", None), "__name__", None)
    used = layer.use_bias, name not in (None, "linear")
    return count * sum(map(bool, used))


def _dense(layer, inputs, output):
    return 2 * inputs[0][0][-1] * prod(output) + _activated(layer, prod(output))


def _einsum_dense(layer, inputs, output):
    _, kernel, out = layer.equation.replace("->", ",").split(",")
    kept = zip(kernel, layer.kernel.shape, strict=True)
    summed = prod(size for axis, size in kept if axis not in out)
    name = layer.activation.__name__
    extra = (layer.bias is not None) + (name != "linear")
    return (2 * summed + extra) * prod(output)


def _convolution(layer, inputs, output):
    taken = prod(layer.kernel_size) * _channels(layer, inputs[0][0]) // layer.groups
    return 2 * taken * prod(output) + _activated(layer, prod(output))


def _transposed(layer, inputs, output):
    taken = prod(layer.kernel_size) * layer.filters
    return 2 * taken * prod(inputs[0][0]) + _activated(layer, prod(output))


def _depthwise(layer, inputs, output):
    return 2 * prod(layer.kernel_size) * prod(output) + _activated(layer, prod(output))


def _separable(layer, inputs, output):
    between = _channels(layer, inputs[0][0]) * layer.depth_multiplier
    places = prod(output) // layer.filters
    taken = places * between * (prod(layer.kernel_size) + layer.filters)
    return 2 * taken + _activated(layer, prod(output))


def _channels(layer, shape):
    return shape[-1 if layer.data_format == "channels_last" else 1]


def _pooling(layer, inputs, output):
    return prod(layer.pool_size) * prod(output)


def _of_inputs(layer, inputs, output):
    return prod(inputs[0][0])


def _times(count):
    """The same number of operations for each output."""
    return lambda layer, inputs, output: count * prod(output)


def _merge(layer, inputs, output):
    return (len(inputs[0]) - 1) * prod(output)


def _bag(layer, inputs, output):
    return prod(inputs[0][0]) * layer.output_dim


def _recurrent(layer, inputs, output):
    batch, length, *features = inputs[0][0]
    step = _cell(layer.cell, prod(features))
    return None if step is None else batch * length * step


def _cell(cell, features):
    """Operations of a cell for a step of one example."""
    if isinstance(cell, layers.StackedRNNCells):
        sizes = [features, *(each.units for each in cell.cells)]
        steps = [_cell(*pair) for pair in zip(cell.cells, sizes, strict=False)]
        return None if None in steps else sum(steps)
    for kind, gates, others in _CELLS:
        if isinstance(cell, kind):
            units = cell.units
            # Of GRU there may be two biases, by the rank of the variable.
            twice = getattr(cell, "reset_after", False)
            biases = cell.use_bias * (2 if twice else 1)
            each = 2 * (features + units) + biases + 1
            peepholes = sum(prod(w.shape) for w in cell.weights if "peephole" in w.name)
            return gates * units * each + others * units + 2 * peepholes
    return None


# Cells with the number of their gates, each with an activation, and with the other
# operations for each unit, hidden gates and sums of the two products included.
_CELLS = [
    # c = f c + i g, then o tanh(c); each gate adds what comes of input and state.
    (layers.LSTMCell, 4, 4 + 3 + 2),
    # r times the state, then h = z h + (1 - z) g.
    (layers.GRUCell, 3, 3 + 1 + 4),
    (layers.SimpleRNNCell, 1, 1),
]


def _attention(layer, inputs, output):
    """The products of queries with keys, and of weights with values."""
    config = layer.get_config()
    query, value = inputs[0][0], inputs[1][0]
    heads = config.get("num_heads") or config["num_query_heads"]
    key_size = config.get("key_dim") or config["head_dim"]
    value_size = config.get("value_dim") or key_size
    pairs = query[0] * prod(query[1:-1]) * prod(value[1:-1])
    return pairs * heads * (2 * key_size + 2 * value_size + _SOFTMAX)


def _dot_attention(layer, inputs, output):
    query, value = inputs[0][:2]
    pairs = query[0] * query[1] * value[1]
    return pairs * (2 * query[-1] + 2 * value[-1] + _SOFTMAX)


def _additive_attention(layer, inputs, output):
    query, value = inputs[0][:2]
    pairs = query[0] * query[1] * value[1]
    # A sum, its tanh, and the product with the scale.
    return pairs * (4 * query[-1] + 2 * value[-1] + _SOFTMAX)


def _free(layer, inputs, output):
    return 0


_SOFTMAX = 3  # The exponential, the sum, the division.
_ATTENTIONS = (layers.MultiHeadAttention, layers.GroupQueryAttention)
# From kinds to formulas; the first that fits counts, so that special ones come first.
_FORMULAS = [
    (_ATTENTIONS, _attention),
    (layers.AdditiveAttention, _additive_attention),
    (layers.Attention, _dot_attention),
    (layers.Dense, _dense),
    (layers.EinsumDense, _einsum_dense),
    (
        (layers.Conv1DTranspose, layers.Conv2DTranspose, layers.Conv3DTranspose),
        _transposed,
    ),
    ((layers.DepthwiseConv1D, layers.DepthwiseConv2D), _depthwise),
    ((layers.SeparableConv1D, layers.SeparableConv2D), _separable),
    ((layers.Conv1D, layers.Conv2D, layers.Conv3D), _convolution),
    (
        (
            *(layers.MaxPooling1D, layers.MaxPooling2D, layers.MaxPooling3D),
            *(layers.AveragePooling1D, layers.AveragePooling2D),
            layers.AveragePooling3D,
        ),
        _pooling,
    ),
    (
        (
            *(layers.GlobalAveragePooling1D, layers.GlobalAveragePooling2D),
            *(layers.GlobalAveragePooling3D, layers.GlobalMaxPooling1D),
            *(layers.GlobalMaxPooling2D, layers.GlobalMaxPooling3D),
        ),
        _of_inputs,
    ),
    # A factor and an offset, into which mean and variance of the training go.
    (layers.BatchNormalization, _times(2)),
    # Sum, difference, square and its sum, division, factor and offset.
    ((layers.LayerNormalization, layers.GroupNormalization), _times(7)),
    # Square and its sum, division, and factor.
    (layers.RMSNormalization, _times(4)),
    (layers.RNN, _recurrent),
    (layers.Softmax, _times(_SOFTMAX)),
    (
        (
            *(layers.Add, layers.Subtract, layers.Multiply, layers.Average),
            *(layers.Maximum, layers.Minimum),
        ),
        _merge,
    ),
    (EmbeddingBag, _bag),
    # What looks up, moves or repeats numbers, or does nothing but in training.
    (
        (
            *(layers.InputLayer, layers.Identity, layers.Embedding, layers.Masking),
            *(layers.Flatten, layers.Reshape, layers.Permute, layers.RepeatVector),
            *(layers.Concatenate, layers.ZeroPadding1D, layers.ZeroPadding2D),
            *(layers.ZeroPadding3D, layers.Cropping1D, layers.Cropping2D),
            *(layers.Cropping3D, layers.UpSampling1D, layers.UpSampling3D),
            *(layers.Dropout, layers.SpatialDropout1D, layers.SpatialDropout2D),
            *(layers.SpatialDropout3D, layers.GaussianNoise, layers.GaussianDropout),
            *(layers.AlphaDropout, layers.ActivityRegularization, Clock),
        ),
        _free,
    ),
]
