"""The index of runs: building it, bringing it up to date, and adding up results from it."""

from __future__ import annotations

from pathlib import Path

from tests.benchmarks.measuring import Subject
from tests.benchmarks.recipes import Contest, Recipe, beside, subject, yardstick
from tests.benchmarks.settings import Setting
from tests.benchmarks.trackers import A_DAY, gitexp_subject, ledger, worker

HALF_A_SECOND = "half a second"

_LINEAR = 1.25
_SAME = 1.25
_MORE = 10
_BUILDS = 2


def build(setting: Setting) -> Contest:
    """Return the contest of indexes of several sizes."""
    each = {runs: ledger(setting, runs, f"ledger-{runs}") for runs in setting.sizes.runs}
    builds = [_builds(setting, clone, runs) for runs, clone in each.items()]
    updates = [_updates(setting, clone, runs) for runs, clone in each.items()]
    results = [_results(setting, clone, runs) for runs, clone in each.items()]
    return Contest(
        subjects=(*updates, *results, yardstick(setting, HALF_A_SECOND, 0.5), *builds),
        comparisons=(
            *beside(results[-1].name, HALF_A_SECOND, at_most=1),
            *beside(builds[-1].name, builds[1].name, at_most=_LINEAR),
            *beside(updates[-1].name, updates[0].name, at_most=_SAME),
        ),
    )


def _builds(setting: Setting, clone: Path, runs: int) -> Subject:
    """Return the building of the index, whose time counts for each run."""
    name = f"build the index of {runs:,} runs"
    return gitexp_subject(setting, name, "build", clone, operations=runs, most_rounds=_BUILDS)


def _updates(setting: Setting, clone: Path, runs: int) -> Subject:
    return subject(
        setting,
        f"take in one more run, {runs:,} there",
        lambda number: _following(setting, clone, runs + number * _MORE),
        directory=clone,
        operations=_MORE,
        times_itself=True,
    )


def _following(setting: Setting, clone: Path, first: int) -> list[str | Path]:
    return worker(setting, "follow", clone, first, first + _MORE, A_DAY)


def _results(setting: Setting, clone: Path, runs: int) -> Subject:
    return gitexp_subject(setting, f"results by version, {runs:,} runs", "results", clone)


RECIPE = Recipe(name="index", about="build, update and add up the index", rounds=5, build=build)
