"""The page of a search while it runs."""

import keras
import pytest
from searches import search
from tiny import Tiny, tune

from kdl.files import WriteError
from kdl_cli.folder.writing import Folder
from kdl_cli.page import growing, page

pytestmark = pytest.mark.one_backend


@pytest.fixture(autouse=True)
def folder(tiny_folder):
    return tiny_folder


class TestGrowingPage:
    @pytest.fixture
    def grown(self, folder, monkeypatch):
        """A page that takes 2 s to write, the clock, and when it was written."""
        clock, written = [0.0], []

        def write(*arguments):
            written.append(clock[0])
            clock[0] += 2.0

        monkeypatch.setattr(growing.time, "monotonic", lambda: clock[0])
        monkeypatch.setattr(page, "write", write)
        settings = {"kind": "search", "backend": keras.backend.backend()}
        return growing.GrowingPage(Folder(folder, settings)), clock, written

    def test_takes_a_twentieth_of_the_time_at_most(self, grown):
        page, clock, written = grown
        for _ in range(300):
            clock[0] += 1.0
            page.update(search())
        assert written[0] == 1.0
        assert written[1:3] == [43.0, 85.0]
        assert 2.0 * len(written) <= clock[0] / growing.SHARE**-1 + 2.0

    def test_is_written_after_each_long_trial(self, grown):
        page, clock, written = grown
        for _ in range(5):
            clock[0] += 60.0
            page.update(search())
        assert len(written) == 5

    def test_costs_no_failure_but_that_of_the_disk(self, grown, monkeypatch):
        growing_page, *_ = grown

        def fail(*arguments):
            raise error

        monkeypatch.setattr(page, "write", fail)
        error = ValueError("no chart")
        growing_page.update(search())
        growing_page._ended = None
        error = WriteError("no room")
        with pytest.raises(WriteError):
            growing_page.update(search())


class TestSearch:
    def test_is_there_when_the_second_trial_begins_and_at_the_end(
        self, folder, monkeypatch
    ):
        seen, path = [], folder / "search" / "report.html"
        fit = Tiny.fit

        def patched(self, *args, **kwargs):
            seen.append(path.read_text("utf-8") if path.exists() else "")
            return fit(self, *args, **kwargs)

        monkeypatch.setattr(Tiny, "fit", patched)
        output = tune("--trials", 2).output
        assert seen[0] == "" and "Status: still running." in seen[1]
        text = path.read_text("utf-8")
        assert "Trials: 2. Status: finished. Written on " in text
        assert "Left out" not in text
        assert "\nAs a page with charts: search/report.html\n" in output
        assert "report.html" in output.partition("\nIn search: ")[2]

    def test_goes_on_if_the_page_fails(self, folder, monkeypatch):
        def fail(*arguments):
            raise RuntimeError("no page")

        monkeypatch.setattr(page.document, "write", fail)
        output = tune("--trials", 2).output
        sentence = "The page with charts cannot be written: RuntimeError: no page\n"
        assert sentence in output
        assert (folder / "search" / "model.keras").exists()

    def test_is_there_if_no_trial_succeeded(self, folder, monkeypatch):
        def fail(*args, **kwargs):
            raise ArithmeticError("no")

        monkeypatch.setattr(keras.Model, "fit", fail)
        tune("--trials", 1, code=1)
        assert "Status: failed." in (folder / "search" / "report.html").read_text()
