import numpy as np
import pytest
from contracts import array

from kdl.models import Generated
from kdl.models.sequences.writing.token_choice import choose_tokens


def test_generated_unpacks():
    tokens, lengths, scores = Generated(tokens=1, lengths=2, scores=3)
    assert (tokens, lengths, scores) == (1, 2, 3)


class TestChoose:
    logits = np.log(np.array([0.1, 0.5, 0.15, 0.25], "float32"))

    def drawn(self, draws, **options):
        draws = np.array(draws, "float32")
        logits = np.broadcast_to(self.logits, (len(draws), 4))
        return array(choose_tokens(logits, draws, **options)).tolist()

    def test_takes_the_likeliest(self):
        assert self.drawn([0.99]) == [1]

    def test_inverts_the_distribution(self):
        draws = [0.0, 0.099, 0.101, 0.599, 0.601, 0.749, 0.751, 1 - 2**-24]
        assert self.drawn(draws, temperature=1.0) == [0, 0, 1, 1, 2, 2, 3, 3]

    def test_temperature_sharpens(self):
        # At 1/2, probabilities are squared: 0.029, 0.725, 0.065, 0.181.
        draws = [0.028, 0.030, 0.752, 0.756, 0.817, 0.822]
        assert self.drawn(draws, temperature=0.5) == [0, 1, 1, 2, 2, 3]

    def test_top_k_leaves_the_likeliest(self):
        # 2/3 and 1/3.
        draws = [0.0, 0.66, 0.67, 1 - 2**-24]
        assert self.drawn(draws, temperature=1.0, top_k=2) == [1, 1, 3, 3]

    @pytest.mark.parametrize(
        # The likeliest has 1/2, up to rounding.
        ("top_p", "left"),
        [(0.499, [1]), (0.501, [1, 3]), (1.0, [0])],
    )
    def test_top_p_leaves_as_few_as_have_the_probability(self, top_p, left):
        draws = np.linspace(0, 0.999, 200)
        found = set(self.drawn(draws, temperature=1.0, top_p=top_p))
        assert found == (set(left) if top_p < 1 else {0, 1, 2, 3})
