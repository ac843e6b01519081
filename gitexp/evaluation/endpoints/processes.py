"""Programs that answer: started without a shell, in a process group of their own, and ended."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from asyncio import SubprocessTransport
from asyncio.subprocess import SubprocessStreamProtocol
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from gitexp.evaluation.answers import CallFailed

_KILL = getattr(signal, "SIGKILL", signal.SIGTERM)
_REST_SECONDS = 0.5
_END_SECONDS = 5.0


@dataclass(frozen=True, kw_only=True)
class Start:
    """How a program is started.

    Attributes:
        environ: all of its environment variables.
        line: the longest line that is read of its output.
    """

    words: Sequence[str]
    directory: Path
    environ: Mapping[str, str]
    line: int = 2**16


class Program:
    """A program that was started, with a pipe at each of its ends."""

    def __init__(self, transport: SubprocessTransport, ends: Ends) -> None:
        assert ends.stdin is not None  # every end has a pipe
        assert ends.stdout is not None
        assert ends.stderr is not None
        self.stdin, self.stdout, self.stderr = ends.stdin, ends.stdout, ends.stderr
        self._transport = transport
        self._exited = ends.exited

    @property
    def code(self) -> int | None:
        """Its exit code, negative for a signal; None while it runs."""
        return self._transport.get_returncode()

    async def over(self) -> int:
        """Return its exit code once it is over, whoever may still hold its pipes."""
        await self._exited.wait()
        return self.code or 0

    def kill(self) -> None:
        """Kill it and all that it started, whether or not it is over itself."""
        pid: int = self._transport.get_pid()
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if os.name == "posix":
                os.killpg(pid, _KILL)
            elif self.code is None:
                self._transport.kill()

    async def rest(self, *reading: asyncio.Task[None]) -> int:
        """Return its exit code, once it is over and its output is read.

        What it started and left behind is not waited for.
        """
        code = await self.over()
        _, waiting = await asyncio.wait(reading, timeout=_REST_SECONDS)
        if waiting:
            self.kill()
            _, waiting = await asyncio.wait(waiting, timeout=_REST_SECONDS)
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        return code

    @asynccontextmanager
    async def ended(self) -> AsyncIterator[None]:
        """Have it ended when the block is left, however it is left."""
        try:
            yield
        finally:
            self.kill()
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self.over(), _END_SECONDS)
            self._transport.close()


class Ends(SubprocessStreamProtocol):
    """The ends of a program; it is known to be over even while others hold its pipes."""

    def __init__(self, limit: int, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(limit=limit, loop=loop)
        self.exited = asyncio.Event()

    def process_exited(self) -> None:
        super().process_exited()
        self.exited.set()


async def started(start: Start) -> Program:
    """Return a program that runs.

    Raises:
        CallFailed: it cannot be started.
    """
    loop = asyncio.get_running_loop()
    try:
        transport, ends = await loop.subprocess_exec(
            lambda: Ends(start.line, loop),
            *start.words,
            cwd=start.directory,
            env=start.environ,
            start_new_session=os.name == "posix",
        )
    except (OSError, ValueError) as exc:
        raise CallFailed(_reason(start, exc), kind="NotStarted") from exc
    return Program(transport, ends)


def _reason(start: Start, exc: OSError | ValueError) -> str:
    program = start.words[0]
    if isinstance(exc, FileNotFoundError) and start.directory.is_dir():
        return f"there is no program {program!r}"
    reason = (getattr(exc, "strerror", None) or str(exc)).lower()
    return f"the program {program!r} cannot be started: {reason}"


def ending(code: int) -> tuple[str, str]:
    """Return how a program ended, as a stable word and in a sentence."""
    if code >= 0:
        return f"Exit {code}", f"the program ended with exit code {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"SIG{-code}"
    return f"Signal {name}", f"the program was ended by {name}"
