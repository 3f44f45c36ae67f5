import json

import keras_tuner
import numpy as np
import pytest

from kdl.tuning import RandomSearch, RandomSearchOracle, read_search
from kdl.tuning.store.journal import Journal

pytestmark = pytest.mark.one_backend


class Instant(RandomSearch):
    """Trials without a model; the second fails, the third is worse."""

    def run_trial(self, trial, *args, **kwargs):
        trial.hyperparameters.Float("a", 0.0, 1.0)
        number = int(trial.trial_id)
        if number == 1:
            raise ValueError("no luck\n\nAsk somebody.")
        return {"score": float(number), "other": 1.0}


def searched(folder, direction="min"):
    tuner = Instant(
        objective=keras_tuner.Objective("score", direction),
        max_trials=3,
        seed=0,
        directory=folder,
    )
    tuner.search(verbose=0)
    return read_search(tuner.project_dir)


class TestRecords:
    def test_tells_what_became_of_each_trial(self, tmp_path):
        record = searched(tmp_path)
        assert (record.objective, record.direction) == ("score", "min")
        assert [parameter["config"]["name"] for parameter in record.space] == ["a"]
        statuses = [trial.status for trial in record.trials]
        assert statuses == ["completed", "failed", "completed"]
        assert [trial.score for trial in record.trials] == [0.0, None, 2.0]
        failed = record.trials[1]
        assert failed.error == "ValueError: no luck"
        assert failed.traceback.startswith("Traceback")
        assert all(trial.seconds >= 0 < trial.began for trial in record.trials)

    def test_counts_from_one_and_names_the_folder_of_each_trial(self, tmp_path):
        record = searched(tmp_path)
        assert [trial.number for trial in record.trials] == [1, 2, 3]
        folders = [trial.folder for trial in record.trials]
        assert folders == ["trial_0", "trial_1", "trial_2"]
        text = (record.directory / folders[1] / "error.txt").read_text("utf-8")
        assert text.startswith(record.trials[1].error)

    @pytest.mark.parametrize(("direction", "best"), [("min", 1), ("max", 3)])
    def test_ranks_by_the_direction(self, tmp_path, direction, best):
        first, *_ = searched(tmp_path, direction).ranked()
        assert first.number == best

    def test_refuses_what_is_no_search(self, tmp_path):
        with pytest.raises(ValueError) as error:
            read_search(tmp_path)
        assert str(error.value) == (
            f"{tmp_path} holds no search. Give the folder with the file oracle.json."
        )
        (tmp_path / "oracle.json").write_text("{}")
        with pytest.raises(ValueError) as error:
            read_search(tmp_path)
        assert str(error.value) == (
            f"{tmp_path} holds a search of another tuner than kdl's."
        )


class TestJournal:
    def oracle(self, folder):
        oracle = RandomSearchOracle(keras_tuner.Objective("score", "min"), seed=0)
        oracle._set_project_dir(folder, "search")
        oracle.verbose = 0
        return oracle

    def report(self, oracle, trial, epoch, **logs):
        logs["kdl/execution"] = 0
        return oracle.update_trial(trial.trial_id, logs, step=epoch)

    def test_keeps_curves_with_what_is_no_number(self, tmp_path):
        oracle = self.oracle(tmp_path)
        trial = oracle.create_trial("tuner0")
        self.report(oracle, trial, 0, score=1.0, val=2.0)
        self.report(oracle, trial, 1, score=np.inf)
        self.report(oracle, trial, 2, score=np.nan, val=3.0)
        oracle.save()
        (record,) = read_search(tmp_path / "search").trials
        assert record.status == "running"
        (curve,) = record.curves
        np.testing.assert_array_equal(curve["score"], [1.0, np.inf, np.nan])
        np.testing.assert_array_equal(curve["val"], [2.0, np.nan, 3.0])
        assert record.epochs == 3
        for line in (tmp_path / "search" / "journal.jsonl").read_text().splitlines():
            json.loads(line, parse_constant=pytest.fail)

    def test_passes_over_half_a_line_and_writes_over_it(self, tmp_path):
        oracle = self.oracle(tmp_path)
        trial = oracle.create_trial("tuner0")
        self.report(oracle, trial, 0, score=1.0)
        path = tmp_path / "search" / "journal.jsonl"
        whole = path.read_bytes()
        path.write_bytes(whole + b'{"event": "epoch", "tri')
        again = self.oracle(tmp_path)
        again.trials = oracle.trials
        assert again.epochs == 1
        self.report(again, trial, 1, score=2.0)
        assert path.read_bytes().startswith(whole + b'{"event": "epoch", "trial"')
        assert self.oracle(tmp_path).epochs == 2

    def test_an_epoch_again_takes_the_place_of_itself_and_later_ones(self, tmp_path):
        oracle = self.oracle(tmp_path)
        trial = oracle.create_trial("tuner0")
        for epoch, score in ((0, 5.0), (1, 4.0), (2, 3.0), (1, 2.0)):
            self.report(oracle, trial, epoch, score=score)
        (curve,) = oracle.journal.entry(trial.trial_id).curves
        assert curve["score"] == [5.0, 2.0]

    def test_takes_once_what_another_process_writes(self, tmp_path):
        oracle = self.oracle(tmp_path)
        path = tmp_path / "search" / "journal.jsonl"
        reader = Journal(path)
        assert not reader.entries
        trial = oracle.create_trial("tuner0")
        for epoch in range(3):
            self.report(oracle, trial, epoch, score=float(epoch))
            whole = path.read_bytes()
            # A line that is being written counts when it is whole.
            path.write_bytes(whole[:-5])
            reader.refresh()
            assert reader.entry(trial.trial_id).epochs == epoch
            path.write_bytes(whole)
            reader.refresh()
        assert reader.entries == Journal(path).entries == oracle.journal.entries
