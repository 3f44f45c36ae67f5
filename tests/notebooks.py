"""Has a test run as in a notebook."""

from kdl import notebook


def begin(patch):
    """Begins a notebook; returns a list of its outputs.

    Each is a list of pairs of HTML and text, one for each time that it is shown.

    Args:
        patch: `pytest.MonkeyPatch`.
    """
    outputs = []

    class Output:
        def __init__(self):
            self.states = None

        def show(self, html, text):
            if self.states is None:
                self.states = []
                outputs.append(self.states)
            self.states.append((html, text))

    patch.setattr(notebook, "shell", object)
    patch.setattr(notebook, "Output", Output)
    return outputs
