"""Listing the experiments of a project."""

from __future__ import annotations

from pathlib import Path

from tests.benchmarks.grounds import (
    Import,
    forget,
    new_project,
    origin_of,
    parameters_path,
    write_versions,
)
from tests.benchmarks.recipes import Command, Contest, Recipe, beside, subject
from tests.benchmarks.settings import Setting

COLD = "gitexp experiment list, no cache"
WARM = "gitexp experiment list"
REFS = "git for-each-ref"
LOGS = "git log -1 for each branch"

_VERSIONS = 3


def build(setting: Setting) -> Contest:
    """Return the contest of listings, of all experiments at once."""
    clone = project_with_experiments(setting, setting.sizes.experiments)
    everything = ["experiment", "list", "--limit", str(setting.sizes.experiments)]
    ours: Command = [setting.programs.gitexp, *everything]
    refs = ["git", "for-each-ref", "--format=%(refname:short)", "refs/heads/exp"]
    page: Command = [setting.programs.gitexp, "experiment", "list"]
    return Contest(
        subjects=(
            subject(setting, COLD, ours, directory=clone, prepare=lambda number: forget(clone)),
            subject(setting, WARM, ours, directory=clone),
            subject(setting, "gitexp experiment list, first 100", page, directory=clone),
            subject(setting, REFS, refs, directory=clone),
            subject(setting, LOGS, ["sh", "-c", _each_log()], directory=clone),
        ),
        comparisons=(
            *beside(COLD, LOGS, at_most=1),
            *beside(WARM, LOGS, at_most=1),
            *beside(WARM, REFS),
        ),
    )


def _each_log() -> str:
    """Return the script that asks git for the latest version of every experiment."""
    name = "${branch##*/}"
    return (
        "git for-each-ref --format='%(refname:short)' refs/heads/exp | while read -r branch; do "
        f'git log -1 --format=%H "$branch" -- "{parameters_path(name)}"; done'
    )


def project_with_experiments(setting: Setting, count: int, *, shared: bool = False) -> Path:
    """Return a clone with so many experiments of three versions, there or on the remote alone."""
    clone, history = new_project(setting), Import()
    for number in range(count):
        write_versions(history, f"idea-{number:04}", _VERSIONS, start="refs/heads/main^0")
    history.run(setting, origin_of(clone) if shared else clone)
    return clone


RECIPE = Recipe(name="list", about="list all experiments", rounds=5, build=build)
