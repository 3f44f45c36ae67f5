"""Every command that is printed is run, and does what it says."""

import html
import json
import re
import shlex

import keras
import pytest
from commands import read
from typer.testing import CliRunner

from kdl_cli.main import app

# Where kdl is called by name, up to the end of the line, quotation or element.
COMMAND = re.compile(r"\bkdl (?:run|lr|tune|compare|report) [^`\n<]+")


# What is checked here knows no backend.
pytestmark = pytest.mark.one_backend


@pytest.fixture(autouse=True)
def folder(tiny_folder):
    return tiny_folder


def kdl(*arguments, code=0):
    result = CliRunner().invoke(app, list(map(str, arguments)))
    assert result.exit_code == code, result.output
    return result.output


def hints(output):
    return [shlex.split(line)[1:] for line in COMMAND.findall(output)]


def run_hint(output):
    """Runs the one command that was printed, and returns its new folder."""
    (hint,) = hints(output)
    return run(hint)


def run(hint):
    output = kdl(*hint)
    if hint[0] == "report":
        return output
    return re.search(r"into (runs/\S+)\. Epochs", output)[1], output


class TestHints:
    def test_of_a_search_takes_data_and_epochs_along(self, folder):
        told = ("--data", "right", "--epochs", 3, "--set", "kind=wide")
        output = kdl("tune", "tiny", "--trials", 2, *told, "--out", "my search")
        path, output = run_hint(output)
        assert "From my search: data right and epochs 3. " in output
        settings = read(folder / path / "settings.json")
        assert (settings["data"], settings["epochs"]) == ("right", 3)
        values = read(folder / "my search" / "hyperparameters.json")
        assert values == read(folder / path / "hyperparameters.json")

        # The page says it too, of the best trial and once it has other values.
        kdl("report", "my search")
        page = folder / "my search" / "report.html"
        path, _ = run_hint(unescaped(page))
        assert read(folder / path / "hyperparameters.json") == values
        (folder / "my search" / "hyperparameters.json").unlink()
        kdl("report", "my search")
        path, _ = run_hint(unescaped(page))
        assert read(folder / path / "hyperparameters.json") == values
        assert read(folder / path / "settings.json")["data"] == "right"

    def test_of_a_sweep_takes_the_rate_that_is_advised(self, folder):
        options = ("--data", "right", "--steps", 60, "--set", "kind=wide")
        output = kdl("lr", "tiny", *options, "--out", "sweep")
        path, told = run_hint(output)
        assert "From sweep: data right. " in told
        found = read(folder / "sweep" / "results.json")["learning_rate"]
        values = read(folder / path / "hyperparameters.json")["values"]
        advised = min(max(found["valley"], 1e-3), 1e-1)
        assert values["kind"] == "wide"
        assert values["learning_rate"] == pytest.approx(advised, rel=1e-3)
        assert read(folder / path / "settings.json")["data"] == "right"
        # One is advised; of the other it is said what it is.
        assert (
            f"Learning rate to train with: {found['valley']:.4g}, halfway down the "
            f"longest decline of the loss.\nThe loss falls fastest at "
            f"{found['steepest']:.4g}, which is often near the largest rate that "
            "trains at all.\n"
        ) in output

    def test_of_an_interrupted_run_shows_what_there_is(self, monkeypatch):
        def interrupt(*args, **kwargs):
            raise KeyboardInterrupt

        monkeypatch.setattr(keras.Model, "fit", interrupt)
        output = kdl("run", "tiny", "--out", "cut 'off", code=130)
        assert "interrupted" in run_hint(output)

    def test_of_an_interrupted_search_or_comparison_goes_on(self, monkeypatch):
        for command in (
            ("tune", "tiny", "--trials", 2, "--out", "search"),
            ("compare", "tiny", "--vary", "kind", "--seeds", 2, "--out", "compared"),
        ):
            fit, calls = keras.Model.fit, []

            def cut(self, *args, fit=fit, calls=calls, **kwargs):
                calls.append(self)
                if len(calls) == 2:
                    raise KeyboardInterrupt
                return fit(self, *args, **kwargs)

            with monkeypatch.context() as patch:
                patch.setattr(keras.Model, "fit", cut)
                output = kdl(*command, code=130)
                assert "Run the same command to resume it." in output
            assert "Resuming the " in kdl(*command)


class TestTakenAlong:
    @pytest.fixture
    def there(self, folder):
        settings = {"kind": "run", "recipe": "tiny", "objective": "val_loss"}
        settings |= {"direction": "min", "status": "finished"}
        settings |= {"data": "right", "epochs": 1}
        (folder / "there").mkdir()
        (folder / "there" / "settings.json").write_text(json.dumps(settings))
        values = {"recipe": "tiny", "values": {"batch_size": 16}}
        (folder / "there" / "hyperparameters.json").write_text(json.dumps(values))
        return folder

    def settings(self, folder, *options):
        output = kdl("run", "tiny", *options, "--out", "run")
        settings = read(folder / "run" / "settings.json")
        return output, settings["data"], settings["epochs"]

    def test_unless_they_are_given(self, there):
        options = ("--hp", "there", "--data", "left", "--epochs", 3)
        output, *settings = self.settings(there, *options)
        assert settings == ["left", 3] and "From there" not in output

    def test_what_is_not_given(self, there):
        output, *settings = self.settings(there, "--hp", "there", "--epochs", 3)
        assert settings == ["right", 3]
        assert "From there: data right. Training into run. Epochs: 3." in output

    def test_not_with_a_file(self, there):
        path = "there/hyperparameters.json"
        output, *settings = self.settings(there, "--hp", path)
        assert settings == ["left", 2] and "From there" not in output

    def test_by_a_comparison(self, there):
        options = ("--vary", "kind", "--seeds", 1, "--out", "compared")
        output = kdl("compare", "tiny", "--hp", "there", *options)
        assert output.startswith("From there: data right and epochs 1. Comparing")
        settings = read(there / "compared" / "settings.json")
        assert (settings["data"], settings["epochs"]) == ("right", 1)


def unescaped(page):
    return html.unescape(page.read_text(encoding="utf-8"))
