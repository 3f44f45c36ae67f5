"""Classify texts."""

import functools
import itertools
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal

import keras
import keras_tuner
import numpy as np

from kdl.callbacks.logging.prediction_figures import confusion_figure
from kdl.data import (
    Batches,
    KeyboardNoise,
    RandomDeletion,
    RandomInsertion,
    RandomSwap,
    WordMixUp,
)
from kdl.data.splits import Splits
from kdl.private import layers_of
from kdl.recipes import explanations
from kdl.recipes.classes import class_names, class_rows, class_scores
from kdl.recipes.explanations import Explanation
from kdl.recipes.reading import files
from kdl.recipes.reading.variants import Variants
from kdl.recipes.recipe import Recipe
from kdl.recipes.texts import tfidf
from kdl.recipes.texts.networks import NETWORKS, network, reading
from kdl.recipes.texts.vocabulary import BAG, learned_tokens, vocabulary_of
from kdl.recipes.tokens import JoinedTokens, TokensOfModel, lowered, tokens_from
from kdl.typing import Arrays, HyperParameters

# Augmentation by the name of its rate, in the order in which it is applied.
_AUGMENTATION = {
    "insertion": RandomInsertion,
    "swap": RandomSwap,
    "deletion": RandomDeletion,
    "keyboard": KeyboardNoise,
}
# Default size of a batch, by the texts from which on it is so.
_BATCHES = {0: 16, 2000: 32, 5000: 64}
_TABLES = ".csv", ".tsv", ".parquet"
_THRESHOLD = 0.5  # From which probability on a text has a label.


