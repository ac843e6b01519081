"""Tracking a run: logging to it, the whole of it, and reading what was logged."""

from __future__ import annotations

from pathlib import Path

from tests.benchmarks.measuring import Subject
from tests.benchmarks.recipes import Contest, Recipe, beside
from tests.benchmarks.settings import Setting
from tests.benchmarks.trackers import Mlflow, gitexp_subject, tracked_project, worker

Row = tuple[Subject, Subject, Subject]
"""The same work by gitexp, and by MLflow in a database and in files."""

_CALL, _RUN, _HISTORY = 1 / 400, 1 / 50, 1 / 40
_FEWER = 100
_READS = 10


def build(setting: Setting) -> Contest:
    """Return the contest of trackers, each with a fresh store for every kind of work."""
    clone = tracked_project(setting)
    rows = {
        _CALL: _row(setting, clone, "log_metric", "log", _calls(setting)),
        _RUN: _row(setting, clone, "a whole run", "track", _runs(setting)),
        _HISTORY: _histories(setting, clone),
    }
    return Contest(
        subjects=tuple(each for row in rows.values() for each in row),
        comparisons=tuple(
            each
            for aim, (ours, database, files) in rows.items()
            for each in (
                *beside(ours.name, database.name, at_most=aim),
                *beside(ours.name, files.name),
            )
        ),
    )


def _calls(setting: Setting) -> tuple[int, int]:
    """Return how many calls log a metric in a process, of gitexp and of MLflow."""
    return setting.sizes.metrics, max(1, setting.sizes.metrics // _FEWER)


def _runs(setting: Setting) -> tuple[int, int]:
    return setting.sizes.ended, max(1, setting.sizes.ended // 10)


def _row(setting: Setting, clone: Path, what: str, work: str, counts: tuple[int, int]) -> Row:
    """Return the contestants that do something again and again."""
    many, few = counts
    theirs = (Mlflow.database(setting, work), Mlflow.files(setting, f"{work}-files"))
    database, files = (
        store.subject(f"{name}: {what}", work, few, operations=few)
        for name, store in zip(_NAMES, theirs, strict=True)
    )
    return (
        gitexp_subject(setting, f"gitexp: {what}", work, clone, many, operations=many),
        database,
        files,
    )


_NAMES = ("MLflow, SQLite", "MLflow, files")


def _histories(setting: Setting, clone: Path) -> Row:
    """Return the readers of all points of a metric."""
    points = setting.sizes.points
    what, again = f"history of {points:,} points", _READS
    run_id = setting.call(clone, worker(setting, "begin", clone, points)).strip()
    database, files = (
        store.subject(f"{name}: {what}", "history", store.call("begin", points), 1)
        for name, store in (
            (_NAMES[0], Mlflow.database(setting, "history")),
            (_NAMES[1], Mlflow.files(setting, "history-files")),
        )
    )
    ours = gitexp_subject(
        setting, f"gitexp: {what}", "history", clone, run_id, again, operations=again
    )
    return ours, database, files


RECIPE = Recipe(name="track", about="log to a run, and read a metric", rounds=5, build=build)
