import sys
from types import SimpleNamespace
from unittest import mock

import pytest
from matplotlib.figure import Figure

from kdl import notebook

pytestmark = pytest.mark.one_backend

PNG = b"\x89PNG\r\n\x1a\n"


def shell_of(found):
    """What is taken for the shell where IPython has this one."""
    ipython = SimpleNamespace(get_ipython=lambda: found)
    with mock.patch.dict(sys.modules, {"IPython": ipython}):
        return notebook.shell()


class TestShell:
    def test_is_that_of_a_notebook(self):
        shell = SimpleNamespace(kernel=object())
        assert shell_of(shell) is shell

    def test_is_none_in_a_terminal(self):
        assert shell_of(SimpleNamespace()) is None

    def test_is_none_without_a_shell(self):
        assert shell_of(None) is None

    def test_is_none_without_ipython(self):
        with mock.patch.dict(sys.modules):
            sys.modules.pop("IPython", None)
            assert notebook.shell() is None
            assert "IPython" not in sys.modules


class TestTakesOver:
    @pytest.mark.parametrize(
        ("verbose", "expected"),
        [("auto", True), (1, True), (True, True), (0, False), (2, False)],
    )
    def test_what_keras_draws_as_a_bar(self, verbose, expected, monkeypatch):
        monkeypatch.setattr(notebook, "shell", object)
        assert notebook.takes_over(verbose) == expected

    def test_nothing_elsewhere(self):
        assert not notebook.takes_over("auto")


class TestOutput:
    def test_is_shown_once_and_then_replaced(self, monkeypatch):
        display = pytest.importorskip("IPython.display")
        handle, show = mock.Mock(), mock.Mock()
        show.return_value = handle
        monkeypatch.setattr(display, "display", show)
        output = notebook.Output()
        output.show("<b>a</b>", "a")
        output.show("<b>b</b>", "b")
        first, second = (
            {"text/html": f"<b>{name}</b>", "text/plain": name} for name in "ab"
        )
        show.assert_called_once_with(first, raw=True, display_id=True)
        handle.update.assert_called_once_with(second, raw=True)


class TestBar:
    def test_says_how_far_it_is(self):
        assert notebook.bar(2, 8) == '<progress value="2" max="8"></progress>'

    def test_may_not_know_the_end(self):
        assert notebook.bar(2, None) == "<progress></progress>"


class TestShowFigures:
    @pytest.fixture
    def formatter(self, monkeypatch):
        formatters = pytest.importorskip("IPython.core.formatters")
        formatter = formatters.DisplayFormatter()
        shell = SimpleNamespace(display_formatter=formatter)
        monkeypatch.setattr(notebook, "shell", lambda: shell)
        return formatter

    def test_draws_a_figure(self, formatter):
        assert "image/png" not in formatter.format(Figure())[0]
        notebook.show_figures()
        assert formatter.format(Figure())[0]["image/png"].startswith(PNG)

    def test_leaves_alone_what_draws_already(self, formatter):
        formatter.formatters["image/png"].for_type(Figure, lambda figure: b"mine")
        notebook.show_figures()
        assert formatter.format(Figure())[0]["image/png"] == b"mine"

    def test_does_nothing_elsewhere(self):
        notebook.show_figures()
