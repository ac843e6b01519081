"""A page: what a report says, in blocks that every form of it can be written from.

Words of our own are `Text`. Everything that comes from a repository or a person (names, values,
messages) is `Code` or `Said`, and only the writer of a form decides how these are made harmless in
it: nothing else in a page holds foreign text.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from gitexp.review.diffing.words import Sign

Tone = Literal["", "good", "bad", "unsure"]


@dataclass(frozen=True)
class Text:
    """Words of our own, with numbers at most."""

    text: str
    strong: bool = False


@dataclass(frozen=True)
class Code:
    """A name or a value, shown letter by letter."""

    text: str


@dataclass(frozen=True)
class Said:
    """A sentence of somebody else, such as a message or a reason."""

    text: str


@dataclass(frozen=True)
class Mark:
    """A sign for how something came out."""

    tone: Tone


Span: TypeAlias = Text | Code | Said | Mark
Line: TypeAlias = tuple[Span, ...]


@dataclass(frozen=True)
class Paragraph:
    """One line of text."""

    line: Line


@dataclass(frozen=True)
class Bullets:
    """A list."""

    lines: tuple[Line, ...]


@dataclass(frozen=True)
class Table:
    """A table; its titles are our own words.

    Attributes:
        more: how many rows are left out.
    """

    titles: tuple[str, ...]
    rows: tuple[tuple[Line, ...], ...]
    more: int = 0


@dataclass(frozen=True)
class Difference:
    """Lines of a text that changed, each with a sign as in `gitexp.review.diffing.words`."""

    lines: tuple[tuple[Sign, str], ...]


@dataclass(frozen=True)
class Details:
    """Blocks below a title of our own, which a reader opens."""

    title: str
    blocks: tuple[Block, ...]


Block: TypeAlias = Paragraph | Bullets | Table | Difference | Details


@dataclass(frozen=True)
class Section:
    """Blocks below a heading."""

    heading: Line
    blocks: tuple[Block, ...]
    level: Literal[2, 3] = 3


@dataclass(frozen=True)
class Page:
    """A whole report.

    Attributes:
        project: whose it is; a checked name.
        top: what is never left out.
        sections: the rest, what matters most first.
    """

    project: str
    top: Section
    sections: tuple[Section, ...] = ()


def words(*parts: Span | str) -> Line:
    """Return a line; plain strings in it are our own words."""
    return tuple(Text(part) if isinstance(part, str) else part for part in parts)


def listed(lines: Iterable[Line], separator: str = ", ") -> Line:
    """Return several lines as one."""
    found: list[Span] = []
    for line in lines:
        if found:
            found.append(Text(separator))
        found.extend(line)
    return tuple(found)


def codes(names: Sequence[str], *, most: int = 8) -> Line:
    """Return some names as one line; of many only the first."""
    line = listed((Code(name),) for name in names[:most])
    left = len(names) - most
    return (*line, Text(f" and {left} more")) if left > 0 else line


def plural(count: int, one: str, many: str = "") -> str:
    """Return a number with its word: `1 file`, `2 files`."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"
