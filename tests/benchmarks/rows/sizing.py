"""What a run takes on the disk."""

from __future__ import annotations

from pathlib import Path

from tests.benchmarks.measuring import Subject
from tests.benchmarks.recipes import Contest, Recipe, beside, subject
from tests.benchmarks.settings import Setting
from tests.benchmarks.trackers import A_DAY, Mlflow, copy_of, tracked_project, worker

LOOSE, PACKED = "gitexp, as recorded one by one", "gitexp, after git gc"
DATABASE, FILES = "MLflow, SQLite", "MLflow, files"


def build(setting: Setting) -> Contest:
    """Return the contest of stores that hold the same runs."""
    clone = tracked_project(setting)
    runs = setting.sizes.runs[0]
    setting.call(clone, worker(setting, "keep", clone, runs))
    packed = copy_of(clone, "packed")
    setting.git(packed, "gc", "--quiet")
    database, files = Mlflow.database(setting, "runs"), Mlflow.files(setting, "runs-files")
    for store in (database, files):
        store.call("fill", 0, runs, A_DAY)
    return Contest(
        subjects=(
            _ours(setting, LOOSE, clone, runs),
            _ours(setting, PACKED, packed, runs),
            database.subject(DATABASE, "size", runs, unit="bytes"),
            files.subject(FILES, "size", runs, unit="bytes"),
        ),
        comparisons=(*beside(LOOSE, DATABASE, FILES), *beside(PACKED, DATABASE, FILES)),
    )


def _ours(setting: Setting, name: str, clone: Path, runs: int) -> Subject:
    command = worker(setting, "size", clone, runs)
    return subject(setting, name, command, times_itself=True, unit="bytes")


RECIPE = Recipe(name="run-size", about="what a run takes on the disk", rounds=1, build=build)
