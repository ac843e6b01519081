"""Running a program that takes the place of this process for a while.

Its input is this process's own, its output is passed on byte by byte as it comes, and signals that
are meant for it reach it. Where an output is a terminal, the program writes to a terminal as well,
so it shows its progress as it would alone.

A program whose input is no terminal gets a process group of its own: what is signalled reaches the
programs that it started too. At a terminal it stays in the group of this process, so that Ctrl-C,
Ctrl-Z, `fg` and reading from the terminal work as they do without gitexp: the terminal itself
tells the whole group.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from gitexp.runs.executing.output_ends import OutputEnd
from gitexp.runs.executing.streams import Channels, Streams, passed_on

GRACE = 30.0
"""Seconds that a program has to end once it was told to, before it is killed."""

NOT_FOUND, NOT_STARTED = 127, 126
"""The exit codes of shells for a program that is not there, and for one that cannot be started."""

_PASSED_ON = tuple(
    getattr(signal, name)
    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT")
    if hasattr(signal, name)
)
_OF_TERMINALS = frozenset([signal.SIGINT, getattr(signal, "SIGQUIT", signal.SIGINT)])
_STRONGEST = getattr(signal, "SIGKILL", signal.SIGTERM)


@dataclass(frozen=True, kw_only=True)
class Command:
    """What is to be run.

    Attributes:
        words: the program and its arguments.
        directory: where it runs.
        environ: its environment variables, all of them.
    """

    words: tuple[str, ...]
    directory: Path
    environ: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Ending:
    """How a program ended.

    Attributes:
        code: its exit code, or the one that a shell gives when it cannot be started.
        signal: the number of the signal that ended it.
        told: the number of the first signal that was passed on to it.
        fault: why it could not be started.
    """

    code: int | None = None
    signal: int | None = None
    told: int | None = None
    fault: str = ""

    @property
    def exit_code(self) -> int:
        """The exit code of whoever stands for the program: 128 and more for a signal."""
        return 128 + self.signal if self.signal is not None else self.code or 0


def signal_name(number: int) -> str:
    """Return the name of a signal, such as `SIGKILL`."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"SIG{number}"


class Stopping:
    """Signals that are passed on to a program instead of ending this process.

    As a context manager it takes them over, in the main thread alone; what comes when no program
    is running any more changes nothing. Signals that this process ignores, the program ignores too.

    Attributes:
        grace: seconds that the program has to end once it was told to, before it is killed.
    """

    def __init__(self, *, grace: float = GRACE) -> None:
        self.grace = grace
        self._told: list[int] = []
        self._waiting: deque[int] = deque()
        self._process: subprocess.Popen[bytes] | None = None
        self._has_group = False
        self._wake = -1
        self._before: dict[int, Any] = {}

    def told(self, code: int | None = None) -> int | None:
        """Return the first signal that was passed on.

        One that the terminal passed on counts when the exit code says so: many a program takes
        Ctrl-C and goes on.
        """
        passed = (n for n in self._told if self._is_passed_on(n) or code == 128 + n)
        return next(passed, None)

    def __enter__(self) -> Stopping:
        if threading.current_thread() is threading.main_thread():
            for number in _PASSED_ON:
                if signal.getsignal(number) not in (signal.SIG_IGN, None):
                    self._before[number] = signal.signal(number, self._take)
        return self

    def __exit__(self, *exc: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    @contextlib.contextmanager
    def of_program(self, process: subprocess.Popen[bytes], *, has_group: bool) -> Iterator[None]:
        """Pass on to a program what came already and what comes in this block.

        A program that does not end in time is killed, and one whose block is left by an exception.
        """
        over = threading.Event()
        reader, self._wake = os.pipe()
        enforcer = threading.Thread(target=self._enforce, args=(reader, over), daemon=True)
        enforcer.start()
        self._process, self._has_group = process, has_group
        try:
            self._pass_on(early=True)
            yield
        except BaseException:
            self._send(_STRONGEST)
            raise
        finally:
            over.set()
            # In this order: a signal that comes in between finds no program, and needs no pipe.
            self._process = None
            wake, self._wake = self._wake, -1
            os.close(wake)
            enforcer.join()
            os.close(reader)

    def _take(self, number: int, frame: FrameType | None) -> None:
        self._told.append(number)
        self._waiting.append(number)
        self._pass_on()

    def _pass_on(self, *, early: bool = False) -> None:
        # A signal may come between any two steps of this, and then all of it is done there.
        while self._process is not None:
            try:
                number = self._waiting.popleft()
            except IndexError:
                return
            # What came before the program was there did not reach it in any way.
            if early or self._is_passed_on(number):
                self._send(number)
                os.write(self._wake, b"!")

    def _is_passed_on(self, number: int) -> bool:
        # At a terminal, Ctrl-C reached the program as it reached this process.
        return self._has_group or number not in _OF_TERMINALS

    def _enforce(self, reader: int, over: threading.Event) -> None:
        """Kill the program when it was told to end and did not in time."""
        # No lock is taken where a signal is handled: a second one may interrupt the first.
        if os.read(reader, 1) and not over.wait(self.grace):
            self._send(_STRONGEST)

    def _send(self, number: int) -> None:
        process = self._process
        if process is None or process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError, PermissionError, ValueError):
            if self._has_group:
                os.killpg(process.pid, number)
            else:
                process.send_signal(number)


