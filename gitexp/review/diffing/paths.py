"""What differs between two plain values, place by place."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from difflib import SequenceMatcher
from typing import Any

from gitexp.documents.canonical import canonical_json
from gitexp.documents.problems import place_of
from gitexp.documents.values import Path
from gitexp.experiments.changes import same_value
from gitexp.review.diffing.model import PathChange

_NAMES = ("id", "name", "key")
"""The keys by which the items of a list may be told apart, the first that all of them have."""

_MOST_PAIRS = 40_000
"""Lists with more pairs of equal items are compared position by position."""

_NONE: Any = object()


def path_changes(before: Any, after: Any) -> tuple[PathChange, ...]:
    """Return what differs between two values, in the order of the document.

    Mappings are compared key by key. The items of lists are matched by their `id`, `name` or
    `key` where all have one and keep their order, else so that as many as possible stay the same.
    An item's place is its position after the change; that of a removed one is its position before.
    Numbers are compared as JSON has them: 1 and 1.0 are the same.
    """
    return tuple(_changes((), before, after))


def _changes(path: Path, before: Any, after: Any) -> Iterator[PathChange]:
    if before is _NONE:
        yield PathChange(place=place_of(path), kind="added", after=after)
    elif after is _NONE:
        yield PathChange(place=place_of(path), kind="removed", before=before)
    elif same_value(before, after):
        return
    elif isinstance(before, Mapping) and isinstance(after, Mapping):
        for key in dict.fromkeys([*before, *after]):
            yield from _changes((*path, key), before.get(key, _NONE), after.get(key, _NONE))
    elif isinstance(before, (list, tuple)) and isinstance(after, (list, tuple)):
        for step, one, other in _matched(before, after):
            yield from _changes((*path, step), one, other)
    else:
        yield PathChange(place=place_of(path), kind="changed", before=before, after=after)


def _matched(before: Sequence[Any], after: Sequence[Any]) -> Iterator[tuple[int, Any, Any]]:
    """Yield the items of two lists that belong together, those that are the same left out."""
    names = _names(before, after)
    if names is not None:
        yield from _by_name(before, after, *names)
        return
    first, rest = _common_ends(before, after)
    old, new = before[first : len(before) - rest], after[first : len(after) - rest]
    for i, j, k, m in _unequal(old, new):
        shared = min(j - i, m - k)
        for step in range(shared):
            yield first + k + step, old[i + step], new[k + step]
        for position in range(i + shared, j):
            yield first + position, old[position], _NONE
        for position in range(k + shared, m):
            yield first + position, _NONE, new[position]


def _names(before: Sequence[Any], after: Sequence[Any]) -> tuple[list[str], list[str]] | None:
    """Return the names of all items, where they have unique ones and keep their order."""
    for key in _NAMES:
        old, new = _texts(before, key), _texts(after, key)
        if old is None or new is None:
            continue
        common = set(old) & set(new)
        if [n for n in old if n in common] == [n for n in new if n in common]:
            return old, new
    return None


def _texts(items: Sequence[Any], key: str) -> list[str] | None:
    """Return what each item has for a key, where these are texts that tell the items apart."""
    found = [item.get(key) for item in items if isinstance(item, Mapping)]
    texts = [text for text in found if isinstance(text, str)]
    return texts if len(set(texts)) == len(items) > 0 else None


def _by_name(
    before: Sequence[Any], after: Sequence[Any], old: Sequence[str], new: Sequence[str]
) -> Iterator[tuple[int, Any, Any]]:
    earlier, later = dict(zip(old, before, strict=True)), set(new)
    for position, (name, item) in enumerate(zip(old, before, strict=True)):
        if name not in later:
            yield position, item, _NONE
    for position, (name, item) in enumerate(zip(new, after, strict=True)):
        yield position, earlier.get(name, _NONE), item


def _common_ends(before: Sequence[Any], after: Sequence[Any]) -> tuple[int, int]:
    """Return how many items two lists share at their beginning, and then at their end."""
    shorter = min(len(before), len(after))
    first = next((i for i in range(shorter) if not same_value(before[i], after[i])), shorter)
    left = shorter - first
    rest = next((i for i in range(left) if not same_value(before[-1 - i], after[-1 - i])), left)
    return first, rest


def _unequal(old: Sequence[Any], new: Sequence[Any]) -> list[tuple[int, int, int, int]]:
    """Return the stretches in which two lists differ, as positions in both."""
    texts = [[canonical_json(item) for item in items] for items in (old, new)]
    counts = Counter(texts[0])
    if sum(counts[text] for text in texts[1]) > _MOST_PAIRS:
        return [(0, len(old), 0, len(new))]
    matcher = SequenceMatcher(None, texts[0], texts[1], autojunk=False)
    return [(i, j, k, m) for tag, i, j, k, m in matcher.get_opcodes() if tag != "equal"]
