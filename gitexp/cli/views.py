"""How experiments, versions and references are shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from gitexp.cli.changes import change_line
from gitexp.cli.plain import plain
from gitexp.cli.tables import Column, Table, columns, value_text

if TYPE_CHECKING:
    from gitexp.cli.output import Output
    from gitexp.environments.binding import Binding
    from gitexp.experiment import Experiment
    from gitexp.experiments.versions import Version

_EXPERIMENT_COLUMNS = (
    Column(key="name", title="experiment", kind="code"),
    Column(key="sharing", title="sharing"),
    Column(key="lifecycle", title="lifecycle", spare=7),
    Column(key="versions_count", title="versions", kind="number", spare=5),
    Column(key="latest_version", title="latest", kind="hash"),
    Column(key="latest_at", title="saved", kind="time", spare=6),
    Column(key="environments", title="live in", kind="names", optional=True, spare=3),
    Column(key="latest_message", title="message", spare=2),
    Column(key="about", title="description", data_key="description", optional=True, spare=8),
)


_ENTRY_COLUMNS = (
    Column(key="name", title="experiment", kind="code"),
    Column(key="visibility", title="visibility"),
    Column(key="lifecycle", title="lifecycle"),
    Column(key="versions_count", title="versions", kind="number"),
    Column(key="latest_version", title="latest", kind="hash"),
    Column(key="description", title="description"),
    Column(key="hypothesis", title="hypothesis"),
    Column(key="group", title="group", kind="code", optional=True),
    Column(key="tags", title="tags", kind="value"),
    Column(key="id", title="id", kind="code"),
)


def summary_table(summaries: Sequence[Any], *, note: str = "") -> Table:
    """Return the table of a listing of experiments."""
    rows = [_about(plain(summary)) for summary in summaries]
    return Table(columns=_EXPERIMENT_COLUMNS, rows=rows, note=note)


def _about(summary: dict[str, Any]) -> dict[str, Any]:
    """Return a summary with the first line of its description, where what is odd is told too."""
    return summary | {"about": (summary["description"] or "").split("\n", 1)[0]}


def experiment_table(entries: Sequence[Mapping[str, Any]], *, note: str = "") -> Table:
    """Return a row for each experiment entry."""
    return Table(
        columns=_ENTRY_COLUMNS, rows=[_without_nothing(entry) for entry in entries], note=note
    )


def show_experiment(output: Output, experiment: Experiment, *, quiet: str = "name") -> None:
    """Write one experiment; `quiet` is the key of its id."""
    entry = experiment.to_dict()
    output.entry(entry, experiment_table([entry]), quiet=str(entry[quiet]))


def _without_nothing(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return the entry without empty tags, which would read as `{}`."""
    return {key: value for key, value in entry.items() if value not in ({}, [], ())}


def version_table(versions: Sequence[Version], *, note: str = "") -> Table:
    """Return a row for each version."""
    shown = (
        Column(key="version", title="version", kind="hash"),
        Column(key="digest", title="digest", kind="digest", spare=5),
        Column(key="created_at", title="saved", kind="time", spare=3),
        Column(key="author_name", title="author", data_key="author", spare=4),
        Column(key="subject", title="message", data_key="message"),
    )
    return Table(columns=shown, rows=[_version_row(v) for v in versions], note=note)


def _version_row(version: Version) -> dict[str, Any]:
    row: dict[str, Any] = plain(version)
    row["author_name"] = person(version.author)
    row["subject"] = version.message.split("\n", 1)[0]
    if version.problem:
        row["subject"] += " (values are not valid)"
    return row


def person(who: str | None) -> str | None:
    """Return the name alone of somebody who is known as `Name <email>`."""
    return who and (who.partition(" <")[0] or who)


def version_fields(version: Version) -> Table:
    """Return the fields of one version, its values after them."""
    row = _version_row(version)
    row |= {f"values.{name}": value for name, value in row["values"].items()}
    shown = columns(version="hash", digest="digest", parent_version="hash", created_at="time")
    shown += columns(author="text", message="text")
    shown += [Column(key=f"values.{n}", title=n, kind="value") for n in row["values"]]
    return Table(columns=shown, rows=[row])


