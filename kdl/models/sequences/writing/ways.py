"""How a decoder writes."""

from kdl.checks import check_boolean, check_integer, check_number, check_optional


class Sampling:
    """Draws each token that a decoder writes by its probability.

    Args:
        temperature: Float in `(0, inf)`. What logits are divided by before a token is
            drawn; less than 1 keeps to the likely ones. Defaults to `1.0`.
        top_k: Optional integer in `[1, inf)`. Number of the likeliest tokens to draw
            from. Defaults to `None`, all.
        top_p: Optional float in `(0, 1]`. The likeliest tokens to draw from are as few
            as have this probability together. Defaults to `None`, all.

    Raises:
        ValueError: If an argument is outside its interval.

    Example:

    >>> decoder = kdl.models.RecurrentDecoder(keras.layers.GRUCell(8), 10, 4)
    >>> logits = decoder(np.ones((1, 5), "int32"))
    >>> written = decoder.generate(5, by=kdl.models.Sampling(0.8, top_p=0.9), seed=1)

    References:
        - [Holtzman et al., 2020](https://arxiv.org/abs/1904.09751), of `top_p`
    """

    def __init__(
        self,
        temperature: float = 1.0,
        top_k: int | None = None,
        top_p: float | None = None,
    ) -> None:
        self.temperature = check_number("temperature", temperature, "(0, inf)")
        self.top_k = check_optional(check_integer, "top_k", top_k, "[1, inf)")
        self.top_p = check_optional(check_number, "top_p", top_p, "(0, 1]")


class BeamSearch:
    """Searches for the likeliest sequence that a decoder can write.

    It keeps the likeliest beginnings, of which the best in the end has the greatest

        log(probability) / ((5 + length) / 6) ** length_penalty

    Args:
        beams: Integer in `[1, inf)`. Number of beginnings that are kept. Defaults to
            `4`.
        length_penalty: Float in `[0, inf)`. The larger, the longer the sequences that
            win. Defaults to `0.0`; 0.6 to 1 are usual.
        return_all: Boolean. Whether all beams are returned, the best first, rather than
            the best alone. Defaults to `False`.

    Raises:
        ValueError: If an argument is outside its interval.

    Example:

    >>> decoder = kdl.models.RecurrentDecoder(keras.layers.GRUCell(8), 10, 4)
    >>> logits = decoder(np.ones((1, 5), "int32"))
    >>> search = kdl.models.BeamSearch(beams=3, return_all=True)
    >>> written = decoder.generate(5, end_token=2, by=search)

    References:
        - [Wu et al., 2016](https://arxiv.org/abs/1609.08144), of the penalty
    """

    def __init__(
        self, beams: int = 4, length_penalty: float = 0.0, return_all: bool = False
    ) -> None:
        self.beams = check_integer("beams", beams, "[1, inf)")
        self.length_penalty = check_number("length_penalty", length_penalty, "[0, inf)")
        self.return_all = check_boolean("return_all", return_all)
