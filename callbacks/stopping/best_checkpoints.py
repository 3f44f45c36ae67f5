"""The best models of a fit, on disk."""

import contextlib
import math
import re
from pathlib import Path

from kdl.callbacks.failures import Unwritten
from kdl.files import WriteError, atomic, sweep, write_json, writing


class BestCheckpoints:
    """Keeps the best models of a fit in a folder, and an index of them.

    What cannot be written is one warning, and is not in the index.

    Args:
        top_k: Integer. How many models are kept.
        directory: String or `Path` of a folder, made if need be.
    """

    remembered = ("_entries",)

    def __init__(self, top_k, directory):
        self._top_k = top_k
        self._directory = Path(directory)
        self._index = self._directory / "index.json"
        self._entries = []  # Best first.
        self._unwritten = Unwritten("EarlyStopping")

    def check_unused(self):
        """Refuses the folder of another fit, and clears what a killed one left.

        Raises:
            ValueError: If the folder has an index.
        """
        if self._index.exists():
            raise ValueError(
                "`directory` must not hold the checkpoints of another fit: give "
                "another folder, or delete this one. "
                f"Received: directory={str(self._directory)!r}"
            )
        # Which no file of this fit need have the name of.
        sweep(self._directory, "epoch-*.keras")

    def offer(self, model, epoch, metric):
        """Saves the model if the value of the metric is among the best."""
        if not math.isfinite(metric.value):
            return
        name = re.sub(r"[^\w.-]", "_", metric.name)
        entry = {
            "file": f"epoch-{epoch + 1:03d}-{name}-{metric.value:.4g}.keras",
            "epoch": epoch + 1,
            "monitor": metric.name,
            "value": metric.value,
        }
        sign = 1 if metric.mode == "min" else -1
        # Of equal values, the earlier stays the better.
        ranked = sorted([*self._entries, entry], key=lambda e: sign * e["value"])
        if entry in ranked[self._top_k :]:
            return
        with self._unwritten():
            self._save(model, entry, ranked)

    def _save(self, model, entry, ranked):
        kept, others = ranked[: self._top_k], ranked[self._top_k :]
        path = self._directory / entry["file"]
        with writing(path):
            self._directory.mkdir(parents=True, exist_ok=True)
        with atomic(path) as draft:
            model.save(draft)
        try:
            # In this order, the index names no file that is not there.
            write_json(self._index, kept)
        except WriteError:
            with contextlib.suppress(OSError):
                path.unlink()
            raise
        self._entries = kept
        for other in others:
            with writing(self._directory / other["file"]):
                (self._directory / other["file"]).unlink(missing_ok=True)
