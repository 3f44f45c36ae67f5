"""What backends and the operating system tell of memory."""

import os

import keras
import numpy as np
import pytest

from kdl.profiling import devices, memory


def test_batches_are_moved_as_they_are():
    batch = {"x": np.arange(6.0), "none": None}, np.arange(3)
    if keras.backend.backend() != "torch":
        batch = keras.tree.map_structure(keras.ops.convert_to_tensor, batch[1:])
    moved = devices.moved([batch])
    keras.tree.assert_same_structure(moved, [batch])
    for one, other in zip(
        keras.tree.flatten(moved), keras.tree.flatten([batch]), strict=True
    ):
        if one is not None:
            assert keras.ops.is_tensor(one)
            np.testing.assert_array_equal(keras.ops.convert_to_numpy(one), other)


def test_a_batch_that_no_memory_holds_is_told_as_such():
    if keras.backend.backend() == "torch":
        with pytest.raises(RuntimeError) as error:
            keras.ops.zeros((2**50,), "uint8")
    else:
        with pytest.raises(MemoryError) as error:
            np.ones(2**58, "uint8")
    assert devices.is_out_of_memory(error.value)


@pytest.mark.one_backend
@pytest.mark.parametrize(
    ("error", "is_it"),
    [
        (MemoryError(), True),
        (RuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 4 bytes"), True),
        (RuntimeError("CUDA out of memory. Tried to allocate 2 GiB"), True),
        (ValueError("`steps` must be an integer"), False),
    ],
)
def test_errors_of_memory_are_told_from_others(error, is_it):
    assert devices.is_out_of_memory(error) is is_it


@pytest.mark.one_backend
def test_memory_is_that_of_the_operating_system():
    resident = memory.resident(os.getpid())
    # Linux counts pages by processor, and adds that up now and then.
    assert 10**7 < resident <= 1.05 * memory.peak_of_process()
    total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    assert 0 < memory.available() <= total
    # That of a process which is no more.
    assert memory.resident(2**30) == 0
