"""Where the parts of a JSON text stand, and which of them are refused.

This reads text that `json` has already found to be JSON, so that it need not judge the grammar.
It is slow and exact, and runs only where there is something to report.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass, field

from gitexp.documents.limits import MAX_INTEGER_DIGITS, MAX_PROBLEMS
from gitexp.documents.parsed import Position
from gitexp.documents.problems import Problem, place_of, shown
from gitexp.documents.values import Path, encoding_fault

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{},:\n]|[^\s\[\]{},:"]+')
_INTEGER = re.compile(r"-?[0-9]+\Z")


@dataclass
class JsonPlaces:
    """What a scan of a JSON text found."""

    positions: dict[Path, Position] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)


def json_places(text: str, *, file: str = "", first_line: int = 1) -> JsonPlaces:
    """Return the places of all values of a JSON text, and the problems of its parts."""
    scan = _Scan(file=file, line=first_line)
    for found in _TOKEN.finditer(text):
        scan.token(found.group(), found.start())
        if len(scan.found.problems) >= MAX_PROBLEMS:
            break
    return scan.found


@dataclass
class _Open:
    """An object or array that is still open, and the key or position that it stands at."""

    step: str | int
    seen: dict[str, int] | None = None
    awaits_key: bool = False


@dataclass
class _Scan:
    file: str
    line: int
    line_start: int = 0
    open: list[_Open] = field(default_factory=list)
    found: JsonPlaces = field(default_factory=JsonPlaces)

    def token(self, token: str, start: int) -> None:
        if token == "\n":
            self.line += 1
            self.line_start = start + 1
        elif token in "]}":
            self.open.pop()
        elif token == ",":
            self._next()
        elif token != ":":
            self._begin(token, (self.line, start - self.line_start + 1))

    def _next(self) -> None:
        top = self.open[-1]
        top.awaits_key = top.seen is not None
        if isinstance(top.step, int):
            top.step += 1

    def _begin(self, token: str, at: Position) -> None:
        if self.open and self.open[-1].awaits_key:
            self._key(token, at)
            return
        if not self.open or self.open[-1].seen is None:
            self.found.positions[self._path()] = at
        if token == "{":
            self.open.append(_Open(step="", seen={}, awaits_key=True))
        elif token == "[":
            self.open.append(_Open(step=0))
        else:
            self._report(_scalar_fault(token), at)

    def _key(self, token: str, at: Position) -> None:
        top = self.open[-1]
        key: str = json.loads(token)
        top.step, top.awaits_key = key, False
        seen = top.seen if top.seen is not None else {}
        if key in seen:
            self._report(f"the key is repeated; line {seen[key]} has it", at)
        else:
            seen[key] = at[0]
            self.found.positions[self._path()] = at
        self._report(encoding_fault(key), at)

    def _path(self) -> Path:
        return tuple(frame.step for frame in self.open)

    def _report(self, message: str | None, at: Position) -> None:
        if message:
            self.found.problems.append(
                Problem(
                    file=self.file,
                    place=place_of(self._path()),
                    message=message,
                    line=at[0],
                    column=at[1],
                )
            )


def _scalar_fault(token: str) -> str | None:
    if token[0] == '"':
        fault = encoding_fault(json.loads(token))
        return f"{shown(json.loads(token))} is refused: {fault}" if fault else None
    if token in ("NaN", "Infinity", "-Infinity"):
        return f"{token} is not a finite number"
    if _INTEGER.match(token):
        too_long = len(token.lstrip("-")) > MAX_INTEGER_DIGITS
        return f"an integer of more than {MAX_INTEGER_DIGITS} digits" if too_long else None
    if token[0] in "-0123456789" and math.isinf(float(token)):
        return f"{shown(token, 42)[1:-1]} is too large for a floating-point number"
    return None
