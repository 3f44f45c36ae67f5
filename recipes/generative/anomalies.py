"""Anomalies: data unlike those that were learned."""

import functools

import numpy as np
from keras import tree
from matplotlib.figure import Figure

from kdl.data import Splits
from kdl.data.on_disk import take
from kdl.models import VariationalAutoencoder
from kdl.recipes.classes import class_names
from kdl.recipes.generative.pictures import heat, show
from kdl.recipes.generative.reconstruction import errors, flat, in_parts
from kdl.recipes.vision.embeddings import nearest

SHARE = 0.95  # Share of normal examples that are below the threshold.
_TREES = 200
_SHOWN = 8  # Examples in a picture.


def labels_of(y):
    """Returns targets that are classes, as an array of integers; otherwise `None`."""
    y = np.asarray(y) if isinstance(y, (np.ndarray, list)) else None
    return y if y is not None and y.ndim == 1 and y.dtype.kind in "iu" else None


def normal_only(splits, normal, anomalous):
    """Returns splits of which all but the test set has normal examples alone.

    Args:
        splits: `kdl.data.Splits`.
        normal: Optional string. Name of the class that is normal.
        anomalous: Optional string. That of the one that is not. One of both is given.

    Raises:
        ValueError: If the targets are no classes, if there is one class only, if none
            has the name, or if none of the examples is normal.
    """
    option = "normal" if anomalous is None else "anomalous"
    if any(labels_of(y) is None for _, y in splits):
        y = np.asarray(splits.train[1])
        raise ValueError(
            f"`source` must have a class for each example, an integer of 0 or more, to "
            f"tell what is {option}. Received: targets of {y.dtype} {y.shape}"
        )
    names = class_names(splits)
    if len(names) < 2:
        raise ValueError(
            "`source` must have two classes or more to tell anomalies from what is "
            f"normal. Received: {names[0]!r} alone"
        )
    chosen = anomalous if normal is None else normal
    if chosen not in names:
        raise ValueError(
            f"`{option}` must be a class of the data: {', '.join(map(repr, names))}. "
            f"Received: {option}={chosen!r}"
        )
    parts = []
    for what, (x, y) in zip(("training", "validation"), splits[:2], strict=True):
        rows = np.flatnonzero(~are_anomalous(y, names, normal, anomalous))
        if not len(rows):
            raise ValueError(
                f"The {what} set must have examples that are normal. Received: none, "
                f"for {option}={chosen!r}"
            )
        some = tree.map_structure(functools.partial(take, rows=rows), x)
        parts.append((some, y[rows]))
    return Splits(*parts, splits.test, splits.classes, splits.drawn)


def are_anomalous(y, names, normal, anomalous):
    """Returns which labels are of anomalies, a boolean array.

    Args:
        y: Integer array of shape `(examples,)`.
        names: List of strings. Names of the classes, by label.
        normal: Optional string. Name of the class that is normal.
        anomalous: Optional string. That of the one that is not. Without either, all
            are normal.
    """
    found = np.array(names)[y]
    if normal is not None:
        return found != normal
    return found == anomalous if anomalous is not None else np.zeros(len(y), bool)


def scores_of(model, x):
    """Returns the anomaly score of each example, the higher the less normal.

    It is the mean squared error of the reconstruction; of a variational autoencoder the
    negative ELBO, in nats per number.

    Args:
        model: `kdl.models.Autoencoder` or `VariationalAutoencoder`.
        x: Array, or data on disk.
    """
    if not isinstance(model, VariationalAutoencoder):
        return errors(model, x)
    return in_parts(lambda some: -model.elbos(some) / flat(some).shape[1], x)


def measured(scores, is_anomaly, threshold=None):
    """Returns how well scores tell anomalies, a dict of floats.

    `"auroc"` is the probability that an anomaly has a higher score than a normal
    example, and `"average_precision"` the area under precision by recall. Neither is
    there if all examples are of one kind.

    Args:
        scores: Array of shape `(examples,)`.
        is_anomaly: Boolean array of shape `(examples,)`.
        threshold: Optional float. Adds `"precision"` and `"recall"` of the anomalies
            above it.
    """
    from sklearn import metrics

    found = {}
    if is_anomaly.any() and not is_anomaly.all():
        found["auroc"] = metrics.roc_auc_score(is_anomaly, scores)
        found["average_precision"] = metrics.average_precision_score(is_anomaly, scores)
    if threshold is not None:
        above = scores > threshold
        for name in ("precision", "recall"):
            score = getattr(metrics, f"{name}_score")
            found[name] = score(is_anomaly, above, zero_division=0)
    return {name: float(value) for name, value in found.items()}


def methods(train, test, pca):
    """Returns the anomaly scores of other methods, arrays by name.

    Args:
        train: Array of normal examples.
        test: Array of those to score.
        pca: `PrincipalComponents` of the training data, or `None`.
    """
    from sklearn.ensemble import IsolationForest

    x, new = flat(train), flat(test)
    distances, _ = nearest(x, new)
    found = {f"{distances.shape[1]} nearest neighbours": distances.mean(1)}
    if pca is not None:
        found["PCA error"] = errors(pca, test)
    forest = IsolationForest(n_estimators=_TREES, random_state=0).fit(x)
    return {**found, "isolation forest": -forest.score_samples(new)}


def anomalies_table(scores, is_anomaly):
    """Returns how well methods tell anomalies, a list of dicts.

    Args:
        scores: Dict of arrays by method.
        is_anomaly: Boolean array of shape `(examples,)`.
    """
    return [
        {"method": name, **measured(values, is_anomaly)}
        for name, values in scores.items()
    ]


def anomalies_figure(model, x, scores, is_anomaly, threshold):
    """Draws the scores, and the images that have the highest ones.

    Args:
        model: Model that the scores are of.
        x: Test data; those that are images are shown.
        scores: Array of shape `(examples,)`.
        is_anomaly: Boolean array, likewise.
        threshold: Float.
    """
    has_images = len(x.shape) == 4
    highest = np.argsort(-scores)[:_SHOWN]
    figure = Figure(figsize=(9, 7.2 if has_images else 4), layout="constrained")
    upper, *lower = figure.subfigures(1 + has_images, 1, squeeze=False)[:, 0]
    axes = upper.subplots()
    bins = np.linspace(scores.min(), np.quantile(scores, 0.995), 41)
    shown = np.clip(scores, bins[0], bins[-1])
    kinds = {"normal": ~is_anomaly, "anomalous": is_anomaly}
    for name, some in kinds.items():
        if some.any():
            axes.hist(shown[some], bins, alpha=0.6, label=f"{name}: {some.sum():,}")
    label = f"threshold {threshold:.3g}"
    axes.axvline(threshold, color="black", linestyle="--", label=label)
    axes.set_xlabel("anomaly score; the last bar has all that are higher")
    axes.set_ylabel("test examples")
    axes.legend()
    for part in lower:
        images = x[highest]
        restored = model.reconstruct(images)
        panels = part.subplots(3, len(images), squeeze=False)
        part.suptitle("Highest scores: input, reconstruction, where they differ")
        for column, place, image, made, hot in zip(
            panels.T, highest, images, restored, heat(images, restored), strict=True
        ):
            for axes, pixels in zip(column, (image, made, hot), strict=True):
                show(axes, pixels)
            name = "anomalous" if is_anomaly[place] else "normal"
            colour = "C1" if is_anomaly[place] else "C0"
            text = f"{scores[place]:.3g}\n{name}"
            column[0].set_title(text, fontsize=8, color=colour)
    return figure
