import keras_tuner
import pytest

from kdl.recipes import Images, hyperparameters

pytestmark = pytest.mark.one_backend


def model_of(hp):
    hp.Boolean("flag")
    hp.Fixed("fixed", 3)
    hp.Int("count", 1, 9, step=2)


class TestHyperparameters:
    recipe = Images()

    def test_others_have_their_defaults(self):
        defaults = keras_tuner.HyperParameters()
        self.recipe.space(defaults)
        hp = hyperparameters(self.recipe, {"rate": 0.25})
        assert hp.values == {**defaults.values, "rate": 0.25}

    def test_children_follow_their_parent(self):
        values = {"regularizer/strength": 0.5, "regularizer": "max_norm"}
        hp = hyperparameters(self.recipe, values)
        assert hp.values["regularizer/strength"] == 0.5
        assert "regularizer/alpha" not in hp.values

    def test_any_hypermodel_has_them(self):
        class Model(keras_tuner.HyperModel):
            def build(self, hp):
                model_of(hp)

        values = {"flag": True, "fixed": 3, "count": 4}
        assert hyperparameters(Model(), values).values == values
        with pytest.raises(ValueError, match="`flag` must be one of True, False"):
            hyperparameters(Model(), {"flag": 1})

    @pytest.mark.parametrize(
        ("values", "message"),
        [
            ({"rate": 2}, "`rate` must be a number in [0.0, 0.8]. Received: rate=2"),
            (
                {"batch_size": 7},
                "`batch_size` must be one of 16, 32, 64. Received: batch_size=7",
            ),
            (
                {"flip": True},
                "`flip` is always False here. Received: flip=True",
            ),
            (
                {"filters": 20.5},
                "`filters` must be an integer in [8, 32]. Received: filters=20.5",
            ),
            (
                {"regularizer/strength": 0.5},
                "`regularizer/strength` has no effect unless `regularizer` is one of "
                "'max_norm'. Received: regularizer/strength=0.5",
            ),
        ],
    )
    def test_refuses_bad_values(self, values, message):
        with pytest.raises(ValueError) as error:
            hyperparameters(self.recipe, values)
        assert str(error.value) == message

    def test_refuses_unknown_names(self):
        with pytest.raises(ValueError) as error:
            hyperparameters(self.recipe, {"dropout": 0.5})
        assert str(error.value).startswith(
            "The recipe 'images' has no hyperparameter 'dropout'. It has: family, "
        )
