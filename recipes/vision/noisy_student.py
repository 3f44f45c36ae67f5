"""Pseudo-labels, from which a noisy student learns."""

import numpy as np
from scipy.special import softmax

from kdl.data import load
from kdl.data.augmentation.targets import soft_targets
from kdl.data.on_disk import OnDisk, concatenate, take
from kdl.data.sources.images.folder import image_files
from kdl.recipes.reading.from_disk import predicted

_FOLDER = "images:"


def unlabelled_images(x, source, seed):
    """Returns images without labels, of the shape of those with labels.

    Args:
        x: Images with labels, an array or on disk.
        source: As of `kdl.data.load`, all parts of which count, without their labels.
            In the folder of `"images:DIR"` images may lie anywhere.
        seed: Integer. Draws what the source leaves to chance.

    Returns:
        Images on disk if those with labels are, else an array.

    Raises:
        ValueError: If they cannot be joined with those that have labels.
    """
    shape = tuple(x.shape[1:])
    if isinstance(source, str) and source.startswith(_FOLDER):
        path = source.removeprefix(_FOLDER).partition("?")[0]
        images = image_files(path, shape)
        if isinstance(x, OnDisk):
            return images
        # Files have values in [0, 1].
        white = np.float32(255 if np.max(x) > 1 else 1)
        return images[np.arange(len(images))] * white
    images = concatenate([part for part, _ in load(source, seed)])
    if isinstance(x, OnDisk) and not isinstance(images, OnDisk):
        raise ValueError(
            "`unlabelled` must be a folder, as in 'images:more', where the images with "
            f"labels are in a folder. Received: unlabelled={source!r}"
        )
    if images.shape[1:] != shape:
        raise ValueError(
            f"`unlabelled` must hold images of shape {shape}, as those with labels. "
            f"Received: {images.shape[1:]}"
        )
    return images if isinstance(images, OnDisk) else images.astype("float32")


def with_pseudo_labels(teacher, x, y, weight, unlabelled, classes, confidence):
    """Returns examples with labels, and after them those that a teacher has labelled.

    Of the images without labels, those count of which the teacher is sure enough. Each
    class that it finds gets as many, the mean over these classes: of a class with more,
    those of which it is surest; of a class with fewer, some are there several times.
    Their targets are the probabilities of the teacher.

    Args:
        teacher: `keras.Model` of logits.
        x: Images with labels, an array or on disk.
        y: Integer array of their labels.
        weight: Array of their weights, or `None`. Those of pseudo-labels are one.
        unlabelled: Images without labels, an array or on disk.
        classes: Integer. Number of classes.
        confidence: Float in `[0, 1)`. The least probability of the most likely class.

    Returns:
        Tuple of images, their targets as shares of the classes, float32 of shape
        `(examples, classes)`, their weights, if there are any, and how many images of
        each class the teacher was sure of, an integer array.

    References:
        - [Xie et al., 2020](https://arxiv.org/abs/1911.04252), section 2
    """
    shares = softmax(np.asarray(predicted(teacher, unlabelled), "float64"), axis=-1)
    found, surest = np.argmax(shares, axis=-1), np.max(shares, axis=-1)
    rows = [
        np.flatnonzero((found == label) & (surest >= confidence))
        for label in range(classes)
    ]
    counts = np.array([len(some) for some in rows])
    targets = soft_targets(y, classes)
    if not counts.any():
        return x, targets, weight, counts
    each = int(np.ceil(counts.sum() / np.count_nonzero(counts)))
    chosen = np.concatenate(
        # `numpy.resize` repeats those that are few.
        [np.resize(some[np.argsort(-surest[some])], each) for some in rows if len(some)]
    )
    if weight is not None:
        weight = np.concatenate([weight, np.ones(len(chosen), "float32")])
    return (
        concatenate([x, take(unlabelled, chosen)]),
        np.concatenate([targets, shares[chosen].astype("float32")]),
        weight,
        counts,
    )
