"""Saving a version."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.benchmarks.grounds import (
    EXPERIMENT,
    add_versions,
    copied,
    experiment_branch,
    new_project,
    parameters_path,
    parameters_text,
)
from tests.benchmarks.measuring import Subject
from tests.benchmarks.recipes import Contest, Recipe, beside, peer, subject
from tests.benchmarks.settings import Setting

OURS = "gitexp commit, 1 version behind"
GIT = "git commit -a"
DURABLE_GIT = "git commit -a, all fsynced"
DVC = "dvc exp save"

_DURABLE = ("-c", "core.fsync=all", "-c", "core.fsyncMethod=fsync")
_NOISE = 1.05
_COMMIT = ("commit", "--quiet", "--all", "-m", "warmer")


def build(setting: Setting) -> Contest:
    """Return the contest of savers: each writes one new version and ends."""
    few = new_project(setting, "few")
    many = copied(few, "many")
    add_versions(setting, many, EXPERIMENT, setting.sizes.behind)
    add_versions(setting, few, EXPERIMENT, 1)
    long = f"gitexp commit, {setting.sizes.behind:,} versions behind"
    inside = f"{setting.sizes.saves} saves in one process"
    return Contest(
        subjects=(
            subject(setting, OURS, _saves(setting), directory=few),
            subject(setting, long, _saves(setting), directory=many),
            *_subjects_of_git(setting, few),
            _subject_of_dvc(setting),
            _subject_inside(setting, inside, copied(few, "library")),
        ),
        comparisons=(
            *beside(OURS, DVC, at_most=1 / 6),
            *beside(long, DVC, at_most=1 / 6),
            *beside(long, OURS, at_most=_NOISE),
            *beside(OURS, GIT, DURABLE_GIT),
            *beside(inside, DURABLE_GIT),
        ),
    )


def _saves(setting: Setting) -> Callable[[int], list[str | Path]]:
    """Return the command that saves a value which was never saved before."""
    gitexp = setting.programs.gitexp
    return lambda number: [gitexp, "commit", EXPERIMENT, "--set", f"max_tokens={1000 + number}"]


def _subjects_of_git(setting: Setting, template: Path) -> tuple[Subject, Subject]:
    """Return `git commit` of the same file where its branch is checked out, as is and durable."""
    plain, durable = (copied(template, name) for name in ("plain", "durable"))
    for clone in (plain, durable):
        setting.git(clone, "switch", "--quiet", experiment_branch(EXPERIMENT))
    fsynced = ["git", *_DURABLE, *_COMMIT]
    return (
        subject(setting, GIT, ["git", *_COMMIT], directory=plain, prepare=_edits(plain)),
        subject(setting, DURABLE_GIT, fsynced, directory=durable, prepare=_edits(durable)),
    )


def _edits(clone: Path) -> Callable[[int], None]:
    """Return what edits the checked-out values, as a person would before `git commit`."""
    path = clone / parameters_path(EXPERIMENT)

    def edit(number: int) -> None:
        text = parameters_text(0).replace("max_tokens: 400", f"max_tokens: {1000 + number}")
        path.write_text(text)

    return edit


def _subject_of_dvc(setting: Setting) -> Subject:
    program, directory = setting.programs.dvc, setting.directory / "dvc"
    directory.mkdir()
    if program is not None:
        _make_repository_of_dvc(setting, program, directory)
    return peer(
        setting,
        DVC,
        program,
        ["exp", "save"],
        directory=directory,
        prepare=lambda number: _edit_parameters_of_dvc(directory, number),
    )


def _make_repository_of_dvc(setting: Setting, program: Path, directory: Path) -> None:
    setting.git(directory, "init", "--quiet")
    setting.call(directory, [program, "init", "--quiet"])
    (directory / "dvc.yaml").write_text("params:\n- params.yaml\n")
    _edit_parameters_of_dvc(directory, -1)
    setting.git(directory, "add", "--all")
    setting.git(directory, "commit", "--quiet", "-m", "A new project")


def _edit_parameters_of_dvc(directory: Path, number: int) -> None:
    (directory / "params.yaml").write_text(parameters_text(1000 + number))


def _subject_inside(setting: Setting, name: str, clone: Path) -> Subject:
    """Return many saves by the library in one process, without its start."""
    count = setting.sizes.saves
    worker = [setting.programs.python, Path(__file__).parent.parent / "workers.py"]
    return subject(
        setting,
        name,
        lambda number: [*worker, "save", clone, EXPERIMENT, str(count), str(number)],
        operations=count,
        times_itself=True,
    )


RECIPE = Recipe(name="save", about="save a version", rounds=12, build=build)
