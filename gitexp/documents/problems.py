"""A problem names a file, a place in it and the value; a collector raises all of them at once."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from gitexp.errors import InvalidDocuments

MISSING: Any = type(
    "Missing", (), {"__repr__": lambda self: "<missing>", "__reduce__": lambda self: "MISSING"}
)()
"""Stands for "no value to show" in a problem; there is one of it, in copies and pickles too."""

_SIMPLE_STEP = re.compile(r"[^\W\d][\w-]{0,79}\Z")


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One thing that is wrong, and where.

    Attributes:
        file: the path as its reader knows it, or another name of the source (`--set`).
        place: a dotted path with list positions, such as `variants[1].weight`; empty for the root.
        message: what is wrong and what was expected, in lower case without a full stop.
        line: the line in the file, counted from 1, where it is known.
        column: the column in that line, counted from 1, where it is known.
    """

    file: str
    message: str
    place: str = ""
    line: int | None = None
    column: int | None = None

    def __str__(self) -> str:
        where = self.file if self.line is None else f"{self.file}:{self.line}"
        return ": ".join(part for part in (where, self.place, self.message) if part)


class ProblemCollector:
    """Gathers problems; `raise_if_any` raises them together."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []

    def add(
        self,
        file: str,
        place: str,
        message: str,
        *,
        line: int | None = None,
        column: int | None = None,
    ) -> None:
        """Gather one problem, described by its parts."""
        self.problems.append(
            Problem(file=file, place=place, message=message, line=line, column=column)
        )

    def extend(self, problems: Iterable[Problem]) -> None:
        """Gather problems that somebody else found."""
        self.problems.extend(problems)

    def raise_if_any(self, *, hint: str | None = None) -> None:
        """Raise every problem gathered so far, in one error."""
        if self.problems:
            raise InvalidDocuments(self.problems, hint=hint)


def place_of(path: Iterable[str | int]) -> str:
    """Return a path of keys and list positions as `variants[1].weight`.

    A key that would read as something else is quoted: `labels["a.b"]`.
    """
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        elif _SIMPLE_STEP.match(step):
            text += f".{step}" if text else step
        else:
            text += f"[{shown(step)}]"
    return text


MAX_PATH = 4096
"""The longest path that a message shows; a shortened one would hide what it is about."""


def shown(value: Any, limit: int = 80) -> str:
    """Return a value as short JSON for a message; control characters are escaped."""
    try:
        text = json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError):
        text = repr(value)
    text = text if len(text) <= limit else text[: limit - 1] + "…"
    return "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in text)


def shell_word(text: str) -> str:
    """Return a text as one word of a shell command, quoted where that is needed."""
    from shlex import quote

    return quote(text)
