"""A score of a model, and its gradients by what the model is given."""

import collections
import weakref

import keras
import numpy as np
from keras import ops, tree

from kdl.attribution.scores.programs import programs
from kdl.attribution.scores.taps import Tap, called, embeddings_of, tap_of
from kdl.checks import check_integer
from kdl.private import layers_of

# Programs of a model that are kept: a function of the outputs that is new each time,
# such as a lambda in a loop, has a program each.
_MOST = 32
_KEPT = weakref.WeakKeyDictionary()


class Scoring:
    """A score of a model for some inputs.

    What the score depends on are its values: the inputs that are floats; for integers,
    what the embedding makes of them; or what a layer returns, if it is named.

    Args:
        model: `keras.Model`.
        inputs: Array, or a dict or list of arrays, of shape `(examples, …)`.
        score: As of `kdl.attribution.gradient`.
        layer: Optional name of a layer. Defaults to `None`.
        needs_gradients: Boolean. Whether the score depends on values. If not, inputs
            may be of any kind. Defaults to `True`.

    Attributes:
        leaves: List of the arrays of the inputs.
        count: Integer. Number of examples.
        floats: List of integers. Places of the leaves that are values.
        taps: List of integers. Places of the layers of which outputs are values, among
            all layers of the model.
        has_layer: Boolean. Whether a layer is named.
    """

    def __init__(self, model, inputs, score=None, layer=None, needs_gradients=True):
        if not isinstance(model, keras.Model):
            raise ValueError(
                f"`model` must be a keras.Model. Received: {type(model).__name__}"
            )
        self.model = model
        self.leaves = [_as_array(leaf, model) for leaf in tree.flatten(inputs)]
        self._structure = tree.map_structure(lambda _: 0, inputs)
        self.count = _count(self.leaves)
        if not model.built:
            # Within a program, variables cannot be made.
            model(self._packed([leaf[:1] for leaf in self.leaves]), training=False)
        self._programs = _KEPT.setdefault(model, _Kept())
        self._what, self._classes = _checked(score, self.count)
        self.has_layer = layer is not None
        self.floats, self.taps = [], []
        if self.has_layer:
            self.taps = self._named(layer)
        elif needs_gradients:
            self.floats, self.taps = self._given()

    def _given(self):
        """The inputs that are floats, and the embedding of those that are integers."""
        kinds = [leaf.dtype.kind for leaf in self.leaves]
        floats = [n for n, kind in enumerate(kinds) if kind == "f"]
        tokens = [n for n, kind in enumerate(kinds) if kind == "i"]
        self._tokens = tokens[0] if tokens else None
        found = embeddings_of(self.model) if tokens else []
        if floats and not found:
            return floats, []
        if not found:
            dtype = self.leaves[tokens[0] if tokens else 0].dtype
            raise ValueError(
                "`inputs` must be floats, or integers that an Embedding of the model "
                f"takes. Received: dtype={dtype} and a model without an Embedding"
            )
        if len(tokens) > 1 or len(found) > 1:
            names = ", ".join(repr(layers_of(self.model)[n].name) for n in found)
            raise ValueError(
                "`layer` must name the embedding where several are there, or several "
                f"inputs are integers. There are: {names}"
            )
        layer = layers_of(self.model)[found[0]]
        if getattr(layer, "combiner", None) == "max":
            raise ValueError(
                f"The layer {layer.name!r} must have combiner='sum' or 'mean' for "
                "attributions to its tokens. Received: combiner='max'"
            )
        return floats, found

    def _named(self, layer):
        layers = layers_of(self.model)
        # Not the model itself, which may have the name of one of its layers.
        found = {id(one): n for n, one in enumerate(layers) if n and one.name == layer}
        places = list(found.values())
        if len(places) > 1:
            raise ValueError(
                "`layer` must be the name of one layer. Received: "
                f"layer={layer!r}, of {len(places)}"
            )
        if not places:
            spatial = [name for name, _ in self.spatial()]
            known = spatial or [
                one.name
                for one in layers[1:]
                if not isinstance(one, keras.layers.InputLayer)
            ]
            what = "with spatial outputs, " if spatial else ""
            raise ValueError(
                f"`layer` must be the name of a layer of the model, such as one {what}"
                f"{', '.join(map(repr, known))}. Received: layer={layer!r}"
            )
        if getattr(layers[places[0]], "quantization_mode", None) is not None:
            raise ValueError(
                f"The layer {layer!r} must not be quantized for gradients by what it "
                f"returns. Received: {layers[places[0]].quantization_mode!r}"
            )
        return places

    def spatial(self):
        """Returns the layers that return images or sequences.

        Returns:
            List of tuples of a name and a shape, in the order in which the model calls
            the layers. Those that are called twice are left out.
        """
        # The model is traced to find out.
        key = ("spatial", *(leaf.shape[1:] for leaf in self.leaves))
        if key not in self._programs:
            self._programs[key] = self._found_spatial()
        return self._programs[key]

    def _found_spatial(self):
        layers = layers_of(self.model)
        taps, order = {}, []

        def look(model, inputs):
            for n, layer in enumerate(layers[1:], 1):
                if not isinstance(layer, keras.layers.InputLayer):
                    taps.setdefault(id(layer), _Look(model, n, order))
            for tap in taps.values():
                tap.calls = 0
            called(model, self._packed(inputs), taps.values())
            return ops.zeros(())

        inputs = [ops.convert_to_tensor(leaf[:1]) for leaf in self.leaves]
        programs().traced(self.model, look)(inputs)
        calls = collections.Counter(name for name, _ in order)
        rank = max((leaf.ndim for leaf in self.leaves if leaf.ndim > 2), default=3)
        return [
            (name, shape)
            for name, shape in order
            if calls[name] == 1 and len(shape) == rank and max(shape[1:-1]) > 1
        ]

    def mapped(self, function, extras=(), fixed=False, batch_size=32):
        """Returns what a function returns for all examples, batch by batch.

        Args:
            function: Function of a `Batch` and of its part of the extras. Returns a
                list of tensors of shape `(examples, …)`.
            extras: Sequence of arrays of shape `(examples, …)`.
            fixed: Boolean. Whether the class, where none is named, is that predicted
                for the inputs, even if others are predicted for other values.
            batch_size: Integer in `[1, inf)`.

        Returns:
            List of arrays, float32 or float64.
        """
        size = min(check_integer("batch_size", batch_size, "[1, inf)"), self.count)
        found = []
        for start in range(0, self.count, size):
            # The last batch is filled up, since another size is another program.
            rows = np.minimum(np.arange(start, start + size), self.count - 1)
            batch = Batch(self, rows, fixed)
            results = function(batch, *(extra[rows] for extra in extras))
            found.append([as_array(part)[: self.count - start] for part in results])
        return [np.concatenate(parts) for parts in zip(*found, strict=True)]

    def by_tokens(self, results, reduce):
        """Returns results with one number for each token, in place of its features.

        Args:
            results: List of tensors, for each of the values.
            reduce: Function of a tensor and `axis`.
        """
        last = len(self.floats)
        is_embedded = not self.has_layer and self.taps and self.kind is Tap
        return [
            reduce(part, axis=-1) if is_embedded and n == last else part
            for n, part in enumerate(results)
        ]

    @property
    def kind(self):
        """The kind of tap of the values that are no inputs."""
        return Tap if self.has_layer else tap_of(self.model, self.taps[0])

    def packed(self, results):
        """Returns results as the inputs have their arrays, or that of the layer."""
        if self.has_layer:
            return results[0]
        leaves = [None] * len(self.leaves)
        places = [*self.floats, *([self._tokens] if self.taps else [])]
        for place, part in zip(places, results, strict=True):
            leaves[place] = part
        return self._packed(leaves)

    def _packed(self, leaves):
        return tree.pack_sequence_as(self._structure, leaves)

    def observed(self, name, function, inputs):
        """Returns what a function of the model and its inputs returns.

        Args:
            name: String, by which the program of the function is kept.
            function: Function, without a gradient.
            inputs: List of tensors.
        """
        return self._program(name, "plain", function)(self._packed(inputs))

    def outputs(self, inputs):
        """Returns what the model returns for tensors of the inputs."""
        return self.observed("outputs", _outputs, inputs)

    def taken(self, inputs):
        """Returns the tensors of the values that are no inputs."""
        taps, kind = self.taps, self.kind

        def look(model, inputs):
            found = [kind(model, n) for n in taps]
            called(model, inputs, found)
            return [_full(tap.value) for tap in found]

        return self.observed("values", look, inputs)

    def run(self, way, what, values, inputs, classes, most):
        """Returns the score, or its gradients and the score.

        Args:
            way: String, `"plain"` or `"differentiated"`.
            what: `"predicted"`, `"class"` or a function of the outputs.
            values: List of tensors.
            inputs: List of tensors.
            classes: Integer tensor of shape `(examples,)`.
            most: Integer, the greatest of them.
        """
        # Not `self`, which holds the model.
        floats, taps, structure = self.floats, self.taps, self._structure
        kind, kept = self.kind if taps else None, self._programs

        def score(model, values, inputs, classes):
            inputs = list(inputs)
            for place, value in zip(floats, values, strict=False):
                inputs[place] = value
            given = values[len(floats) :]
            tapped = [kind(model, n, x) for n, x in zip(taps, given, strict=True)]
            inputs = tree.pack_sequence_as(structure, inputs)
            outputs = called(model, inputs, tapped)
            return _numbers(outputs, what, classes, kept)

        kept.most = most
        kept.check()
        name = (what, tuple(floats), tuple(taps), kind)
        return self._program(name, way, score)(values, inputs, classes)

    def _program(self, name, way, function):
        """The program of a function of the model, which is kept by a name."""
        # LoRA and the like give a model other variables.
        variables = tuple(map(id, self.model.variables))
        key = (way, name, tuple(self.taps), repr(self._structure), variables)
        kept = self._programs
        if key not in kept:
            if len(kept) == _MOST:
                kept.popitem(last=False)
            kept[key] = getattr(programs(), way)(self.model, function)
        kept.move_to_end(key)
        return kept[key]


