"""The harness: sets a benchmark up in a directory of its own, measures it and sums it up."""

from __future__ import annotations

import tempfile
from pathlib import Path

from tests.benchmarks.figures import Outcome, compare, summarize
from tests.benchmarks.measuring import CommandFailed, measure
from tests.benchmarks.recipes import Contest, Recipe
from tests.benchmarks.settings import Programs, Setting, Sizes, environment


def run(
    recipe: Recipe,
    place: Path,
    programs: Programs,
    sizes: Sizes,
    rounds: int,
    *,
    kept: Path | None = None,
) -> Outcome:
    """Return what a benchmark comes to; when a command of it fails, the outcome says so.

    Args:
        place: where its directory is made, which is removed afterwards.
        kept: what it shares with other benchmarks; nothing without it.
    """
    place.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(
        prefix=f"{recipe.name}-", dir=place, ignore_cleanup_errors=True
    ) as name:
        directory = Path(name) / "work"
        directory.mkdir()
        setting = Setting(
            directory=directory,
            kept=kept or Path(name) / "kept",
            environ=environment(Path(name) / "home"),
            programs=programs,
            sizes=sizes,
        )
        try:
            with setting.closing:
                return measured(recipe, recipe.build(setting), rounds)
        except CommandFailed as exc:
            return Outcome(name=recipe.name, about=recipe.about, rounds=rounds, failure=str(exc))


def measured(recipe: Recipe, contest: Contest, rounds: int) -> Outcome:
    """Return what a contest comes to.

    Raises:
        CommandFailed: a command of it failed.
    """
    subjects = {subject.name: subject for subject in contest.subjects}
    assert len(subjects) == len(contest.subjects), "two subjects have the same name"
    readings = measure(contest.subjects, rounds)
    return Outcome(
        name=recipe.name,
        about=recipe.about,
        rounds=rounds,
        summaries=tuple(summarize(each, readings[each.name]) for each in contest.subjects),
        compared=tuple(compare(each, subjects, readings) for each in contest.comparisons),
    )
