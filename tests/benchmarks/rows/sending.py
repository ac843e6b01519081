"""Pushing and fetching runs, with a bare repository on the same machine."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from tests.benchmarks.grounds import EXPERIMENT, PROJECT, copied, forget, origin_of
from tests.benchmarks.measuring import Subject
from tests.benchmarks.recipes import Command, Contest, Recipe, beside, subject
from tests.benchmarks.settings import Setting
from tests.benchmarks.trackers import A_DAY, ledger, worker

BRANCH = f"runs/{PROJECT}/{EXPERIMENT}"

Pair = tuple[Subject, Subject]
"""The same work by gitexp and by git."""

_AIM = 1.5
_MORE = 10
_BOTH = f"git fetch --quiet && git push --quiet origin {BRANCH}"


def build(setting: Setting) -> Contest:
    """Return the contest of exchanges of runs, each by gitexp and by git."""
    template = _with_runs(setting)
    pairs = (
        _pushes(setting, template),
        _syncs(setting, template),
        _fetches(setting, template),
        _pushes_of_more(setting),
    )
    return Contest(
        subjects=tuple(each for pair in pairs for each in pair),
        comparisons=tuple(
            each for ours, theirs in pairs for each in beside(ours.name, theirs.name, at_most=_AIM)
        ),
    )


def _with_runs(setting: Setting) -> Path:
    """Return a clone with runs that nobody else has."""
    clone = ledger(setting, setting.sizes.runs[1], "template")
    forget(clone)
    return clone


def _pair(
    setting: Setting,
    what: str,
    commands: tuple[Command, Command],
    clones: tuple[Path, Path],
    prepare: Callable[[Path], Callable[[int], None]],
) -> Pair:
    ours, theirs = (
        subject(setting, f"{name}: {what}", command, directory=clone, prepare=prepare(clone))
        for name, command, clone in zip(("gitexp", "git"), commands, clones, strict=True)
    )
    return ours, theirs


def _clones(template: Path, name: str) -> tuple[Path, Path]:
    return copied(template, f"{name}-gitexp"), copied(template, f"{name}-git")


def _restored(template: Path) -> Callable[[Path], Callable[[int], None]]:
    """Return what makes a clone and its remote again as the template and its own are."""

    def of(clone: Path) -> Callable[[int], None]:
        def restore(number: int) -> None:
            shutil.rmtree(clone.parent)
            shutil.copytree(template.parent, clone.parent, symlinks=True)

        return restore

    return of


def _pushes(setting: Setting, template: Path) -> Pair:
    """Return the sending of runs to a remote that has none of them."""
    push: Command = [setting.programs.gitexp, "push", EXPERIMENT]
    commands = (push, _git_push())
    clones, what = _clones(template, "push"), f"push {setting.sizes.runs[1]:,} runs"
    return _pair(setting, what, commands, clones, _restored(template))


def _git_push() -> list[str]:
    return ["git", "push", "--quiet", "origin", BRANCH]


def _syncs(setting: Setting, template: Path) -> Pair:
    """Return the sending of runs after the fetching of what others sent, which is nothing."""
    sync: Command = [setting.programs.gitexp, "run", "sync"]
    commands = (sync, ["sh", "-c", _BOTH])
    clones, what = _clones(template, "sync"), f"fetch, and push {setting.sizes.runs[1]:,} runs"
    return _pair(setting, what, commands, clones, _restored(template))


def _fetches(setting: Setting, template: Path) -> Pair:
    """Return the fetching of runs into a clone that has none of them."""
    source = copied(template, "fetch-template")
    setting.git(source, *_git_push()[1:])
    for ref in (f"refs/heads/{BRANCH}", f"refs/remotes/origin/{BRANCH}"):
        setting.git(source, "update-ref", "-d", ref)
    setting.git(source, "gc", "--quiet", "--prune=now")
    fetch: Command = [setting.programs.gitexp, "fetch"]
    commands = (fetch, ["git", "fetch", "--quiet"])
    clones, what = _clones(source, "fetch"), f"fetch {setting.sizes.runs[1]:,} runs"
    return _pair(setting, what, commands, clones, _restored(source))


def _pushes_of_more(setting: Setting) -> Pair:
    """Return the sending of a few runs to a remote that has a great many.

    That of gitexp is timed within its process, whose start would outweigh it.
    """
    runs = setting.sizes.runs[-1]
    clone = ledger(setting, runs, "many")
    setting.git(clone, *_git_push()[1:])
    setting.git(origin_of(clone), "gc", "--quiet")
    what = f"push {_MORE} more, {runs:,} there"
    ours, theirs = _clones(clone, "more")

    def records(clone: Path) -> Callable[[int], None]:
        def record(number: int) -> None:
            first = runs + number * _MORE
            setting.call(clone, worker(setting, "append", clone, first, first + _MORE, A_DAY))

        return record

    return (
        subject(
            setting,
            f"gitexp, inside: {what}",
            worker(setting, "push", ours),
            directory=ours,
            prepare=records(ours),
            times_itself=True,
        ),
        subject(setting, f"git: {what}", _git_push(), directory=theirs, prepare=records(theirs)),
    )


RECIPE = Recipe(name="run-exchange", about="push and fetch runs", rounds=7, build=build)
