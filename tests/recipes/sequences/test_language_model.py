import json

import keras
import numpy as np
import pytest
from contracts import RecipeContract, array, leading

from kdl.models import TransformerDecoder
from kdl.recipes import LanguageModel, hyperparameters, run


class TestLanguageModel(RecipeContract):
    recipe = LanguageModel()
    epochs = 5

    def data(self):
        data = super().data()
        return {**data, "validation_data": leading(data["validation_data"], 64)}

    def small(self, **values):
        return hyperparameters(self.recipe, {"units": 64, **values})

    @pytest.mark.parametrize("network", ["recurrent", "transformer"])
    def test_bits_are_those_of_a_forward_pass_in_numpy(self, network):
        keras.utils.set_random_seed(0)
        model = self.recipe.build(self.small(network=network))
        texts = leading(self.recipe.test_data()["x"], 16)
        x = self.recipe.inputs_for(model, texts)
        scores = model.evaluate(x, x, verbose=0, return_dict=True)
        logits = array(model(x)).astype("float64")
        logits -= logits.max(-1, keepdims=True)
        shares = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
        bits = -np.log2(np.take_along_axis(shares, x[..., np.newaxis], -1))
        np.testing.assert_allclose(scores["bits_per_character"], bits.mean(), rtol=1e-5)
        # Knowing nothing yet, about as many as the logarithm of the characters.
        assert abs(bits.mean() - np.log2(self.recipe.characters.size)) < 1

    @pytest.mark.parametrize(
        "strategy", ["scheduled_sampling", "professor_forcing", "curriculum"]
    )
    def test_a_transformer_trains_by_each_strategy(self, strategy):
        hp = self.small(
            network="transformer", layers=1, strategy=strategy, batch_size=32
        )
        data = {**leading(self.recipe.data(), 64)}
        del data["validation_data"]
        model, history = run(self.recipe, **data, hp=hp, epochs=2, verbose=0)
        assert isinstance(model.get_layer("decoder"), TransformerDecoder)
        assert np.isfinite(history.history["loss"]).all()

    @pytest.mark.parametrize("tokens", ["bytes", "subwords"])
    def test_counts_bits_by_character_whatever_the_tokens(self, tokens):
        hp = self.small(tokens=tokens, batch_size=32)
        model = self.recipe.build(hp)
        texts = leading(self.recipe.test_data()["x"], 16)
        x = self.recipe.inputs_for(model, texts)
        if tokens == "subwords":
            assert x.shape[1] < self.recipe.length and (x == 0).any()
        scores = model.evaluate(x, x, verbose=0, return_dict=True)
        logits = array(model(x)).astype("float64")
        logits -= logits.max(-1, keepdims=True)
        shares = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
        bits = -np.log2(np.take_along_axis(shares, x[..., np.newaxis], -1))[..., 0]
        # Padding costs nothing.
        desired = bits[x > 0].sum() / sum(map(len, texts))
        np.testing.assert_allclose(scores["bits_per_character"], desired, rtol=1e-5)

    @pytest.mark.parametrize("tokens", ["bytes", "subwords"])
    def test_learns_reloads_and_writes_by_other_tokens(self, tokens, tmp_path):
        recipe = LanguageModel()
        data = leading(recipe.data(), 128)
        del data["validation_data"]
        hp = self.small(tokens=tokens, batch_size=32)
        model, history = run(recipe, **data, hp=hp, epochs=2, verbose=0)
        bits = history.history["bits_per_character"]
        assert bits[-1] < bits[0]
        model.save(tmp_path / "model.keras")
        again = LanguageModel()
        again.set_state(json.loads(json.dumps(recipe.get_state(model))))
        loaded = keras.models.load_model(tmp_path / "model.keras")
        texts = ["The ", "A größer 漢字"] if tokens == "bytes" else ["The ", "Lists "]
        options = {"temperature": 0.8, "top_p": 0.9, "length": 20, "seed": 3}
        rows = recipe.predict(model, texts, **options)
        assert [row["text"] for row in rows] == texts
        assert all(row["written"] for row in rows)
        assert rows == again.predict(loaded, texts, **options)
        table = recipe.examine(model)["continued.csv"]
        assert {"text", "written", "true", "words"} == {*table[0]}

    @pytest.mark.one_backend
    def test_refuses_an_empty_text(self):
        model = self.recipe.build(self.small())
        with pytest.raises(ValueError) as error:
            self.recipe.predict(model, ["The ", ""])
        assert str(error.value) == "A text must have a character. Received: ''"

    def test_goes_on_with_texts(self):
        model = self.recipe.build(self.small())
        rows = self.recipe.examine(model)["continued.csv"]
        for row, text in zip(rows, self.recipe.splits.test[0], strict=False):
            assert row["text"] + row["true"] == text
            assert len(row["written"]) == len(row["true"])
            assert row["words"] is None or 0 <= row["words"] <= 1

    def test_knows_words_that_it_has_been_taught(self):
        """A model that writes what is true has the share of words of the text."""
        recipe = LanguageModel()
        model = self.recipe.build(self.small())
        decoder = model.get_layer("decoder")
        x = recipe.inputs_for(model, recipe.test_data()["x"])
        decoder.generate = lambda length, prompt, **_: (x[: len(prompt)], None, None)
        rows = recipe.examine(model)["continued.csv"]
        shares = [row["words"] for row in rows if row["words"] is not None]
        assert all(row["written"] == row["true"] for row in rows)
        assert np.mean(shares) > 0.8
