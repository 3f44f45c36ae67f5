"""Pictures of clothes."""

from pathlib import Path

from kdl.data.sources.npz_files import read_npz
from kdl.data.splits import Splits

_FILE = Path(__file__).parent / "fashion_mnist" / "images.npz"
_CLASSES = (
    "T-shirt/top",
    "trouser",
    "pullover",
    "dress",
    "coat",
    "sandal",
    "shirt",
    "sneaker",
    "bag",
    "ankle boot",
)


def fashion() -> Splits:
    """Loads 6,000 pictures of clothes of Fashion-MNIST, which come with kdl.

    They need no network. 4,000 train and 1,000 validate, drawn from the training set of
    Fashion-MNIST, and 1,000 test, drawn from its test set. Each of the ten classes has
    a tenth of each part. On so few test images, a percent of accuracy more or less is
    chance.

    Returns:
        `kdl.data.Splits` of tuples `(x, y)`: images, float32 in `[0, 1]`, of shape
        `(examples, 28, 28, 1)`, and labels, int32 in `[0, 9]`, of shape
        `(examples,)`, with the names of the classes.

    Example:

    >>> (x, y), validation, test = kdl.data.fashion()

    References:
        - [Xiao et al., 2017](https://arxiv.org/abs/1708.07747)
    """
    parts = read_npz(_FILE)
    return Splits(*((x, y.astype("int32")) for x, y in parts), classes=_CLASSES)
