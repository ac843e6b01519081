"""Files that a command is told to read, `-` for standard input."""

from __future__ import annotations

import sys

from gitexp.cli.groups import UsageFault
from gitexp.cli.session import Session

STDIN = "-"


def bytes_of(session: Session, path: str) -> bytes:
    """Return the bytes of a file that somebody named, seen from the session's directory.

    Raises:
        UsageFault: it cannot be read.
    """
    if path == STDIN:
        return sys.stdin.buffer.read()
    try:
        return (session.directory / path).read_bytes()
    except OSError as exc:
        reason = exc.strerror or type(exc).__name__
        raise UsageFault(f"{path} cannot be read: {reason}", hint="Name a file.") from exc


def text_of(session: Session, path: str) -> str:
    """Return the text of such a file, in UTF-8.

    Raises:
        UsageFault: it cannot be read, or is no UTF-8.
    """
    try:
        return bytes_of(session, path).decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        raise UsageFault(f"{path} is not UTF-8: {exc}", hint="Save it as UTF-8.") from exc
