"""The versions of an experiment, in a repository with much other history."""

from __future__ import annotations

from pathlib import Path

from tests.benchmarks.grounds import (
    EXPERIMENT,
    Import,
    experiment_branch,
    experiment_files,
    forget,
    new_project,
    parameters_path,
    parameters_text,
)
from tests.benchmarks.recipes import Command, Contest, Recipe, beside, subject
from tests.benchmarks.settings import Setting

COLD = "gitexp versions, no cache"
WARM = "gitexp versions"
NEXT = "gitexp versions, after one more commit"
GIT = "git log -- parameters.yaml"

_MODULES = 200
_ONE_MORE = 1.25


def build(setting: Setting) -> Contest:
    """Return the contest of readers of one experiment's history."""
    clone = long_history(setting)
    ours: Command = [setting.programs.gitexp, "versions", EXPERIMENT]
    branch, path = experiment_branch(EXPERIMENT), parameters_path(EXPERIMENT)
    git = ["git", "log", "--format=%H", branch, "--", path]
    return Contest(
        subjects=(
            subject(setting, COLD, ours, directory=clone, prepare=lambda number: forget(clone)),
            subject(setting, WARM, ours, directory=clone),
            subject(
                setting,
                NEXT,
                ours,
                directory=clone,
                prepare=lambda number: _add_commit(setting, clone, number),
            ),
            subject(setting, GIT, git, directory=clone),
        ),
        comparisons=(
            *beside(NEXT, WARM, at_most=_ONE_MORE),
            *beside(COLD, GIT),
            *beside(WARM, GIT),
            *beside(NEXT, GIT),
        ),
    )


def long_history(setting: Setting) -> Path:
    """Return a clone whose experiment branch has all the commits, some of which are versions.

    The others change one of two hundred files of code, as work on the system itself does.
    """
    clone, history = new_project(setting), Import()
    branch, sizes = experiment_branch(EXPERIMENT), setting.sizes
    every = sizes.commits // sizes.versions
    history.commit(branch, experiment_files(EXPERIMENT, 0), start="refs/heads/main^0")
    for number in range(1, sizes.commits):
        if number % every == 0:
            changed = {parameters_path(EXPERIMENT): parameters_text(number)}
        else:
            changed = {_module(number): f"value = {number}\n" * 20}
        history.commit(branch, changed)
    history.run(setting, clone)
    return clone


def _module(number: int) -> str:
    """Return the path of one of the files of code, each often changed."""
    place = number * 7 % _MODULES
    return f"src/part{place % 10}/module{place}.py"


def _add_commit(setting: Setting, clone: Path, number: int) -> None:
    branch, history = experiment_branch(EXPERIMENT), Import()
    text = parameters_text(100_000 + number)
    history.commit(branch, {parameters_path(EXPERIMENT): text}, start=f"refs/heads/{branch}^0")
    history.run(setting, clone)


RECIPE = Recipe(name="versions", about="read an experiment's history", rounds=7, build=build)
