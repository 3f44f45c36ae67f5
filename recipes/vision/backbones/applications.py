"""Networks of keras.applications, and how they take images."""

import difflib
import os
import tempfile
import warnings
from pathlib import Path

import keras
import numpy as np

from kdl.data.sources.hosts import silent_hosts

PREFIX = "keras.applications:"
# Files of the weights without a head, by module; `{}` is the name in lower case.
_FILES = {
    "convnext": "convnext_{}_notop.h5",
    "efficientnet": "{}_notop.h5",
    "efficientnet_v2": "{}_notop.h5",
    "mobilenet": "mobilenet_1_0_224_tf_no_top.h5",
    "mobilenet_v2": "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224_no_top.h5",
    "mobilenet_v3": "weights_mobilenet_v3_{}_224_1.0_float_no_top_v2.h5",
    "nasnet": "nasnet_{}_no_top.h5",
    "inception_v3": "inception_v3_weights_tf_dim_ordering_tf_kernels_notop.h5",
    "inception_resnet_v2": "inception_resnet_v2_weights_tf_dim_ordering_tf_kernels_"
    "notop.h5",
}
_ELSE = "{}_weights_tf_dim_ordering_tf_kernels_notop.h5"
# Pixels a side of the smallest images that a network takes.
_LEAST = {"xception": 71, "inception_v3": 75, "inception_resnet_v2": 75}
_HOST = "https://storage.googleapis.com"


def check_application(name):
    """Returns the function of `keras.applications` that has a name.

    Raises:
        ValueError: If there is none.
    """
    known = [name for name in dir(keras.applications) if name[0].isupper()]
    if name not in known:
        lower = {one.lower(): one for one in known}
        close = difflib.get_close_matches(name.lower(), lower, n=4, cutoff=0.5)
        some = [lower[one] for one in close] or known[:4]
        raise ValueError(
            f"keras.applications has no network {name!r}. It has {', '.join(some)} "
            f"and others, {len(known)} in all."
        )
    return getattr(keras.applications, name)


def application(name, weights="imagenet", **options):
    """Returns a network of `keras.applications` without its head.

    Args:
        name: String, such as `"MobileNetV2"`.
        weights: `"imagenet"`, which Keras downloads once, or `None` for weights drawn
            at random.
        **options: Further arguments of its function.

    Returns:
        `keras.Model` of images of any size.

    Raises:
        ValueError: If there is no such network.
        ConnectionError: If its weights are on no disk here and cannot be downloaded.
    """
    build = check_application(name)
    if weights == "imagenet":
        _check_weights(name)
    with warnings.catch_warnings():
        # Its size is that of the images, which the backbone sees to.
        warnings.filterwarnings("ignore", "`input_shape` is undefined")
        return build(include_top=False, weights=weights, **options)


def least_side(name):
    """Returns how many pixels a side the images of a network must have."""
    return _LEAST.get(_module(name), 32)


def colors(name):
    """Returns how a network takes the colours of images.

    `preprocess_input` scales, shifts and maybe reverses the channels, which is linear.
    Its results for black, red, green and blue determine it.

    Args:
        name: String. Of `keras.applications`.

    Returns:
        Tuple of an array of shape `(3, 3)` and one of shape `(3,)`, by which
        `rgb @ kernel + bias`, of values in `[0, 1]`, is what the network takes.
    """
    module = getattr(keras.applications, _module(name))
    shown = 255 * np.concatenate([np.zeros((1, 3)), np.eye(3)]).astype("float32")
    seen = module.preprocess_input(
        shown.reshape(4, 1, 1, 3).copy(), data_format="channels_last"
    )
    seen = np.asarray(seen).reshape(4, 3)
    return seen[1:] - seen[0], seen[0]


def _module(name):
    """The module of a network within `keras.applications`."""
    return check_application(name).__module__.rpartition(".")[2]


def weights_file(name):
    """Returns the `Path` at which Keras looks for the weights of a network."""
    module, short = _module(name), name.lower()
    if module == "mobilenet_v3":
        short = short.removeprefix("mobilenetv3")
    elif module in ("convnext", "nasnet"):
        short = short.removeprefix(module)
    elif module == "efficientnet_v2":
        short = short.replace("v2", "v2-")
    home = Path(os.environ.get("KERAS_HOME", "~/.keras")).expanduser()
    if not os.access(home, os.W_OK):
        # As Keras does, where it cannot write.
        home = Path(tempfile.gettempdir()) / ".keras"
    return home / "models" / _FILES.get(module, _ELSE).format(short)


def _check_weights(name):
    """Refuses a network whose weights Keras would try to download in vain.

    Keras finds out only after it has built the network, and may wait for minutes.
    """
    path = weights_file(name)
    if path.exists():
        return
    silent = silent_hosts([_HOST])
    if silent:
        raise ConnectionError(
            f"The weights of {name} cannot be downloaded now: {', '.join(silent)}. "
            f"Connect to the network, or copy {path.name} from a computer where Keras "
            f"has downloaded it to {path.parent}."
        )
