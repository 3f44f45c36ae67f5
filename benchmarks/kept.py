"""What the parts of a long benchmark came to, so that it goes on where it stopped."""

import json
from pathlib import Path


class Kept(dict):
    """Results by job, which a file keeps as lines of JSON, if one is given.

    Args:
        path: Path of the file, or `None`. It may exist: its results are those of jobs
            that need not run again.
    """

    def __init__(self, path=None):
        super().__init__()
        self._path = path
        if path and path.exists():
            for line in path.read_text().splitlines():
                job, result = json.loads(line)
                super().__setitem__(tuple(job), result)

    def __setitem__(self, job, result):
        super().__setitem__(job, result)
        if self._path:
            with self._path.open("a") as file:
                file.write(json.dumps([job, result]) + "\n")


def add_option(parser):
    parser.add_argument("--keep", type=Path, help="go on with what this file has")