class Batch:
    """Some examples of a `Scoring`.

    Args:
        scoring: `Scoring`.
        rows: Integer array, which examples.
        fixed: Boolean, as of `Scoring.mapped`.

    Attributes:
        inputs: List of tensors.
    """

    def __init__(self, scoring, rows, fixed):
        self._scoring, self._what = scoring, scoring._what
        self.inputs = [ops.convert_to_tensor(leaf[rows]) for leaf in scoring.leaves]
        classes = np.zeros(scoring.count, "int32")
        if self._what == "class":
            classes = scoring._classes
        # Of all, so that a wrong one is refused before anything is computed.
        self._most = int(classes.max())
        self._classes = ops.convert_to_tensor(classes[rows])
        if fixed and self._what == "predicted":
            outputs = _check_classes(scoring.outputs(self.inputs))
            self._classes = ops.cast(ops.argmax(outputs, axis=-1), "int32")
            self._what = "class"

    def values(self, inputs=None):
        """Returns the values of the inputs, or of others, a list of tensors."""
        inputs = self.inputs if inputs is None else inputs
        scoring = self._scoring
        found = [inputs[n] for n in scoring.floats]
        return found + (list(scoring.taken(inputs)) if scoring.taps else [])

    def scores(self, values=None, inputs=None):
        """Returns the score of each example, for values and inputs or for its own."""
        inputs = self.inputs if inputs is None else inputs
        values = self.values(inputs) if values is None else values
        return self._run("plain", values, inputs)

    def gradients(self, values):
        """Returns the gradients of the scores by each of the values, and the scores."""
        return self._run("differentiated", values, self.inputs)

    def _run(self, way, values, inputs):
        return self._scoring.run(
            way, self._what, values, inputs, self._classes, self._most
        )


