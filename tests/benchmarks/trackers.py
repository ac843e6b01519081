"""Trackers: repositories with many runs, stores of MLflow with the same ones, and their workers."""

from __future__ import annotations

import shutil
from itertools import pairwise
from pathlib import Path

from tests.benchmarks.grounds import EXPERIMENT, add_versions, copied, new_project
from tests.benchmarks.measuring import Subject, Unit
from tests.benchmarks.peers import interpreter_of
from tests.benchmarks.recipes import NOT_INSTALLED, subject
from tests.benchmarks.settings import Setting

Argument = str | int | Path

A_DAY = 1000
"""How many made runs begin each day, where nothing else is said."""

_VERSIONS = 20
_HERE = Path(__file__).parent
_GITEXP, _MLFLOW = _HERE / "tracking_workers.py", _HERE / "mlflow_workers.py"


# --- gitexp -------------------------------------------------------------------------------------


def worker(setting: Setting, work: str, clone: Path, *arguments: Argument) -> list[str | Path]:
    """Return the command line of a worker of gitexp."""
    return [setting.programs.python, _GITEXP, work, clone, *map(str, arguments)]


def tracked_project(setting: Setting, name: str = "project") -> Path:
    """Return a clone of a project with an experiment of some versions, and no runs."""
    clone = new_project(setting, name)
    add_versions(setting, clone, EXPERIMENT, _VERSIONS)
    return clone


def ledger(setting: Setting, runs: int, name: str, *, a_day: int = A_DAY) -> Path:
    """Return a clone with so many made runs, packed by `git gc`, and the index up to date.

    It is copied from one that the benchmarks of one call share; larger ones grow from smaller.
    """
    _keep_ledgers(setting, a_day)
    around = setting.directory / name
    shutil.copytree(_kept(setting, runs, a_day), around, symlinks=True)
    return around / "clone"


def _kept(setting: Setting, runs: int, a_day: int) -> Path:
    return setting.kept / f"ledger-{runs}-{a_day}"


def _keep_ledgers(setting: Setting, a_day: int) -> None:
    """Make the ledgers of all sizes, unless they are there already."""
    sizes = setting.sizes.runs
    if _kept(setting, sizes[-1], a_day).exists():
        return
    setting.kept.mkdir(parents=True, exist_ok=True)
    clone = tracked_project(setting, f"growing-{a_day}")
    for first, last in pairwise((0, *sizes)):
        setting.call(clone, worker(setting, "fill", clone, first, last, a_day))
        setting.git(clone, "gc", "--quiet")
        setting.call(clone, worker(setting, "refresh", clone))
        shutil.copytree(clone.parent, _kept(setting, last, a_day), symlinks=True)
    shutil.rmtree(clone.parent)


def copy_of(clone: Path, name: str) -> Path:
    """Return a copy of a clone together with its bare repository."""
    return copied(clone, name)


# --- MLflow -------------------------------------------------------------------------------------


def mlflow_worker(
    setting: Setting, work: str, store: str, *arguments: Argument
) -> list[str | Path]:
    """Return the command line of a worker of MLflow, which must be installed."""
    assert setting.programs.mlflow is not None
    interpreter = interpreter_of(setting.programs.mlflow)
    return [interpreter, _MLFLOW, work, store, *map(str, arguments)]


class Mlflow:
    """A store of MLflow, in an SQLite database or in files; it may not be installed."""

    def __init__(self, setting: Setting, address: str) -> None:
        self._setting = setting
        self.address = address

    @classmethod
    def database(cls, setting: Setting, name: str) -> Mlflow:
        """Return a new store in a database."""
        return cls(setting, f"sqlite:///{setting.directory / name}.db")._prepared()

    @classmethod
    def files(cls, setting: Setting, name: str) -> Mlflow:
        """Return a new store in files."""
        return cls(setting, str(setting.directory / name))._prepared()

    def _prepared(self) -> Mlflow:
        self.call("prepare")
        return self

    def call(self, work: str, *arguments: Argument) -> str:
        """Return what a worker of the set-up prints; nothing where MLflow is not installed."""
        setting = self._setting
        if setting.programs.mlflow is None:
            return ""
        command = mlflow_worker(setting, work, self.address, *arguments)
        return setting.call(setting.directory, command).strip()

    def subject(
        self,
        name: str,
        work: str,
        *arguments: Argument,
        operations: int = 1,
        unit: Unit = "seconds",
        most_rounds: int | None = None,
        missing: str = "",
    ) -> Subject:
        """Return a subject that measures itself, left out where MLflow is not installed."""
        setting = self._setting
        return subject(
            setting,
            name,
            lambda number: mlflow_worker(setting, work, self.address, *arguments),
            operations=operations,
            times_itself=True,
            unit=unit,
            most_rounds=most_rounds,
            missing=missing if setting.programs.mlflow else NOT_INSTALLED,
        )


def gitexp_subject(
    setting: Setting,
    name: str,
    work: str,
    clone: Path,
    *arguments: Argument,
    operations: int = 1,
    most_rounds: int | None = None,
) -> Subject:
    """Return a subject that is a worker of gitexp and times itself."""
    return subject(
        setting,
        name,
        worker(setting, work, clone, *arguments),
        directory=clone,
        operations=operations,
        times_itself=True,
        most_rounds=most_rounds,
    )