def run_program(
    command: Command, output: OutputEnd, stopping: Stopping, *, streams: Streams
) -> Ending:
    """Return how a program ended, once it did; what it started and left behind is not waited for.

    Args:
        output: what is given all that the program writes.
        stopping: entered already; what is told is passed on, and after the grace the program ends.
    """
    has_group = os.name == "posix" and not _is_at_terminal()
    with passed_on(streams, output) as channels:
        try:
            process = _start(command, channels, has_group=has_group)
        except (OSError, ValueError) as exc:
            return _not_started(command, exc)
        channels.close_ours()
        with stopping.of_program(process, has_group=has_group), _over(process) as over:
            channels.pump(over)
        code = process.wait()
    if code < 0:
        return Ending(signal=-code, told=stopping.told())
    return Ending(code=code, told=stopping.told(code))


def _is_at_terminal() -> bool:
    try:
        return os.isatty(0)
    except OSError:
        return False


def _start(command: Command, channels: Channels, *, has_group: bool) -> subprocess.Popen[bytes]:
    options: dict[str, Any] = {}
    if has_group:
        own_group = {"process_group": 0} if sys.version_info >= (3, 11) else {}
        options = own_group or {"preexec_fn": os.setpgrp}
    return subprocess.Popen(
        command.words,
        cwd=command.directory,
        env=command.environ,
        stdout=channels.out,
        stderr=channels.err,
        **options,
    )


def _not_started(command: Command, exc: OSError | ValueError) -> Ending:
    program = command.words[0]
    if isinstance(exc, FileNotFoundError):
        if not command.directory.is_dir():
            fault = f"the directory {command.directory} is not there"
        else:
            fault = f"there is no program {program!r}"
        return Ending(code=NOT_FOUND, fault=fault)
    reason = (getattr(exc, "strerror", None) or str(exc)).lower()
    fault = f"the program {program!r} cannot be started: {reason}"
    return Ending(code=NOT_STARTED, fault=fault)


@contextlib.contextmanager
def _over(process: subprocess.Popen[bytes]) -> Iterator[int]:
    """Yield a descriptor that becomes readable when a program is over."""
    reader, writer = os.pipe()

    def wait() -> None:
        process.wait()
        os.close(writer)

    waiter = threading.Thread(target=wait, daemon=True)
    waiter.start()
    try:
        yield reader
        waiter.join()
    finally:
        os.close(reader)
