"""What `import kdl` costs beyond `import keras`. Target: 1.05 times as long.

The figures are in docs/benchmarks/recipes.md.

python benchmarks/import_time.py
"""

import os
import subprocess
import sys
import time

from paired import report


def importing(module):
    def run():
        start = time.perf_counter()
        subprocess.run([sys.executable, "-c", f"import {module}"], check=True)
        return time.perf_counter() - start

    return run


if __name__ == "__main__":
    backend = os.environ.get("KERAS_BACKEND", "Keras's choice of backend")
    report(
        f"Import time, {backend}",
        importing("keras"),
        {"import kdl": importing("kdl")},
        target=1.05,
    )
