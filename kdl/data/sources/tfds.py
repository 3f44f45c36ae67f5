"""TensorFlow Datasets, without TensorFlow."""

import importlib.util

import numpy as np

from kdl.checks import check_integer
from kdl.data.on_disk import OnDisk
from kdl.data.sources.hosts import silent_hosts
from kdl.data.splits import Splits, hold_out
from kdl.typing import StrPath

# Bytes of inputs, as float32, up to which a data set is loaded into memory.
MOST_BYTES = 2**28


def tfds(name: str, data_dir: StrPath | None = None, seed: int = 0) -> Splits:
    """Loads a labelled data set of TensorFlow Datasets (TFDS).

    The data set is read from `data_dir` if it was prepared there, and is downloaded
    and prepared otherwise, as array_record, the format that needs no TensorFlow.
    `tfds.load` waits for minutes when there is no network; this says so in seconds.

    `"sklearn_digits"`, the digits of `kdl.data.digits`, is prepared offline.

    The splits are those named `train`, `validation` and `test`. A test set that the
    data set lacks is a stratified tenth of the training set, and so is, then, a
    missing validation set.

    Inputs of more than 256 MiB stay on disk, and are read batch by batch: see
    `kdl.data.Batches`. MNIST has 200 MiB. Their labels alone are read at once.

    Args:
        name: String. Name of the data set, as in `"mnist"`, with a configuration
            or version as TFDS takes it.
        data_dir: Optional path. Where data sets are prepared. Defaults to that of
            TFDS: the environment variable `TFDS_DATA_DIR`, else
            `~/tensorflow_datasets`.
        seed: Integer in `[0, 2**32)`. Draws the sets that are missing. Defaults to
            `0`.

    Returns:
        `kdl.data.Splits` of tuples `(x, y)`: inputs, float32 of shape
        `(examples, ...)`, integers scaled by 1/255, and labels, int32 of shape
        `(examples,)`, with the names of the classes.

    Raises:
        ImportError: If TFDS is not installed.
        ValueError: If TFDS knows no such data set, or if it has no pairs of an input
            of fixed shape and a label, or no training set.
        ConnectionError: If it is not prepared and its hosts cannot be reached.

    Example:

    >>> (x, y), validation, test = kdl.data.tfds("sklearn_digits", data_dir=folder)
    """
    check_integer("seed", seed, "[0, 4294967296)")
    builder = _builder(name, data_dir)
    if not builder.is_prepared():
        _check_hosts(name, builder)
        builder = _builder(name, data_dir, file_format="array_record")
        builder.download_and_prepare()
    if builder.info.file_format.value != "array_record":
        raise ValueError(
            f"The data set {name!r} in {builder.data_path} was prepared as "
            f"{builder.info.file_format.value}, which only TensorFlow reads. Choose "
            "another data directory, where it will be prepared as array_record."
        )
    if not builder.info.supervised_keys or "train" not in builder.info.splits:
        raise ValueError(
            f"The data set {name!r} must have a training set of inputs and labels. It "
            f"has the splits {list(builder.info.splits)} and the features "
            f"{list(builder.info.features)}."
        )
    input_key, label_key = builder.info.supervised_keys
    _check_features(name, builder.info.features, input_key, label_key)
    sizes = {
        part: builder.info.splits[part].num_examples
        for part in ("train", "validation", "test")
        if part in builder.info.splits
    }
    item = np.prod(builder.info.features[input_key].shape, dtype=int)
    is_large = sum(sizes.values()) * item * 4 > MOST_BYTES
    parts = {part: _read(name, builder, part, is_large) for part in sizes}
    if "test" not in parts:
        parts["train"], parts["test"] = _hold_out(*parts["train"], 0.1, seed)
        share = 1 / 9
    else:
        share = 0.1
    if "validation" not in parts:
        parts["train"], parts["validation"] = _hold_out(*parts["train"], share, seed)
    classes = getattr(builder.info.features[label_key], "names", None)
    return Splits(**parts, classes=classes)


def _hold_out(x, y, share, seed):
    """As `hold_out`, also of inputs on disk."""
    rows = hold_out(np.arange(len(y)), y, share, seed)
    take = x.take if isinstance(x, OnDisk) else x.__getitem__
    return [(take(some), labels) for some, labels in rows]


def _builder(name, data_dir, **options):
    missing = [
        package
        for package in ("tensorflow_datasets", "array_record", "importlib_resources")
        if importlib.util.find_spec(package) is None
    ]
    if missing:
        raise ImportError(
            "TensorFlow Datasets needs packages that are not installed: "
            f"{', '.join(missing)}. Install them with: pip install 'keras-kdl[tfds]'"
        )
    import tensorflow_datasets

    # TFDS finds by name the builders whose module has been imported.
    import kdl.data.sources.sklearn_digits.sklearn_digits_dataset_builder  # noqa: F401

    try:
        return tensorflow_datasets.builder(name, data_dir=data_dir, **options)
    # TFDS raises these for a name, a configuration or a version that it lacks.
    except (ValueError, AssertionError):
        raise ValueError(
            f"TensorFlow Datasets knows no data set {name!r}. Its catalogue: "
            "https://www.tensorflow.org/datasets/catalog/overview"
        ) from None


def _check_hosts(name, builder):
    """Raises a `ConnectionError` if the hosts of the downloads do not answer."""
    silent = silent_hosts(builder.url_infos or {})
    if silent:
        raise ConnectionError(
            f"The data set {name!r} is not prepared in {builder.data_path}, and cannot "
            f"be downloaded now: {', '.join(silent)}. Connect to the network, or "
            "choose the data directory in which it is prepared as array_record."
        )


def _check_features(name, features, input_key, label_key):
    shape, label_shape = features[input_key].shape, features[label_key].shape
    if None in shape or label_shape != ():
        raise ValueError(
            f"The data set {name!r} must have inputs of a fixed shape and one label "
            f"each. Its inputs have the shape {shape}, its labels {label_shape}."
        )


def _read(name, builder, part, is_large):
    """Inputs of a part, on disk if it is large, and labels."""
    import tensorflow_datasets

    input_key, label_key = builder.info.supervised_keys
    x = _Records(name, builder, part)
    # The labels alone are decoded.
    decoders = {input_key: tensorflow_datasets.decode.SkipDecoding()}
    source = builder.as_data_source(split=part, decoders=decoders)
    y = np.array([example[label_key] for example in source], "int32")
    return (x if is_large else x[np.arange(len(x))]), y


class _Records(OnDisk):
    """Inputs in the files of a prepared data set."""

    def __init__(self, name, builder, part):
        self.key = builder.info.supervised_keys[0]
        feature = builder.info.features[self.key]
        self.name = f"{builder.info.full_name}, {part}"
        self.source = builder.as_data_source(split=part)
        self.scale = 255 if np.issubdtype(feature.np_dtype, np.integer) else None
        what = f"The inputs of the data set {name!r}"
        super().__init__(len(self.source), feature.shape, what)

    def _read(self, rows):
        x = np.empty((len(rows), *self._item_shape), "float32")
        for place, row in enumerate(rows):
            x[place] = self.source[int(row)][self.key]
        return x / np.float32(self.scale) if self.scale else x

    def _names(self, rows):
        return [f"{self.name}, {row}" for row in rows]
