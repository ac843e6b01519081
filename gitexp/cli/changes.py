"""Changes of values, as people read them."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from gitexp.cli.safety import visible
from gitexp.cli.tables import Column, Table, value_text

if TYPE_CHECKING:
    from gitexp.experiments.changes import ValueChange

LONG_TEXT = 60
IN_ONE_LINE = 4
COLUMNS = (
    Column(key="name", title="parameter", kind="code"),
    Column(key="kind", title="kind"),
    Column(key="shown_before", title="before", kind="value", data_key="before"),
    Column(key="shown_after", title="after", kind="value", data_key="after"),
    Column(key="shown_change", title="change", data_key="delta"),
)


def change_table(changes: Iterable[ValueChange], *, note: str = "") -> Table:
    """Return a row for each change; long texts are left to `text_diffs`."""
    return Table(columns=COLUMNS, rows=[_row(change) for change in changes], note=note)


def _row(change: ValueChange) -> dict[str, Any]:
    before, after = change.before, change.after
    long = _is_long(change)
    return {
        "name": change.name,
        "kind": change.kind,
        "before": before,
        "after": after,
        "delta": _delta(before, after),
        "shown_before": _extent(before) if long else before,
        "shown_after": _extent(after) if long else after,
        "shown_change": "see below" if long else change_text(before, after),
    }


def _is_long(change: ValueChange) -> bool:
    texts = [value for value in (change.before, change.after) if isinstance(value, str)]
    return any("\n" in text.rstrip("\n") or len(text) > LONG_TEXT for text in texts)


def _extent(value: Any) -> str | None:
    if value is None:
        return None
    lines = len(str(value).splitlines())
    return f"({lines} line{'s' if lines != 1 else ''})"


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


def text_diffs(changes: Iterable[ValueChange], labels: tuple[str, str]) -> list[tuple[str, str]]:
    """Return the name and a unified diff of every long text among the changes."""
    return [(c.name, _unified(c, labels)) for c in changes if _is_long(c)]


def _unified(change: ValueChange, labels: tuple[str, str]) -> str:
    before, after = _lines(change.before), _lines(change.after)
    old, new = (f"{label} {change.name}" for label in labels)
    diff = difflib.unified_diff(before, after, old, new)
    return visible("".join(_ended(line) for line in diff), keep="\n\t")


def _lines(value: Any) -> Sequence[str]:
    return [] if value is None else value_text(value).splitlines(keepends=True)


def _ended(line: str) -> str:
    return line if line.endswith("\n") else line + "\n\\ no newline at the end\n"


def fenced(diff: str) -> str:
    """Return a diff as a Markdown code block that nothing in it can close."""
    longest = max((len(run) for run in re.findall("`+", diff)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}diff\n{diff}{fence}\n"
