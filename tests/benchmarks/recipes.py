"""Recipes: how a benchmark is set up, and who competes in it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.figures import Comparison
from tests.benchmarks.measuring import Subject, Unit, nothing
from tests.benchmarks.settings import Setting

Command = Sequence[str | Path]
NOT_INSTALLED = "not installed; `make bench` installs it where it can"


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


def subject(
    setting: Setting,
    name: str,
    command: Command | Callable[[int], Command],
    *,
    directory: Path | None = None,
    prepare: Callable[[int], None] = nothing,
    operations: int = 1,
    times_itself: bool = False,
    unit: Unit = "seconds",
    most_rounds: int | None = None,
    missing: str = "",
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
        unit=unit,
        most_rounds=most_rounds,
        missing=missing,
    )


def peer(
    setting: Setting,
    name: str,
    program: Path | None,
    arguments: Sequence[str],
    *,
    directory: Path | None = None,
    prepare: Callable[[int], None] = nothing,
    most_rounds: int | None = None,
) -> Subject:
    """Return a subject that runs a peer, or says that the peer is not installed."""
    return subject(
        setting,
        name,
        lambda number: [program or "", *arguments],
        directory=directory,
        prepare=prepare,
        most_rounds=most_rounds,
        missing="" if program else NOT_INSTALLED,
    )


def yardstick(setting: Setting, name: str, seconds: float) -> Subject:
    """Return a subject that always takes so many seconds, for an aim that is a time."""
    command: Command = [setting.programs.python, "-c", f"print({seconds})"]
    return subject(setting, name, command, times_itself=True)


def beside(name: str, *others: str, at_most: float | None = None) -> tuple[Comparison, ...]:
    """Return the comparisons of one subject with others, all with the same aim."""
    return tuple(Comparison(subject=name, beside=other, at_most=at_most) for other in others)
