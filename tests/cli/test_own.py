"""Recipes of users, from their files."""

import re

import pytest
from commands import kdl, read, refusal, rows
from own_recipes import forget, write

pytestmark = pytest.mark.one_backend

HYPERMODEL = ("hypermodel.py", "--data", "digits", "--objective", "val_accuracy")


@pytest.fixture(autouse=True)
def folder(tiny_folder, monkeypatch):
    forget(monkeypatch)
    write(tiny_folder)
    return tiny_folder


class TestEverywhere:
    def test_runs_and_is_described(self, folder):
        output = kdl("run", "recipe.py").output
        assert "Training into runs/mine-1. Epochs: 1." in output
        run = folder / "runs" / "mine-1"
        settings = read(run / "settings.json")
        assert (settings["recipe"], settings["data"]) == ("recipe.py:Mine", "points")
        assert (run / "recipe.py").read_text() == (folder / "recipe.py").read_text()
        assert read(run / "hyperparameters.json")["recipe"] == "recipe.py:Mine"
        assert "recipe.py:Mine" in kdl("report", run).output
        assert "units  4, of 2 to 8" in kdl("describe", "recipe.py").output
        assert "units" in kdl("describe", "function.py").output

    def test_its_hyperparameters_are_taken_from_a_folder(self, folder):
        kdl("run", "recipe.py", "--set", "units=3", "--out", "run")
        (folder / "elsewhere").mkdir()
        (folder / "recipe.py").rename(folder / "elsewhere" / "recipe.py")
        kdl("run", "elsewhere/recipe.py", "--hp", "run", "--out", "again")
        assert read(folder / "again" / "hyperparameters.json") == {
            "recipe": "elsewhere/recipe.py:Mine",
            "values": {"units": 3},
        }

    def test_searches_resumes_and_tells_the_command_that_trains_the_best(self, folder):
        told = ("tune", "recipe.py:Mine", "--out", "search")
        kdl(*told, "--trials", 1)
        output = kdl(*told, "--trials", 2).output
        assert "Resuming the search in search. Trials: 1 of 2 done." in output
        (hint,) = re.findall("kdl run recipe.py:Mine --hp search", output)
        assert "From search: data points" in kdl(*hint.split()[1:]).output

    def test_folds_compare_and_sweep(self, folder):
        kdl("tune", "recipe.py", "--folds", 2, "--trials", 1, "--out", "folds")
        options = ("--vary", "units=2,3", "--seeds", 1, "--out", "compared")
        output = kdl("compare", "recipe.py", *options).output
        assert "Best by test_accuracy" in output
        output = kdl("lr", "recipe.py", "--steps", 40, "--out", "sweep").output
        assert (
            "recipe.py:Mine has no hyperparameter `learning_rate`: set the rate where "
            "it makes its optimizer." in output
        )
        for name in ("folds", "compared", "sweep"):
            assert (folder / name / "recipe.py").exists()

    def test_hypermodels_are_fitted_as_they_say(self, folder):
        kdl("tune", *HYPERMODEL, "--epochs", 1, "--trials", 1, "--out", "search")
        (trial,) = rows(folder / "search" / "trials.csv")
        assert trial["batch"] in ("64", "128")
        # What `fit` declares is taken along, and so is the objective.
        output = kdl("run", "hypermodel.py", "--hp", "search", "--out", "run").output
        assert "From search: data digits and epochs 1 and objective" in output
        values = read(folder / "run" / "hyperparameters.json")["values"]
        assert str(values["batch"]) == trial["batch"]
        options = ("--vary", "units=2,4", "--seeds", 1, "--epochs", 1, "--out", "c")
        assert "Best by test_accuracy" in kdl("compare", *HYPERMODEL, *options).output

    def test_functions_are_fitted_by_keras(self, folder):
        told = ("--data", "digits", "--objective", "val_loss", "--epochs", 2)
        kdl("run", "function.py:build", *told, "--out", "run")
        assert len(rows(folder / "run" / "history.csv")) == 2
        settings = read(folder / "run" / "settings.json")
        assert (settings["objective"], settings["direction"]) == ("val_loss", "min")

    def test_is_given_what_it_takes_besides_its_data(self, folder):
        text = (folder / "recipe.py").read_text()
        extras = 'epochs = 1\n    extras = {"teacher": "the model to learn from"}'
        (folder / "recipe.py").write_text(text.replace("epochs = 1", extras))
        assert (
            "--teacher: the model to learn from" in kdl("describe", "recipe.py").output
        )
        kdl("run", "recipe.py", "--teacher", "runs/large", "--out", "run")
        assert read(folder / "run" / "settings.json")["teacher"] == "runs/large"
        output = kdl("run", "recipe.py", "--hp", "run").output
        assert "From run: data points and epochs 1 and teacher runs/large." in output
        assert refusal("run", "recipe.py", "--backbone", "runs/large") == (
            "The recipe 'mine' takes no `backbone`. It takes `teacher`."
        )
        assert refusal("run", *HYPERMODEL, "--teacher", "runs/large") == (
            "hypermodel.py:Net is no kdl.recipes.Recipe and takes no `teacher`."
        )

    def test_remarks_on_its_data_before_it_trains(self, folder):
        text = (folder / "recipe.py").read_text()
        remarks = """epochs = 1

    def remarks(self, hp=None):
        yield f"It has {len(self.splits.train[1])} points."
        yield "There are several." if hp is None else f"{hp.get('units')} units."
"""
        (folder / "recipe.py").write_text(text.replace("epochs = 1", remarks, 1))
        *_, test = kdl("run", "recipe.py").output.partition(
            "It has 64 points.\n4 units."
        )
        assert "Test set" in test
        options = ("--trials", 1, "--set", "units=2")
        output = kdl("tune", "recipe.py", *options).output
        assert "It has 64 points.\nThere are several." in output

    def test_an_objective_replaces_that_of_a_recipe(self, folder):
        kdl("run", "recipe.py", "--objective", "val_loss", "--out", "run")
        assert read(folder / "run" / "settings.json")["direction"] == "min"
        assert "val_loss" in kdl("tune", "recipe.py", "--objective", "val_loss").output
        assert refusal("tune", "recipe.py", "--out", "runs/mine-tune") == (
            "runs/mine-tune holds another search: objective val_loss, not objective "
            "val_accuracy. Give --out a new name, or use the same options."
        )

    def test_searches_on_ray(self, folder):
        ray = pytest.importorskip("ray")
        told = (*HYPERMODEL, "--epochs", 1, "--trials", 1, "--out", "search")
        ray.init(num_cpus=1, include_dashboard=False, log_to_driver=False)
        try:
            kdl("tune", *told, "--engine", "ray")
        finally:
            ray.shutdown()
        (trial,) = rows(folder / "search" / "trials.csv")
        assert trial["status"] == "completed"


