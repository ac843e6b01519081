"""Measuring: whole processes that take turns, their time and their peak memory."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Timer
from typing import IO, Literal

LIMIT_SECONDS = 900.0
"""A process that takes longer is killed, and its benchmark has failed."""

_SHOWN_LINES = 5
_MEMORY_UNIT = 1 if sys.platform == "darwin" else 1024


class CommandFailed(Exception):
    """A command of a benchmark did not end with 0; the text says which and what it wrote."""


Unit = Literal["seconds", "bytes"]
"""What the readings of a subject count."""


def nothing(number: int) -> None:
    """Prepare nothing for a round."""


@dataclass(frozen=True, kw_only=True)
class Subject:
    """One contestant of a benchmark: a process that is started once a round.

    Attributes:
        command: the command line, by the number of the round; round 0 warms up.
        prepare: what has to happen before each round, which is not measured.
        operations: how many of what is measured one process does.
        times_itself: whether the process prints what counts, as its only output.
        unit: of what it prints; without that, seconds are taken.
        most_rounds: how often it takes its turn at most, then without a round that warms up: for
            what takes minutes.
        missing: why it cannot be measured here; empty when it can.
    """

    name: str
    command: Callable[[int], Sequence[str | Path]]
    directory: Path
    environ: Mapping[str, str] = field(default_factory=dict)
    prepare: Callable[[int], None] = nothing
    operations: int = 1
    times_itself: bool = False
    unit: Unit = "seconds"
    most_rounds: int | None = None
    missing: str = ""

    def takes_part(self, number: int) -> bool:
        """Return whether it takes its turn in a round; round 0 warms up."""
        return self.most_rounds is None or 0 < number <= self.most_rounds


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What one process took.

    Attributes:
        amount: the seconds from its start to its end, or what it printed.
        cpu_seconds: of the processor, its children included; None where the system does not tell.
        peak_bytes: the most memory that it or a child of it held; None likewise.
    """

    amount: float
    cpu_seconds: float | None = None
    peak_bytes: int | None = None


Readings = Mapping[str, Sequence[Reading]]
"""The readings of each subject, by its name and in the order of the rounds."""


def measure(subjects: Sequence[Subject], rounds: int) -> dict[str, list[Reading]]:
    """Return the readings of subjects that take turns: A B A B, after a round that warms up.

    Raises:
        CommandFailed: a process failed or took too long.
    """
    present = [subject for subject in subjects if not subject.missing]
    readings: dict[str, list[Reading]] = {subject.name: [] for subject in subjects}
    for number in range(rounds + 1):
        for subject in filter(lambda each: each.takes_part(number), present):
            reading = read_once(subject, number)
            if number:
                readings[subject.name].append(reading)
    return readings


def read_once(subject: Subject, number: int) -> Reading:
    """Return what one process of a subject takes, from its start to its end.

    Raises:
        CommandFailed: it failed or took too long.
    """
    subject.prepare(number)
    command = [str(word) for word in subject.command(number)]
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        start = time.perf_counter()
        process = subprocess.Popen(
            command,
            cwd=subject.directory,
            env=dict(subject.environ),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=errors,
        )
        cpu, peak = _wait(process)
        elapsed = time.perf_counter() - start
        _require_success(command, process.returncode, errors)
        amount = float(_text(output)) if subject.times_itself else elapsed
    return Reading(amount=amount, cpu_seconds=cpu, peak_bytes=peak)


def _wait(process: subprocess.Popen[bytes]) -> tuple[float | None, int | None]:
    """Wait for a process, kill it at the limit, and return its processor time and peak memory."""
    with _killed_at_limit(process):
        if not hasattr(os, "wait4"):
            process.wait()
            return None, None
        _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return usage.ru_utime + usage.ru_stime, int(usage.ru_maxrss) * _MEMORY_UNIT


@contextmanager
def _killed_at_limit(process: subprocess.Popen[bytes]) -> Iterator[None]:
    timer = Timer(LIMIT_SECONDS, process.kill)
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _require_success(command: Sequence[str], code: int, errors: IO[bytes]) -> None:
    if code:
        raise CommandFailed(failure_text(command, code, _text(errors)))


def failure_text(command: Sequence[str], code: int, errors: str) -> str:
    """Return one text that says which command failed, how, and what it wrote last."""
    last = "\n".join(errors.strip().splitlines()[-_SHOWN_LINES:])
    return f"{' '.join(command)} ended with {code}: {last or 'it wrote nothing'}"


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode("utf-8", "replace")


def memory_floor() -> int | None:
    """Return the least peak memory that can be told apart: a child begins with its parent's."""
    if not hasattr(os, "wait4"):
        return None
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _MEMORY_UNIT
