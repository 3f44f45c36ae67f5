"""Keeps W&B within a folder, and reads back what an offline run of it wrote.

The format is W&B's own and undocumented, hence good for tests only: a header of seven
bytes, then the log of LevelDB, whose blocks of 32 KiB hold records in fragments, each
after its checksum (4 bytes), length (2) and kind (1).
"""

import json
import os
import struct
from types import SimpleNamespace

from wandb.proto.wandb_internal_pb2 import Record

HEADER, BLOCK, PREFIX = 7, 32768, struct.Struct("<IHB")
WHOLE, LAST = 1, 4  # Kinds of fragment that end a record.


def isolate(folder, monkeypatch):
    """Has W&B read and write below a folder alone, and do nothing that takes long."""
    monkeypatch.setenv("HOME", str(folder / "home"))
    monkeypatch.setenv("NETRC", str(folder / "netrc"))
    for name in os.environ:
        if name.startswith("WANDB_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("WANDB_SILENT", "true")
    monkeypatch.setenv("WANDB_DISABLE_GIT", "true")
    monkeypatch.setenv("WANDB_X_SAVE_REQUIREMENTS", "false")
    # Else W&B watches the machine, by a socket outside of all its folders.
    monkeypatch.setenv("WANDB_X_DISABLE_MACHINE_INFO", "true")
    for name in ("DIR", "CACHE_DIR", "CONFIG_DIR", "DATA_DIR"):
        monkeypatch.setenv(f"WANDB_{name}", str(folder / name.lower()))


def read_runs(directory):
    """Returns the offline runs below `directory`, oldest first."""
    runs = [read_run(path) for path in directory.glob("wandb/offline-run-*/*.wandb")]
    return sorted(runs, key=lambda run: run.started)


def read_run(path):
    """Returns what a `.wandb` file says of its run, as plain Python values."""
    run = SimpleNamespace(config={}, history=[], summary={}, steps={}, exit_code=None)
    run.artifacts = []
    for record in read_records(path):
        match record.WhichOneof("record_type"):
            case "run":
                run.started = record.run.start_time.ToNanoseconds()
                run.id = record.run.run_id
                run.name, run.project = record.run.display_name, record.run.project
                run.group = record.run.run_group
                run.config |= values(record.run.config.update)
            case "config":
                run.config |= values(record.config.update)
            case "history":
                run.history.append(values(record.history.item))
            case "summary":
                run.summary |= values(record.summary.update)
            case "metric":
                name = record.metric.name or record.metric.glob_name
                run.steps[name] = record.metric.step_metric
            case "artifact":
                run.artifacts.append(record.artifact)
            case "exit":
                run.exit_code = record.exit.exit_code
    return run


def read_records(path):
    data, position, record = path.read_bytes(), HEADER, b""
    while position + PREFIX.size <= len(data):
        room = BLOCK - position % BLOCK
        if room < PREFIX.size:  # Too little for a fragment: filled with zeros.
            position += room
            continue
        _, length, kind = PREFIX.unpack_from(data, position)
        position += PREFIX.size
        record += data[position : position + length]
        position += length
        if kind in (WHOLE, LAST):
            yield Record.FromString(record)
            record = b""


def values(items):
    """Returns key and value of each item, leaving out W&B's own, as in `_step`."""
    pairs = ((item.key or "/".join(item.nested_key), item.value_json) for item in items)
    return {key: json.loads(value) for key, value in pairs if not key.startswith("_")}
