"""`kdl tune` that begins with an earlier search, and which model it keeps."""

import pytest
from commands import kdl, read, refusal, rows
from tiny import tune

from kdl.tuning import expected_scores, read_search
from kdl_cli.commands.training import tune as command

pytestmark = pytest.mark.one_backend


@pytest.fixture(autouse=True)
def folder(tiny_folder):
    return tiny_folder


def words(text):
    return " ".join(text.split())


def test_begins_with_an_earlier_search(folder):
    tune("--trials", 6, "--no-prune")
    options = ("tune", "tiny", "--data", "right", "--epochs", 1, "--from", "search")
    kdl(*options, "--trials", 2, "--out", "second")
    kdl(*options, "--trials", 3, "--out", "second")
    assert read(folder / "second" / "settings.json")["from"] == ["search"]
    tried = [row["learning_rate"] for row in rows(folder / "search" / "trials.csv")]
    trials = rows(folder / "second" / "trials.csv")
    # The defaults come first, which the earlier search has tried too.
    assert {row["learning_rate"] for row in trials} <= set(tried)
    text = refusal("tune", "tiny", *options[2:6], "--out", "second", "--trials", 3)
    assert text == (
        "second holds another search: from ['search'], not from None. Give --out a new "
        "name, or use the same options."
    )


def test_refuses_what_is_no_search(folder):
    (folder / "other").mkdir()
    told = ("tune", "tiny", "--trials", 1, "--out", "second", "--from")
    assert refusal(*told, "other") == (
        "--from must name the folder of a search, as `kdl tune` leaves it. Received: "
        "--from other"
    )
    assert refusal(*told, "other", "--oracle", "random") == (
        "--from is for a search by Bayesian optimization: leave out --oracle. "
        "Received: --oracle=random"
    )
    assert not (folder / "second").exists()


def test_keeps_the_model_of_which_most_is_expected(folder, monkeypatch):
    told = words(tune("--trials", 6, "--no-prune").output)
    search = read_search(folder / "search" / "trials")
    trial, score, error = expected_scores(search)[0]
    line = (
        f"A model of all trials expects most of trial {trial.number}: val_loss "
        f"{score:.4g} ± {error:.2g}."
    )
    assert line in told
    assert read(folder / "search" / "results.json")["best"]["trial"] == trial.number
    # Where the best score was luck.
    seen, *_ = search.ranked()
    other = next(t for t in search.ranked() if t.number != seen.number)
    monkeypatch.setattr(
        command.tuning, "expected_scores", lambda search: [(other, 0.5, 0.01)]
    )
    told = words(tune("--trials", 6, "--no-prune").output)
    assert (
        f"expects most of trial {other.number}: val_loss 0.5 ± 0.01. Its model is "
        f"kept. The best score, {seen.score:.4g}, is of trial {seen.number}, of which "
        "less is expected."
    ) in told
    values = read(folder / "search" / "hyperparameters.json")["values"]
    assert other.values.items() <= values.items()
