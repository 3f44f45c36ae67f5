"""Tokens that are learned from the training texts."""

import numpy as np

from kdl.data import HashedNgrams, Subwords
from kdl.recipes.tokens import Tokens, lowered

BAG = "embedding_bag"
# The share of the training texts that fit into the length, and the most tokens of a
# text, of a bag and of a sequence.
_SHARE, _MOST = 0.99, {True: 4096, False: 512}


def learned_tokens(p, texts):
    """Returns `Tokens` whose vocabulary and length are learned from texts.

    Args:
        p: Namespace of hyperparameters.
        texts: Array of strings.
    """
    texts = lowered(texts, p.lowercase)
    is_bag = p.network == BAG
    if is_bag:
        encoder = HashedNgrams.from_texts(
            texts,
            p.words,
            buckets=p.buckets,
            shortest=p.shortest,
            longest=p.longest,
            word_ngrams=p.word_ngrams,
            first_words=p.first_words,
        )
    else:
        encoder = Subwords.from_texts(texts, p.subwords)
    length = int(np.ceil(np.quantile(encoder.lengths(texts), _SHARE)))
    return Tokens(encoder, min(max(1, length), _MOST[is_bag]), p.lowercase)
