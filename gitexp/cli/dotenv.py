r"""Values as environment variables, for readers of `.env` files and for a shell.

A dotenv file is read by programs that disagree. A POSIX shell (`set -a; . ./file`) takes nothing
as special between single quotes, and `\`, `$`, `` ` `` and `"` between double quotes. python-dotenv
(`parser.py`, 1.0) undoes `\\` and `\'` between single quotes, `\\`, `\"` and letters such as `\n`
between double quotes, and then replaces `${NAME}` everywhere. So a value is written in the one of
the two quotes in which both read it back exactly, and refused where neither does; the shell form
has no such limits.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from gitexp.cli.plain import json_line
from gitexp.documents.problems import ProblemCollector
from gitexp.errors import InvalidInput

_UNDONE_IN_SINGLE = re.compile(r"\\[\\']|\\\Z|'")
_SPECIAL_IN_DOUBLE = re.compile(r"[$`]")
_EXPANDED = re.compile(r"\$\{[^}]*\}")
_COMMAND_LINE = re.compile(r"\n(?=\s*(?:::|##\[))")


def dotenv_text(values: Mapping[str, Any]) -> str:
    """Return a line `NAME=value` for each value, read back exactly by every reader.

    Raises:
        InvalidDocuments: values that no dotenv form holds exactly, all of them.
        InvalidInput: two slots differ by case alone.
    """
    found, lines = ProblemCollector(), []
    for name, text in _variables(values):
        quoted = _dotenv_quoted(text)
        if quoted is None:
            found.add("dotenv", name, "no form of this value is read alike by all dotenv readers")
        lines.append(f"{name}={quoted}\n")
    found.raise_if_any(hint="Use --format shell or --format json, or leave it out with --only.")
    return "".join(lines)


def _dotenv_quoted(text: str) -> str | None:
    """Return the text in the quotes in which a shell and python-dotenv agree, or None."""
    if "\0" in text or "\r" in text or _EXPANDED.search(text):
        return None
    if not _UNDONE_IN_SINGLE.search(text):
        return f"'{text}'"
    if _SPECIAL_IN_DOUBLE.search(text):
        return None
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def shell_text(values: Mapping[str, Any]) -> str:
    """Return a line `export NAME='value'` for each value, exact in every POSIX shell.

    Raises:
        InvalidDocuments: values with a NUL, which no environment variable holds.
        InvalidInput: two slots differ by case alone.
    """
    found, lines = ProblemCollector(), []
    for name, text in _variables(values):
        if "\0" in text:
            found.add("shell", name, "an environment variable cannot hold a NUL")
        lines.append(f"export {name}={_shell_quoted(text)}\n")
    found.raise_if_any(hint="Use --format json, or leave it out with --only.")
    return "".join(lines)


def _shell_quoted(text: str) -> str:
    quoted = text.replace("'", "'\\''")
    # Closing and opening the quotes adds nothing, and keeps a CI log from seeing a command.
    return "'" + _COMMAND_LINE.sub("\n''", quoted) + "'"


def _variables(values: Mapping[str, Any]) -> list[tuple[str, str]]:
    names: dict[str, str] = {}
    for slot in values:
        other = names.setdefault(slot.upper(), slot)
        if other != slot:
            raise InvalidInput(
                f"{other} and {slot} would both be the variable {slot.upper()}",
                hint="Use --format json, or leave one out with --only.",
            )
    return [(slot.upper(), _variable_text(value)) for slot, value in values.items()]


def _variable_text(value: Any) -> str:
    if isinstance(value, str):
        return value
    return "" if value is None else json_line(value)
