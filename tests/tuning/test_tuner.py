import contextlib
import errno
import functools
import gc
import os
import platform
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
import warnings
from pathlib import Path

import keras
import keras_tuner
import numpy as np
import pytest

from kdl.files import WriteError
from kdl.tuning import BayesianOptimization, RandomSearch, read_search
from kdl.tuning.store import journal as journals

LOSS = keras_tuner.Objective("loss", "min")
X = np.linspace(-1, 1, 8, dtype="float32")[:, np.newaxis]
DATA = {"x": X, "y": 2 * X, "epochs": 2, "verbose": 0, "shuffle": False}


class Trials(RandomSearch):
    """Trials without a model, of which one may do something else."""

    odd, ran = (None, None), ()

    def run_trial(self, trial, *args, **kwargs):
        number, self._execution = int(trial.trial_id), 0
        self.ran = [*self.ran, number]
        which, does = self.odd
        if number == which:
            does()
        score = trial.hyperparameters.Float("rate", 0.1, 1.0)
        for epoch in range(2):
            self._report(trial, epoch, {"loss": score})
        return score


def make(folder, kind=Trials, odd=(None, None), **options):
    options = {"max_trials": 3, "seed": 0, **options}
    tuner = kind(objective=LOSS, directory=folder, project_name="search", **options)
    tuner.oracle.verbose, tuner.odd = 0, odd
    return tuner


def line(hp):
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    rate = hp.Float("rate", 1e-3, 1.0, sampling="log")
    model.compile(keras.optimizers.SGD(rate), "mse", run_eagerly=True)
    return model


def fitted(folder, **options):
    return RandomSearch(
        line, LOSS, 2, seed=0, directory=folder, project_name="search", **options
    )


def statuses(folder):
    return [trial.status for trial in read_search(folder / "search").trials]


@pytest.mark.one_backend
class TestLock:
    def test_lets_one_search_at_a_time_into_a_folder(self, tmp_path):
        refusals = []

        def others():
            for act in (
                lambda: make(tmp_path).search(),
                lambda: make(tmp_path, overwrite=True),
                lambda: make(tmp_path).oracle.enqueue([]),
            ):
                with pytest.raises(ValueError) as error:
                    act()
                refusals.append(str(error.value))

        tuner = make(tmp_path, odd=(1, others))
        tuner.search()
        folder = tmp_path / "search"
        assert refusals == [f"Another process is searching in {folder}."] * 3
        assert statuses(tmp_path) == ["completed"] * 3
        # And afterwards another.
        make(tmp_path, max_trials=4).search()
        assert statuses(tmp_path) == ["completed"] * 4

    def test_is_there_for_another_process(self, tmp_path):
        def other():
            script = (
                f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
                "from test_tuner import make\n"
                f"make({str(tmp_path)!r}).search()"
            )
            ended.append(
                subprocess.run([sys.executable, "-c", script], capture_output=True)
            )

        ended = []
        make(tmp_path, odd=(1, other)).search()
        (process,) = ended
        *_, last = process.stderr.decode().strip().splitlines()
        folder = tmp_path / "search"
        assert last == f"ValueError: Another process is searching in {folder}."

    def test_a_tuner_made_before_another_searched_goes_on_where_that_ended(
        self, tmp_path
    ):
        early, other = make(tmp_path, max_trials=5), make(tmp_path, max_trials=3)
        other.search()
        early.search()
        assert (other.ran, early.ran) == ([0, 1, 2], [3, 4])
        numbers = [trial.number for trial in read_search(tmp_path / "search").trials]
        assert numbers == [1, 2, 3, 4, 5]

    def test_what_was_enqueued_by_one_is_tried_by_the_next(self, tmp_path):
        def grow(tuner):
            tuner.oracle.hyperparameters.Float("rate", 0.1, 1.0)

        first, second = make(tmp_path), make(tmp_path)
        grow(first)
        first.oracle.enqueue([{"rate": 0.75}])
        grow(second)
        second.search()
        assert read_search(tmp_path / "search").trials[0].values == {"rate": 0.75}

    def test_a_search_may_enqueue_meanwhile(self, tmp_path):
        tuner = make(tmp_path)
        tuner.odd = (0, lambda: tuner.oracle.enqueue([]))
        tuner.search()
        assert statuses(tmp_path) == ["completed"] * 3

    def test_is_not_needed_to_read(self, tmp_path):
        seen = []

        def read():
            seen.extend(statuses(tmp_path))
            seen.append(len(make(tmp_path).oracle.trials))

        make(tmp_path, odd=(1, read)).search()
        assert seen == ["completed", "running", 2]


