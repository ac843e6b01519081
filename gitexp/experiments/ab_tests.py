"""Uniting two lines of one experiment: its A/B test by key, as far as that is safe.

Two moves of its life are never put together key by key, nor a move and a change of what a launch
locks: then one side counts as a whole, or people decide.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gitexp.errors import InvalidDocuments
from gitexp.experiments.changes import same_value
from gitexp.experiments.merging import Side, merge_values
from gitexp.store.trees import UNMERGED, Unmerged

_FREE = frozenset(["title", "metrics", "statistics", "data", "minimum", "planning"])
"""What may change beside any move."""


def united_ab_test(
    path: str, base: bytes | None, ours: bytes, theirs: bytes, *, take: Side | None
) -> bytes | Unmerged:
    """Return the three-way merge of two states of an A/B test by key.

    Args:
        take: the side that wins where both changed one thing, or both moved; None leaves that
            unmerged.
    """
    from gitexp.documents.yaml_editor import edit_yaml

    whole = UNMERGED if take is None else ours if take == "ours" else theirs
    if base is None:
        return whole
    try:
        before, mine, other = (_loaded(data, path) for data in (base, ours, theirs))
    except InvalidDocuments:
        return whole
    merged = merge_values(before, mine, other)
    if merged.conflicts or both_moved(before, mine, other):
        return whole
    return edit_yaml(ours, merged.values, file=path)


def _loaded(data: bytes, path: str) -> Mapping[str, Any]:
    from gitexp.documents import schemas

    found: Mapping[str, Any] = schemas.load("ab-test", data, file=path)
    return found


def both_moved(
    before: Mapping[str, Any], ours: Mapping[str, Any], theirs: Mapping[str, Any]
) -> bool:
    """Return whether both sides took a step, or changed what a launch locks."""
    return _moved(before, ours) and _moved(before, theirs)


def _moved(before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    """Return whether a side took a step, or changed what a launch locks."""
    keys = (before.keys() | after.keys()) - _FREE
    return any(not same_value(before.get(key), after.get(key)) for key in keys)