class _Kept(collections.OrderedDict):
    """Programs of a model by name, and how many classes it tells apart."""

    width, most = None, 0

    def check(self):
        """Refuses a class that the model does not know."""
        if self.width is not None and self.most >= self.width:
            raise ValueError(
                f"`score` must be a class in [0, {self.width}), or one for each "
                f"example. Received: {self.most}"
            )


class _Look(Tap):
    """Notes the shape of what a layer returns, whatever it is."""

    def __init__(self, model, index, order):
        super().__init__(model, index)
        self.order = order

    def _returned(self, original, *args, **kwargs):
        outputs = original(*args, **kwargs)
        if keras.backend.is_float_dtype(getattr(outputs, "dtype", "int32")):
            self.order.append((self.layer.name, tuple(outputs.shape)))
        return outputs

    def check(self):
        pass


def _outputs(model, inputs):
    return model(inputs, training=False)


def _numbers(outputs, what, classes, kept):
    """The score of each example."""
    if callable(what):
        numbers = what(outputs)
        shape = getattr(numbers, "shape", None)
        if shape is None or len(shape) != 1:
            received = "no tensor" if shape is None else f"shape={tuple(shape)}"
            raise ValueError(
                "`score` must return a tensor of shape (examples,). Received: "
                f"{received}"
            )
    else:
        outputs = _check_classes(outputs)
        if what == "predicted":
            numbers = ops.max(outputs, axis=-1)
        else:
            kept.width = outputs.shape[-1]
            kept.check()
            numbers = ops.take_along_axis(outputs, classes[:, None], axis=-1)[:, 0]
    return _full(numbers)


