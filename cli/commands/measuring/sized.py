"""Measures a batch size in a process of its own, for `kdl profile`."""

import contextlib
import dataclasses
import json
import sys
from pathlib import Path

from kdl_cli import backends
from kdl_cli.commands.measuring.sizes import OUT_OF_MEMORY
from kdl_cli.options.single import ProfileOptions


def main(given):
    """Prints what was measured as JSON, or that memory was short."""
    with contextlib.suppress(OSError):
        # Linux ends this process before any other where memory is short.
        Path("/proc/self/oom_score_adj").write_text("1000")
    options = ProfileOptions(**given)
    hp = options.hp and Path(options.hp)
    options = dataclasses.replace(options, hp=hp)
    backend, _ = backends.choose(options.backend)
    backends.prepare(backend, options.precision)
    from kdl.profiling.devices import is_out_of_memory
    from kdl_cli.commands.measuring.profile import Profiling

    work = Profiling(options)
    try:
        work.begin()
        found = work.measured().as_dict()
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        print(OUT_OF_MEMORY)
        return
    print(json.dumps({name: found[name] for name in _KEPT}))


_KEPT = "examples_per_second", "step", "first_step", "host_memory", "device_memory"

if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
