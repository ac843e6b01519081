"""How flags, and what they come to, are shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from gitexp.cli.tables import Column, Table, columns

if TYPE_CHECKING:
    from gitexp.environments.binding import Binding
    from gitexp.flags.catalog import FlagEntry
    from gitexp.flags.deciding import Evaluation
    from gitexp.flags.documents import Condition, Flag

_ENTRY_COLUMNS = (
    Column(key="key", title="flag", kind="code"),
    Column(key="active", title="on", kind="flag"),
    Column(key="rollout_text", title="rollout", kind="text"),
    Column(key="shares", title="variants", spare=1),
    Column(key="created_by", title="made by", spare=2),
    Column(key="created_at", title="made", kind="time", optional=True, spare=3),
    Column(key="problem", title="problem", optional=True),
    Column(key="description", title="description", spare=4),
)
_PUBLISHED_COLUMNS = columns(
    environment="code", action="code", flags="names", commit="hash", by="text", reason="text"
)


def shares_text(flag: Flag) -> str:
    """Return the variants and their weights: `control 50, test 50`."""
    return ", ".join(f"{variant.key} {variant.weight:g}" for variant in flag.variants)


def entry_table(entries: Sequence[FlagEntry], *, nothing: str) -> Table:
    """Return a row for each flag."""
    rows = [
        entry.to_dict()
        | {
            "shares": shares_text(entry.flag) if entry.flag else "",
            "rollout_text": f"{entry.flag.rollout:g} %" if entry.flag else "",
        }
        for entry in entries
    ]
    return Table(columns=_ENTRY_COLUMNS, rows=rows, note="" if rows else nothing)


def flag_fields(flag: Flag) -> Table:
    """Return what a flag says, a field a line."""
    row = {
        "flag": flag.key,
        "description": flag.description,
        "on": "yes" if flag.active else "no",
        "rollout": f"{flag.rollout:g} %",
        "variants": shares_text(flag),
        "conditions": [_condition_text(condition) for condition in flag.conditions],
        "holdout": f"{flag.holdout.percent:g} % ({flag.holdout.id})" if flag.holdout else "",
        "hashing": flag.hashing.method,
        "digest": flag.digest,
    }
    shown = columns(
        flag="code",
        description="text",
        on="text",
        rollout="text",
        variants="text",
        conditions="names",
        holdout="text",
        hashing="text",
        digest="digest",
    )
    return Table(columns=shown, rows=[row])


def _condition_text(condition: Condition) -> str:
    rules = " and ".join(
        f"{rule.key} {rule.operator}" + ("" if rule.value is None else f" {rule.value}")
        for rule in condition.rules
    )
    chosen = f" as {condition.variant}" if condition.variant else ""
    return f"{rules or 'everybody'}: {condition.rollout:g} %{chosen}"


def evaluation_table(found: Sequence[Evaluation]) -> Table:
    """Return a row for what each flag comes to."""
    shown = (
        Column(key="key", title="flag", kind="code"),
        Column(key="enabled", title="on", kind="flag"),
        Column(key="variant", title="variant", kind="code"),
        Column(key="payload", title="payload", kind="value", spare=1),
        Column(key="reason", title="reason", kind="code"),
    )
    rows = [one.to_dict() for one in found]
    return Table(columns=shown, rows=rows, note="" if rows else "no flags")


def published_entry(binding: Binding) -> dict[str, Any]:
    """Return what an environment says of its flags, as JSON data."""
    from gitexp.cli.views import binding_entry

    flags: Mapping[str, str] = binding.flags
    return {**binding_entry(binding), "flags": dict(flags)}


def published_fields(entry: Mapping[str, Any]) -> Table:
    """Return what an environment says of its flags, a field a line."""
    row = {**entry, "flags": sorted(entry["flags"])}
    return Table(columns=_PUBLISHED_COLUMNS, rows=[row])
