"""What a segmentation makes of masks."""

import numpy as np

from kdl.data import Batches
from kdl.data.on_disk import OnDisk
from kdl.data.splits import Splits
from kdl.recipes.reading.from_disk import reading


def masked_images(splits: Splits) -> Splits:
    """Returns `splits`, provided they hold images with a mask each.

    Args:
        splits: `kdl.data.Splits`.

    Raises:
        ValueError: If the inputs of a part are not of four dimensions, if its targets
            are not integers of 0 or more for each pixel, or if a part is empty.
    """
    for x, y in splits:
        x, y = (
            part if isinstance(part, OnDisk) else np.asarray(part) for part in (x, y)
        )
        fits = x.ndim == 4 and y.shape == x.shape[:3] and y.dtype.kind in "iu"
        if not fits or not len(y) or (not isinstance(y, OnDisk) and y.min() < 0):
            raise ValueError(
                "`source` must hold images of shape (examples, height, width, "
                "channels), one or more in each part, and masks of shape (examples, "
                "height, width), integers of 0 or more. "
                f"Received: {x.dtype} {x.shape} and {y.dtype} {y.shape}"
            )
    return splits


def predicted_masks(model, x, y):
    """Yields images, masks and predicted masks, batch by batch.

    Args:
        model: `keras.Model` of logits of each pixel.
        x: Images, an array or on disk.
        y: Their masks, likewise.

    Yields:
        Tuple of arrays: images, masks, and the class of each pixel with the highest
        logit.
    """
    batches = Batches(x, y, shuffle=False)
    with reading(batches):
        for index in range(len(batches)):
            images, masks = batches[index]
            yield images, masks, np.argmax(model.predict_on_batch(images), axis=-1)


def confusion(masks, predicted, count):
    """Returns how many pixels of each class were taken for each.

    Args:
        masks: Integer array. The classes of pixels.
        predicted: Integer array of the same shape.
        count: Integer. Number of classes.

    Returns:
        Integer array of shape `(count, count)`, of which rows are true classes.
    """
    pairs = np.bincount(np.ravel(masks) * count + np.ravel(predicted), None, count**2)
    return pairs.reshape(count, count)


def class_table(matrix, names):
    """Returns how well each class was found, a list of dicts.

    Of the pixels that are of a class or were taken for it, the intersection over union
    is the share of those that are both, and Dice, also called F1, is `2 * IoU / (1 +
    IoU)`.

    Args:
        matrix: Integer array of shape `(classes, classes)`, as of `confusion`.
        names: List of strings. Names of the classes.

    Returns:
        List of dicts of `"class"`, `"pixels"`, `"iou"` and `"dice"`, one for each class
        and one of their means. A class without pixels, true or predicted, has `None`,
        and is in no mean.
    """
    both = np.diag(matrix)
    true, found = matrix.sum(axis=1), matrix.sum(axis=0)
    rows = [
        {
            "class": name,
            "pixels": int(n),
            "iou": float(hits / (n + m - hits)) if n + m else None,
            "dice": float(2 * hits / (n + m)) if n + m else None,
        }
        for name, hits, n, m in zip(names, both, true, found, strict=True)
    ]
    means = {
        score: float(np.mean([row[score] for row in rows if row[score] is not None]))
        for score in ("iou", "dice")
    }
    return [*rows, {"class": "mean", "pixels": int(matrix.sum()), **means}]