def version_page(experiment: str, version: Version) -> str:
    """Return a version as people read it: a header like a commit's, then its values."""
    lines = [f"experiment  {experiment}", f"version     {version.version}"]
    lines.append(f"digest      {version.digest or '(values are not valid)'}")
    if version.parent_version:
        lines.append(f"parent      {version.parent_version}")
    lines.append(f"saved       {plain(version.created_at)} by {version.author}")
    lines += ["", *(f"    {line}".rstrip() for line in version.message.strip().split("\n")), ""]
    if version.problem:
        lines += [f"not valid: {version.problem}", ""]
    width = max(map(len, version.values), default=0)
    for name, value in version.values.items():
        lines += _value_lines(name, value, width)
    return "\n".join(lines) + "\n"


def _value_lines(name: str, value: Any, width: int) -> list[str]:
    text = value_text(value)
    if "\n" in text:
        return [f"{name}:", *(f"    {line}" for line in text.rstrip("\n").split("\n"))]
    return [f"{name:<{width}}  {text}"]


def saved_fields(experiment: Experiment, version: Version) -> Table:
    """Return the fields that tell what a save did."""
    row = _version_row(version) | {"changed": _changed_line(experiment, version)}
    shown = (
        Column(key="version", title="version", kind="hash"),
        Column(key="digest", title="digest", kind="digest"),
        Column(key="parent_version", title="parent", kind="hash"),
        Column(key="changed", title="changed"),
        Column(key="subject", title="message", data_key="message"),
    )
    return Table(columns=shown, rows=[row])


def _changed_line(experiment: Experiment, version: Version) -> str | None:
    if not (version.created and version.parent_version):
        return None
    from gitexp.experiments.changes import value_changes

    before = experiment.version(version.parent_version)
    return change_line(value_changes(before.values, version.values, version.types))


_BINDING_COLUMNS = (
    Column(key="environment", title="environment", kind="code"),
    Column(key="action", title="action"),
    Column(key="experiment", title="experiment", kind="code"),
    Column(key="version", title="version", kind="hash"),
    Column(key="digest", title="digest", kind="digest"),
    Column(key="by", title="by"),
    Column(key="at", title="at", kind="time"),
    Column(key="reason", title="reason", optional=True),
    Column(key="passed_over", title="passed over", data_key="bypass", optional=True),
    Column(key="commit", title="commit", kind="hash"),
)


_BINDING_KEYS = (
    "project",
    "environment",
    "action",
    "experiment",
    "experiment_id",
    "version",
    "digest",
    "by",
    "at",
    "reason",
    "change",
    "bypass",
    "commit",
    "created",
)


def binding_entry(binding: Binding) -> dict[str, Any]:
    """Return a binding as JSON has it: one flat entry."""
    return {key: plain(getattr(binding, key)) for key in _BINDING_KEYS}


def passed_over(entry: Mapping[str, Any]) -> str | None:
    """Return which policies a binding passed over and why, in one line; None for none."""
    bypass = entry.get("bypass")
    return f"{', '.join(bypass['policies'])}: {bypass['reason']}" if bypass else None


def show_binding(output: Output, binding: Binding) -> None:
    """Write what an environment is bound to now."""
    entry = binding_entry(binding)
    if not binding.created:
        output.session.say(f"no change: {binding.label} is live in {binding.environment} already")
    row = entry | {"passed_over": passed_over(entry)}
    output.entry(entry, Table(columns=_BINDING_COLUMNS, rows=[row]), quiet=binding.commit or "")


def ref_change_table(changes: Sequence[Any], *, nothing: str) -> Table:
    """Return a row for each reference that moved."""
    shown = columns(ref="code", old="hash", new="hash")
    rows = [plain(change) for change in changes]
    return Table(columns=shown, rows=rows, note="" if rows else nothing)