class Text(TokensOfModel, Recipe):
    """Classifies texts, each of one class or of several.

    The network is a hyperparameter. By default it is close to that of fastText: the
    mean of the embeddings of words, that of n-grams of characters and of words, so that
    words that were never seen say something, too, and that of the words at the
    beginning. (fastText takes one mean of words and n-grams, to which the words add
    little.) The others read subwords in their order: a convolutional network, a
    recurrent one, or a Transformer; they need the package tokenizers. The vocabulary is
    learned from the training texts, and `get_state` returns it.

    Texts can be augmented: words are deleted, swapped and inserted, letters become
    their neighbours on the keyboard, and embeddings of two texts are blended.

    `evaluate` has beside the scores of the network that of logistic regression of
    TF-IDF (`"tfidf_accuracy"`, or `"tfidf_f1_macro"`), fitted to the same training
    texts, if these are not more than 50,000 and a test set is theirs.

    Args:
        source: What to learn, as `kdl.data.load` takes it: `"glosses"`,
            `"texts:FILE"`, or a `kdl.data.Splits` of arrays of texts, and of integer
            labels, or of float labels of 0 and 1 of shape `(texts, classes)`. Loaded
            when it is first needed. Defaults to `None`, which is `"glosses"`.
        seed: Integer in `[0, 2**32)`. Draws the splits of the source. Defaults to
            `0`.

    Example:

    >>> recipe = kdl.recipes.Text()
    >>> hp = {"embedding": 16, "longest": 0}
    >>> model, history = kdl.recipes.run(recipe, **recipe.data(), hp=hp, epochs=1)
    >>> rows = recipe.predict(model, ["a small furry animal"])

    References:
        - [Joulin et al., 2017](https://arxiv.org/abs/1607.01759), fastText
        - [Kim, 2014](https://arxiv.org/abs/1408.5882), convolutional networks
    """

    default_source = "glosses"
    # Not `val_loss`, which label smoothing changes.
    objective = keras_tuner.Objective("val_crossentropy", "min")
    epochs = 15
    kept: tuple[str, ...] = ("classes", "has_several", "tokens")
    joins: tuple[str, ...] = ("tokens",)
    capacity: tuple[str, ...] = ("embedding", "filters", "units", "layers")
    regularization: tuple[str, ...] = (
        *("dropout", "feature_dropout", "word_dropout", "smoothing", "mixup"),
        *_AUGMENTATION,
    )
    reads: tuple[str, ...] = (".txt", ".jsonl", *_TABLES)
    reads_texts = True
    deployed = "It returns a logit of each class, or the probability of each label."
    meanings = {
        "network": "mean of words and their parts (fastText), CNN, GRU or Transformer",
        "lowercase": "whether capital letters count as small ones",
        "words": "words of the vocabulary, the most frequent ones",
        "buckets": "embeddings that the n-grams share",
        "shortest": "characters of the shortest n-gram",
        "longest": "characters of the longest n-gram; below the shortest, none",
        "word_ngrams": "words of the longest n-gram of words; 1 for none",
        "first_words": "words at the beginning that have embeddings of their own",
        "feature_dropout": "probability that a word or an n-gram is dropped",
        "subwords": "subwords of the vocabulary, at most",
        "word_dropout": "probability that a subword is dropped",
        "embedding": "numbers that a token is embedded in",
        "filters": "filters of each of three widths",
        "units": "units of the recurrent network, in each direction",
        "layers": "blocks of the Transformer",
        "dropout": "probability that a feature is dropped",
        "smoothing": "share of each target that goes to all classes alike",
        "deletion": "probability that a word is deleted",
        "swap": "probability that a word is swapped with another one",
        "insertion": "words that are inserted, for each there is",
        "keyboard": "probability that a letter becomes its neighbour on the keyboard",
        "mixup": "alpha of Beta(alpha, alpha), which draws how two texts are blended; "
        "0 for none",
    }

    # Whether the test set is another one than that of the training texts.
    _is_apart = False

    def check(self, splits: Splits) -> Splits:
        for x, y in splits:
            x, y = np.asarray(x), np.asarray(y)
            is_text = x.ndim == 1 and x.dtype.kind in "UO" and len(x)
            is_label = y.ndim == 1 and y.dtype.kind in "iu" and len(y) and y.min() >= 0
            is_several = (
                y.ndim == 2 and y.dtype.kind == "f" and np.isin(y, (0, 1)).all()
            )
            if not is_text or not (is_label or is_several) or len(x) != len(y):
                raise ValueError(
                    "`source` must hold texts, and for each of them an integer of 0 or "
                    "more, or a float of 0 or 1 for each class. Received: "
                    f"{x.dtype} {x.shape} and {y.dtype} {y.shape}"
                )
        return splits

    @functools.cached_property
    def has_several(self) -> bool:
        """Whether a text may have several labels."""
        return np.ndim(self.splits.train[1]) == 2

    @functools.cached_property
    def classes(self) -> list[str]:
        """Names of the classes, by label."""
        if self.has_several and self.splits.classes is None:
            return [str(n) for n in range(np.shape(self.splits.train[1])[1])]
        return class_names(self.splits)

    @functools.cached_property
    def tokens(self) -> dict[str, Any]:
        """The tokens of a model that has no others, as `Tokens.get_config` has them."""
        hp = keras_tuner.HyperParameters()
        return self._learned(self.space(hp)).get_config()

    def read(self, path: Path | Literal["-"]) -> Iterator[tuple[str, Any]]:
        """Yields name and text of each line of a file, or of each row of a table.

        Of a table, the text is in the column `text`, or in the only one.
        """
        if path != files.STDIN and files.check_suffix(path, self.reads) in _TABLES:
            return _texts_of_rows(path)
        return files.texts(path)

    def inputs(self, raw: Any) -> Any:
        if isinstance(raw, str):
            raise ValueError(
                f"The texts must be several, such as a list of them. Received: {raw!r}"
            )
        for text in raw:
            if not isinstance(text, str) or not text.strip():
                raise ValueError(
                    f"A text must have a character that shows. Received: {text!r}"
                )
        return np.array(list(raw), str)

    def inputs_for(self, model: keras.Model, x: Arrays) -> Any:
        tokens = self.tokens_of(model)
        sizes = [part.encoder.size for part in tokens.parts]
        for layer in _embeddings(model):
            if layer.input_dim not in sizes:
                known = " or ".join(map(str, sizes))
                raise ValueError(
                    f"The model must be of the {known} tokens that the recipe knows. "
                    f"Received: one of {layer.input_dim}"
                )
        x = tokens.encode(x)
        return WordMixUp.alone(x) if len(model.inputs) > 1 else x

    def joined(
        self, models: Sequence[keras.Model], states: Sequence[Mapping[str, Any]]
    ) -> tuple[list[keras.Model], dict[str, Any]]:
        """As `Recipe.joined`: each reads its own of the tokens of all."""
        configs = [state["tokens"] for state in states]
        kinds = [kind for n, kind in enumerate(configs) if kind not in configs[:n]]
        if len(kinds) == 1 and len({len(model.inputs) for model in models}) == 1:
            return super().joined(models, states)
        tokens = list(map(tokens_from, kinds))
        together = JoinedTokens(tuple(part for each in tokens for part in each.parts))
        ends = itertools.accumulate(each.length for each in tokens)
        places = [
            slice(end - each.length, end)
            for end, each in zip(ends, tokens, strict=True)
        ]
        parts = [
            reading(model, together.length, places[kinds.index(config)])
            for model, config in zip(models, configs, strict=True)
        ]
        return parts, {**states[0], "tokens": together.get_config()}

    def space(self, hp: HyperParameters) -> SimpleNamespace:
        p = SimpleNamespace(
            network=hp.Choice("network", list(NETWORKS)),
            lowercase=hp.Boolean("lowercase", default=True),
        )
        with hp.conditional_scope("network", [BAG]):
            p.words = hp.Int(
                "words", 1000, 64_000, step=2, sampling="log", default=32_000
            )
            p.buckets = hp.Int(
                "buckets", 4096, 131_072, step=2, sampling="log", default=65_536
            )
            p.shortest = hp.Int("shortest", 1, 4, default=2)
            p.longest = hp.Int("longest", 0, 6, default=5)
            p.word_ngrams = hp.Int("word_ngrams", 1, 3, default=2)
            p.first_words = hp.Int("first_words", 0, 8, default=4)
            p.feature_dropout = hp.Float("feature_dropout", 0.0, 0.9, default=0.7)
        with hp.conditional_scope("network", list(NETWORKS[1:])):
            p.subwords = hp.Int(
                "subwords", 500, 32_000, step=2, sampling="log", default=8000
            )
            p.word_dropout = hp.Float("word_dropout", 0.0, 0.5, default=0.2)
        p.embedding = hp.Int("embedding", 16, 128, step=2, sampling="log", default=64)
        with hp.conditional_scope("network", ["cnn"]):
            p.filters = hp.Int("filters", 16, 256, step=2, sampling="log", default=128)
        with hp.conditional_scope("network", ["gru"]):
            p.units = hp.Int("units", 16, 256, step=2, sampling="log", default=64)
        with hp.conditional_scope("network", ["transformer"]):
            p.layers = hp.Int("layers", 1, 6, default=1)
        p.dropout = hp.Float("dropout", 0.0, 0.6, default=0.3)
        p.smoothing = hp.Float("smoothing", 0.0, 0.2, default=0.0)
        for name in _AUGMENTATION:
            setattr(p, name, hp.Float(name, 0.0, 0.5, default=0.0))
        p.mixup = hp.Float("mixup", 0.0, 1.0, default=0.0)
        texts = len(self.splits.train[1])
        batch_size = max(size for least, size in _BATCHES.items() if texts >= least)
        p.batch_size = hp.Choice(
            "batch_size", [16, 32, 64, 128, 256], default=batch_size
        )
        p.learning_rate = hp.Float(
            "learning_rate", 5e-4, 3e-2, sampling="log", default=5e-3
        )
        p.patience = hp.Int("patience", 3, 30, default=5)
        return p

    def build(self, hp: HyperParameters) -> keras.Model:
        p = self.space(hp)
        tokens = self._learned(p)
        activation = "sigmoid" if self.has_several else None
        model = network(p, tokens, len(self.classes), activation)
        # It is a hyperparameter which tokens a model takes.
        model.tokens = tokens
        model.compile(
            keras.optimizers.Adam(global_clipnorm=1.0),
            **label_scores(p.smoothing)
            if self.has_several
            else class_scores(p.smoothing, are_shares=p.mixup > 0),
        )
        return model

    def batches(
        self, p: SimpleNamespace, x: Arrays, y: Arrays, **options: Any
    ) -> Batches:
        tokens, augment = self._learned(p), _augmented(p)
        if augment:
            # Tokens are of texts as they have become.
            augment.append(lambda x, y, rng: (tokens.encode(x), y))
        else:
            x = tokens.encode(x)
        if p.mixup:
            augment.append(WordMixUp(len(self.classes), p.mixup))
        return super().batches(p, x, y, augment=augment, **options)

    def _learned(self, p):
        """The `Tokens` of some hyperparameters, which are learned once."""
        key = tuple(vocabulary_of(p).items())
        return self.learned_once(key, lambda: learned_tokens(p, self.splits.train[0]))

    def averaged(
        self,
        model: keras.Model,
        count: int = 2,
        hp: Mapping[str, Any] | None = None,
        merge: Literal["probabilities", "logits"] = "probabilities",
    ) -> Variants:
        p = self.values_of(hp)
        augment = _augmented(p)
        if not augment:
            raise ValueError(
                "The training augments no texts, as deletion=0.1 does: there are no "
                "variants of one to average over."
            )
        return Variants(
            *(model, lambda number: augment, count),
            prepare=lambda x: self.inputs_for(model, x),
            are_logits=not self.has_several,
            merge=merge,
        )

    def test_on(self, source: str | Splits) -> None:
        super().test_on(source)
        self._is_apart = True

    def evaluate(self, model: keras.Model | Variants) -> dict[str, float]:
        scores = super().evaluate(model)
        if self._baseline is not None:
            scores |= tfidf.scores(self._baseline, *self.splits.test)
        return scores

    @functools.cached_property
    def _baseline(self):
        """What a network is compared with, or `None`."""
        x, y = self.splits.train
        return None if self._is_apart or len(x) > tfidf.MOST else tfidf.fitted(x, y)

    def rows(self, raw: Any, outputs: Any) -> list[dict[str, Any]]:
        if self.has_several:
            return label_rows(self.classes, outputs)
        return class_rows(self.classes, outputs)

    def explain(
        self, model: keras.Model, raw: Any, method: str = "integrated_gradients"
    ) -> Explanation:
        """Says how much each word of texts speaks for the class that is predicted.

        What tokens of a word have is summed, and n-grams of several words are divided
        among these. Arguments and what it returns are those of `Recipe.explain`.
        """
        outputs, x = self.outputs(model, raw), self.inputs_for(model, self.inputs(raw))
        if isinstance(x, dict):
            raise explanations.refusal(
                self,
                "its model was made to blend texts, by mixup, and reads two at once",
            )
        tokens, found = self.tokens_of(model), []
        if len(tokens.parts) > 1 or len(_embeddings(model)) > 1:
            raise explanations.refusal(
                self,
                "its model is an ensemble, whose members embed words each in its own "
                "way. Explain one of the members",
            )
        attributions, gaps = explanations.attributed(
            *(model, x, outputs, method, explanations.BY_GRADIENT)
        )
        for text, values in zip(
            lowered(raw, tokens.lowercase), attributions, strict=True
        ):
            spans = tokens.encoder.spans(text)[: len(values)]
            found.append(explanations.by_words(text, spans, values[: len(spans)]))
        told = explanations.summaries(self, outputs, gaps)
        return explanations.Explanation(
            explanations.parts(told, *zip(*found, strict=True))
        )

    def examine(self, model: keras.Model) -> dict[str, Any]:
        texts, y = self.splits.test
        outputs = self.outputs(model, texts)
        name = "classes" if self.has_several else "class"
        rows = []
        for text, label, row in zip(texts, y, self.rows(texts, outputs), strict=True):
            several = self.has_several
            target = _listed(self.classes, label) if several else self.classes[label]
            rows.append({"text": str(text), "target": target, **row})
        # The mistakes first: they are what one looks for.
        rows.sort(key=lambda row: row["target"] == row[name])
        found = {"examples.csv": rows}
        if not self.has_several:
            predicted = np.argmax(outputs, axis=-1)
            found["confusion_matrix.png"] = confusion_figure(
                y, predicted, self.classes, title="Test set"
            )
        return found


