"""Runs under pressure: many processes, kills at every step, failing disks, git at work meanwhile.

Whatever happens, everything that was acknowledged is recorded exactly once, what was refused or
never tried is not there, and nothing is left behind.

    python -m tests.faults.run_pressure --seed 7 --seconds 600

goes through all scenarios again and again, each time with another seed, until the time is over,
and prints a line for each; `--scenario NAME` does so with one of them, and `--rounds 1` once.
`--stride 1` cuts acts short at each of their system calls, not at every n-th. `--gc=--prune=now`
has git remove at once what nothing refers to yet, which git itself calls unsafe. A scenario is
repeated by `--seed N --scenario NAME --rounds 1`, though not the moments at which processes meet.
"""

from __future__ import annotations

import argparse
import itertools
import os
import shutil
import sys
import tempfile
import time
import traceback
from pathlib import Path

from tests.faults.run_calls import failing_calls, killed_at_calls
from tests.faults.run_scenarios import (
    clones_push,
    ended_by_one,
    gone_on_with,
    killed_anywhere,
    many_track,
    reaped_meanwhile,
)
from tests.faults.run_world import World, make_template

SCENARIOS = {
    scenario.__name__: scenario
    for scenario in (
        many_track,
        clones_push,
        killed_anywhere,
        killed_at_calls,
        failing_calls,
        ended_by_one,
        reaped_meanwhile,
        gone_on_with,
    )
}


def carry_out(template: Path, name: str, seed: int, options: argparse.Namespace) -> int:
    """Return how many runs a scenario checked; its directory stays when it fails.

    Raises:
        AssertionError: something was lost, is there twice, or was left behind.
    """
    directory = Path(tempfile.mkdtemp(prefix="gitexp-pressure-")) / "world"
    shutil.copytree(template, directory, symlinks=True)
    world = World(
        directory=directory,
        seed=seed,
        seconds=options.each,
        part=(seed % options.stride, options.stride),
        gc=options.gc,
    )
    try:
        found = SCENARIOS[name](world)
    except BaseException:
        for process in list(world.alive):
            world.kill(process)
        print(f"see {directory}", file=sys.stderr)
        raise
    shutil.rmtree(directory.parent)
    return found


def _in_a_process(template: Path, name: str, options: argparse.Namespace, seed: int) -> bool:
    """Return whether a scenario went well, in a process whose calls it may change."""
    sys.stdout.flush()
    process = os.fork()
    if process == 0:
        try:
            began = time.monotonic()
            found = carry_out(template, name, seed, options)
            took = time.monotonic() - began
            print(f"ok {name} seed {seed}: {found} runs in {took:.1f} s", flush=True)
            os._exit(0)
        except BaseException:
            print(f"FAILED {name} seed {seed}\n{traceback.format_exc()}", flush=True)
            os._exit(1)
    return os.waitpid(process, 0)[1] == 0


def main() -> int:
    """Go through scenarios; return 1 when one of them failed."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=120.0, help="stop after so long")
    parser.add_argument("--each", type=float, default=5.0, help="seconds of one scenario")
    parser.add_argument("--stride", type=int, default=7, help="try every n-th call in one round")
    parser.add_argument("--gc", default="", help="an option of `git gc`")
    parser.add_argument("--rounds", type=int, default=0, help="stop after so many rounds")
    parser.add_argument("--scenario", choices=SCENARIOS, action="append")
    options = parser.parse_args()
    deadline = time.monotonic() + options.seconds
    with tempfile.TemporaryDirectory(prefix="gitexp-template-") as directory:
        template = make_template(Path(directory))
        for number in itertools.count():
            for name in options.scenario or SCENARIOS:
                if time.monotonic() >= deadline and number:
                    return 0
                if not _in_a_process(template, name, options, options.seed + number):
                    return 1
            if options.rounds and number + 1 >= options.rounds:
                return 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
