"""What an evaluator is given for one output, and how it judges it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from gitexp.clock import Clock, SystemClock
from gitexp.evaluation.answers import Usage
from gitexp.evaluation.datasets.sample import Sample
from gitexp.ids import Randomness, system_bits
from gitexp.runs.rows import Score

if TYPE_CHECKING:
    from gitexp.evaluation.running.calls import CallThreads

NOTHING: Mapping[str, Any] = {}
"""No parameters, no outputs of tasks."""


class Case(NamedTuple):
    """One output and what is known of it; a named tuple, because one is made for every score.

    Attributes:
        output: the part of the output that is judged.
        expected: the right answer; MISSING where the sample has none.
        usage: what the calls used up; None where nothing is known.
        duration_seconds: how long the system took; None where it is not known.
    """

    output: Any
    expected: Any
    sample: Sample
    usage: Usage | None = None
    duration_seconds: float | None = None
    parameters: Mapping[str, Any] = NOTHING


Judge = Callable[[Case], Score]
"""Scores a case at once; what it raises is an error of the score."""

AsyncJudge = Callable[[Case], Awaitable[Score]]
"""Scores a case after asking somebody or something."""


@dataclass(frozen=True, kw_only=True)
class Opening:
    """What an evaluator may need before it can judge.

    Attributes:
        directory: the project's directory in the working tree.
        environ: the environment variables that secret slots refer to.
        threads: where synchronous functions run.
        cache: the directory of the cache of responses; None without one.
        clock, random_bits: for waiting between attempts.
    """

    directory: Path
    parameters: Mapping[str, Any]
    environ: Mapping[str, str]
    threads: CallThreads
    cache: Path | None = None
    clock: Clock = field(default_factory=SystemClock)
    random_bits: Randomness = system_bits


Connect = Callable[[Opening], AbstractAsyncContextManager[AsyncJudge]]
"""Connects an evaluator with what it asks, for the time of a run."""


@dataclass(frozen=True, kw_only=True)
class Judging:
    """How an evaluator of some type judges; exactly one of `judge` and `connect` is given.

    Attributes:
        expects: whether a sample that expects nothing cannot be judged.
        graded: whether the score is a number, so that a part that is missing is one and not false.
        scale: the least and the largest score.
        timeout: the seconds that a score may take in all, unless the description says; None where
            each question has a time of its own.
    """

    judge: Judge | None = None
    connect: Connect | None = None
    expects: bool = True
    graded: bool = False
    scale: tuple[float, float] = (0.0, 1.0)
    timeout: float | None = None

    def worst(self, *, negate: bool) -> float:
        """Return the number of an output in which there is nothing to be judged."""
        low, high = self.scale
        return high if negate else max(low, 0.0)


@dataclass(frozen=True, kw_only=True)
class Described:
    """A checked description of an evaluator, and where it stands.

    Attributes:
        options: its keys, without those that are left out.
        file: its name in messages.
        directory: the project's directory.
    """

    options: Mapping[str, Any]
    file: str
    directory: Path

    def get(self, key: str, default: Any = None) -> Any:
        """Return an option, or a default where it is left out."""
        return self.options.get(key, default)
