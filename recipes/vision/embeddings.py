"""What embeddings of a set of examples are worth: scores, neighbours and pictures."""

import numpy as np
from matplotlib.figure import Figure

from kdl.callbacks.logging.prediction_figures import class_colours, scaled

NEIGHBOURS = 5  # As many as recall is asked for, and are shown.
_SHOWN = 8  # Images that are shown with their neighbours.
_POINTS = 1000  # Of t-SNE, whose time grows with them.
_NAMED = 20  # Classes up to which the legend has room for their names.


def nearest(embeddings, points=None, count=NEIGHBOURS):
    """Returns the embeddings that are nearest to some points.

    Args:
        embeddings: Array of shape `(examples, size)`.
        points: Optional array of shape `(points, size)`. Defaults to `None`: the
            embeddings themselves, each with the nearest others.
        count: Integer. How many, if there are so many others. Defaults to `5`.

    Returns:
        Tuple of distances and indices, arrays of shape `(points, count)`, the nearest
        first.
    """
    # scikit-learn, here and below, takes longer to import than all of kdl.
    from sklearn.neighbors import NearestNeighbors

    count = min(count, len(embeddings) - (points is None))
    if count < 1:
        return np.zeros((len(embeddings), 0)), np.zeros((len(embeddings), 0), int)
    # It goes through the examples in blocks, and without points leaves out each one
    # itself.
    search = NearestNeighbors(n_neighbors=count, algorithm="brute")
    return search.fit(embeddings).kneighbors(points)


def recalls(labels, neighbours):
    """Returns which examples have one of their class among their nearest others.

    Args:
        labels: Integer array of shape `(examples,)`.
        neighbours: Integer array of shape `(examples, count)`.

    Returns:
        Dict of boolean arrays by `"recall_at_1"` and `"recall_at_5"`, of the examples
        whose class has another one.
    """
    found = labels[neighbours] == labels[:, np.newaxis]
    _, places, counts = np.unique(labels, return_inverse=True, return_counts=True)
    found = found[counts[places] > 1]
    return {f"recall_at_{k}": found[:, :k].any(-1) for k in (1, NEIGHBOURS)}


def recall(labels, embeddings):
    """Returns recall at 1 and at 5, floats by name.

    It is 0 if no class has two examples.
    """
    _, neighbours = nearest(embeddings)
    scores = recalls(labels, neighbours)
    return {k: float(v.mean()) if v.size else 0.0 for k, v in scores.items()}


def mutual_information(labels, embeddings):
    """Returns how much clusters tell of classes, normalized to `[0, 1]`.

    There are as many clusters of k-means as classes.
    """
    from sklearn.cluster import KMeans
    from sklearn.metrics import normalized_mutual_info_score

    clusters = KMeans(len(np.unique(labels)), n_init=4, random_state=0)
    found = clusters.fit_predict(np.asarray(embeddings, "float64"))
    return float(normalized_mutual_info_score(labels, found))


def recall_table(labels, embeddings, names):
    """Returns the scores of each class, and for what its examples are taken.

    Returns:
        List of dicts: `"class"`, `"examples"`, `"recall_at_1"`, `"recall_at_5"`, and
        `"mistaken_for"`, the most frequent other class of the nearest.
    """
    _, neighbours = nearest(embeddings)
    rows = []
    for label in np.unique(labels):
        own = labels == label
        found = labels[neighbours[own]] == label
        wrong = labels[neighbours[own, :1]][~found[:, :1]]
        row = {"class": names[label], "examples": int(own.sum())}
        for k in (1, NEIGHBOURS):
            row[f"recall_at_{k}"] = float(found[:, :k].any(-1).mean())
        most = names[np.bincount(wrong).argmax()] if wrong.size else ""
        rows.append({**row, "mistaken_for": most})
    return rows


