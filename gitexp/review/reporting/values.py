"""Values and changes of them as lines of a page."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

from gitexp.review.diffing.model import ChangeKind, ParameterChange, PathChange
from gitexp.review.diffing.words import Sign, word_lines
from gitexp.review.reporting.page import Block, Code, Details, Difference, Line, Table, Text, plural

LONG_TEXT = 80
"""Longer texts are shown below the table, word by word."""

_AMBIGUOUS = re.compile(r"\s*\Z|\s|.*\s\Z|[-+.\d\"'\[{]|(true|false|null)\Z", re.DOTALL)
_LINES = 4
"""How many lines of a text are shown for each row that a table may have."""

_WHOLE = "the whole"

VALUE_TITLES = ("", "before", "after", "change")


def value_text(value: Any) -> str:
    """Return a value as people write it; a text that could be taken for another value is quoted."""
    if isinstance(value, str) and not _AMBIGUOUS.match(value):
        return value
    try:
        return json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError):
        return repr(value)


def number_text(number: float | None) -> str:
    """Return a number with four digits; nothing for none."""
    return "" if number is None else f"{number:.4g}"


def amount_text(delta: float | None, ratio: float | None) -> str:
    """Return what a number rose by, absolute and in per cent; nothing for other values."""
    if delta is None:
        return ""
    share = f" ({100 * ratio:+.1f} %)" if ratio is not None else ""
    return f"{delta:+.6g}{share}"


def interval_text(interval: tuple[float, float] | None, *, signed: bool = False) -> str:
    """Return both ends of an interval; nothing for none."""
    if interval is None:
        return ""
    low, high = (f"{end:+.4g}" if signed else f"{end:.4g}" for end in interval)
    return f"{low} to {high}"


def change_tables(
    changes: Sequence[ParameterChange | PathChange], title: str, *, limit: int
) -> list[Block]:
    """Return changes of values as a table, and its long texts word by word below it."""
    if not changes:
        return []
    shown = changes[:limit]
    rows = tuple(_row(change) for change in shown)
    titles = (title, *VALUE_TITLES[1:])
    blocks: list[Block] = [Table(titles=titles, rows=rows, more=len(changes) - len(shown))]
    blocks += [text_details(c.before, c.after, limit * _LINES) for c in shown if is_long(c)]
    return blocks


def is_long(change: ParameterChange | PathChange) -> bool:
    """Return whether a change is of a text that is better read below a table."""
    sides = [value for value in (change.before, change.after) if value is not None]
    texts = [value for value in sides if isinstance(value, str)]
    long = any("\n" in text.rstrip("\n") or len(text) > LONG_TEXT for text in texts)
    return long and len(texts) == len(sides)


def _row(change: ParameterChange | PathChange) -> tuple[Line, ...]:
    name = change.name if isinstance(change, ParameterChange) else change.place
    named: Line = (Code(name),) if name else (Text(_WHOLE),)
    if is_long(change):
        return (named, (), (), (Text(f"{change.kind}, see below"),))
    if isinstance(change, ParameterChange) and change.places:
        return (
            named,
            *_sides(change),
            (Text(f"changed in {plural(len(change.places), 'place')}"),),
        )
    return (named, *_sides(change), _amount(change))


def _amount(change: ParameterChange | PathChange) -> Line:
    amount = amount_text(change.delta, change.ratio)
    return (Text(amount or change.kind),)


def _sides(change: ParameterChange | PathChange) -> tuple[Line, Line]:
    before: Line = () if change.kind == "added" else (Code(value_text(change.before)),)
    after: Line = () if change.kind == "removed" else (Code(value_text(change.after)),)
    return before, after


def text_details(before: Any, after: Any, most: int) -> Details:
    """Return how a text changed, word by word, for a reader who opens it.

    Args:
        most: how many lines are shown.
    """
    lines = _word_lines(before or "", after or "")
    left = len(lines) - most
    shown = (*lines[:most], ("@", f"{plural(left, 'line')} more")) if left > 0 else lines
    counts = f"{_size(before)} before, {_size(after)} after"
    return Details(title=f"The text: {counts}", blocks=(Difference(lines=shown),))


@lru_cache(maxsize=1024)
def _word_lines(before: str, after: str) -> tuple[tuple[Sign, str], ...]:
    """Return how a text changed; asked for again where a report is made shorter."""
    return tuple((line.sign, line.text) for line in word_lines(before, after))


def _size(text: Any) -> str:
    return plural(len(str(text).splitlines()), "line") if text is not None else "none"


def kind_counts(kinds: Iterable[ChangeKind]) -> str:
    """Return how many things were added, removed and changed: `2 added, 1 changed`."""
    found = list(kinds)
    counts = [(kind, found.count(kind)) for kind in ("added", "removed", "changed")]
    return ", ".join(f"{count} {kind}" for kind, count in counts if count)
