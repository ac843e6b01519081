"""Searching among many runs for the first hundred, the index as it is from before."""

from __future__ import annotations

from pathlib import Path

from tests.benchmarks.figures import Comparison
from tests.benchmarks.measuring import Subject
from tests.benchmarks.recipes import Contest, Recipe, beside
from tests.benchmarks.settings import Setting
from tests.benchmarks.trackers import A_DAY, Mlflow, gitexp_subject, ledger

AIMS = {"ordered": 1 / 100, "filtered": 1 / 10}
"""What is asked, in the order of one metric: of all runs, or of those with a metric and a param."""

_QUESTIONS = 20
_SLOW = "left out: a question takes more than a minute"


def build(setting: Setting) -> Contest:
    """Return the contest of searchers; the aims are for the middle size."""
    subjects: list[Subject] = []
    comparisons: list[Comparison] = []
    for place, runs in enumerate(setting.sizes.runs):
        clone = ledger(setting, runs, f"ledger-{runs}")
        database, files = _database(setting, runs), _files(setting, runs)
        for question, aim in AIMS.items():
            ours = _ours(setting, clone, runs, question)
            others = (
                _theirs(database, "SQLite", runs, question, most=setting.sizes.in_order),
                _theirs(files, "files", runs, question, most=setting.sizes.in_files),
            )
            subjects += (ours, *others)
            comparisons += beside(ours.name, others[0].name, at_most=aim if place == 1 else None)
            comparisons += beside(ours.name, others[1].name)
    return Contest(subjects=tuple(subjects), comparisons=tuple(comparisons))


def _ours(setting: Setting, clone: Path, runs: int, question: str) -> Subject:
    return gitexp_subject(
        setting,
        f"gitexp: {question}, {runs:,} runs",
        "search",
        clone,
        question,
        _QUESTIONS,
        operations=_QUESTIONS,
    )


def _theirs(store: Mlflow, kind: str, runs: int, question: str, *, most: int) -> Subject:
    name = f"MLflow, {kind}: {question}, {runs:,} runs"
    missing = _SLOW if runs > most else ""
    return store.subject(name, "search", question, 1, most_rounds=3, missing=missing)


def _database(setting: Setting, runs: int) -> Mlflow:
    store = Mlflow.database(setting, f"runs-{runs}")
    if runs <= setting.sizes.in_order:
        store.call("fill", 0, runs, A_DAY)
    return store


def _files(setting: Setting, runs: int) -> Mlflow:
    store = Mlflow.files(setting, f"files-{runs}")
    if runs <= setting.sizes.in_files:
        store.call("fill", 0, runs, A_DAY)
    return store


RECIPE = Recipe(name="search", about="find the first 100 of many runs", rounds=5, build=build)