@pytest.mark.one_backend
class TestJournal:
    def test_writes_over_nothing_but_its_own_half_line(self, tmp_path):
        path = tmp_path / "journal.jsonl"
        ours = journals.Journal(path)
        ours.append("begin", "0", again=False)
        theirs = journals.Journal(path)
        theirs.append("begin", "1", again=False)
        with path.open("ab") as file:
            file.write(b'{"event": "epoch", "tri')
        ours.append("begin", "2", again=False)
        assert path.read_bytes().count(b'{"event": "begin"') == 3
        with pytest.warns(UserWarning, match="1 damaged line"):
            assert journals.Journal(path).entries.keys() == {0, 1, 2}

    def test_is_not_filled_up_when_somebody_has_cut_it(self, tmp_path):
        path = tmp_path / "journal.jsonl"
        journal = journals.Journal(path)
        journal.append("begin", "0", again=False)
        path.write_bytes(b"")
        journal.append("begin", "1", again=False)
        assert journals.Journal(path).entries.keys() == {1}

    def test_of_a_failed_write_nothing_is_left(self, tmp_path, monkeypatch):
        path = tmp_path / "journal.jsonl"
        journal = journals.Journal(path)
        journal.append("begin", "0", again=False)
        whole = path.read_bytes()
        with monkeypatch.context() as patch, pytest.raises(WriteError) as error:
            fill_disk(patch, "journal.jsonl", half=True)
            journal.append("begin", "1", again=False)
        assert str(error.value) == f"Cannot write {path}: No space left on device"
        assert path.read_bytes() == whole
        journal.append("begin", "1", again=False)
        assert journals.Journal(path).entries.keys() == {0, 1}


