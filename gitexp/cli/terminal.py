"""What standard output and standard error are, and writing to them."""

from __future__ import annotations

import io
import shutil
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TextIO

from gitexp.cli.safety import no_workflow_commands, visible
from gitexp.errors import NotAllowed

_CLOSED_HINT = "Send it to a file or a program; `> /dev/null` throws it away."


class OutputClosed(Exception):
    """Whoever read standard output has gone away; there is nobody left to tell."""


@dataclass(frozen=True, kw_only=True)
class Terminal:
    """What is known of the process's streams.

    Attributes:
        output: whether standard output is a terminal.
        errors: whether standard error is a terminal.
        input: whether standard input is a terminal.
        width: columns of the terminal.
        height: lines of the terminal.
        styled: whether tables are drawn with colours and lines.
        workflow: whether a CI runner reads the output line by line.
    """

    output: bool
    errors: bool
    input: bool
    width: int
    height: int
    styled: bool
    workflow: bool

    @classmethod
    def of_process(cls, environ: Mapping[str, str]) -> Terminal:
        """Return what the present process is connected to."""
        output = is_terminal(sys.stdout)
        size = shutil.get_terminal_size((80, 24))
        return cls(
            output=output,
            errors=is_terminal(sys.stderr) and environ.get("TERM") != "dumb",
            input=is_terminal(sys.stdin),
            width=size.columns,
            height=size.lines,
            styled=_styled(output, environ),
            workflow=any(environ.get(name, "") == "true" for name in ("CI", "GITHUB_ACTIONS")),
        )

    def text(self, text: str) -> str:
        """Return text of several lines that is safe to show here."""
        text = visible(text, keep="\n\t")
        return no_workflow_commands(text) if self.workflow else text

    def line(self, text: str) -> str:
        """Return text that is safe to show here as one line."""
        text = visible(text)
        return no_workflow_commands(text) if self.workflow else text


def is_terminal(stream: TextIO | None) -> bool:
    """Return whether a stream is an open terminal."""
    try:
        return stream is not None and stream.isatty()
    except ValueError:
        return False


def _styled(output: bool, environ: Mapping[str, str]) -> bool:
    if environ.get("NO_COLOR") or environ.get("TERM") == "dumb":
        return False
    return output or environ.get("FORCE_COLOR", "") not in ("", "0")


def prepare_streams() -> None:
    """Write UTF-8 with plain newlines wherever output goes, whatever the locale says.

    What cannot be encoded is written as an escape, so printing never fails half-way.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            if is_terminal(stream):
                stream.reconfigure(errors="backslashreplace")
            else:
                stream.reconfigure(encoding="utf-8", errors="backslashreplace", newline="\n")


def write_out(text: str) -> None:
    """Write text to standard output and see it off.

    Raises:
        NotAllowed: the process was given no standard output, and there is something to write.
        OutputClosed: the reader has gone away.
    """
    if sys.stdout is None:
        if text:
            raise NotAllowed("standard output is closed", hint=_CLOSED_HINT)
        return
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError as exc:
        raise OutputClosed from exc


def write_error(text: str) -> None:
    """Write text to standard error; nobody listening is no reason to fail."""
    if sys.stderr is not None:
        with suppress(OSError, ValueError):
            sys.stderr.write(text)
            sys.stderr.flush()
