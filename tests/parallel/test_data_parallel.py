import json
import os
import subprocess
import sys
from pathlib import Path

import keras
import pytest
from contracts import Contract

from kdl.parallel import DataParallel
from kdl.parallel.data_parallel import in_force, writes
from kdl.parallel.devices import check_cores, check_count

BACKEND = keras.backend.backend()
SCRIPT = Path(__file__).parent / "training.py"


@pytest.mark.skipif(BACKEND == "jax", reason="JAX takes statistics of whole batches")
class TestDataParallel(Contract):
    component = DataParallel
    arguments = {"devices": 1, "synchronized": False}
    refused = [
        (
            {"devices": 0},
            "`devices` must be an integer in [1, inf). Received: devices=0",
        ),
        (
            {"synchronized": 1},
            "`synchronized` must be one of True, False. Received: synchronized=1",
        ),
    ]

    def test_is_in_force_in_its_block(self):
        assert in_force() is None and writes()
        with self.make() as parallel:
            assert in_force() is parallel and parallel.shard is None
        assert in_force() is None


def test_trains_as_one_device_resumes_and_tells_of_a_lost_process(tmp_path):
    """In processes of their own, since devices are made before anything else."""
    found = train(tmp_path)
    assert found["difference"] < 1e-5
    assert found["clock"] == 12
    # A mean over the batches of an epoch is summed in another order.
    assert found["resumed"] < 1e-6
    assert found["odd"] == (
        "`batch_size` must be a multiple of 2, the number of devices. "
        "Received: batch_size=15"
    )
    if BACKEND == "torch":
        assert found["lost"] == (
            "The training ended, since another of its processes did, or cannot be "
            "reached."
        )


def train(folder):
    """What tests/parallel/training.py prints."""
    place = {"KERAS_BACKEND": BACKEND, "OMP_NUM_THREADS": "1"}
    places = [place]
    if BACKEND == "torch":
        address = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "0"}
        address["MASTER_PORT"] = str(free_port())
        places = [
            {
                **place,
                **address,
                "WORLD_SIZE": "2",
                "RANK": str(n),
                "LOCAL_RANK": str(n),
            }
            for n in range(2)
        ]
    processes = [
        subprocess.Popen(
            [sys.executable, SCRIPT, folder / "checkpoint"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | place,
        )
        for place in places
    ]
    outputs = [process.communicate(timeout=300) for process in processes]
    assert processes[0].returncode == 0, outputs[0][1]
    return json.loads(outputs[0][0].splitlines()[-1])


def free_port():
    import socket

    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


class TestRefuses:
    def test_more_devices_than_there_are(self):
        with pytest.raises(ValueError) as error:
            DataParallel(10_000)
        text = str(error.value)
        if BACKEND == "torch":
            assert text == (
                "`devices` must be 1, the number of processes: PyTorch has one for "
                "each device, which `torchrun --nproc-per-node 10000 script.py` "
                "starts, or `kdl run --devices 10000`. Received: devices=10000"
            )
        else:
            cores = os.cpu_count()
            assert text == (
                f"`devices` must be in [1, {cores}], the number of cores of the CPU. "
                "Received: devices=10000"
            )

    @pytest.mark.one_backend
    def test_more_than_cores_or_devices(self, monkeypatch):
        monkeypatch.setattr(os, "cpu_count", lambda: 2)
        with pytest.raises(ValueError) as error:
            check_cores(3)
        assert str(error.value) == (
            "`devices` must be in [1, 2], the number of cores of the CPU. "
            "Received: devices=3"
        )
        with pytest.raises(ValueError) as error:
            check_count(3, 2, "JAX", "gpu")
        assert str(error.value) == (
            "`devices` must be in [1, 2], the number of devices of JAX of the kind "
            "'gpu'; parts of a CPU can only be made before it computes anything. "
            "Received: devices=3"
        )

    @pytest.mark.skipif(BACKEND != "jax", reason="the others have both")
    def test_statistics_of_each_part_on_jax(self):
        with pytest.raises(ValueError) as error:
            DataParallel(1, synchronized=False)
        assert str(error.value) == (
            "`synchronized` must be True on JAX, which computes a batch as one; "
            "TensorFlow and PyTorch have both. Received: synchronized=False"
        )
