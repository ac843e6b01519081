"""Recording a run where many are recorded already: over days, on one day, or not yet packed."""

from __future__ import annotations

from pathlib import Path

from tests.benchmarks.measuring import Subject
from tests.benchmarks.recipes import Contest, Recipe, beside, subject
from tests.benchmarks.settings import Setting
from tests.benchmarks.trackers import A_DAY, ledger, worker

_AT_ONCE = 20
_SAME = 1.25


def build(setting: Setting) -> Contest:
    """Return the contest of ledgers of several sizes, each of which takes in some more runs."""
    spread, dense = (
        tuple(_appends(setting, runs, when, a_day) for runs in setting.sizes.runs)
        for when, a_day in (("over days", A_DAY), ("on one day", one_day(setting)))
    )
    loose = _appends_without_gc(setting)
    return Contest(
        subjects=(*spread, *dense, loose),
        comparisons=(
            *beside(spread[-1].name, spread[0].name, at_most=_SAME),
            *beside(dense[-1].name, dense[0].name, at_most=_SAME),
            *beside(loose.name, spread[0].name, at_most=_SAME),
        ),
    )


def one_day(setting: Setting) -> int:
    """Return how many runs begin each day when all that are made fit into the first."""
    return setting.sizes.runs[-1] * 2


def _appends(setting: Setting, runs: int, when: str, a_day: int) -> Subject:
    clone = ledger(setting, runs, f"ledger-{runs}-{a_day}", a_day=a_day)
    return _subject(setting, f"record a run, {runs:,} {when}", clone, runs, a_day)


def _appends_without_gc(setting: Setting) -> Subject:
    """Return the recording after as many runs were recorded one by one since `git gc`."""
    runs = setting.sizes.runs[0]
    clone = ledger(setting, runs, "loose")
    setting.call(clone, worker(setting, "append", clone, runs, 2 * runs, A_DAY))
    name = f"record a run, {runs:,} since git gc"
    return _subject(setting, name, clone, 2 * runs, A_DAY)


def _subject(setting: Setting, name: str, clone: Path, runs: int, a_day: int) -> Subject:
    return subject(
        setting,
        name,
        lambda number: _command(setting, clone, runs + number * _AT_ONCE, a_day),
        directory=clone,
        operations=_AT_ONCE,
        times_itself=True,
    )


def _command(setting: Setting, clone: Path, first: int, a_day: int) -> list[str | Path]:
    return worker(setting, "append", clone, first, first + _AT_ONCE, a_day)


RECIPE = Recipe(name="append", about="record one more run", rounds=7, build=build)
