from types import SimpleNamespace

import keras_tuner
import notebooks
import pytest

import kdl
from kdl.recipes.training import epoch_bar
from kdl.recipes.training.epoch_bar import EpochBar

pytestmark = pytest.mark.one_backend

LOSS = keras_tuner.Objective("val_loss", "min")


def shown(monkeypatch, losses, epochs, first=0, objective=LOSS):
    """The texts of a fit that has these losses, an epoch each of ten seconds."""
    outputs, clock = notebooks.begin(monkeypatch), iter(range(0, 1000, 10))
    time = SimpleNamespace(monotonic=lambda: next(clock))
    monkeypatch.setattr(epoch_bar, "time", time)
    bar = EpochBar(epochs, objective)
    bar.on_train_begin()
    for epoch, loss in enumerate(losses, first):
        bar.on_epoch_begin(epoch)
        bar.on_epoch_end(epoch, {"val_loss": loss} if loss is not None else {})
    bar.on_train_end()
    (states,) = outputs
    return [text for _, text in states]


class TestEpochBar:
    def test_tells_the_objective_and_the_best_epoch(self, monkeypatch):
        assert shown(monkeypatch, [0.5, 0.25, 0.75], 4) == [
            "epoch 1/4",
            "epoch 1/4, val_loss 0.5 (best 0.5 in epoch 1), about 30 s left",
            "epoch 2/4, val_loss 0.25 (best 0.25 in epoch 2), about 20 s left",
            "epoch 3/4, val_loss 0.75 (best 0.25 in epoch 2), about 10 s left",
            "3 epochs of 4, val_loss 0.75 (best 0.25 in epoch 2)",
        ]

    def test_the_best_may_be_the_greatest(self, monkeypatch):
        objective = keras_tuner.Objective("val_loss", "max")
        *_, last = shown(monkeypatch, [0.5, 0.25], 2, objective=objective)
        assert last == "2 epochs, val_loss 0.25 (best 0.5 in epoch 1)"

    def test_goes_on_where_a_fit_was_cut_off(self, monkeypatch):
        first, second, last = shown(monkeypatch, [0.5], 4, first=2)
        assert first == "epoch 3/4"
        assert second.endswith(", about 10 s left")
        assert last == "3 epochs of 4, val_loss 0.5 (best 0.5 in epoch 3)"

    def test_does_without_the_objective(self, monkeypatch):
        *_, last = shown(monkeypatch, [None], 1)
        assert last == "1 epoch"

    def test_a_recipe_shows_it_in_place_of_what_keras_prints(self, monkeypatch, capsys):
        outputs = notebooks.begin(monkeypatch)
        recipe = kdl.recipes.Tabular()
        _, history = kdl.recipes.run(recipe, **recipe.data(), epochs=2)
        ((*_, (html, text)),) = outputs
        values = history.history["val_crossentropy"]
        best = min(values)
        assert text == (
            f"2 epochs, val_crossentropy {values[-1]:.4g} (best {best:.4g} in epoch "
            f"{1 + values.index(best)})"
        )
        assert html == text
        before, _ = outputs[0][-2]
        assert before.startswith('<progress value="2" max="2"></progress> epoch 2/2, ')
        assert capsys.readouterr().out == ""

    def test_a_recipe_is_silent_if_it_is_told(self, monkeypatch, capsys):
        outputs = notebooks.begin(monkeypatch)
        recipe = kdl.recipes.Tabular()
        kdl.recipes.run(recipe, **recipe.data(), epochs=1, verbose=0)
        assert not outputs and capsys.readouterr().out == ""
