import json

import keras
import numpy as np
import pytest
import scipy.special
from contracts import RecipeContract, array, begin_anew, leading, same
from sklearn.metrics import f1_score

from kdl.callbacks import LogNumbers, Resume
from kdl.data import HashedNgrams, Splits, Subwords
from kdl.evaluation import ensemble
from kdl.recipes import Text, hyperparameters, run
from kdl.recipes.texts.networks import NETWORKS

WORDS = "cat dog cow", "car bus van", "tea jam oat"
CLASSES = ["animal", "vehicle", "food"]
# Small networks, and all that is done to texts.
SMALL = {"embedding": 16, "batch_size": 32, "learning_rate": 0.02}
SIZES = {
    "embedding_bag": {"buckets": 4096, "feature_dropout": 0.2},
    "cnn": {"subwords": 500, "filters": 16},
    "gru": {"subwords": 500, "units": 16},
    "transformer": {"subwords": 500, "embedding": 32},
}
AUGMENTED = {"deletion": 0.2, "swap": 0.1, "insertion": 0.1, "keyboard": 0.05}


def texts(count, seed):
    """Texts in which a word or two tell the class, and those of no class."""
    rng = np.random.default_rng(seed)
    labels = np.arange(count, dtype="int32") % 3
    found = []
    for label in labels:
        telling = rng.choice(WORDS[label].split(), 2).tolist()
        words = [*telling, *rng.choice(["the", "of", "a", "small", "Red"], 5)]
        found.append(" ".join(rng.permutation(words)))
    return np.array(found), labels


def one_label():
    return Splits(*(texts(n, seed) for seed, n in enumerate((240, 60, 60))), CLASSES)


def several_labels():
    """Two texts in one, or a text of no class."""

    def both(count, seed):
        (x, y), (more, other) = texts(count, seed), texts(count + 1, seed + 10)
        targets = np.zeros((count, 3), "float32")
        rows = np.arange(count)
        targets[rows, y] = targets[rows, other[1:]] = 1
        joined = [f"{a} {b}" for a, b in zip(x, more[1:], strict=True)]
        joined[0], targets[0] = "the small of a", 0
        return np.array(joined), targets

    return Splits(*(both(n, seed) for seed, n in enumerate((240, 60, 60))), CLASSES)