def _embeddings(model):
    """The layers that embed tokens, of which each member of an ensemble has one."""
    return [layer for layer in layers_of(model) if layer.name == "embedding"]


def _augmented(p):
    """The functions of `kdl.data.Batches` that change texts."""
    return [
        kind(getattr(p, name))
        for name, kind in _AUGMENTATION.items()
        if getattr(p, name, 0)
    ]


def label_scores(label_smoothing=0.0):
    """Returns arguments of `model.compile` for probabilities of labels.

    Args:
        label_smoothing: Float in `[0, 1)`. As of `keras.losses.BinaryCrossentropy`.
            Defaults to `0.0`.
    """
    return {
        "loss": keras.losses.BinaryCrossentropy(label_smoothing=label_smoothing),
        "metrics": [
            keras.metrics.BinaryCrossentropy("crossentropy"),
            *(
                keras.metrics.F1Score(average, _THRESHOLD, f"f1_{average}")
                for average in ("macro", "micro")
            ),
        ],
    }


def label_rows(classes, probabilities):
    """Returns the labels that each example has, and all probabilities.

    Args:
        classes: List of strings. Names of the labels.
        probabilities: Array of shape `(examples, classes)`.

    Returns:
        List of dicts of `"classes"`, names with commas between, and the probability of
        each label by `"p(NAME)"`.
    """
    return [
        {
            "classes": _listed(classes, row > _THRESHOLD),
            **{f"p({name})": float(p) for name, p in zip(classes, row, strict=True)},
        }
        for row in np.asarray(probabilities)
    ]


def _listed(classes, has):
    return ", ".join(name for name, there in zip(classes, has, strict=True) if there)


def _texts_of_rows(path):
    for place, row in files.rows_in(path, _TABLES):
        if "text" not in row and len(row) > 1:
            raise ValueError(
                f"{place} must have a column 'text', or no other column than that of "
                f"the text. It has: {', '.join(map(repr, row))}"
            )
        yield place, row.get("text", next(iter(row.values())))
