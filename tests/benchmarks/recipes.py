"""Recipes: how a benchmark is set up, and who competes in it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.figures import Comparison
from tests.benchmarks.measuring import Subject, nothing
from tests.benchmarks.settings import Setting


@dataclass(frozen=True, kw_only=True)
class Contest:
    """Who competes in a benchmark, in the order of their turns, and who is compared with whom."""

    subjects: tuple[Subject, ...]
    comparisons: tuple[Comparison, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """A benchmark: its name, what it is about, its usual number of rounds and its set-up."""

    name: str
    about: str
    rounds: int
    build: Callable[[Setting], Contest]


Command = Sequence[str | Path]


def subject(
    setting: Setting,
    name: str,
    command: Command | Callable[[int], Command],
    *,
    directory: Path | None = None,
    prepare: Callable[[int], None] = nothing,
    operations: int = 1,
    times_itself: bool = False,
) -> Subject:
    """Return a subject that works in a setting; a command may depend on the round."""
    return Subject(
        name=name,
        command=command if callable(command) else lambda number: command,
        directory=directory or setting.directory,
        environ=setting.environ,
        prepare=prepare,
        operations=operations,
        times_itself=times_itself,
    )


def peer(
    setting: Setting,
    name: str,
    program: Path | None,
    arguments: Sequence[str],
    *,
    directory: Path | None = None,
    prepare: Callable[[int], None] = nothing,
) -> Subject:
    """Return a subject that runs a peer, or says that the peer is not installed."""
    return Subject(
        name=name,
        command=lambda number: [program or "", *arguments],
        directory=directory or setting.directory,
        environ=setting.environ,
        prepare=prepare,
        missing="" if program else "not installed; `make bench` installs it where it can",
    )


def beside(name: str, *others: str, at_most: float | None = None) -> tuple[Comparison, ...]:
    """Return the comparisons of one subject with others, all with the same aim."""
    return tuple(Comparison(subject=name, beside=other, at_most=at_most) for other in others)