class TestText(RecipeContract):
    recipe = Text(one_label())
    epochs = 4
    examples = 240

    def build(self, recipe=None, **values):
        recipe = recipe or self.recipe
        return recipe.build(hyperparameters(recipe, {**SMALL, **values}))

    @pytest.mark.parametrize("name", NETWORKS)
    def test_each_network_learns(self, name):
        keras.utils.set_random_seed(0)
        hp = {**SMALL, **SIZES[name], "network": name}
        model, _ = run(self.recipe, **self.recipe.data(), hp=hp, epochs=8, verbose=0)
        scores = self.recipe.evaluate(model)
        # A third by chance.
        assert scores["accuracy"] > 0.9 and scores["tfidf_accuracy"] > 0.9
        kind = HashedNgrams if name == "embedding_bag" else Subwords
        assert isinstance(model.tokens.encoder, kind)
        # Capital letters count as small ones.
        rows = self.recipe.predict(model, ["the RED cow", "the red cow", "Jam"])
        assert rows[0] == rows[1] and rows[2]["class"] == "food"

    @pytest.mark.parametrize("name", NETWORKS)
    def test_each_learns_from_augmented_texts(self, name):
        keras.utils.set_random_seed(0)
        hp = {**SMALL, **SIZES[name], **AUGMENTED, "network": name}
        hp |= {"mixup": 0.3, "smoothing": 0.1}
        data = self.recipe.data()
        model, history = run(self.recipe, **data, hp=hp, epochs=6, verbose=0)
        loss = history.history["val_crossentropy"]
        assert loss[-1] < 0.9 * loss[0]
        found = self.recipe.predict(model, ["a cat", "a van"])
        assert [row["class"] for row in found] == ["animal", "vehicle"]

    @pytest.mark.one_backend
    def test_defaults_go_by_the_number_of_texts(self):
        assert hyperparameters(self.recipe, {}).values["batch_size"] == 16
        assert hyperparameters(Text(), {}).values["batch_size"] == 64

    @pytest.mark.one_backend
    def test_several_labels(self):
        keras.utils.set_random_seed(0)
        recipe = Text(several_labels())
        model, _ = run(recipe, **recipe.data(), hp=SMALL, epochs=12, verbose=0)
        scores = recipe.evaluate(model)
        x, y = recipe.splits.test
        probabilities = recipe.outputs(model, x)
        has = probabilities > 0.5
        for average in ("macro", "micro"):
            desired = f1_score(y, has, average=average)
            assert scores[f"f1_{average}"] == pytest.approx(desired, abs=1e-5)
        assert scores["f1_macro"] > 0.9 and scores["tfidf_f1_macro"] > 0.8
        entropy = scipy.special.rel_entr(y, probabilities)
        entropy += scipy.special.rel_entr(1 - y, 1 - probabilities)
        assert scores["crossentropy"] == pytest.approx(entropy.mean(), rel=1e-3)
        rows = recipe.predict(model, ["the cat in the van", "of the small"])
        assert rows[0]["classes"] == "animal, vehicle"
        assert rows[0]["p(animal)"] > 0.5 > rows[0]["p(food)"]
        (found,) = recipe.examine(model).values()
        assert found[-1]["target"] == found[-1]["classes"]

    @pytest.mark.one_backend
    def test_the_bag_has_three_means(self):
        """Of the words, of the n-grams and of the first words; by hand."""
        model = self.build(buckets=4096, first_words=2)
        text = "a zebra in the zoo"
        (row,) = self.recipe.inputs_for(model, self.recipe.inputs([text]))
        row = row[row > 0]
        last = len(model.tokens.encoder.words)
        words, firsts = row <= last, row > last + 4096
        ngrams = ~words & ~firsts
        # `zebra`, `in` and `zoo` are no words of the training set.
        assert words.sum() == 2 and firsts.sum() == 1 and ngrams.sum() > 5
        vectors = array(model.get_layer("embedding").embeddings)[row]
        mean = sum(vectors[which].mean(axis=0) for which in (words, ngrams, firsts))
        kernel, bias = map(array, model.layers[-1].weights)
        outputs = self.recipe.outputs(model, [text])
        np.testing.assert_allclose(outputs[0], mean @ kernel + bias, rtol=1e-4)

    @pytest.mark.one_backend
    def test_tells_by_the_order_where_the_words_are_alike(self):
        """Which of two words comes first, which a bag of the words cannot know."""
        rng = np.random.default_rng(0)
        labels = rng.integers(0, 2, 200).astype("int32")
        x = np.array(["cat then van", "van then cat"])[labels]
        parts = (
            (x[part], labels[part]) for part in np.split(np.arange(200), (120, 160))
        )
        recipe = Text(Splits(*parts))
        scores = {}
        for first_words in (0, 1):
            keras.utils.set_random_seed(0)
            hp = {**SMALL, "word_ngrams": 1, "first_words": first_words}
            model, _ = run(recipe, **recipe.data(), hp=hp, epochs=8, verbose=0)
            scores[first_words] = recipe.evaluate(model)["accuracy"]
        assert scores[0] < 0.75 and scores[1] == 1

    @pytest.mark.one_backend
    @pytest.mark.parametrize("name", ["embedding_bag", "cnn"])
    def test_blended_embeddings_are_those_of_the_shares(self, name):
        model = self.build(network=name, mixup=0.5, **SIZES[name])
        alone = self.recipe.inputs_for(model, np.array(["a red cat", "an oat"]))
        outputs = array(model(alone))
        pair = {**alone, "others": alone["tokens"][::-1], "share": [[0.0], [1.0]]}
        pair["share"] = np.array(pair["share"], "float32")
        # All of the other one, and nothing of it.
        np.testing.assert_allclose(array(model(pair)), outputs[[1, 1]], atol=1e-5)

    @pytest.mark.one_backend
    def test_augments_raw_texts_before_they_are_tokens(self):
        recipe, values = self.recipe, {"deletion": 0.5, "buckets": 4096}
        p = recipe.space(hyperparameters(recipe, {**SMALL, **values}))
        data = leading(recipe.data(), 64)
        x, _ = recipe.batches(p, data["x"], data["y"], shuffle=False)[0]
        plain = recipe.inputs_for(self.build(**values), data["x"][:32])
        kept = (x > 0).sum() / (plain > 0).sum()
        # Of 32 texts of 7 words, half of the words and fewer of their pairs.
        assert x.shape == plain.shape and 0.3 < kept < 0.6

    @pytest.mark.one_backend
    def test_goes_on_where_a_fit_was_killed(self, tmp_path):
        class Kill(keras.callbacks.Callback):
            def on_epoch_begin(self, epoch, logs=None):
                if epoch == 2:
                    raise KeyboardInterrupt

        values = {**SMALL, **AUGMENTED, "buckets": 4096, "mixup": 0.3}
        hp = hyperparameters(self.recipe, values)
        model = self.recipe.build(hp)
        data = self.recipe.data()
        x, y = self.recipe.batches(self.recipe.space(hp), data["x"], data["y"])[0]
        begin = begin_anew(model, x=x, y=y)

        def fit(*callbacks):
            begin()
            options = {"epochs": 3, "callbacks": [LogNumbers(), *callbacks]}
            return self.recipe.fit(hp, model, **data, **options, verbose=0).history

        whole = fit()
        with pytest.raises(KeyboardInterrupt):
            fit(Kill(), Resume(tmp_path))
        np.testing.assert_equal(fit(Resume(tmp_path)), whole)

    @pytest.mark.one_backend
    @pytest.mark.parametrize("name", ["embedding_bag", "cnn"])
    def test_another_one_predicts_by_its_state(self, name, tmp_path):
        model = self.build(network=name, lowercase=False, **SIZES[name])
        model.save(tmp_path / "model.keras")
        state = json.loads(json.dumps(self.recipe.get_state(model)))
        other = Text("texts:nowhere.csv")
        other.set_state(state)
        revived = keras.saving.load_model(tmp_path / "model.keras")
        raw = ["a Red cat", "né 日本"]
        assert same(other.predict(revived, raw), self.recipe.predict(model, raw))

    @pytest.mark.one_backend
    def test_refuses_a_model_of_another_vocabulary(self, tmp_path):
        model = self.build(buckets=8192)
        model.save(tmp_path / "model.keras")
        revived = keras.saving.load_model(tmp_path / "model.keras")
        size = model.tokens.encoder.size
        with pytest.raises(ValueError) as error:
            self.recipe.predict(revived, ["a cat"])
        assert str(error.value) == (
            f"The model must be of the {size - 8192 + 65536} tokens that the recipe "
            f"knows. Received: one of {size}"
        )

    @pytest.mark.one_backend
    @pytest.mark.parametrize("network", NETWORKS)
    def test_predicts_by_several_models_in_one(self, network):
        models = [self.build(network=network) for _ in range(2)]
        texts, _ = self.recipe.splits.test
        together = ensemble(models)
        together.tokens = models[0].tokens
        outputs = [self.recipe.outputs(model, texts) for model in models]
        mean = scipy.special.softmax(outputs, -1).mean(axis=0)
        for row, p in zip(self.recipe.predict(together, texts), mean, strict=True):
            assert row["probability"] == pytest.approx(p.max(), abs=1e-5)

    def test_predicts_by_models_that_read_different_tokens(self, tmp_path):
        """Of n-grams, of fewer of them, of subwords, and of two blended texts."""
        models = [
            self.build(buckets=4096),
            self.build(buckets=5000, lowercase=False),
            self.build(network="cnn", subwords=500, filters=16),
            self.build(buckets=4096, mixup=0.2),
        ]
        texts = ["the RED cow", "a van of tea"]
        outputs = [self.recipe.outputs(model, texts) for model in models]
        mean = scipy.special.softmax(outputs, -1).mean(axis=0)
        states = [self.recipe.get_state(model) for model in models]
        parts, state = self.recipe.joined(models, states)
        # The first and the last one read the same.
        assert len(state["tokens"]["parts"]) == 3
        ensemble(parts).save(tmp_path / "model.keras")
        together = keras.saving.load_model(tmp_path / "model.keras")
        # Their optimizers would make the file three times as large.
        members = [part for part in together.layers if isinstance(part, keras.Model)]
        nested = [
            part
            for member in members
            for part in member.layers
            if isinstance(part, keras.Model)
        ]
        assert len(nested) == 4 and not any(part.compiled for part in nested)
        recipe = Text(one_label())
        recipe.set_state(json.loads(json.dumps(state)))
        np.testing.assert_allclose(
            scipy.special.softmax(recipe.outputs(together, texts), -1), mean, atol=1e-5
        )
        with pytest.raises(ValueError) as error:
            recipe.explain(together, texts)
        assert str(error.value) == (
            "The recipe 'text' explains nothing: its model is an ensemble, whose "
            "members embed words each in its own way. Explain one of the members."
        )
        # Nor of one that is left of it, which still reads its part of all tokens.
        with pytest.raises(ValueError, match="its model is an ensemble"):
            recipe.explain(ensemble(parts, weights=[0, 1, 0, 0]), texts)
        # As one member of a further ensemble.
        again, state = recipe.joined([together, models[1]], [state, states[1]])
        recipe.set_state(state)
        twice = scipy.special.softmax(recipe.outputs(ensemble(again), texts), -1)
        other = scipy.special.softmax(outputs[1], -1)
        np.testing.assert_allclose(twice, (mean + other) / 2, atol=1e-5)

    @pytest.mark.one_backend
    def test_examines_the_mistakes_first(self):
        model = self.build(buckets=4096)
        found = self.recipe.examine(model)
        assert found.keys() == {"examples.csv", "confusion_matrix.png"}
        rows = found["examples.csv"]
        right = [row["target"] == row["class"] for row in rows]
        assert right == sorted(right) and len(rows) == 60
        x, y = self.recipe.splits.test
        targets = dict(zip(x, y, strict=True))
        assert all(CLASSES[targets[row["text"]]] == row["target"] for row in rows)

    @pytest.mark.one_backend
    def test_on_other_data_nothing_is_compared(self):
        recipe = Text(one_label())
        model = self.build(recipe, buckets=4096)
        assert "tfidf_accuracy" in recipe.evaluate(model)
        state = recipe.get_state(model)
        recipe = Text(one_label())
        recipe.set_state(state)
        part = texts(30, 7)
        recipe.test_on(Splits(part, part, part, CLASSES))
        scores = recipe.evaluate(model)
        assert scores.keys() == {"accuracy", "crossentropy", "loss"}

    @pytest.mark.one_backend
    @pytest.mark.parametrize(
        ("raw", "message"),
        [
            (
                "a cat",
                "The texts must be several, such as a list of them. Received: 'a cat'",
            ),
            (["a", " "], "A text must have a character that shows. Received: ' '"),
            ([3], "A text must have a character that shows. Received: 3"),
            (
                ["\ud800"],
                "A text must be a string of Unicode characters. Received: '\\ud800'",
            ),
        ],
    )
    def test_refuses_what_are_no_texts(self, raw, message):
        with pytest.raises(ValueError) as error:
            self.recipe.predict(self.build(buckets=4096), raw)
        assert str(error.value) == message

    @pytest.mark.one_backend
    @pytest.mark.parametrize(
        ("y", "received"),
        [
            (np.array([0.5, 1]), "<U1 (2,) and float64 (2,)"),
            (np.array([-1, 1]), "<U1 (2,) and int64 (2,)"),
            (np.array([[0.0], [0.5]]), "<U1 (2,) and float64 (2, 1)"),
            (np.array([0, 1, 1]), "<U1 (2,) and int64 (3,)"),
        ],
    )
    def test_refuses_other_sources(self, y, received):
        part = np.array(["a", "b"]), y
        with pytest.raises(ValueError) as error:
            Text(Splits(part, part, part)).data()
        assert str(error.value) == (
            "`source` must hold texts, and for each of them an integer of 0 or more, "
            f"or a float of 0 or 1 for each class. Received: {received}"
        )

    @pytest.mark.one_backend
    def test_reads_lines_and_columns(self, tmp_path):
        (tmp_path / "a.txt").write_text("one, two\n\nthree\n")
        (tmp_path / "b.csv").write_text('label,text\nx,"one, two"\ny,three\n')
        (tmp_path / "c.tsv").write_text('body\n"one, two"\nthree\n')
        (tmp_path / "d.jsonl").write_text('{"text": "one, two"}\n"three"\n')
        for path in sorted(tmp_path.iterdir()):
            found = [text for _, text in self.recipe.read(path)]
            assert found == ["one, two", "three"]
        path = tmp_path / "e.csv"
        path.write_text("a,b\n1,2\n")
        with pytest.raises(ValueError) as error:
            list(self.recipe.read(path))
        assert str(error.value) == (
            f"{path}:2 must have a column 'text', or no other column than that of the "
            "text. It has: 'a', 'b'"
        )


@pytest.mark.one_backend
def test_learns_definitions_better_than_chance_in_an_epoch():
    """By default its source is `glosses`; whole trainings are in benchmarks/."""
    recipe = Text()
    data = recipe.data()
    some = {name: data[name][:2000] for name in ("x", "y")}
    hp = {"embedding": 16, "longest": 0, "learning_rate": 0.03}
    keras.utils.set_random_seed(0)
    model, _ = run(
        recipe, **some, validation_data=data["validation_data"], hp=hp, epochs=3
    )
    logs = model.evaluate(
        recipe.inputs_for(model, recipe.splits.test[0]),
        recipe.splits.test[1],
        return_dict=True,
    )
    # A tenth by chance.
    assert logs["accuracy"] > 0.3
