"""What a network of texts is given."""

import dataclasses
from collections.abc import Callable
from typing import Any

import keras

from kdl.data import Bytes, Characters, HashedNgrams, Subwords

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
        encoder: `kdl.data.HashedNgrams`, `Subwords`, `Bytes` or `Characters`.
        length: Integer. Tokens of a text, of which the rest is left out.
        lowercase: Boolean. Whether capital letters count as small ones.
    """

    encoder: HashedNgrams | Subwords | Bytes | Characters
    length: int
    lowercase: bool

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
        return self.encoder.encode(lowered(texts, self.lowercase), self.length)


def lowered(texts, lowercase):
    """Returns texts as a list, in small letters if that is wanted."""
    return [text.lower() for text in texts] if lowercase else list(texts)


class TokensOfModel:
    """What recipes do alike where hyperparameters decide which tokens a model takes.

    `build` sets the attribute `tokens` of the model. A model that was loaded has none:
    its tokens are those of the recipe, whose attribute `tokens` is what
    `Tokens.get_config` returns.
    """

    def tokens_of(self, model: keras.Model) -> Tokens:
        """Returns the `Tokens` that a model takes."""
        return getattr(model, "tokens", None) or Tokens.from_config(self.tokens)

    def learned_once(self, key: Any, learn: Callable[[], Any]) -> Any:
        """Returns what `learn` returns, which is called once for each key."""
        known = vars(self).setdefault("_known", {})
        if key not in known:
            known[key] = learn()
        return known[key]

    def get_state(self, model: keras.Model | None = None) -> dict[str, Any]:
        state = super().get_state(model)
        tokens = getattr(model, "tokens", None)
        return state if tokens is None else {**state, "tokens": tokens.get_config()}
