"""A parsed document: its value, and where in the text each part of it stands."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from gitexp.documents.problems import Problem, place_of
from gitexp.documents.values import Path

Position = tuple[int, int]
"""A line and a column, both counted from 1."""


class LazyPositions(Mapping[Path, Position]):
    """Positions that are worked out when somebody asks for one, which only problems do."""

    def __init__(self, find: Callable[[], Mapping[Path, Position]]) -> None:
        self._find = find

    @cached_property
    def _found(self) -> Mapping[Path, Position]:
        return self._find()

    def __getitem__(self, path: Path) -> Position:
        return self._found[path]

    def __iter__(self) -> Iterator[Path]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)


@dataclass(frozen=True, kw_only=True)
class ParsedDocument:
    """A document's value with the place of each part.

    Attributes:
        value: dicts, lists, text, numbers, booleans and None.
        positions: the path of each value to its line and column, counted from 1; the value of
            a key stands where the key stands.
    """

    value: Any
    positions: Mapping[Path, Position] = field(default_factory=dict, compare=False, repr=False)

    def position(self, path: Path) -> Position | None:
        """Return where a value stands, or else the nearest collection around it."""
        for length in range(len(path), -1, -1):
            if path[:length] in self.positions:
                return self.positions[path[:length]]
        return None

    def problem(self, file: str, path: Path, message: str) -> Problem:
        """Return a problem at a place of this document."""
        line, column = self.position(path) or (None, None)
        return Problem(file=file, place=place_of(path), message=message, line=line, column=column)
