import pytest
from contracts import RecipeContract, leading

from kdl.recipes import Arithmetic
from kdl.recipes.sequences.seq2seq import END


class TestArithmetic(RecipeContract):
    recipe = Arithmetic()
    epochs = 5
    examples = 512
    # Its space is that of `Seq2Seq`, which is searched there.
    test_tuner_sees_the_whole_space_at_once_and_searches_it = None
    # So is its model, which learns there on each backend.
    test_defaults_learn = pytest.mark.one_backend(RecipeContract.test_defaults_learn)

    def data(self):
        data = super().data()
        return {**data, "validation_data": leading(data["validation_data"], 64)}

    def test_learns_sums(self):
        data = self.recipe.data()
        text, total = (
            characters.decode(tokens)[0]
            for characters, tokens in zip(
                self.recipe.characters, (data["x"]["source"], data["y"]), strict=True
            )
        )
        a, b = map(int, text.split("+"))
        assert total[-1] == END
        assert a + b == int(total[:-1])