def _full(tensor):
    """A tensor of at least single precision."""
    return ops.cast(tensor, keras.backend.result_type(tensor.dtype, "float32"))


def _check_classes(outputs):
    shape = getattr(outputs, "shape", None)
    if shape is None or len(shape) != 2:
        received = (
            f"outputs of type {type(outputs).__name__}"
            if shape is None
            else f"outputs of shape {tuple(shape)}"
        )
        raise ValueError(
            "`score` must be a function of the outputs where these are not of shape "
            f"(examples, classes). Received: {received}"
        )
    return outputs


def _checked(score, count):
    """What the score is of, and the classes, if it names them."""
    if score is None:
        return "predicted", None
    if callable(score):
        return score, None
    classes = np.asarray(score)
    is_fit = classes.dtype.kind in "iu" and classes.shape in ((), (count,))
    if not is_fit or classes.min() < 0:
        shown = f"shape={classes.shape}" if classes.ndim else repr(score)
        raise ValueError(
            "`score` must be a class, an array of a class for each example, a function "
            f"of the outputs, or None. Received: {shown}"
        )
    return "class", np.broadcast_to(classes, (count,)).astype("int32")


def _as_array(leaf, model):
    """A part of the inputs as an array of floats or int32."""
    leaf = as_array(leaf)
    if leaf.dtype.kind in "iu":
        return leaf.astype("int32")
    if leaf.dtype.kind not in "fb":
        raise ValueError(
            f"`inputs` must be arrays of numbers. Received: dtype={leaf.dtype}"
        )
    if leaf.dtype.kind == "f":
        return leaf.astype("float64" if model.compute_dtype == "float64" else "float32")
    return leaf


def as_array(values):
    """Returns a tensor as an array of NumPy, float32 where it is of half precision."""
    if isinstance(values, (list, tuple, np.ndarray, np.generic, int, float)):
        return np.asarray(values)
    if keras.backend.standardize_dtype(values.dtype) in ("bfloat16", "float16"):
        values = ops.cast(values, "float32")
    return ops.convert_to_numpy(values)


def _count(leaves):
    counts = {leaf.shape[0] if leaf.ndim else None for leaf in leaves}
    if len(counts) != 1 or counts & {None, 0}:
        shapes = ", ".join(str(leaf.shape) for leaf in leaves)
        raise ValueError(
            "`inputs` must be arrays of one or more examples, as many in each. "
            f"Received: shape={shapes}"
        )
    return counts.pop()
