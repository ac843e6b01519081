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
_SLOW = "left out: a question takes very long"


def build(setting: Setting) -> Contest:
    """Return the contest of searchers; the aims are for the middle size."""
    subjects: list[Subject] = []
    comparisons: list[Comparison] = []
    for place, runs in enumerate(setting.sizes.runs):
        clone = ledger(setting, runs, f"ledger-{runs}")
        database, files = _database(setting, runs), _files(setting, runs)
        for question, aim in AIMS.items():
            ours = _ours(setting, clone, runs, question)
            slow = question == "ordered" and runs > setting.sizes.in_order
            others = (
                _theirs(database, "SQLite", runs, question, missing=_SLOW if slow else ""),
                _theirs(
                    files, "files", runs, question, missing="" if _fits(setting, runs) else _SLOW
                ),
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


def _theirs(store: Mlflow, kind: str, runs: int, question: str, *, missing: str) -> Subject:
    name = f"MLflow, {kind}: {question}, {runs:,} runs"
    return store.subject(name, "search", question, 1, most_rounds=3, missing=missing)


def _database(setting: Setting, runs: int) -> Mlflow:
    store = Mlflow.database(setting, f"runs-{runs}")
    store.call("fill", 0, runs, A_DAY)
    return store


def _fits(setting: Setting, runs: int) -> bool:
    return runs <= setting.sizes.in_files


def _files(setting: Setting, runs: int) -> Mlflow:
    store = Mlflow.files(setting, f"files-{runs}")
    if _fits(setting, runs):
        store.call("fill", 0, runs, A_DAY)
    return store


RECIPE = Recipe(name="search", about="find the first 100 of many runs", rounds=5, build=build)
