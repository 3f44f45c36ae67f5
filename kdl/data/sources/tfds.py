"""TensorFlow Datasets, without TensorFlow."""

import importlib.util
import threading
import time
from urllib.parse import urlsplit

import numpy as np

from kdl.checks import check_integer
from kdl.data.splits import Splits, hold_out

# Seconds that the hosts of a data set have to answer before a download begins.
PATIENCE = 4


def tfds(name, data_dir=None, seed=0):
    """Loads a labelled data set of TensorFlow Datasets (TFDS) into memory.

    The data set is read from `data_dir` if it was prepared there, and is downloaded
    and prepared otherwise, as array_record, the format that needs no TensorFlow.
    `tfds.load` waits for minutes when there is no network; this says so in seconds.

    `"sklearn_digits"`, the digits of `kdl.data.digits`, is prepared offline.

    The splits are those named `train`, `validation` and `test`. A test set that the
    data set lacks is a stratified tenth of the training set, and so is, then, a
    missing validation set.

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
        `(examples,)`.

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
    parts = {
        part: _arrays(name, builder, part)
        for part in ("train", "validation", "test")
        if part in builder.info.splits
    }
    if "test" not in parts:
        parts["train"], parts["test"] = hold_out(*parts["train"], 0.1, seed)
        share = 1 / 9
    else:
        share = 0.1
    if "validation" not in parts:
        parts["train"], parts["validation"] = hold_out(*parts["train"], share, seed)
    return Splits(**parts)


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
    import requests

    hosts = {
        "{0.scheme}://{0.netloc}".format(urlsplit(url))
        for url in builder.url_infos or {}
        if url.startswith("http")
    }
    answers = {}

    def ask(host):
        try:
            requests.head(host, timeout=PATIENCE)
            answers[host] = None
        except requests.RequestException as error:
            answers[host] = type(error).__name__

    # In threads, since the look-up of a name may outlast any time-out.
    threads = [threading.Thread(target=ask, args=(h,), daemon=True) for h in hosts]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + PATIENCE
    for thread in threads:
        thread.join(max(0, deadline - time.monotonic()))
    reasons = {host: answers.get(host, "no answer") for host in sorted(hosts)}
    silent = [f"{host} ({reason})" for host, reason in reasons.items() if reason]
    if silent:
        raise ConnectionError(
            f"The data set {name!r} is not prepared in {builder.data_path}, and cannot "
            f"be downloaded now: {', '.join(silent)}. Connect to the network, or "
            "choose the data directory in which it is prepared as array_record."
        )


def _arrays(name, builder, part):
    source = builder.as_data_source(split=part)
    input_key, label_key = builder.info.supervised_keys
    shape = builder.info.features[input_key].shape
    if None in shape or builder.info.features[label_key].shape != ():
        raise ValueError(
            f"The data set {name!r} must have inputs of a fixed shape and one label "
            f"each. Its inputs have the shape {shape}, its labels "
            f"{builder.info.features[label_key].shape}."
        )
    x = np.empty((len(source), *shape), "float32")
    y = np.empty(len(source), "int32")
    for row, example in enumerate(source):
        x[row], y[row] = example[input_key], example[label_key]
    if np.issubdtype(builder.info.features[input_key].np_dtype, np.integer):
        x /= 255
    return x, y
