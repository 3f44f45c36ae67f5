from types import SimpleNamespace

import keras
import numpy as np
import pytest
from contracts import RecipeContract, array, begin_anew, leading

from kdl.callbacks import Curriculum, LogNumbers, Resume
from kdl.data import Splits
from kdl.models import ProfessorForcing
from kdl.recipes import Seq2Seq, hyperparameters, run
from kdl.recipes.sequences.sequence_recipe import decay as decay_of
from kdl.recipes.sequences.sequence_recipe import errors_figure

TEXTS = np.array(["ab", "b", "abab", "ba"] * 16)
PAIRS = Splits(*[(TEXTS, np.array([text[::-1] for text in TEXTS]))] * 3)


class TestSeq2Seq(RecipeContract):
    recipe = Seq2Seq(PAIRS)
    epochs = 6

    def test_learns_to_rewrite_dates(self):
        keras.utils.set_random_seed(0)
        recipe = Seq2Seq()
        data = {name: leading(recipe.data()[name], 1024) for name in ("x", "y")}
        model, _ = run(recipe, **data, epochs=4, verbose=0)
        test = leading(recipe.test_data(), 256)
        scores = model.evaluate(**test, verbose=0, return_dict=True)
        # In a tenth of the examples and a fifth of the epochs. Free-running, with the
        # right length, dashes and centuries alone, about half is wrong.
        assert scores["token_error_rate"] < 0.55

    def build(self, **values):
        recipe = self.recipe
        hp = hyperparameters(recipe, {"units": 32, "batch_size": 32, **values})
        return recipe, hp, recipe.build(hp)

    def fit(self, epochs=3, callbacks=(), **values):
        recipe, hp, model = self.build(**values)
        history = recipe.fit(
            hp,
            model,
            **recipe.data(),
            epochs=epochs,
            callbacks=[LogNumbers(), *callbacks],
            verbose=0,
        )
        return recipe, model, history.history

    def test_each_strategy_feeds_what_it_says(self):
        epsilons = {
            "teacher_forcing": 1.0,
            "always_own": 0.0,
            "professor_forcing": 1.0,
            "curriculum": 1.0,
        }
        for strategy, epsilon in epsilons.items():
            _, _, model = self.build(strategy=strategy)
            decoder = model.get_layer("decoder")
            assert decoder.epsilon == epsilon
            assert decoder.evaluation == "free_running"
            is_taught = isinstance(decoder.professor, ProfessorForcing)
            assert is_taught == (strategy == "professor_forcing")

    @pytest.mark.parametrize(
        ("decay", "desired"),
        [
            ("linear", {0: 1.0, 4: 0.6, 8: 0.2}),
            ("exponential", {0: 1.0, 4: 0.2**0.5, 8: 0.2}),
            ("inverse_sigmoid", {4.5: 0.5}),
        ],
    )
    def test_epsilon_decays_over_the_epochs(self, decay, desired):
        p = SimpleNamespace(decay=decay, final_epsilon=0.2)
        schedule = decay_of(p, epochs=9)
        for epoch, value in desired.items():
            np.testing.assert_allclose(float(schedule(epoch)), value, rtol=1e-5)

    def test_scheduled_sampling_follows_it_and_examines_what_comes_of_it(self):
        recipe, model, history = self.fit(decay="linear", final_epsilon=0.2)
        np.testing.assert_allclose(history["decoder/epsilon"], [1, 0.6, 0.2], 1e-5)
        self.check_what_it_examines(recipe, model)

    def test_a_curriculum_begins_with_short_texts(self):
        seen = []

        class Spy(keras.callbacks.Callback):
            def on_epoch_end(self, epoch, logs=None):
                (curriculum,) = (c for c in given if isinstance(c, Curriculum))
                seen.append(np.char.str_len(TEXTS)[curriculum.rows].max())

        values = {"strategy": "curriculum", "first_share": 0.2, "pace": 0.9}
        recipe, hp, model = self.build(**values)
        given = []
        fit = model.fit
        model.fit = lambda *args, callbacks, **options: (
            given.extend(callbacks) or fit(*args, callbacks=callbacks, **options)
        )
        recipe.fit(hp, model, **recipe.data(), epochs=4, callbacks=[Spy()], verbose=0)
        assert seen[0] == 1 and seen[-1] == 4
        assert seen == sorted(seen)

    def test_goes_on_where_a_tuner_s_fit_was_killed(self, tmp_path):
        class Kill(keras.callbacks.Callback):
            def on_epoch_begin(self, epoch, logs=None):
                if epoch == 2:
                    raise KeyboardInterrupt

        recipe, hp, model = self.build(strategy="scheduled_sampling")
        begin = begin_anew(model, **self.batch())

        def fit(*callbacks):
            begin()
            options = {"epochs": 3, "callbacks": [LogNumbers(), *callbacks]}
            data = recipe.data()
            return recipe.fit(hp, model, **data, **options, verbose=0).history

        whole = fit()
        with pytest.raises(KeyboardInterrupt):
            fit(Kill(), Resume(tmp_path))
        np.testing.assert_equal(fit(Resume(tmp_path)), whole)

    def check_what_it_examines(self, recipe, model):
        """Errors by position, and what is written."""
        parts = recipe.examine(model)
        assert parts.keys() == {"errors.png", "examples.csv"}
        rows = parts["examples.csv"]
        assert len(rows) == len(TEXTS)
        for row in rows:
            assert row["target"] == row["text"][::-1]
            assert row["right"] == (row["output"] == row["target"])
        assert [row["right"] for row in rows] == sorted(row["right"] for row in rows)
        data = recipe.test_data()
        scores = model.evaluate(**data, verbose=0, return_dict=True)
        share = np.mean([row["right"] for row in rows])
        np.testing.assert_allclose(share, scores["exact_match"], rtol=1e-6)
        # Written greedily, as `generate` does.
        (axes,) = parts["errors.png"].axes
        lines = {line.get_label(): line.get_ydata() for line in axes.lines}
        decoder = model.get_layer("decoder")
        for evaluation in ("free_running", "teacher_forcing"):
            with decoder.evaluated(evaluation):
                outputs = array(model(data["x"])).argmax(-1)
            wrong = np.where(data["y"] > 0, outputs != data["y"], np.nan)
            desired = np.nanmean(wrong, axis=0)
            label = evaluation.replace("_", " ")
            np.testing.assert_allclose(lines[label], desired)

    def test_a_line_of_no_errors_is_above_the_axis(self):
        zeros = {"teacher_forcing": np.zeros(9), "free_running": np.zeros(9)}
        (axes,) = errors_figure(zeros, "share of wrong characters", "position").axes
        for line in axes.lines:
            assert line.get_zorder() > axes.spines["bottom"].get_zorder()
            assert not line.get_clip_on()

    def test_refuses_tokens_beyond_its_vocabulary_before_it_fits(self):
        data = self.data()
        data["y"] = np.where(data["y"] == data["y"][3, 0], 99, data["y"])
        with pytest.raises(ValueError, match="The training set must have targets from"):
            run(self.recipe, **data)

    @pytest.mark.parametrize("name", ["batch_size", "shuffle", "validation_split"])
    def test_refuses_what_it_would_ignore(self, name):
        with pytest.raises(ValueError) as error:
            run(self.recipe, **self.data(), **{name: 1})
        assert str(error.value) == f"The recipe 'seq2seq' takes no `{name}` in `fit`"

    def test_refuses_what_are_no_texts(self):
        numbers = np.zeros((4, 8, 8, 1)), np.zeros(4, int)
        with pytest.raises(ValueError) as error:
            Seq2Seq(Splits(numbers, numbers, numbers)).data()
        assert str(error.value) == (
            "`source` must hold texts, and one text for each. Received: float64 "
            "(4, 8, 8, 1) and int64 (4,)"
        )