class TestChanged:
    @pytest.mark.parametrize(
        ("command", "kind"),
        [
            (("tune", "recipe.py", "--trials", 1), "search"),
            (
                ("compare", "recipe.py", "--vary", "units=2,3", "--seeds", 1),
                "comparison",
            ),
        ],
    )
    def test_file_is_refused_by_what_began_with_another(self, folder, command, kind):
        kdl(*command, "--out", "out")
        path = folder / "recipe.py"
        before = path.read_text()
        path.write_text(before + "\n# Changed.\n")
        assert refusal(*command, "--out", "out") == (
            f"recipe.py has changed since the {kind} in out began with it. Give --out "
            "a new name, or undo the change: a copy of what it was is in that folder."
        )
        assert (folder / "out" / "recipe.py").read_text() == before
        path.write_text((folder / "out" / "recipe.py").read_text())
        kdl(*command, "--out", "out")


class TestRefusals:
    @pytest.mark.parametrize(
        ("name", "text", "message"),
        [
            (
                "none.py",
                "import keras",
                "none.py defines no recipe: write a subclass of kdl.recipes.Recipe, a "
                "keras_tuner.HyperModel or a function `build(hp)`.",
            ),
            (
                "two.py",
                "import kdl\nfirst = kdl.recipes.Images()\n"
                "class Second(kdl.recipes.Images): pass\n",
                "two.py defines several recipes: first, Second. Name one, as in "
                "two.py:first.",
            ),
            (
                "recipe.py:Yours",
                None,
                "recipe.py has no 'Yours'. It has: Mine.",
            ),
            (
                "bare.py:build",
                "def build(): pass",
                "bare.py:build must be a function of `hp`, as in `def build(hp):`. "
                "Received: build()",
            ),
            (
                "number.py:n",
                "n = 3",
                "number.py:n must be a kdl.recipes.Recipe, a keras_tuner.HyperModel or "
                "a function of `hp`. Received: n=3",
            ),
            (
                "needs.py",
                "import kdl\nclass Needs(kdl.recipes.Images):\n"
                "    def __init__(self, width, source=None): pass\n",
                "needs.py:Needs must need no arguments, and has a missing a required "
                "argument: 'width'. Give them defaults, or name an instance, as of a "
                "line `mine = Needs(...)`.",
            ),
            (
                "nowhere.py",
                None,
                "There is no file nowhere.py. `kdl init NAME` writes a recipe to begin "
                "with.",
            ),
            (
                "no.where:Mine",
                None,
                "There is no module 'no.where'. Run the command where Python finds it, "
                "or name a file: my_recipe.py.",
            ),
            (
                "function.py",
                None,
                "function.py:build is no kdl.recipes.Recipe and has no data of its "
                "own. Give --data SOURCE, as in --data digits.",
            ),
        ],
    )
    def test_are_one_sentence(self, folder, name, text, message):
        if text is not None:
            (folder / name.partition(":")[0]).write_text(text)
        before = sorted(folder.glob("*"))
        assert refusal("run", name) == message
        after = [path for path in folder.glob("*") if path.name != "__pycache__"]
        assert sorted(after) == before

    def test_of_objectives(self):
        told = ("run", "function.py", "--data", "digits")
        assert refusal(*told) == (
            "function.py:build is no kdl.recipes.Recipe and has no objective of its "
            "own. Give --objective NAME, as in --objective val_loss."
        )
        assert refusal(*told, "--objective", "val_f1") == (
            "Say whether lower or higher `val_f1` is better: --objective val_f1:min or "
            "--objective val_f1:max."
        )
        assert refusal(*told, "--objective", "val_f1:max") == (
            "`--objective` must be one of 'val_accuracy', 'val_loss', 'accuracy', "
            "'loss'. Received: --objective='val_f1'"
        )

    @pytest.mark.parametrize("command", ["run", "tune"])
    def test_of_an_objective_that_a_fit_of_its_own_does_not_report(self, command):
        told = (*HYPERMODEL[:-1], "val_f1:max", "--epochs", 1, "--out", "out")
        result = kdl(command, *told, code=1)
        (line,) = result.stderr.strip().split("\n")
        assert line.startswith(
            "Error: The objective is 'val_f1', which the fit did not report. It "
            "reported: accuracy, "
        )

    def test_of_a_folder_of_another_recipe(self, folder):
        kdl("run", "recipe.py", "--out", "run")
        told = ("--data", "digits", "--objective", "val_loss")
        assert refusal("run", "function.py", *told, "--hp", "run") == (
            "run/hyperparameters.json holds hyperparameters of the recipe "
            "'recipe.py:Mine', not of 'function.py:build'."
        )


