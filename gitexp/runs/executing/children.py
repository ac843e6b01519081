"""Processes of our own that work beside this one, and end with it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

_KILL = getattr(signal, "SIGKILL", signal.SIGTERM)
_LAST_WORDS = 1.0
"""Seconds to read what it wrote before it ended; what it started may keep its output open."""


class Child:
    """A process that was started; it reads nothing until this process is gone.

    Its standard output is read here, line by line. It has a session of its own, so that Ctrl-C at
    the terminal reaches this process alone, which then decides.

    Attributes:
        lines: what it wrote on standard output so far.
    """

    def __init__(
        self, words: Sequence[str], *, directory: Path, environ: Mapping[str, str]
    ) -> None:
        self._process = subprocess.Popen(
            words,
            cwd=directory,
            env=dict(environ),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def is_over(self) -> bool:
        """Whether it has ended."""
        return self._process.poll() is not None

    def wait(self, timeout: float | None = None) -> int | None:
        """Return its exit code once it has ended; None when it has not in time."""
        try:
            code = self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            return None
        self._reader.join(_LAST_WORDS)
        self._let_go()
        return code

    def tell(self) -> None:
        """Tell it to end, by SIGTERM."""
        if not self.is_over:
            self._process.terminate()

    def kill(self) -> None:
        """Kill it and what it started, and wait until it is gone."""
        if not self.is_over:
            try:
                os.killpg(self._process.pid, _KILL)
            except (AttributeError, ProcessLookupError, PermissionError):
                self._process.kill()
        self.wait()

    def _read(self) -> None:
        out = self._process.stdout
        assert out is not None  # it was asked for
        with contextlib.suppress(ValueError, OSError):
            self.lines.extend(line.decode("utf-8", "replace").rstrip("\r\n") for line in out)

    def _let_go(self) -> None:
        if self._process.stdin is not None:
            with contextlib.suppress(OSError):
                self._process.stdin.close()
