"""What a network of texts is given."""

import dataclasses

import numpy as np

from kdl.data import Bytes, Characters, HashedNgrams, Subwords

BAG = "embedding_bag"
# The share of the training texts that fit into the length, and the most tokens of a
# text, of a bag and of a sequence.
_SHARE, _MOST = 0.99, {True: 4096, False: 512}
_KINDS = {
    "ngrams": HashedNgrams,
    "subwords": Subwords,
    "bytes": Bytes,
    "characters": Characters,
}


@dataclasses.dataclass(frozen=True)
class Tokens:
    """Turns texts into the integers that a network takes.

    Attributes:
        encoder: `kdl.data.HashedNgrams` or `kdl.data.Subwords`.
        length: Integer. Tokens of a text, of which the rest is left out.
        lowercase: Boolean. Whether capital letters count as small ones.
    """

    encoder: HashedNgrams | Subwords
    length: int
    lowercase: bool

    @classmethod
    def from_texts(cls, p, texts):
        """Returns tokens whose vocabulary and length are learned from texts.

        Args:
            p: Namespace of hyperparameters.
            texts: Array of strings.
        """
        texts = _lowered(texts, p.lowercase)
        is_bag = p.network == BAG
        if is_bag:
            encoder = HashedNgrams.from_texts(
                texts,
                p.words,
                buckets=p.buckets,
                shortest=p.shortest,
                longest=p.longest,
                word_ngrams=p.word_ngrams,
            )
        else:
            encoder = Subwords.from_texts(texts, p.subwords)
        length = int(np.ceil(np.quantile(encoder.lengths(texts), _SHARE)))
        return cls(encoder, min(max(1, length), _MOST[is_bag]), p.lowercase)

    @classmethod
    def from_config(cls, config):
        """Returns tokens of what `get_config` returned."""
        kind = _KINDS[config["kind"]]
        return cls(kind(**config["encoder"]), config["length"], config["lowercase"])

    def get_config(self):
        """Returns what the tokens are made of, a dict of JSON."""
        (kind,) = (name for name, of in _KINDS.items() if isinstance(self.encoder, of))
        return {
            "kind": kind,
            "encoder": self.encoder.get_config(),
            "length": self.length,
            "lowercase": self.lowercase,
        }

    def encode(self, texts):
        """Returns texts as an array of shape `(texts, length)`, int32."""
        return self.encoder.encode(_lowered(texts, self.lowercase), self.length)


def _lowered(texts, lowercase):
    return [text.lower() for text in texts] if lowercase else list(texts)
