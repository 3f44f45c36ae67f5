"""One of the other processes of `kdl run --devices N` on PyTorch.

It trains along with the first, and writes nothing.
"""

import json
import sys
from pathlib import Path

import keras

from kdl import recipes
from kdl_cli.commands import arguments
from kdl_cli.commands.training import devices, run
from kdl_cli.options.single import RunOptions


def main(given):
    """Trains by options that were given as JSON."""
    options = json.loads(given)
    for name in ("hp", "out"):
        if options[name] is not None:
            options[name] = Path(options[name])
    plan = run.plan(RunOptions(**options))
    data = arguments.load(plan.recipe)
    print(devices.READY, flush=True)
    keras.utils.set_random_seed(plan.settings["seed"])
    with plan.parallel:
        recipes.run(plan.recipe, **data, **plan.fit(plan.out))


if __name__ == "__main__":
    main(*sys.argv[1:])
