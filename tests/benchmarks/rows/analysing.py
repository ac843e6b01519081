"""Analysing an A/B test with many exposures: all of it, and a day more."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.benchmarks.measuring import Subject
from tests.benchmarks.recipes import Contest, Recipe, beside, subject
from tests.benchmarks.settings import Setting

_WORKERS = Path(__file__).parent.parent / "analysis_workers.py"
_TURNS = 2


def build(setting: Setting) -> Contest:
    """Return the contest of a full analysis, a daily update, and pandas."""
    rows = setting.sizes.exposures
    place = setting.directory / "project"
    place.mkdir()
    setting.call(place, _command(setting, "make", place, str(rows)))
    setting.call(place, _command(setting, "keep", place))
    kept = place / ".git" / "gitexp" / "abtests"
    shutil.copytree(kept, setting.directory / "kept")
    name = f"{rows:,} exposures, 5 metrics"

    def again(number: int) -> None:
        shutil.rmtree(kept)
        shutil.copytree(setting.directory / "kept", kept)

    full = _subject(setting, f"gitexp: {name}", "full", place)
    day = subject(
        setting,
        f"gitexp: a day more, {name}",
        _command(setting, "update", place),
        prepare=again,
        most_rounds=_TURNS,
    )
    pandas = _subject(setting, f"pandas and scipy: {name}", "pandas", place)
    return Contest(
        subjects=(full, day, pandas),
        comparisons=(
            *beside(full.name, pandas.name, at_most=1),
            *beside(day.name, full.name, pandas.name, at_most=1),
        ),
    )


def _subject(setting: Setting, name: str, work: str, place: Path) -> Subject:
    return subject(setting, name, _command(setting, work, place), most_rounds=_TURNS)


def _command(setting: Setting, *words: str | Path) -> list[str | Path]:
    return [setting.programs.python, _WORKERS, *words]


RECIPE = Recipe(name="abtest", about="analyse an A/B test", rounds=_TURNS, build=build)
