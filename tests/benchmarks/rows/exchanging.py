"""Fetching, sharing and promoting, with a bare repository on the same machine."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from tests.benchmarks.grounds import (
    PROJECT,
    add_versions,
    copied,
    experiment_branch,
    forget,
    origin_of,
)
from tests.benchmarks.measuring import Subject, nothing
from tests.benchmarks.recipes import Command, Contest, Recipe, beside, subject
from tests.benchmarks.rows.listing import project_with_experiments
from tests.benchmarks.settings import Setting

Pair = tuple[Subject, Subject]
"""The same work by gitexp and by git."""

_AIM = 1.5
_VERSIONS = 3


def build(setting: Setting) -> Contest:
    """Return the contest of exchanges, each by gitexp and by git."""
    clone = project_with_experiments(setting, setting.sizes.shared, shared=True)
    whole, *others = pairs = [
        *_fetches(setting, clone),
        _shares(setting, clone),
        _promotions(setting, clone),
    ]
    return Contest(
        subjects=tuple(each for pair in pairs for each in pair),
        comparisons=(
            *beside(whole[0].name, whole[1].name, at_most=_AIM),
            *(each for ours, theirs in others for each in beside(ours.name, theirs.name)),
        ),
    )


def _fetches(setting: Setting, template: Path) -> tuple[Pair, Pair]:
    """Return fetches of everything into a clone that has only the trunk, and of nothing new."""
    ours, theirs = (copied(template, name) for name in ("fetch-gitexp", "fetch-git"))
    everything = f"{setting.sizes.shared} experiments"
    return (
        _fetch(setting, everything, ours, theirs, lambda clone: _restored(template, clone)),
        _fetch(setting, "nothing new", ours, theirs, lambda clone: nothing),
    )


def _fetch(
    setting: Setting,
    what: str,
    ours: Path,
    theirs: Path,
    prepared: Callable[[Path], Callable[[int], None]],
) -> Pair:
    gitexp: Command = [setting.programs.gitexp, "fetch"]
    git = ["git", "fetch", "--quiet"]
    return (
        subject(setting, f"gitexp: fetch {what}", gitexp, directory=ours, prepare=prepared(ours)),
        subject(setting, f"git: fetch {what}", git, directory=theirs, prepare=prepared(theirs)),
    )


def _restored(template: Path, clone: Path) -> Callable[[int], None]:
    def restore(number: int) -> None:
        shutil.rmtree(clone)
        shutil.copytree(template, clone, symlinks=True)

    return restore


def _shares(setting: Setting, template: Path) -> Pair:
    """Return the sending of one new experiment to the remote."""
    ours, theirs = (copied(template, name) for name in ("share-gitexp", "share-git"))
    for clone in (ours, theirs):
        add_versions(setting, clone, "fresh", _VERSIONS)
    branch = experiment_branch("fresh")
    return (
        subject(
            setting,
            "gitexp: share an experiment",
            [setting.programs.gitexp, "share", "fresh"],
            directory=ours,
            prepare=lambda number: _unshare(setting, ours, branch),
        ),
        subject(
            setting,
            "git: push a branch",
            ["git", "push", "--quiet", "--atomic", "origin", branch],
            directory=theirs,
            prepare=lambda number: _unshare(setting, theirs, branch),
        ),
    )


def _unshare(setting: Setting, clone: Path, branch: str) -> None:
    """Take a branch off the remote, as if it had never been there."""
    setting.git(origin_of(clone), "update-ref", "-d", f"refs/heads/{branch}")
    setting.git(clone, "update-ref", "-d", f"refs/remotes/origin/{branch}")
    forget(clone)


def _promotions(setting: Setting, template: Path) -> Pair:
    """Return the moving of an environment, two versions in turn, with a pin for each."""
    ours, theirs = (copied(template, name) for name in ("promote-gitexp", "promote-git"))
    gitexp, name = setting.programs.gitexp, "idea-0000"
    for clone in (ours, theirs):
        setting.git(clone, "fetch", "--quiet")
    for version in ("latest~1", "latest"):
        setting.gitexp(theirs, "promote", name, "production", "--version", version)
    return (
        subject(
            setting,
            "gitexp: promote",
            lambda number: [
                *(gitexp, "promote", name, "production"),
                *("--version", "latest" if number % 2 else "latest~1"),
            ],
            directory=ours,
            prepare=lambda number: _drop_pins(setting, ours),
        ),
        subject(
            setting,
            "git: push a commit and a pin",
            lambda number: _push_of_promotion(setting, theirs, name, number),
            directory=theirs,
            prepare=lambda number: _drop_pins(setting, theirs),
        ),
    )


def _push_of_promotion(setting: Setting, clone: Path, name: str, number: int) -> list[str]:
    """Return the push of a new commit of an environment, which is made here."""
    tip = f"origin/env/{PROJECT}/production"
    tree = setting.git(clone, "rev-parse", f"{tip}~1^{{tree}}")
    commit = setting.git(clone, "commit-tree", tree, "-p", tip, "-m", f"promotion {number}")
    version = setting.git(clone, "rev-parse", f"origin/{experiment_branch(name)}")
    moved = f"{commit}:refs/heads/env/{PROJECT}/production"
    pin = f"{version}:refs/gitexp/pins/{version}"
    return ["git", "push", "--quiet", "--atomic", "origin", moved, pin]


def _drop_pins(setting: Setting, clone: Path) -> None:
    bare = origin_of(clone)
    pins = setting.git(bare, "for-each-ref", "--format=%(refname)", "refs/gitexp/pins")
    for pin in pins.split():
        setting.git(bare, "update-ref", "-d", pin)


RECIPE = Recipe(name="exchange", about="fetch, share and promote", rounds=7, build=build)
