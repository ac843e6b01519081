"""Reporting on a change of many experiments, with many runs in the repository."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.benchmarks.grounds import (
    DEFINITION,
    copied,
    experiment_files,
    forget,
    new_project,
    parameters_path,
    parameters_text,
)
from tests.benchmarks.measuring import Subject, nothing
from tests.benchmarks.recipes import Contest, Recipe, beside, subject
from tests.benchmarks.settings import Setting

_BRANCH = "warmer"
_POLICIES = """\
  production:
    policies:
      - approvals: {count: 1, users: [ada@example.org]}

      - gates: [{dataset: golden, rules: [min exact-match.pass_rate=0.5]}]
"""


def build(setting: Setting) -> Contest:
    """Return the contest of reports with few runs and with many, and of an index that is new."""
    count = setting.sizes.reported
    fewer, more = setting.sizes.runs[0], setting.sizes.runs[1]
    template = _project(setting, count)
    clones = {runs: _filled(setting, template, runs) for runs in (fewer, more)}
    fresh = copied(clones[more], "reporting-anew")
    what = f"{count} experiments"
    few = _reports(setting, f"{what}, {fewer:,} runs", clones[fewer])
    many = _reports(setting, f"{what}, {more:,} runs", clones[more])
    anew = _reports(
        setting,
        f"{what}, {more:,} runs, nothing known of them before",
        fresh,
        prepare=lambda number: forget(fresh),
    )
    return Contest(subjects=(few, many, anew), comparisons=beside(many.name, few.name))


def _project(setting: Setting, count: int) -> Path:
    """Return a project with experiments on its trunk, and a branch that changes all of them."""
    names = [f"tuning-{number}" for number in range(count)]
    files = {"gitexp.yaml": DEFINITION.replace("  production: {}\n", _POLICIES)}
    files["datasets/golden.jsonl"] = '{"id": "s0", "input": "x"}\n'
    for number, name in enumerate(names):
        files |= experiment_files(name, number)
    clone = new_project(setting, "reporting", files)
    setting.git(clone, "switch", "--quiet", "-c", _BRANCH)
    for number, name in enumerate(names):
        text = parameters_text(number + 500).replace("one line", f"one line of {number} words")
        (clone / parameters_path(name)).write_text(text)
    setting.git(clone, "commit", "--quiet", "--all", "-m", "Warmer")
    setting.git(clone, "switch", "--quiet", "main")
    return clone


def _filled(setting: Setting, template: Path, runs: int) -> Path:
    """Return a copy of the project with so many runs, packed, and the index up to date."""
    clone = copied(template, f"reporting-{runs}")
    worker = Path(__file__).parent.parent / "report_workers.py"
    setting.call(clone, [setting.programs.python, worker, clone, _BRANCH, str(runs)])
    setting.git(clone, "gc", "--quiet")
    setting.gitexp(clone, "index", "rebuild")
    return clone


def _reports(
    setting: Setting, name: str, clone: Path, *, prepare: Callable[[int], None] = nothing
) -> Subject:
    command = [
        *(setting.programs.gitexp, "report", "--base", "main", "--head", _BRANCH),
        *("--no-fetch", "--output", "report.md"),
    ]
    return subject(setting, name, command, directory=clone, prepare=prepare)


RECIPE = Recipe(name="report", about="report on a change", rounds=5, build=build)
