"""Files that a command is told to read or write, `-` for standard input."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from gitexp.cli.groups import UsageFault
from gitexp.cli.session import Session
from gitexp.errors import InvalidInput

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


def read_bounded(path: Path, limit: int) -> bytes:
    """Return the bytes of a file that anybody may have written.

    Raises:
        InvalidInput: it is no regular file, cannot be read, or has more bytes than allowed.
    """
    try:
        if not path.is_file():
            raise InvalidInput(f"{str(path)!r} is no file", hint="Name one that is there.")
        with open(path, "rb") as file:
            data = file.read(limit + 1)
    except OSError as exc:
        raise InvalidInput(f"{str(path)!r} cannot be read: {exc.strerror}") from exc
    if len(data) > limit:
        raise InvalidInput(f"{str(path)!r} has more than {limit} bytes")
    return data


def write_whole(path: Path, data: bytes) -> None:
    """Write a file whole or not at all; a device or a pipe is written to, and stays what it is.

    Raises:
        InvalidInput: there is no such directory, or there is one of that very name.
    """
    from gitexp.store.files import create_file, remove_file, replace_file

    if not path.parent.is_dir() or path.is_dir():
        fault = "it is a directory" if path.is_dir() else "there is no such directory"
        raise InvalidInput(
            f"{str(path)!r} cannot be written: {fault}",
            hint="Name a file in a directory that is there.",
        )
    path = path.resolve()
    if path.exists() and not path.is_file():
        path.write_bytes(data)
        return
    new = f"{path}.{os.getpid()}.new"
    create_file(new, [data])
    try:
        replace_file(new, str(path))
    except BaseException:
        remove_file(new)
        raise
