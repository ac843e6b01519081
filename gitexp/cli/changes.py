"""Changes of values, as people read them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from gitexp.cli.tables import value_text

if TYPE_CHECKING:
    from gitexp.experiments.changes import ValueChange

LONG_TEXT = 60
IN_ONE_LINE = 4


def _is_long(change: ValueChange) -> bool:
    texts = [value for value in (change.before, change.after) if isinstance(value, str)]
    return any("\n" in text.rstrip("\n") or len(text) > LONG_TEXT for text in texts)


def _delta(before: Any, after: Any) -> float | None:
    numbers = all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in (before, after))
    return after - before if numbers else None


def change_text(before: Any, after: Any) -> str:
    """Return the difference of two numbers, absolute and in per cent; nothing for other values."""
    delta = _delta(before, after)
    if delta is None:
        return ""
    share = f" ({100 * delta / abs(before):+.1f} %)" if before else ""
    return f"{delta:+.6g}{share}"


def change_line(changes: Sequence[ValueChange]) -> str:
    """Return the changes in one line: `temperature 0.5 → 0.7, prompt changed`."""
    return _joined([_in_line(change) for change in changes])


def _joined(parts: Sequence[str]) -> str:
    if len(parts) <= IN_ONE_LINE:
        return ", ".join(parts)
    shown = parts[: IN_ONE_LINE - 1]
    return f"{', '.join(shown)} and {len(parts) - len(shown)} more"


def _in_line(change: ValueChange) -> str:
    if _is_long(change):
        return f"{change.name} {change.kind}"
    if change.kind == "added":
        return f"{change.name} = {value_text(change.after)}"
    if change.kind == "removed":
        return f"{change.name} removed"
    return f"{change.name} {value_text(change.before)} → {value_text(change.after)}"


def changed_slots(changed: Mapping[str, Any] | None) -> str:
    """Return `{slot: {before, after}}` in one line."""
    return _joined([_slot_text(name, pair) for name, pair in (changed or {}).items()])


def _slot_text(name: str, pair: Mapping[str, Any]) -> str:
    before, after = value_text(pair.get("before")), value_text(pair.get("after"))
    if "\n" in before + after or len(before + after) > LONG_TEXT:
        return f"{name} changed"
    return f"{name} {before} → {after}"
