"""How environments and their histories are shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from gitexp.cli.changes import change_line
from gitexp.cli.plain import plain
from gitexp.cli.tables import Column, Table
from gitexp.cli.views import binding_entry, passed_over, person
from gitexp.environments.published import changes_text

if TYPE_CHECKING:
    from gitexp.environments.history import HistoryEntry
    from gitexp.environments.states import EnvironmentState

_COLUMNS = (
    Column(key="name", title="environment", kind="code"),
    Column(key="bound", title="bound", kind="flag", spare=6),
    Column(key="experiment", title="experiment", kind="code"),
    Column(key="version", title="version", kind="hash"),
    Column(key="digest", title="digest", kind="digest"),
    Column(key="newer_versions", title="newer", kind="number", spare=2),
    Column(key="flag_keys", title="flags", kind="names", data_key="flags", optional=True, spare=3),
    Column(key="by_name", title="by", data_key="by", spare=4),
    Column(key="since", title="since", kind="time", spare=5),
    Column(key="reason", title="reason", optional=True, spare=3),
    Column(key="commit", title="commit", kind="hash", spare=7),
    Column(key="description", title="description"),
)
_IN_LISTINGS = (
    "name",
    "bound",
    "experiment",
    "version",
    "newer_versions",
    "flag_keys",
    "by_name",
    "since",
    "reason",
)

_HISTORY_COLUMNS = (
    Column(key="since", title="since", kind="time", spare=5),
    Column(key="action", title="action"),
    Column(key="experiment", title="experiment", kind="code"),
    Column(key="version", title="version", kind="hash"),
    Column(key="by_name", title="by", data_key="by", spare=4),
    Column(key="changed", title="changed", data_key="changes", spare=2),
    Column(key="reason", title="reason", optional=True, spare=3),
    Column(key="passed_over", title="passed over", data_key="bypass", optional=True, spare=6),
    Column(key="commit", title="commit", kind="hash", spare=7),
)


def environment_entry(state: EnvironmentState) -> dict[str, Any]:
    """Return an environment as JSON has it: what is live now, in one flat entry."""
    said = state.binding
    binding = binding_entry(said) if said is not None and (said.bound or said.flags) else {}
    entry = {
        "name": state.name,
        "description": state.description,
        "bound": state.bound,
        "commit": state.commit,
        "newer_versions": state.newer_versions,
        "flags": dict(said.flags) if said is not None else {},
        "since": plain(state.since) if binding else None,
    }
    kept = ("experiment", "experiment_id", "version", "digest", "by", "at", "reason", "change")
    return entry | {key: binding.get(key) for key in kept}


def environment_table(items: Sequence[Mapping[str, Any]]) -> Table:
    """Return a row for each environment."""
    shown = [column for column in _COLUMNS if column.key in _IN_LISTINGS]
    note = "" if items else "no environments; declare one with `gitexp env create NAME`"
    return Table(columns=shown, rows=[_row(item) for item in items], note=note)


def environment_fields(entry: Mapping[str, Any]) -> Table:
    """Return the fields of one environment."""
    return Table(columns=_COLUMNS, rows=[_row(entry)])


def _row(entry: Mapping[str, Any]) -> dict[str, Any]:
    return dict(entry) | {"by_name": person(entry["by"]), "flag_keys": sorted(entry["flags"])}


def history_items(entries: Sequence[HistoryEntry]) -> list[dict[str, Any]]:
    """Return the promotions of an environment as JSON has them."""
    return [
        binding_entry(entry.binding)
        | {
            "commit": entry.commit,
            "since": plain(entry.since),
            "changes": plain(entry.changes),
            "flags_changed": dict(entry.flags),
        }
        for entry in entries
    ]


def _changed(entry: HistoryEntry) -> str:
    flags = changes_text(entry.flags) if entry.flags else ""
    return "; ".join(part for part in (change_line(entry.changes), flags) if part)


def history_table(entries: Sequence[HistoryEntry]) -> Table:
    """Return a row for each promotion."""
    rows = [
        item
        | {
            "changed": _changed(entry),
            "by_name": person(item["by"]),
            "passed_over": passed_over(item),
        }
        for item, entry in zip(history_items(entries), entries, strict=True)
    ]
    note = "" if rows else "nothing was ever live in it"
    return Table(columns=_HISTORY_COLUMNS, rows=rows, note=note)
