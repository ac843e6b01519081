"""Three-way merges of documents, key by key.

What is merged as one thing depends on the document: a parameter with all that is in it, since a
blend of two values is one that nobody has tried; a binding as a whole, since its parts belong
together. Anything else is merged key by key at every depth; lists are one thing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from gitexp.documents import layout
from gitexp.documents.values import Path
from gitexp.experiments.changes import same_value

Grain = Literal["whole", "key", "nested"]
"""What is one thing: the document, a key at its top, or a key at any depth."""

ABSENT: Any = object()
"""Stands for a key that is not there."""

_PARAMETERS = re.compile(
    rf"(?:.*/)?{layout.EXPERIMENTS_DIR}/[^/]+/{re.escape(layout.PARAMETERS_FILE)}"
)


@dataclass(frozen=True, kw_only=True)
class Clash:
    """A key that both sides changed, each to something else; ABSENT where one removed it."""

    path: Path
    base: Any
    ours: Any
    theirs: Any


@dataclass(frozen=True, kw_only=True)
class Merged:
    """The outcome of a merge.

    Attributes:
        value: complete only without clashes; where there is one, it holds what is ours.
    """

    value: dict[str, Any]
    clashes: tuple[Clash, ...] = field(default=())


def grain_of(path: str, *, of_environment: bool = False) -> Grain:
    """Return what is one thing in a document, by its path in the repository.

    Args:
        of_environment: whether it stands on the branch of an environment.
    """
    if of_environment and path in (layout.BINDING_FILE, layout.PARAMETERS_FILE):
        return "whole"
    return "key" if _PARAMETERS.fullmatch(path) else "nested"


def merge_mappings(
    base: Mapping[str, Any], ours: Mapping[str, Any], theirs: Mapping[str, Any], *, grain: Grain
) -> Merged:
    """Return the three-way merge of two mappings.

    What one side changed takes that side's value, and what both changed alike stays so. Values
    are compared as JSON has them. Keys keep our order; those that are theirs alone come last.
    """
    if grain == "whole":
        return _as_a_whole(base, ours, theirs)
    clashes: list[Clash] = []
    value = _merge((), base, ours, theirs, grain == "nested", clashes)
    return Merged(value=value, clashes=tuple(clashes))


def _as_a_whole(
    base: Mapping[str, Any], ours: Mapping[str, Any], theirs: Mapping[str, Any]
) -> Merged:
    if same_value(dict(base), dict(theirs)) or same_value(dict(ours), dict(theirs)):
        return Merged(value=dict(ours))
    if same_value(dict(base), dict(ours)):
        return Merged(value=dict(theirs))
    clashes = (
        Clash(path=(key,), base=base.get(key, ABSENT), ours=one, theirs=other)
        for key, one, other in _pairs(ours, theirs)
        if not _same(one, other)
    )
    return Merged(value=dict(ours), clashes=tuple(clashes))


def _pairs(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> list[tuple[str, Any, Any]]:
    keys = dict.fromkeys([*ours, *theirs])
    return [(key, ours.get(key, ABSENT), theirs.get(key, ABSENT)) for key in keys]


def _merge(
    path: Path,
    base: Mapping[str, Any],
    ours: Mapping[str, Any],
    theirs: Mapping[str, Any],
    nested: bool,
    clashes: list[Clash],
) -> dict[str, Any]:
    value: dict[str, Any] = {}
    for key, one, other in _pairs(ours, theirs):
        before = base.get(key, ABSENT)
        merged = _merge_one((*path, key), before, one, other, nested, clashes)
        if merged is not ABSENT:
            value[key] = merged
    return value


def _merge_one(
    path: Path, base: Any, ours: Any, theirs: Any, nested: bool, clashes: list[Clash]
) -> Any:
    if _same(ours, theirs) or _same(base, theirs):
        return ours
    if _same(base, ours):
        return theirs
    if nested and isinstance(ours, Mapping) and isinstance(theirs, Mapping):
        before = base if isinstance(base, Mapping) else {}
        return _merge(path, before, ours, theirs, nested, clashes)
    clashes.append(Clash(path=path, base=base, ours=ours, theirs=theirs))
    return ours


def _same(one: Any, other: Any) -> bool:
    if one is ABSENT or other is ABSENT:
        return one is other
    return same_value(one, other)
