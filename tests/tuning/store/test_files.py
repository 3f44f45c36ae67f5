import json
import os
import shutil
import warnings

import keras_tuner
import pytest

from kdl.tuning import (
    BayesianOptimization,
    GridSearch,
    OptunaSearch,
    RandomSearch,
    read_search,
)
from kdl.tuning.store.journal import Journal

pytestmark = pytest.mark.one_backend

LOSS = keras_tuner.Objective("loss", "min")
TRIALS = 4


def space(hp):
    score = hp.Float("rate", 0.1, 1.0) + (hp.Choice("kind", ["a", "b"]) == "a")
    with hp.conditional_scope("kind", ["a"]):
        depth = hp.Int("depth", 1, 3)
    return score + (depth or 0)


class Trials:
    """Trials of two epochs without a model; the third fails; one may be cut off."""

    cut = None

    def run_trial(self, trial, *args, **kwargs):
        number, self._execution = int(trial.trial_id), 0
        self.ran = [*getattr(self, "ran", ()), number]
        score = space(trial.hyperparameters)
        for epoch in range(2):
            if number == self.cut and epoch == 1:
                raise KeyboardInterrupt
            self._report(trial, epoch, {"loss": score + 1 - epoch})
        if number == 2:
            raise RuntimeError("no luck")
        self._report(trial, 1, {"loss": score}, has_ended=True)
        return score


class Random(Trials, RandomSearch):
    pass


class Bayesian(Trials, BayesianOptimization):
    pass


class Grid(Trials, GridSearch):
    pass


class Optuna(Trials, OptunaSearch):
    pass


def make(folder, kind=Random, max_trials=TRIALS):
    return kind(
        space,
        LOSS,
        max_trials=max_trials,
        seed=0,
        directory=folder,
        project_name="search",
    )


@pytest.fixture(scope="module")
def searched(tmp_path_factory):
    """Folders of a search that has ended, and of one whose last trial was cut off."""
    folder = tmp_path_factory.mktemp("searched")
    make(folder / "ended").search(verbose=0)
    tuner = make(folder / "cut")
    tuner.cut = TRIALS - 1
    with pytest.raises(KeyboardInterrupt):
        tuner.search(verbose=0)
    return folder


def outcomes(trials):
    return [(t.number, t.status, t.score, t.values) for t in trials]


def nest(path):
    path.write_text("[" * 100_000)


def edit(change):
    """Applies a function to a JSON object, in a journal to that of each line."""

    def damage(path):
        text = path.read_text()
        texts = text.splitlines() if path.suffix == ".jsonl" else [text]
        states = [json.loads(text) for text in texts]
        for state in states:
            change(state)
        path.write_text("".join(json.dumps(state) + "\n" for state in states))

    return damage


def give(key, value):
    return edit(lambda state: state.update({key: value} if key in state else {}))


def drop(key):
    return edit(lambda state: state.pop(key, None))


def line(text):
    """Adds a line in the middle, as it is."""

    def damage(path):
        lines = path.read_bytes().splitlines(keepends=True)
        middle = len(lines) // 2
        path.write_bytes(b"".join([*lines[:middle], text + b"\n", *lines[middle:]]))

    return damage


def event(event, **what):
    known = {"event": event, "trial": "0", "time": 1.0}
    return line(json.dumps(known | what).encode())


def glue(path):
    path.write_bytes(path.read_bytes().replace(b"\n", b"", 3))


def flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] = 0xFF
    path.write_bytes(content)


