"""The entry point of `python -m tests.benchmarks`."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.benchmarks import peers, reports
from tests.benchmarks.catalogue import RECIPES
from tests.benchmarks.figures import Outcome
from tests.benchmarks.harness import run
from tests.benchmarks.measuring import memory_floor
from tests.benchmarks.settings import FULL, QUICK, Programs, installed_gitexp

_QUICK_ROUNDS = 2


def options(arguments: Sequence[str]) -> argparse.Namespace:
    """Return the options of a command line."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks",
        description="Measure gitexp beside what one would otherwise use.",
        epilog="A missed aim is printed and fails nothing; a command that fails ends this with 1.",
    )
    parser.add_argument(
        "--only", action="append", choices=list(RECIPES), help="run this one; may be repeated"
    )
    parser.add_argument("--quick", action="store_true", help="small sizes, to see that it works")
    parser.add_argument("--rounds", type=_count, help="how often each takes its turn")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures there")
    return parser.parse_args(arguments)


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is less than 1")
    return number


def main(arguments: Sequence[str], place: Path = peers.PLACE) -> int:
    """Run the benchmarks that were asked for, print what they come to, and return the exit code."""
    chosen = options(arguments)
    programs = Programs(
        gitexp=installed_gitexp(),
        python=Path(sys.executable),
        dvc=peers.find("dvc", place),
        gto=peers.find("gto", place),
        mlflow=peers.find("mlflow", place),
        inspect=peers.find("inspect", place),
        promptfoo=peers.find("promptfoo", place),
    )
    facts = reports.machine(programs)
    print(reports.machine_text(facts), flush=True)
    outcomes = []
    for outcome in _outcomes(chosen, place, programs):
        outcomes.append(outcome)
        print(reports.outcome_text(outcome, floor=memory_floor()), flush=True)
    print(reports.aims_text(outcomes, quick=chosen.quick), end="")
    if chosen.json:
        found = reports.document(outcomes, facts, quick=chosen.quick, floor=memory_floor())
        chosen.json.write_text(json.dumps(found, indent=2) + "\n")
    return 1 if any(outcome.failure for outcome in outcomes) else 0


def _outcomes(chosen: argparse.Namespace, place: Path, programs: Programs) -> Iterator[Outcome]:
    """Yield what each benchmark that was asked for comes to."""
    sizes = QUICK if chosen.quick else FULL
    place.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix="kept-", dir=place, ignore_cleanup_errors=True) as kept:
        for name in chosen.only or RECIPES:
            recipe = RECIPES[name]
            rounds = chosen.rounds or (_QUICK_ROUNDS if chosen.quick else recipe.rounds)
            yield run(recipe, place, programs, sizes, rounds, kept=Path(kept))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
