"""What a notebook of Jupyter shows."""

import io
import sys


def shell():
    """Returns the shell of the notebook that runs this, or `None` elsewhere."""
    # Who runs in a notebook has imported it.
    ipython = sys.modules.get("IPython")
    found = None if ipython is None else ipython.get_ipython()
    # That of a terminal has no kernel.
    return None if getattr(found, "kernel", None) is None else found


def takes_over(verbose):
    """Whether a notebook shows progress in place of what Keras prints by `verbose`."""
    return verbose in ("auto", 1) and shell() is not None


class Output:
    """A part of a cell's output, in whose place comes what is shown next."""

    def __init__(self):
        self._handle = None

    def show(self, html, text):
        """Shows this in place of what was shown before.

        Args:
            html: String.
            text: String. The same for who does not show HTML.
        """
        from IPython.display import display

        data = {"text/html": html, "text/plain": text}
        if self._handle is None:
            self._handle = display(data, raw=True, display_id=True)
        else:
            self._handle.update(data, raw=True)


def bar(done, total):
    """Returns a progress bar of HTML; `total` is `None` if it is not known."""
    if not total:
        return "<progress></progress>"
    return f'<progress value="{done}" max="{total}"></progress>'


def show_figures():
    """Has a notebook draw figures of matplotlib that are the last word of a cell.

    `matplotlib.pyplot` does so when it is imported, which kdl does not.
    """
    found = shell()
    if found is not None:
        formatter = found.display_formatter.formatters["image/png"]
        formatter.for_type_by_name("matplotlib.figure", "Figure", _png)


def _png(figure):
    file = io.BytesIO()
    figure.savefig(file, format="png")
    return file.getvalue()
