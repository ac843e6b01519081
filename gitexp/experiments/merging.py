"""Three-way merges of values, each parameter by itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from gitexp.experiments.changes import same_value

Side = Literal["ours", "theirs"]
Conflicts = Mapping[str, tuple[Any, Any, Any]]
"""For each parameter that both sides changed: its base, our and their value; None when absent."""

_ABSENT: Any = object()


@dataclass(frozen=True, kw_only=True)
class MergedValues:
    """The outcome of a merge by parameter; `values` is complete only without conflicts."""

    values: dict[str, Any]
    conflicts: Conflicts = field(default_factory=dict)


def merge_values(
    base: Mapping[str, Any],
    ours: Mapping[str, Any],
    theirs: Mapping[str, Any],
    *,
    take: Side | None = None,
    chosen: Mapping[str, Any] | None = None,
) -> MergedValues:
    """Return the three-way merge of values, each parameter by itself.

    A parameter that one side changed takes that side's value; one that both changed to the same
    value takes it; any other is a conflict, which `chosen` decides by name and `take` by side.
    """
    decided = dict(chosen or {})
    values: dict[str, Any] = {}
    conflicts: dict[str, tuple[Any, Any, Any]] = {}
    for name in [*ours, *(n for n in theirs if n not in ours)]:
        base_value, our_value, their_value = three = (
            base.get(name, _ABSENT),
            ours.get(name, _ABSENT),
            theirs.get(name, _ABSENT),
        )
        merged = decided.get(name, _merge_one(base_value, our_value, their_value, take))
        if merged is _CONFLICT:
            conflicts[name] = _shown(three)
        elif merged is not _ABSENT:
            values[name] = merged
    return MergedValues(values=values | decided, conflicts=conflicts)


_CONFLICT: Any = object()


def _merge_one(base: Any, ours: Any, theirs: Any, take: Side | None) -> Any:
    if _equal(ours, theirs) or _equal(base, theirs):
        return ours
    if _equal(base, ours):
        return theirs
    return {"ours": ours, "theirs": theirs}[take] if take else _CONFLICT


def _equal(one: Any, other: Any) -> bool:
    if one is _ABSENT or other is _ABSENT:
        return one is other
    return same_value(one, other)


def _shown(three: tuple[Any, ...]) -> tuple[Any, Any, Any]:
    base, ours, theirs = (None if value is _ABSENT else value for value in three)
    return base, ours, theirs
