"""What differs between two sets of values, parameter by parameter."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal["added", "removed", "changed"]


@dataclass(frozen=True, kw_only=True)
class ValueChange:
    """One parameter that differs.

    Attributes:
        name: the slot.
        kind: `added` and `removed` say that it has a value on one side only.
        before: its value before; None when it was added.
        after: its value after; None when it was removed.
        type: the slot type where it is known, else empty.
    """

    name: str
    kind: Kind
    before: Any = None
    after: Any = None
    type: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return the change as JSON data; the side that has no value is left out."""
        data: dict[str, Any] = {"name": self.name, "kind": self.kind, "type": self.type}
        if self.kind != "added":
            data["before"] = self.before
        if self.kind != "removed":
            data["after"] = self.after
        return data


def value_changes(
    before: Mapping[str, Any], after: Mapping[str, Any], types: Mapping[str, str]
) -> tuple[ValueChange, ...]:
    """Return the parameters that differ, in the order of `before`, then of `after`.

    Values are compared as JSON: `True` and 1 differ, 1 and 1.0 do not.
    """
    found = (
        _change(name, before, after, types.get(name, ""))
        for name in dict.fromkeys([*before, *after])
    )
    return tuple(change for change in found if change is not None)


def _change(
    name: str, before: Mapping[str, Any], after: Mapping[str, Any], kind: str
) -> ValueChange | None:
    if name not in before:
        return ValueChange(name=name, kind="added", after=after[name], type=kind)
    if name not in after:
        return ValueChange(name=name, kind="removed", before=before[name], type=kind)
    if same_value(before[name], after[name]):
        return None
    return ValueChange(name=name, kind="changed", before=before[name], after=after[name], type=kind)


def same_value(one: Any, other: Any) -> bool:
    """Return whether two JSON values are the same value."""
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same_value, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same_value(one[k], other[k]) for k in one)
    return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)
