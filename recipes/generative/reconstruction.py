"""What autoencoders make of data, beside what simpler methods make of them."""

import keras
import numpy as np
from scipy import ndimage

from kdl.layers import Corruption
from kdl.metrics import PSNR

_AT_ONCE = 256  # Examples that are read and reconstructed at once.
_MOST = 2**26  # Numbers that methods which need all data in memory are fitted to.
_PROBED = 5000  # Examples that a linear probe is fitted to.
# Windows of median filters in pixels, and widths of Gaussian ones, the standard
# deviation in pixels. The best is chosen on the validation set.
_WINDOWS, _WIDTHS = (3, 5), (0.5, 0.7, 0.9, 1.1, 1.4)


def in_parts(function, x):
    """Returns what a function returns for parts of data, one after the other.

    Args:
        function: Function of an array, which returns one with as many rows.
        x: Array, or data on disk.
    """
    starts = range(0, len(x), _AT_ONCE)
    rows = (np.arange(n, min(n + _AT_ONCE, len(x))) for n in starts)
    return np.concatenate([function(x[some]) for some in rows])


def in_memory(x, y=None, count=None):
    """Returns as many examples as fit in memory, drawn at random, in order.

    Args:
        x: Array, or data on disk.
        y: Optional array of labels.
        count: Optional integer. The most.

    Returns:
        Array, or a tuple of it and of their labels.
    """
    most = max(1, _MOST // int(np.prod(x.shape[1:])))
    rng = np.random.default_rng(0)
    rows = np.sort(rng.permutation(len(x))[: min(most, count or most)])
    some = x[rows]
    return some if y is None else (some, y[rows])


def flat(x):
    """Returns data as rows of numbers."""
    return np.reshape(x, (len(x), -1))


def errors(model, x):
    """Returns the mean squared error of the reconstruction of each example."""
    return in_parts(
        lambda some: flat(np.square(model.reconstruct(some) - some)).mean(1), x
    )


def codes(model, x):
    """Returns the codes of data, rows of numbers."""
    return in_parts(lambda some: flat(model.encode(some)), x)


class PrincipalComponents:
    """PCA of as many components as a code has numbers.

    Args:
        x: Array of training data.
        size: Integer. Number of components, if there are so many.
    """

    def __init__(self, x, size):
        # scikit-learn, here and below, takes longer to import than all of kdl.
        from sklearn.decomposition import PCA

        x = flat(x)
        self._pca = PCA(min(size, *x.shape), random_state=0).fit(x)

    def encode(self, x):
        return self._pca.transform(flat(x))

    def reconstruct(self, x):
        return self._pca.inverse_transform(self.encode(x)).reshape(x.shape)


def column_table(methods, x, names):
    """Returns the errors of the columns of a table, the largest first.

    Args:
        methods: Dict of models that reconstruct data, by the name of their error. Rows
            go by the first.
        x: Array of rows of numbers.
        names: List of strings. Name of the column that each number is of.

    Returns:
        List of dicts: `"column"`, and the mean squared error per number of each method.
    """
    squares = {
        name: np.square(method.reconstruct(x) - x).mean(0)
        for name, method in methods.items()
    }
    first = next(iter(squares))
    rows = []
    for column in dict.fromkeys(names):
        own = np.array(names) == column
        row = {name: float(values[own].mean()) for name, values in squares.items()}
        rows.append({"column": column, **row})
    return sorted(rows, key=lambda row: -row[first])


def probe(encode, train, test):
    """Returns the accuracy of a linear classifier of codes.

    Args:
        encode: Function of data, which returns codes.
        train: Tuple of data and labels, which it is fitted to.
        test: Tuple of those that it is tested on.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    x, y = in_memory(*train, count=_PROBED)
    classifier = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    classifier.fit(encode(x), y)
    x, y = in_memory(*test)
    return float(classifier.score(encode(x), y))


def corrupted(model, x, seed):
    """Returns images as a denoising model saw them in training.

    The same seed draws the same on a given backend.
    """
    layer = Corruption(model.corruption.kind, model.corruption.amount, seed)
    return keras.ops.convert_to_numpy(layer(x, training=True))


def filtered(x, noisy):
    """Returns the filters of each kind that restore images best.

    Args:
        x: Array of images.
        noisy: What became of them.

    Returns:
        Dict of functions of images, by `"median"` and `"gaussian"`.
    """
    kinds = {
        "median": [_median(window) for window in _WINDOWS],
        "gaussian": [_gaussian(width) for width in _WIDTHS],
    }
    return {
        name: max(some, key=lambda function: psnr(x, function(noisy)))
        for name, some in kinds.items()
    }


def _median(window):
    return lambda x: ndimage.median_filter(x, (1, window, window, 1))


def _gaussian(width):
    return lambda x: ndimage.gaussian_filter(x, (0, width, width, 0))


def psnr(x, restored):
    """Returns the mean PSNR of images in decibels, clipped to `[0, 1]`."""
    metric = PSNR()
    metric.update_state(x, np.clip(restored, 0, 1))
    return float(metric.result())


def denoised(model, validation, test):
    """Returns how well a denoising model restores images, beside filters.

    Args:
        model: `kdl.models.Autoencoder` with a corruption.
        validation: Images that choose the widths of the filters.
        test: Images.

    Returns:
        Dict of floats, in decibels: `"psnr"`, `"noisy_psnr"`, `"median_psnr"`,
        `"gaussian_psnr"`, and `"gain"` over the better filter.
    """
    validation, test = in_memory(validation), in_memory(test)
    filters = filtered(validation, corrupted(model, validation, seed=1))
    noisy = corrupted(model, test, seed=2)
    scores = {
        "psnr": psnr(test, in_parts(model.reconstruct, noisy)),
        "noisy_psnr": psnr(test, noisy),
    }
    found = {name: psnr(test, function(noisy)) for name, function in filters.items()}
    scores |= {f"{name}_psnr": value for name, value in found.items()}
    return {**scores, "gain": scores["psnr"] - max(found.values())}
