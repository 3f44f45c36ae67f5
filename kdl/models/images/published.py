"""Networks as papers describe them."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import keras

from kdl.checks import check_choice
from kdl.models.images.efficientnet import efficientnet
from kdl.models.images.inception import inception
from kdl.models.images.resnet import resnet
from kdl.models.images.vgg import vgg


class Published(NamedTuple):
    """A network as a paper describes it.

    Args:
        family: Function of `kdl.models` that returns it.
        arguments: Dict of its arguments.
        size: Integer. Height and width of the images of the paper, in pixels.
        parameters: Integer. Trainable parameters that were published, with 1,000
            classes.
    """

    family: Callable
    arguments: dict
    size: int
    parameters: int


_DEEP = {"bottleneck": True}
PUBLISHED = {
    "vgg16": Published(
        vgg,
        {"normalization": None, "units": (4096, 4096), "rate": 0.5},
        224,
        138_357_544,
    ),
    "googlenet": Published(
        inception, {"normalization": None, "rate": 0.4}, 224, 6_998_552
    ),
    "resnet18": Published(resnet, {}, 224, 11_689_512),
    "resnet34": Published(resnet, {"depth": (3, 4, 6, 3)}, 224, 21_797_672),
    "resnet50": Published(resnet, {"depth": (3, 4, 6, 3), **_DEEP}, 224, 25_557_032),
    "resnet101": Published(resnet, {"depth": (3, 4, 23, 3), **_DEEP}, 224, 44_549_160),
    **{
        f"efficientnet-b{number}": Published(
            efficientnet,
            {"width": width, "depth": depth, "rate": rate, "depth_rate": 0.2},
            size,
            parameters,
        )
        for number, (width, depth, rate, size, parameters) in enumerate(
            [
                (1.0, 1.0, 0.2, 224, 5_288_548),
                (1.0, 1.1, 0.2, 240, 7_794_184),
                (1.1, 1.2, 0.3, 260, 9_109_994),
                (1.2, 1.4, 0.3, 300, 12_233_232),
            ]
        )
    },
}


def published(
    network: str,
    input_shape: Sequence[int | None] | None = None,
    classes: int | None = 1000,
    **changes: Any,
) -> keras.Model:
    """Returns a network as a paper describes it, with weights drawn anew.

    | `network` | pixels | million parameters |
    |---|---|---|
    | `"vgg16"` | 224 | 138.4 |
    | `"googlenet"` | 224 | 7.0 |
    | `"resnet18"`, `"resnet34"` | 224 | 11.7, 21.8 |
    | `"resnet50"`, `"resnet101"` | 224 | 25.6, 44.5 |
    | `"efficientnet-b0"`, `"efficientnet-b1"` | 224, 240 | 5.3, 7.8 |
    | `"efficientnet-b2"`, `"efficientnet-b3"` | 260, 300 | 9.1, 12.2 |

    Args:
        network: String, one of the above.
        input_shape: Optional sequence of height, width and channels. Defaults to
            `None`, the paper's.
        classes: Optional integer in `[1, inf)`. Number of logits; `None` for the images
            after the last stage. Defaults to `1000`.
        **changes: Other arguments of the family, in place of the paper's.

    Returns:
        `keras.Model`.

    Raises:
        ValueError: If there is no such network, or as its family does.

    Example:

    >>> model = kdl.models.published("resnet18", (64, 64, 3), 10, stem="small")
    """
    check_choice("network", network, list(PUBLISHED))
    known = PUBLISHED[network]
    if input_shape is None:
        input_shape = known.size, known.size, 3
    options = {"name": network.replace("-", "_"), **known.arguments, **changes}
    return known.family(input_shape, classes, **options)
