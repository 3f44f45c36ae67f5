"""Recipe files to begin with."""

import ast
import functools
import subprocess
import sys

import commands
import pytest
from commands import kdl, read
from own_recipes import forget

from kdl_cli.commands.init import LIKE

pytestmark = pytest.mark.one_backend


@pytest.fixture(autouse=True)
def folder(tiny_folder, monkeypatch):
    forget(monkeypatch)
    return tiny_folder


refusal = functools.partial(commands.refusal, "init")

# Small, since they are to run and no more.
SMALL = {
    "tabular": ("width=16",),
    "images": ("filters=8", "batch_size=64"),
    "forecast": ("units=16", "batch_size=128"),
    "seq2seq": ("units=32", "embedding=8", "batch_size=128"),
    "language_model": ("units=64", "embedding=16", "batch_size=128"),
}
INPUTS = {
    "seq2seq": "123 123\n",
    "language_model": "aa bb",
}
DATA = {
    "seq2seq": "".join(f"{n} {n}\t{n}\n" for n in range(100, 400)),
    "language_model": "aa bb " * 1000,
}


@pytest.mark.parametrize("like", LIKE)
def test_writes_a_recipe_that_runs_as_it_is(folder, like):
    output = kdl("init", "my_recipe", "--like", like).output
    assert output == (
        "my_recipe.py is a recipe that runs as it is: kdl run my_recipe.py\n"
        "What can be tuned: kdl describe my_recipe.py\n"
    )
    described = kdl("describe", "my_recipe.py").output
    # Each hyperparameter has its meaning.
    assert described.count(", of ") <= len(described.split("\n")) // 2
    told = [part for text in SMALL[like] for part in ("--set", text)]
    if like in DATA:
        kind = "pairs" if like == "seq2seq" else "text"
        (folder / "data.txt").write_text(DATA[like])
        told += ["--data", f"{kind}:data.txt"]
    kdl("run", "my_recipe.py", "--epochs", 1, *told, "--out", "run")
    settings = read(folder / "run" / "settings.json")
    assert settings["recipe"] == "my_recipe.py:MyRecipe"
    if like in INPUTS:
        (folder / "in.txt").write_text(INPUTS[like])
        kdl("predict", "run", "in.txt", "--recipe", "my_recipe.py")


@pytest.mark.parametrize("like", LIKE)
def test_names_the_recipe_as_the_file(folder, like):
    kdl("init", "tell_cats.py", "--like", like)
    text = (folder / "tell_cats.py").read_text()
    (name,) = [n.name for n in ast.parse(text).body if isinstance(n, ast.ClassDef)]
    assert name == "TellCats"
    assert "kdl run tell_cats.py " in text and "runs/tell_cats-1" in text
    assert "Template" not in text and "FILE" not in text


def test_needs_no_keras(folder):
    code = (
        "import sys; sys.argv = ['kdl', 'init', 'mine']\n"
        "from kdl_cli.main import main\n"
        "try: main()\n"
        "finally: print(*{'keras', 'kdl', 'numpy'} & set(sys.modules), file=sys.stderr)"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "" and (folder / "mine.py").exists()


def test_refuses_in_a_sentence_and_overwrites_nothing(folder):
    (folder / "mine.py").write_text("mine")
    assert (
        refusal("mine")
        == refusal("mine.py")
        == ("mine.py already exists, and nothing is overwritten. Give another name.")
    )
    assert (folder / "mine.py").read_text() == "mine"
    assert refusal("new", "--like", "sounds") == (
        "`--like` must be one of 'images', 'tabular', 'forecast', 'seq2seq', "
        "'language_model'. Received: --like='sounds'"
    )
    for name in ("my recipe", "class", "3d", ""):
        assert refusal(name) == (
            "`NAME` must be a name in Python, of letters, digits and underscores, as "
            f"in my_recipe. Received: {name!r}"
        )
    assert refusal("no/mine") == "There is no folder no. Make it first."
    assert [path.name for path in folder.iterdir()] == ["mine.py"]
