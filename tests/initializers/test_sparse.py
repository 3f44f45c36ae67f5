import numpy as np
import pytest
import torch
from contracts import RandomInitializerContract, array

from kdl.initializers import Sparse


class TestSparse(RandomInitializerContract):
    component = Sparse
    arguments = {"nonzeros": 5, "stddev": 0.5, "seed": 1}
    variance = 0.5**2 * 5 / 400
    refused = [
        (
            {"nonzeros": 0},
            "`nonzeros` must be an integer in [1, inf). Received: nonzeros=0",
        ),
        ({"stddev": 0}, "`stddev` must be a number in (0, inf). Received: stddev=0"),
    ]

    @pytest.mark.parametrize("shape", [(20, 300), (3, 3, 4, 50), (5, 7)])
    @pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
    def test_each_unit_has_as_many_weights(self, shape, dtype):
        values = array(self.make()(shape, dtype=dtype)).reshape(-1, shape[-1])
        np.testing.assert_array_equal((values != 0).sum(axis=0), 5)

    def test_zeros_are_those_of_torch(self):
        torch.manual_seed(0)
        weight = torch.empty(20, 300)
        theirs = (torch.nn.init.sparse_(weight, sparsity=15 / 20, std=0.5) != 0).sum(0)
        ours = (array(self.make()((20, 300))) != 0).sum(axis=0)
        np.testing.assert_array_equal(ours, theirs.numpy())

    def test_every_input_is_drawn_alike(self):
        counts = (array(self.make()((20, 4000))) != 0).sum(axis=1)
        # Binomial(4000, 1 / 4): the standard error is 27.
        assert np.abs(counts - 1000).max() < 5 * 27.4

    def test_values_do_not_depend_on_their_places(self):
        values = array(self.make()((20, 4000)))
        values = values[values != 0]
        n = values.size
        # Standard errors of a mean and of a standard deviation of a normal.
        assert abs(values.mean()) < 5 * 0.5 / n**0.5
        assert abs(values.std() - 0.5) < 5 * 0.5 / (2 * n) ** 0.5
        # As many beyond one deviation as a normal has: 0.3173.
        assert abs((np.abs(values) > 0.5).mean() - 0.3173) < 5 * (0.217 / n) ** 0.5

    @pytest.mark.parametrize(
        ("shape", "inputs"), [((4, 9), 4), ((2, 2, 1, 9), 4), ((9,), 0), ((), 0)]
    )
    def test_refuses_units_of_fewer_inputs(self, shape, inputs):
        with pytest.raises(ValueError) as error:
            self.make()(shape)
        assert str(error.value) == (
            "`nonzeros` must be at most the number of inputs of a unit. Received: "
            f"nonzeros=5, shape={shape}, whose units have {inputs} inputs"
        )
