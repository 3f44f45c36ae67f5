import keras
import numpy as np
import pytest
import torch

from kdl.callbacks.readable_data import batches_of, check_data, check_sample, sample_of
from kdl.data import Batches

X = np.arange(40, dtype="float32").reshape(20, 2)
Y = np.arange(20) % 3


class Again:
    """An iterable that can be read again, as the data sets of grain are."""

    def __iter__(self):
        return ((X[n : n + 8], Y[n : n + 8]) for n in range(0, 20, 8))


class Endless(keras.utils.PyDataset):
    @property
    def num_batches(self):
        return None

    def __getitem__(self, index):
        return X[:8], Y[:8]


def loader():
    pairs = torch.utils.data.TensorDataset(torch.tensor(X), torch.tensor(Y))
    return torch.utils.data.DataLoader(pairs, 8)


def dataset():
    tf = pytest.importorskip("tensorflow")
    return tf.data.Dataset.from_tensor_slices((X, Y)).batch(8)


BATCHES = [Again, loader, dataset, lambda: Batches(X, Y, 8, shuffle=False)]


@pytest.mark.parametrize("make", BATCHES)
def test_batches_are_those_of_fit(make):
    data = check_data("data", check_sample("data", make()))
    for _ in range(2):
        batches = list(batches_of("data", data, 32, None))
        assert [len(x) for x, *_ in batches] == [8, 8, 4]
        for part, whole in zip(zip(*batches, strict=True), (X, Y), strict=False):
            assert all(type(array) is np.ndarray for array in part)
            np.testing.assert_array_equal(np.concatenate(part), whole)
        x, y = sample_of("data", data, None)
        np.testing.assert_array_equal(x, X)
        np.testing.assert_array_equal(y, Y)


def test_arrays_are_inputs():
    nest = {"a": X, "b": [keras.ops.convert_to_tensor(X), torch.tensor(X)]}
    first, *_ = batches_of("data", check_data("data", nest), 8, None)
    assert first[1:] == (None, None)
    for array in keras.tree.flatten(first[0]):
        np.testing.assert_array_equal(array, X[:8])


def test_a_pair_is_a_sample_as_it_is():
    x, y = sample_of("data", check_sample("data", (X, Y.tolist())), None)
    assert x is X
    np.testing.assert_array_equal(y, Y)


@pytest.mark.parametrize("make", [Endless, lambda: dataset().repeat()])
def test_data_without_an_end_are_as_long_as_an_epoch(make):
    data = check_data("data", make())
    assert len(list(batches_of("data", data, 32, 5))) == 5
    with pytest.raises(ValueError) as error:
        list(batches_of("data", data, 32, None))
    assert str(error.value) == (
        "`data` must have an end, or `fit` have `steps_per_epoch`. Received: data "
        f"of type {type(data).__name__}"
    )


def test_a_sample_is_no_more_than_its_share():
    x, y = sample_of("data", Batches(np.zeros((999, 2)), np.zeros(999), 100), None)
    assert x.shape == (256, 2) and y.shape == (256,)


def test_a_sample_has_targets():
    class Inputs(Endless):
        def __getitem__(self, index):
            return X

    with pytest.raises(ValueError) as error:
        sample_of("data", Inputs(), 3)
    assert str(error.value) == (
        "`data` must have batches (x, y) of examples with targets. Received: data of "
        "type Inputs"
    )


@pytest.mark.parametrize(
    "data",
    [
        *(None, "x", -1, 1.5, True, [], {}, object(), 10**30, X[:0], np.ones(())),
        *((X, Y[:3]), (None, None), ("x", "y"), [1], [X, [1.0]], iter(Again())),
        ((n, n) for n in (X, Y)),
    ],
)
def test_refuses_what_cannot_be_read_again(data):
    kind = type(data).__name__
    ending = (
        " examples, or batches that can be read more than once, such as a "
        "keras.utils.PyDataset, a tf.data.Dataset or a DataLoader. Received: data of "
        f"type {kind}"
    )
    with pytest.raises(ValueError) as error:
        check_data("data", data)
    beginning = "`data` must be an array, a list or dict of arrays of as many"
    assert str(error.value) == beginning + ending
    with pytest.raises(ValueError) as error:
        check_sample("data", data)
    assert (
        str(error.value)
        == "`data` must be a tuple (x, y) of arrays of as many" + ending
    )