ANY = {
    "empty": lambda path: path.write_bytes(b""),
    "half": lambda path: os.truncate(path, path.stat().st_size // 2),
    "garbage": lambda path: path.write_bytes(bytes(range(256)) * 4),
    "NULs": lambda path: path.write_bytes(b"\0" * path.stat().st_size),
    "not UTF-8": flip,
    "text": lambda path: path.write_text("what?\n"),
    "deleted": lambda path: path.unlink(),
    "nested": nest,
    "null": lambda path: path.write_text("null"),
    "a list": lambda path: path.write_text("[1, 2]"),
    "an object": lambda path: path.write_text("{}"),
}
WRONG = ("x", -1, 10**400, float("nan"), None, [], [1], {}, {"x": 1}, True)
KEYS = {
    "oracle.json": (
        *("objective", "hyperparameters", "start_order", "end_order", "run_times"),
        *("seed", "seed_state", "display", "enqueued", "seconds"),
    ),
    "tuner0.json": ("space", "objective", "seed"),
    "trial_1/trial.json": (
        *("trial_id", "hyperparameters", "metrics", "score", "best_step", "status"),
        "message",
    ),
    "journal.jsonl": (
        *("event", "trial", "time", "again", "values", "execution", "epoch", "logs"),
        *("best_epoch", "metrics", "status", "score", "best_step"),
    ),
    "trial_2/error.txt": (),
}
LINES = {
    "garbage line": line(b"\x00\xffwhat"),
    "blank line": line(b""),
    "carriage return": line(b"\r"),
    "glued lines": glue,
    "half a line before another": line(b'{"event": "epoch", "tri'),
    "unknown event": event("explosion"),
    "huge epoch": event("epoch", execution=0, epoch=20_000_000, logs={"loss": 1.0}),
    "huge execution": event("epoch", execution=10**9, epoch=0, logs={"loss": 1.0}),
    "huge trial": event("begin", trial="9" * 30, again=False),
    "huge result": event(
        "execution", execution=0, best_epoch=0, metrics={"loss": 10**400}
    ),
    "text for a number": event("epoch", execution=0, epoch=2, logs={"loss": "low"}),
    "more than it should have": event("pruned", epoch=1, what=1),
}
WHOLE = [(file, name, damage) for file in KEYS for name, damage in ANY.items()]
WHOLE += [("journal.jsonl", name, damage) for name, damage in LINES.items()]
CASES = {
    "ended": WHOLE,
    "cut": WHOLE
    + [
        (file, f"{key}={value!s:.9}", give(key, value))
        for file, keys in KEYS.items()
        for key in keys
        for value in WRONG
        # What may be: a score can be any number, and a space empty.
        if (key, value) not in (("score", -1), ("space", {}))
    ]
    + [
        (file, f"without {key}", drop(key))
        for file, keys in KEYS.items()
        for key in keys
    ],
}


class TestDamage:
    @pytest.mark.parametrize("state", ["ended", "cut"])
    @pytest.mark.parametrize("file", KEYS)
    def test_of_a_file_loses_no_trial_that_ended(self, searched, tmp_path, state, file):
        """Nor does it keep the search from going on, with ids that are not reused."""
        known = outcomes(read_search(searched / state / "search").trials)
        ended = [trial for trial in known if trial[1] != "running"]
        cases = [case[1:] for case in CASES[state] if case[0] == file]
        for number, (name, damage) in enumerate(cases):
            folder = tmp_path / str(number)
            shutil.copytree(searched / state, folder)
            path = folder / "search" / file
            damage(path)
            with warnings.catch_warnings(record=True) as said:
                warnings.simplefilter("always")
                before = read_search(folder / "search").trials
                tuner = make(folder, max_trials=TRIALS + 1)
                tuner.search(verbose=0)
                after = read_search(folder / "search").trials
            assert outcomes(before)[: len(ended)] == ended, name
            assert outcomes(after)[: len(ended)] == ended, name
            assert [trial.number for trial in after] == list(range(1, TRIALS + 2)), name
            assert tuner.ran == list(range(len(ended), TRIALS + 1)), name
            said = [warning for warning in said if warning.category is UserWarning]
            messages = [str(warning.message) for warning in said]
            if name in ANY and file != "trial_2/error.txt" and name != "deleted":
                assert any(str(path) in message for message in messages), name
            # Where the user called, not in kdl.
            assert all("tests" in warning.filename for warning in said), messages
            shutil.rmtree(folder)

    @pytest.mark.parametrize("kind", [Bayesian, Random, Grid, Optuna])
    def test_of_several_files_at_once_keeps_the_ids(self, searched, tmp_path, kind):
        """With its values, a trial is lost: it counts as failed, and as no evidence."""
        make(tmp_path, kind).search(verbose=0)
        folder = tmp_path / "search"
        known = outcomes(read_search(folder).trials)
        shutil.rmtree(folder / "trial_1")
        (folder / "journal.jsonl").unlink()
        with pytest.warns(UserWarning, match="its values"):
            tuner = make(tmp_path, kind, 7)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tuner.search(verbose=0)
            trials = read_search(folder).trials
        assert tuner.ran == [4, 5, 6]
        assert (trials[1].status, trials[1].values) == ("failed", {})
        rest = [trial for trial in known if trial[0] != 2]
        assert [t for t in outcomes(trials) if t[0] in (1, 3, 4)] == rest

    def test_of_all_that_says_the_objective_is_one_sentence(self, searched, tmp_path):
        shutil.copytree(searched / "ended", tmp_path / "damaged")
        folder = tmp_path / "damaged" / "search"
        for name in ("oracle.json", "tuner0.json"):
            (folder / name).write_text('{"objective"')
        with pytest.raises(ValueError) as error:
            read_search(folder)
        assert str(error.value) == (
            f"{folder / 'oracle.json'} is damaged (JSONDecodeError: Expecting ':' "
            "delimiter: line 1 column 13 (char 12))"
        )

    def test_is_named_once_with_the_number_of_each_line(self, searched, tmp_path):
        shutil.copytree(searched / "ended", tmp_path / "damaged")
        path = tmp_path / "damaged" / "search" / "journal.jsonl"
        lines = path.read_text().splitlines(keepends=True)
        path.write_text("".join(["\n", *lines[:2], "what?\n", *lines[2:]]))
        with pytest.warns(UserWarning) as said:
            journal = Journal(path)
            journal.refresh()
        (warning,) = said
        assert str(warning.message) == (
            f"{path} has 2 damaged lines, passed over: 1, 4."
        )
        assert len(journal.entries) == TRIALS

    def test_of_the_file_of_the_tuner_does_not_let_another_space_in(
        self, searched, tmp_path
    ):
        shutil.copytree(searched / "ended", tmp_path / "damaged")
        (tmp_path / "damaged" / "search" / "tuner0.json").unlink()

        def other(hp):
            hp.Float("rate", 0.1, 2.0)
            hp.Choice("kind", ["a", "b"])

        with (
            pytest.warns(UserWarning, match="tuner0.json is gone"),
            pytest.raises(ValueError, match="another space: it differs in rate"),
        ):
            Random(
                other,
                LOSS,
                directory=tmp_path / "damaged",
                project_name="search",
            )

    def test_of_weights_is_one_sentence(self, tmp_path):
        import keras

        class Fitted(RandomSearch):
            pass

        def build(hp):
            model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
            model.compile(keras.optimizers.Adam(hp.Float("rate", 0.1, 1.0)), "mse")
            return model

        tuner = Fitted(build, LOSS, 1, directory=tmp_path)
        data = keras.ops.ones((4, 1))
        tuner.search(keras.ops.convert_to_numpy(data), data, verbose=0)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            tuner.get_best_models()
        path = next(tmp_path.rglob("checkpoint.weights.h5"))
        path.write_bytes(b"what?")
        with pytest.raises(ValueError) as error:
            tuner.get_best_models()
        assert str(error.value).startswith(
            f"The best weights of trial 1 cannot be read from {path}: "
        )