class Half:
    """A raw file on a disk that is full in the middle of a write."""

    def __init__(self, file, half):
        self.file, self.half = file, half

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.file.close()

    def __getattr__(self, name):
        return getattr(self.file, name)

    def write(self, data):
        if self.half:
            self.file.write(data[: len(data) // 2])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def fill_disk(patch, suffix, half=False, number=errno.ENOSPC):
    """Has writes of files whose name ends so fail, until the patch is undone."""
    opens, writes = Path.open, Path.write_text

    def fail(path):
        if str(path).endswith(suffix):
            raise OSError(number, os.strerror(number), str(path))

    def open_path(path, mode="r", *args, **kwargs):
        is_full = mode == "ab" and str(path).endswith(suffix)
        if is_full and number != errno.ENOSPC:
            fail(path)
        file = opens(path, mode, *args, **kwargs)
        return Half(file, half) if is_full else file

    def write_text(path, *args, **kwargs):
        fail(path)
        return writes(path, *args, **kwargs)

    patch.setattr(Path, "open", open_path)
    patch.setattr(Path, "write_text", write_text)


@pytest.mark.one_backend
class TestDisk:
    @pytest.mark.parametrize("number", [errno.ENOSPC, errno.EMFILE])
    @pytest.mark.parametrize(
        "file", ["journal.jsonl", "trial.json", "oracle.json", "tuner0.json"]
    )
    def test_that_is_full_stops_the_search_and_is_no_failure(
        self, tmp_path, monkeypatch, file, number
    ):
        undisturbed = make(tmp_path / "other")
        undisturbed.search()
        with monkeypatch.context() as patch:
            full = functools.partial(fill_disk, patch, file, number=number)
            tuner = make(tmp_path, odd=(1, full))
            with pytest.raises(WriteError, match=rf"Cannot write .*{file}: ") as error:
                tuner.search()
        assert "\n" not in str(error.value)
        assert "failed" not in statuses(tmp_path)
        # The same tuner may go on, or another.
        tuner.odd = (None, None)
        tuner.search()
        ours, theirs = (
            [(t.number, t.status, t.score, t.values, t.curves) for t in record.trials]
            for record in map(
                read_search, (tmp_path / "search", tmp_path / "other" / "search")
            )
        )
        assert ours == theirs

    def test_that_is_full_where_weights_are_saved(self, tmp_path, monkeypatch):
        def full(*args, **kwargs):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        with monkeypatch.context() as patch:
            patch.setattr(keras.Model, "save_weights", full)
            with pytest.raises(WriteError, match=r"Cannot write .*weights\.h5: No sp"):
                fitted(tmp_path).search(**DATA)
        assert statuses(tmp_path) == ["running"]
        fitted(tmp_path).search(**DATA)
        assert statuses(tmp_path) == ["completed"] * 2

    @pytest.mark.parametrize("number", [errno.ENOSPC, errno.EMFILE, errno.ENFILE])
    def test_that_is_full_for_the_trial_itself_stops_it_too(self, tmp_path, number):
        def full():
            try:
                raise OSError(number, os.strerror(number))
            except OSError as error:
                raise RuntimeError("no data") from error

        with pytest.raises(WriteError) as error:
            make(tmp_path, odd=(1, full)).search()
        assert str(error.value) == (
            "Trial 2 cannot go on for lack of space or of file descriptors "
            "(RuntimeError: no data). It has not failed: the same lines, run again, go "
            "on with it."
        )
        assert statuses(tmp_path) == ["completed", "running"]

    def test_other_errors_of_a_trial_are_its_failure(self, tmp_path):
        def missing():
            raise FileNotFoundError(errno.ENOENT, "no such thing")

        make(tmp_path, odd=(1, missing)).search()
        assert statuses(tmp_path) == ["completed", "failed", "completed"]

    @pytest.mark.parametrize("anew", [False, True])
    def test_folder_that_is_gone_is_one_sentence(self, tmp_path, anew):
        folder = tmp_path / "search"

        def vanish():
            # Another one of the name has another number, as the first is still there.
            folder.rename(tmp_path / "moved")
            if anew:
                folder.mkdir()

        tuner = make(tmp_path, odd=(1, vanish))
        with pytest.raises(WriteError) as error:
            tuner.search()
        assert str(error.value) == (
            f"The folder {folder} of the search is gone: it was deleted or replaced "
            "while the search ran."
        )
        assert not folder.exists() or not any(folder.iterdir())


@pytest.mark.one_backend
class TestFailures:
    def test_message_of_any_exception(self, tmp_path):
        class Mute(Exception):
            def __str__(self):
                raise RuntimeError("no text")

        class Number(Exception):
            def __str__(self):
                return 3

        def fails(error):
            def fail():
                raise error

            return fail

        errors = {
            "Mute": Mute(),
            "Number": Number(),
            "ValueError: half of \\ud800 a pair": ValueError("half of \ud800 a pair"),
            "ValueError: \0": ValueError("\0"),
            "KeyError: 'x'": KeyError("x"),
            "RuntimeError: ": RuntimeError(),
        }
        for number, (sentence, error) in enumerate(errors.items()):
            folder = tmp_path / str(number)
            make(folder, odd=(1, fails(error))).search()
            record = read_search(folder / "search").trials[1]
            assert (record.status, record.error) == ("failed", sentence)
            record.traceback.encode()
            text = (folder / "search" / "trial_1" / "error.txt").read_text("utf-8")
            assert text.startswith(sentence)

    def test_only_those_since_the_last_success_count(self, tmp_path):
        class Failing(Trials):
            fails = True

            def run_trial(self, trial, *args, **kwargs):
                trial.hyperparameters.Float("rate", 0.1, 1.0)
                if self.fails:
                    raise ValueError("no")
                return super().run_trial(trial, *args, **kwargs)

        options = {"max_consecutive_failed_trials": 2, "max_trials": 9}
        with pytest.raises(RuntimeError, match="consecutive failures"):
            make(tmp_path, Failing, **options).search()
        mended = make(tmp_path, Failing, **options)
        mended.fails = False
        mended.search()
        assert statuses(tmp_path) == ["failed"] * 2 + ["completed"] * 7

    def test_a_retry_that_succeeds_has_no_message(self, tmp_path):
        def fail():
            if len(tuner.ran) == 1:
                raise ValueError("no")

        tuner = make(tmp_path, odd=(0, fail), max_retries_per_trial=1)
        tuner.search()
        trial, *_ = read_search(tmp_path / "search").trials
        assert (trial.status, trial.error) == ("completed", "")


class TestReload:
    def test_after_a_conditional_space_has_grown(self, tmp_path):
        def build(hp):
            for layer in range(hp.Int("layers", 1, 3)):
                hp.Int(f"units_{layer}", 1, 9)
            return line(hp)

        tuner = RandomSearch(
            build, LOSS, 3, seed=1, directory=tmp_path, project_name="search"
        )
        before = len(tuner.oracle.get_space().space)
        tuner.search(**DATA | {"epochs": 1})
        assert len(tuner.oracle.get_space().space) > before
        values = [t.hyperparameters.values for t in tuner.oracle.trials.values()]
        tuner.reload()
        assert [
            t.hyperparameters.values for t in tuner.oracle.trials.values()
        ] == values

    @pytest.mark.parametrize("kind", [RandomSearch, BayesianOptimization])
    def test_keeps_the_seed_that_was_drawn(self, tmp_path, kind):
        def made():
            random.seed(len(seeds))
            return kind(line, LOSS, 1, directory=tmp_path, project_name="search")

        seeds = []
        tuner = made()
        tuner.save()
        seeds.append(tuner.oracle.seed)
        again = made()
        assert again.oracle.seed == again._seed == seeds[0] == tuner._seed
        (tmp_path / "search" / "oracle.json").unlink()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            third = made()
        assert third.oracle.seed == third._seed == seeds[0]

    def test_counts_time_once(self, tmp_path, monkeypatch):
        now = [0.0]
        monkeypatch.setattr(time, "monotonic", lambda: now[0])

        def pass_time():
            now[0] += 10.0

        tuner = make(tmp_path, odd=(1, pass_time))
        tuner.search()
        now[0] += 100.0
        assert tuner.oracle.seconds == 10.0
        tuner.reload()
        assert tuner.oracle.seconds == 10.0

    def test_does_not_begin_a_finished_trial_again(self, tmp_path):
        make(tmp_path, max_trials=5).search()
        shutil.rmtree(tmp_path / "search" / "trial_1")
        with pytest.warns(UserWarning, match=r"trial_1/trial\.json is gone; what jour"):
            tuner = make(tmp_path, max_trials=6)
            tuner.search()
        assert tuner.ran == [5]

    def test_the_best_model_is_loaded_without_a_warning(self, tmp_path):
        tuner = fitted(tmp_path)
        tuner.search(**DATA)
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            tuner.get_best_models()
        assert [w for w in said if w.category is UserWarning] == []

    def test_sweeps_what_killed_processes_have_left(self, tmp_path):
        """Of a file that is not written again, too."""
        process = subprocess.Popen([sys.executable, "-c", ""])
        process.wait()
        folder = tmp_path / "search" / "trial_0"
        folder.mkdir(parents=True)
        host = platform.node()
        name = "another.h5"
        drafts = [folder / f".{host}.{n}.{name}" for n in (process.pid, os.getpid())]
        for draft in drafts:
            draft.touch()
        fitted(tmp_path, resume_trials=False).search(**DATA)
        assert [draft.exists() for draft in drafts] == [False, True]

    def test_begins_a_fit_anew_whose_checkpoint_is_damaged(self, tmp_path):
        class Cut(keras.callbacks.Callback):
            def on_epoch_begin(self, epoch, logs=None):
                if epoch == 1:
                    raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            fitted(tmp_path).search(**DATA, callbacks=[Cut()])
        for path in tmp_path.rglob("fit_0/*.npz"):
            path.write_bytes(b"what?")
        with pytest.warns(UserWarning, match=r"checkpoint\.npz.*begins anew"):
            fitted(tmp_path).search(**DATA)
        assert statuses(tmp_path) == ["completed"] * 2


@pytest.mark.one_backend
@pytest.mark.usefixtures("usual_signals")
class TestSignals:
    @pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
    def test_stops_at_once_and_goes_on_later(self, tmp_path, name):
        def signalled():
            os.kill(os.getpid(), getattr(signal, name))
            time.sleep(5)

        before = signal.getsignal(getattr(signal, name))
        with pytest.raises(KeyboardInterrupt):
            make(tmp_path, odd=(1, signalled)).search()
        assert signal.getsignal(getattr(signal, name)) == before
        assert statuses(tmp_path) == ["completed", "running"]
        make(tmp_path).search()
        assert statuses(tmp_path) == ["completed"] * 3

    @pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
    def test_stops_when_the_interruption_was_swallowed(self, tmp_path):
        """As in a callback of the garbage collector; the next trial does not begin."""

        def swallowed():
            def callback(phase, info):
                if phase == "start":
                    signal.raise_signal(signal.SIGINT)

            gc.callbacks.append(callback)
            try:
                gc.collect()
            finally:
                gc.callbacks.remove(callback)

        tuner = make(tmp_path, odd=(1, swallowed))
        with pytest.raises(KeyboardInterrupt):
            tuner.search()
        assert tuner.ran == [0, 1]

    def test_is_no_failure_where_it_comes_as_another_error(self, tmp_path):
        def other():
            try:
                signal.raise_signal(signal.SIGTERM)
            except KeyboardInterrupt:
                raise RuntimeError("stopped from outside") from None

        with pytest.raises(KeyboardInterrupt):
            make(tmp_path, odd=(1, other)).search()
        assert statuses(tmp_path) == ["completed", "running"]

    def test_leaves_to_others_what_they_take_or_ignore(self, tmp_path):
        taken = []

        def signalled():
            signal.raise_signal(signal.SIGTERM)
            signal.raise_signal(signal.SIGHUP)

        signal.signal(signal.SIGTERM, lambda *of: taken.append(of[0]))
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        make(tmp_path, odd=(1, signalled)).search()
        assert taken == [signal.SIGTERM]
        assert statuses(tmp_path) == ["completed"] * 3

    def test_other_threads_may_search(self, tmp_path):
        thread = threading.Thread(target=lambda: make(tmp_path).search())
        thread.start()
        thread.join()
        assert statuses(tmp_path) == ["completed"] * 3

    def test_of_a_fit_ends_with_the_batch(self, tmp_path):
        """Where the exception itself is lost."""

        class Swallow(keras.callbacks.Callback):
            def on_train_batch_end(self, batch, logs=None):
                seen.append(batch)
                with contextlib.suppress(KeyboardInterrupt):
                    signal.raise_signal(signal.SIGINT)

        seen = []
        tuner = fitted(tmp_path)
        with pytest.raises(KeyboardInterrupt):
            tuner.search(**DATA, batch_size=2, callbacks=[Swallow()])
        assert seen == [0]
        assert statuses(tmp_path) == ["running"]
