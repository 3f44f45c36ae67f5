import keras
import numpy as np
import pytest
from contracts import RecipeContract, array, leading

from kdl.data import Splits
from kdl.recipes import Forecast, hyperparameters, run


class TestForecast(RecipeContract):
    recipe = Forecast()
    epochs = 4
    examples = 512

    def test_is_better_than_the_mean_and_the_last_step(self):
        keras.utils.set_random_seed(0)
        data = leading(self.recipe.data(), 2048)
        model, _ = run(self.recipe, **data, epochs=6, verbose=0)
        test = self.recipe.test_data()
        scores = model.evaluate(**test, verbose=0, return_dict=True)
        last = test["x"]["past"][:, -1:]
        naive = np.sqrt(((test["y"] - last) ** 2).mean())
        assert scores["rmse"] < 0.5 * min(naive, test["y"].std())

    def test_errors_by_step_make_up_the_metric(self):
        recipe = self.recipe
        model = recipe.build(hyperparameters(recipe, {"units": 16}))
        parts = recipe.examine(model)
        rows = parts["errors.csv"]
        assert [row["step"] for row in rows] == list(range(1, 41))
        scores = model.evaluate(**recipe.test_data(), verbose=0, return_dict=True)
        whole = np.sqrt(np.mean([row["free_running"] ** 2 for row in rows]))
        np.testing.assert_allclose(whole, scores["rmse"], rtol=1e-4)
        # The first step is fed the same in both.
        np.testing.assert_allclose(
            rows[0]["free_running"], rows[0]["teacher_forcing"], rtol=1e-4
        )
        assert rows[9]["free_running"] != rows[9]["teacher_forcing"]

    def test_validation_sees_nothing_of_the_future(self):
        model = self.recipe.build(hyperparameters(self.recipe, {"units": 16}))
        x = leading(self.recipe.test_data()["x"], 4)
        blind = {**x, "future": np.zeros_like(x["future"])}
        np.testing.assert_array_equal(array(model(x)), array(model(blind)))

    def test_refuses_what_are_no_series(self):
        part = np.zeros((4, 8, 1)), np.zeros((4, 8))
        with pytest.raises(ValueError) as error:
            Forecast(Splits(part, part, part)).data()
        assert str(error.value) == (
            "`source` must hold series of shapes (windows, history, features) and "
            "(windows, horizon, features). Received: float64 (4, 8, 1) and float64 "
            "(4, 8)"
        )