class TestErrors:
    def test_of_syntax_show_the_line(self, folder):
        (folder / "bad.py").write_text("import keras\nx = 3 +\n")
        heading, place, line, mark, error = refusal("run", "bad.py").split("\n")
        assert heading == "bad.py cannot be imported:"
        assert place.endswith('bad.py", line 2') and line.strip() == "x = 3 +"
        assert mark.strip() == "^" and error == "SyntaxError: invalid syntax"

    def test_of_an_import_show_the_user_s_lines_alone(self, folder):
        text = (
            "import numpy as np\ndef f():\n    return np.zeros(2) @ np.zeros(3)\nf()\n"
        )
        (folder / "bad.py").write_text(text)
        lines = refusal("run", "bad.py").split("\n")
        assert lines[0] == "bad.py cannot be imported:"
        places = [line for line in lines if line.startswith("  File ")]
        assert [place.rpartition(", ")[2] for place in places] == [
            "in <module>",
            "in f",
        ]
        assert all("bad.py" in place for place in places)
        assert lines[-1].startswith("ValueError: matmul: ")

    def test_of_a_helper_count_as_the_user_s(self, folder):
        (folder / "helper.py").write_text("def f():\n    raise TypeError('no')\n")
        (folder / "bad.py").write_text("import helper\nhelper.f()\n")
        places = re.findall(r'File ".*/(\w+\.py)", line', refusal("run", "bad.py"))
        assert places == ["bad.py", "helper.py"]

    def test_of_a_space_are_told_before_anything_is_written(self, folder):
        text = "def build(hp):\n    return hp.Int('n', 1, 2) / 0\n"
        (folder / "bad.py").write_text(text)
        told = ("--data", "digits", "--objective", "val_loss")
        for command in ("run", "tune", "lr"):
            first, *_, last = refusal(command, "bad.py", *told).split("\n")
            if command == "tune":
                # It builds when it begins.
                assert first == "Your recipe failed:"
            else:
                assert first == "bad.py failed:"
            assert last == "ZeroDivisionError: division by zero"
        assert not (folder / "runs").exists() or not list((folder / "runs").iterdir())

    def test_of_a_training_end_it_with_the_user_s_lines(self, folder):
        text = (folder / "recipe.py").read_text()
        text += "\n    def callbacks(self, p, batches, epochs):\n        return 1 / 0\n"
        (folder / "recipe.py").write_text(text)
        result = kdl("run", "recipe.py", "--out", "run", code=1)
        lines = result.stderr.strip().split("\n")
        assert lines[0] == "Error: Your recipe failed:"
        assert lines[1].endswith("in callbacks")
        assert lines[-1] == "ZeroDivisionError: division by zero"
        assert sum(line.startswith("  File ") for line in lines) == 1
        assert read(folder / "run" / "settings.json")["status"] == "failed"
