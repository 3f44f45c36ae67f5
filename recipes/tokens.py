"""What a network of texts is given."""

import dataclasses
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from kdl.data import Bytes, Characters, HashedNgrams, Subwords

_KINDS = {
    "ngrams": HashedNgrams,
    "subwords": Subwords,
    "bytes": Bytes,
    "characters": Characters,
}
_JOINED = "joined"


@dataclasses.dataclass(frozen=True)
class Tokens:
    """Turns texts into the integers that a network takes.

    It is the only one of its `parts`, of which `JoinedTokens` has several.

    Attributes:
        encoder: `kdl.data.HashedNgrams`, `Subwords`, `Bytes` or `Characters`.
        length: Integer. Tokens of a text, of which the rest is left out.
        lowercase: Boolean. Whether capital letters count as small ones.
    """

    encoder: HashedNgrams | Subwords | Bytes | Characters
    length: int
    lowercase: bool

    @property
    def parts(self):
        return (self,)

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


@dataclasses.dataclass(frozen=True)
class JoinedTokens:
    """Tokens of several kinds side by side, for networks of which each reads its own.

    Attributes:
        parts: Tuple of `Tokens`.
    """

    parts: tuple[Tokens, ...]

    @property
    def length(self):
        return sum(part.length for part in self.parts)

    def get_config(self):
        return {"kind": _JOINED, "parts": [part.get_config() for part in self.parts]}

    def encode(self, texts):
        return np.concatenate([part.encode(texts) for part in self.parts], axis=1)


def tokens_from(config):
    """Returns the tokens whose `get_config` returned a config."""
    if config["kind"] == _JOINED:
        return JoinedTokens(tuple(map(tokens_from, config["parts"])))
    encoder = _KINDS[config["kind"]](**config["encoder"])
    return Tokens(encoder, config["length"], config["lowercase"])


def lowered(texts, lowercase):
    """Returns texts as a list, in small letters if that is wanted."""
    return [text.lower() for text in texts] if lowercase else list(texts)


class TokensOfModel:
    """What recipes do alike where hyperparameters decide which tokens a model takes.

    `build` sets the attribute `tokens` of the model. A model that was loaded has none:
    its tokens are those of the recipe, whose attribute `tokens` is what `get_config` of
    the tokens returns.
    """

    def tokens_of(self, model: keras.Model) -> Tokens | JoinedTokens:
        """Returns the tokens that a model takes."""
        return getattr(model, "tokens", None) or tokens_from(self.tokens)

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