def embedding_figure(labels, embeddings, names, title):
    """Draws embeddings in two dimensions, by PCA and by t-SNE.

    Args:
        labels: Integer array of shape `(examples,)`.
        embeddings: Array of shape `(examples, size)`.
        names: List of strings. Names of the classes, by label.
        title: String.
    """
    from sklearn.decomposition import PCA
    from sklearn.manifold import TSNE

    rng, count = np.random.default_rng(0), len(labels)
    some = np.sort(rng.permutation(count)[:_POINTS])
    labels, embeddings = labels[some], np.asarray(embeddings, "float64")[some]
    panels = {}
    pca = PCA(min(2, *embeddings.shape), random_state=0)
    with np.errstate(invalid="ignore"):  # One example has no variance.
        points = pca.fit_transform(embeddings)
    explained = np.nan_to_num(pca.explained_variance_ratio_.sum())
    panels[f"PCA: {explained:.0%} of the variance"] = points
    if len(some) > 4:
        perplexity = min(30, (len(some) - 1) / 3)
        tsne = TSNE(perplexity=perplexity, init="random", random_state=0)
        panels[f"t-SNE, perplexity {perplexity:.3g}"] = tsne.fit_transform(embeddings)
    figure = Figure(figsize=(6 * len(panels) + 1.5, 5.5), layout="constrained")
    figure.suptitle(f"{title}: {len(some):,} of {count:,} examples")
    classes = np.unique(labels)
    colours = class_colours(len(classes))
    for axes, (name, points) in zip(
        np.atleast_1d(figure.subplots(1, len(panels))), panels.items(), strict=True
    ):
        points = np.pad(points, ((0, 0), (0, 2 - points.shape[1])))
        for colour, label in zip(colours, classes, strict=True):
            x, y = points[labels == label].T
            axes.scatter(x, y, s=8, color=colour, label=names[label], alpha=0.8)
        axes.set_title(name)
        axes.set_xticks([])
        axes.set_yticks([])
    if len(classes) <= _NAMED:
        handles, texts = axes.get_legend_handles_labels()
        figure.legend(handles, texts, loc="outside right upper", markerscale=2)
    return figure


def neighbours_figure(images, labels, embeddings, names, title):
    """Draws a few examples beside those that are nearest to them.

    Half of the examples have a neighbour of another class, if there are such.

    Args:
        images: Array of images, or images on disk.
        labels: Integer array of shape `(examples,)`.
        embeddings: Array of shape `(examples, size)`.
        names: List of strings. Names of the classes, by label.
        title: String.
    """
    distances, neighbours = nearest(embeddings)
    is_wrong = (labels[neighbours] != labels[:, np.newaxis]).any(-1)
    rng = np.random.default_rng(0)
    order = rng.permutation(len(labels))
    wrong, right = order[is_wrong[order]], order[~is_wrong[order]]
    half = _SHOWN // 2
    count = max(half, _SHOWN - len(right))
    shown = np.r_[wrong[:count], right[: _SHOWN - min(count, len(wrong))]]
    columns = 1 + neighbours.shape[1]
    size = 1.5 * columns, 1.7 * len(shown) + 0.6
    figure = Figure(figsize=size, layout="constrained")
    figure.suptitle(f"{title}: each image and its nearest; red is of another class")
    panels = figure.subplots(len(shown), columns, squeeze=False)
    for axes, row in zip(panels, shown, strict=True):
        places = np.r_[row, neighbours[row]]
        for panel, image, place, distance in zip(
            axes, images[places], places, np.r_[np.nan, distances[row]], strict=True
        ):
            pixels = scaled(image)
            panel.imshow(pixels[..., 0] if pixels.shape[-1] == 1 else pixels, "gray")
            is_query, name = np.isnan(distance), names[labels[place]]
            colour = "black" if labels[place] == labels[row] else "C3"
            text = name if is_query else f"{name}\n{distance:.2f}"
            weight = "bold" if is_query else "normal"
            panel.set_title(text, color=colour, fontsize=8, fontweight=weight)
            panel.set_xticks([])
            panel.set_yticks([])
            for spine in panel.spines.values():
                spine.set(color=colour, linewidth=2 if colour == "C3" else 0.5)
    return figure
