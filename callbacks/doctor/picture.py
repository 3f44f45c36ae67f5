"""The picture of a fit."""

import numpy as np

from kdl.callbacks.image_grid import grid

SHOWN = 32  # Samples of a generator that are drawn.
_NAMED = 5  # Layers that a legend can name; of more, a bar tells the colours.


def draw(records, findings):
    """Draws the curves of a fit, with what was found in them.

    Args:
        records: `Records`.
        findings: List of `Finding`s.

    Returns:
        A `matplotlib.figure.Figure` of one to five panels: those that have data.
    """
    # Here, since matplotlib takes longer to import than the rest of kdl.
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    panels = [lambda axes: _draw_loss(axes, records, findings)]
    if records.group("update_ratio"):
        panels += [
            lambda axes: _draw_norms(axes, records),
            lambda axes: _draw_ratios(axes, records),
        ]
    if records.group("scale"):
        panels.append(lambda axes: _draw_activations(axes, records))
    has_samples = records.samples is not None
    count = len(panels) + has_samples
    rows, columns = {1: (1, 1), 2: (2, 1), 3: (3, 1), 4: (2, 2), 5: (3, 2)}[count]
    size = (9 if columns == 2 else 7, 2.25 * rows + 2)
    figure = Figure(figsize=size, layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False)
    epochs = records.epochs() or [0]
    for axes in grid.flat[count:]:
        axes.axis("off")
    if has_samples:
        _draw_samples(grid.flat[len(panels)], records.samples)
    for panel, axes in zip(panels, grid.flat, strict=False):
        panel(axes)
        axes.set_xlabel("epochs trained")
        axes.set_xlim(epochs[0] - 0.2, epochs[-1] + 1.2)
        axes.xaxis.set_major_locator(MaxNLocator("auto", integer=True, min_n_ticks=1))
        axes.grid(alpha=0.3)
    return figure


def _draw_loss(axes, records, findings):
    batches = records.values("batch_loss")
    style = {"color": "tab:blue", "alpha": 0.3, "linewidth": 0.8}
    axes.plot(records.epochs("batch_loss"), batches, **style)
    shown = list(batches)
    for name, label, colour in (
        ("loss", "training", "tab:blue"),
        ("val_loss", "validation", "tab:orange"),
    ):
        if column := records.values(name):
            at = np.add(records.epochs(name), 1)
            axes.plot(at, column, ".-", color=colour, label=label)
            shown += column
    if records.constant is not None:
        style = {"color": "grey", "linestyle": ":", "label": "best constant"}
        axes.axhline(records.constant, **style)
    shown = [x for x in shown if np.isfinite(x)]
    if shown and 0 < min(shown) < max(shown) / 30:
        axes.set_yscale("log")
    for finding in findings:
        at = finding.epoch + (finding.batch or 0) / (records.steps or 1)
        style = {"color": "tab:red", "linestyle": "--", "linewidth": 0.8}
        axes.axvline(at, **style, label=finding.name)
    axes.set_title("loss")
    if axes.get_legend_handles_labels()[0]:
        axes.legend(fontsize="small")


def _draw_samples(axes, samples):
    """Draws images side by side, or other samples as points of their first numbers."""
    axes.set_title("what the generator makes")
    if samples.ndim != 4:
        flat = samples.reshape(len(samples), -1)
        axes.plot(flat[:, 0], flat[:, min(1, flat.shape[1] - 1)], ".")
        return
    low, high = samples.min(), samples.max()
    axes.imshow(grid(samples - low, (high - low) or 1.0), "gray")
    axes.axis("off")


def _draw_norms(axes, records):
    _draw_by_depth(axes, records, "gradient_norm", records.kernels)
    axes.set_title("gradient norm of kernels")


def _draw_ratios(axes, records):
    axes.axhspan(1e-4, 1e-2, color="tab:green", alpha=0.1, zorder=0)
    _draw_by_depth(axes, records, "update_ratio", records.kernels)
    axes.set_title("update / weight of kernels (usual: green)")


def _draw_activations(axes, records):
    layers, dead = list(records.group("scale")), records.group("dead")
    _draw_by_depth(axes, records, "scale", layers)
    axes.set_title("size of activations")
    if not any(map(any, dead.values())):
        return
    axes.set_title("size of activations (—), dead units (- -)")
    shares, colours = axes.twinx(), _colours(len(layers))
    # Else its curves would run over the legend.
    axes.set_zorder(shares.get_zorder() + 1)
    axes.patch.set_visible(False)
    for layer in dead:
        colour = colours[layers.index(layer)]
        shares.plot(*_points(records, f"dead/{layer}"), "--", color=colour)
    shares.set_ylim(-0.02, 1.02)
    shares.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")


def _draw_by_depth(axes, records, kind, names):
    """Draws a curve for each of several layers, from dark to light with depth."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import ListedColormap, Normalize

    colours = _colours(len(names))
    for label, name, colour in zip(_labels(names), names, colours, strict=True):
        at, column = _points(records, f"{kind}/{name}")
        column = [x if x > 0 else np.nan for x in column]
        axes.plot(at, column, ".-", color=colour, label=label)
    axes.set_yscale("log")
    low, high = axes.get_ylim()
    if high < 10 * low:
        # A decade at least, so that what hardly changes looks so.
        middle = np.sqrt(low * high)
        axes.set_ylim(middle / 10**0.5, middle * 10**0.5)
    if len(names) <= _NAMED:
        axes.legend(fontsize="x-small")
        return
    scale = ScalarMappable(Normalize(0, 1), ListedColormap(colours))
    # Beside the numbers of a second axis.
    pad = 0.1 if kind == "scale" else 0.02
    bar = axes.figure.colorbar(scale, ax=axes, ticks=[0, 1], pad=pad)
    bar.set_ticklabels(["first", "last"], fontsize="x-small")


def _points(records, name):
    """A curve, from what it was before training or at the first batch."""
    at, column = np.add(records.epochs(name), 1).tolist(), records.values(name)
    if at and name in records.start:
        return [at[0] - 1, *at], [records.start[name], *column]
    return at, column


def _labels(names):
    """Short names of kernels: without the model that all of them are in."""
    model = names[0].partition("/")[0] + "/"
    is_shared = all(name.startswith(model) and name.count("/") > 1 for name in names)
    names = [name.removeprefix(model) if is_shared else name for name in names]
    return [name.removesuffix("/kernel") for name in names]


def _colours(count):
    import matplotlib

    return matplotlib.colormaps["viridis"](np.linspace(0, 0.9, count))
