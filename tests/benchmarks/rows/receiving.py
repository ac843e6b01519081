"""Pushing many commits to a repository that holds every push to its rules, and to one that not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.benchmarks.grounds import add_versions, copied, experiment_branch, new_project, origin_of
from tests.benchmarks.recipes import Contest, Recipe, beside, subject
from tests.benchmarks.settings import Setting

_NAME = "fresh"


def build(setting: Setting) -> Contest:
    """Return the contest of pushes by git, with the hook and without."""
    template = new_project(setting)
    add_versions(setting, template, _NAME, setting.sizes.commits_pushed)
    judged, free = (copied(template, name) for name in ("receive-judged", "receive-free"))
    bare = origin_of(judged)
    setting.gitexp(bare, "hook", "install", "--server", "--identity", "claimed")
    what = f"push {setting.sizes.commits_pushed} commits"
    ours, theirs = f"git: {what}, with the hook", f"git: {what}, without"
    command = ["git", "push", "--quiet", "origin", experiment_branch(_NAME)]
    return Contest(
        subjects=tuple(
            subject(
                setting,
                name,
                command,
                directory=clone,
                prepare=_emptying(setting, clone),
            )
            for name, clone in ((ours, judged), (theirs, free))
        ),
        comparisons=beside(ours, theirs),
    )


def _emptying(setting: Setting, clone: Path) -> Callable[[int], None]:
    """Return what takes the branch off the remote, as if it had never been there."""

    def empty(number: int) -> None:
        bare = origin_of(clone)
        setting.git(bare, "update-ref", "-d", f"refs/heads/{experiment_branch(_NAME)}")
        setting.git(bare, "gc", "--quiet", "--prune=now")
        setting.git(clone, "update-ref", "-d", f"refs/remotes/origin/{experiment_branch(_NAME)}")

    return empty


RECIPE = Recipe(name="receive", about="push to a server that judges", rounds=5, build=build)
