"""Tokens that are learned from the training texts."""

import numpy as np

from kdl.data import HashedNgrams, Subwords
from kdl.recipes.tokens import Tokens, lowered

BAG = "embedding_bag"
# Hyperparameters of a bag, as `kdl.data.HashedNgrams` takes them.
_NGRAMS = "buckets", "shortest", "longest", "word_ngrams", "first_words"
# The share of the training texts that fit into the length, and the most tokens of a
# text, of a bag and of a sequence.
_SHARE, _MOST = 0.99, {True: 4096, False: 512}


def vocabulary_of(p):
    """Returns the hyperparameters that tokens depend on, a dict.

    Args:
        p: Namespace of hyperparameters.
    """
    names = ("words", *_NGRAMS) if p.network == BAG else ("subwords",)
    return {name: getattr(p, name) for name in ("lowercase", *names)}


def learned_tokens(p, texts):
    """Returns `Tokens` whose vocabulary and length are learned from texts.

    Args:
        p: Namespace of hyperparameters.
        texts: Array of strings.
    """
    texts = lowered(texts, p.lowercase)
    is_bag = p.network == BAG
    if is_bag:
        options = {name: getattr(p, name) for name in _NGRAMS}
        encoder = HashedNgrams.from_texts(texts, p.words, **options)
    else:
        encoder = Subwords.from_texts(texts, p.subwords)
    length = int(np.ceil(np.quantile(encoder.lengths(texts), _SHARE)))
    return Tokens(encoder, min(max(1, length), _MOST[is_bag]), p.lowercase)
