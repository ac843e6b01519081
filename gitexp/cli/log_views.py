"""How the story of a project, and who set which value, are shown."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from gitexp.cli.changes import changed_slots
from gitexp.cli.tables import SHORT_HASH, Column, Table, read, value_text
from gitexp.cli.views import person

if TYPE_CHECKING:
    from gitexp.review.telling.blame import Blame, Live, ParameterBlame
    from gitexp.review.telling.events import Event

_LOG_COLUMNS = (
    Column(key="at", title="at", kind="time"),
    Column(key="kind", title="kind", spare=5),
    Column(key="experiment", title="experiment", kind="code", optional=True),
    Column(key="environment", title="environment", kind="code", optional=True, spare=4),
    Column(key="what", title="what", data_key="text"),
    Column(key="by_name", title="by", data_key="by", spare=2),
    Column(key="id", title="id", kind="id", spare=3),
    Column(key="action", title="action", optional=True, spare=9),
)
_BLAME_COLUMNS = (
    Column(key="name", title="parameter", kind="code"),
    Column(key="shown", title="value", kind="value", data_key="value"),
    Column(key="note", title="note", optional=True, spare=5),
    Column(key="by_name", title="set by", data_key="by"),
    Column(key="at", title="at", kind="time", spare=3),
    Column(key="version", title="version", kind="hash", spare=4),
    Column(key="live_in", title="live", data_key="live", optional=True, spare=1),
    Column(key="subject", title="message", data_key="message", spare=2),
)
_LONG_VALUE = 40


def log_table(events: Sequence[Event]) -> Table:
    """Return a row for each event."""
    shown = [column for column in _LOG_COLUMNS if column.key != "action"]
    rows = [_log_row(event) for event in events]
    return Table(columns=shown, rows=rows, note="" if rows else "nothing happened")


def event_id(event: Event) -> str:
    """Return what names an event's subject: a run, a change request, a version or a commit."""
    return event.run or event.change or event.version or event.commit or ""


def _log_row(event: Event) -> dict[str, Any]:
    return event.to_dict() | {
        "what": what_happened(event),
        "by_name": person(event.by),
        "id": event.run or event.change or event_id(event)[:SHORT_HASH],
    }


def what_happened(event: Event) -> str:
    """Return what happened in a line."""
    said = event.text.strip().split("\n", 1)[0]
    return _TELLERS[event.kind](event, said)


def _label(event: Event) -> str:
    if event.version is None:
        return "nothing"
    return f"{event.experiment}@{event.version[:SHORT_HASH]}"


def _with_reason(text: str, said: str) -> str:
    return f"{text}: {said}" if said else text


def _told_save(event: Event, said: str) -> str:
    problem = " (values are not valid)" if event.details.get("problem") else ""
    return f"{said}{problem}"


def _told_header(event: Event, said: str) -> str:
    changed = event.details.get("changes", {})
    return f"{', '.join(changed)} changed" if changed else said


def _told_life(event: Event, said: str) -> str:
    if event.action == "rename":
        return f"renamed from {event.details['from']} to {event.details['to']}"
    return _DONE.get(event.action, said)


_DONE = {
    "create": "created",
    "archive": "archived",
    "unarchive": "shown again",
    "delete": "deleted",
    "restore": "restored",
}


def _told_share(event: Event, said: str) -> str:
    done = {"share": "shared as", "push": "new versions pushed to", "merge": "merged"}
    return f"{done[event.action]} {said}"


def _told_run(event: Event, said: str) -> str:
    details = event.details
    parts = [event.action, _counted(details.get("stats") or {})]
    parts.append(f"over {details['dataset']}" if details.get("dataset") else "")
    took = read(details["duration_seconds"], "duration") if _has_duration(details) else ""
    parts.append(took and f"in {took}")
    parts.append("(deleted)" if details.get("lifecycle") == "deleted" else "")
    return _with_reason(" ".join(part for part in parts if part), said)


def _has_duration(details: Mapping[str, Any]) -> bool:
    return isinstance(details.get("duration_seconds"), (int, float))


def _counted(stats: Mapping[str, Any]) -> str:
    return f"{stats['passed']} of {stats['total']} passed" if stats.get("total") else ""


def _told_promotion(event: Event, said: str) -> str:
    if event.action == "unreadable":
        return f"cannot be read: {said}"
    if event.action == "unbind":
        return _with_reason("unbound", said)
    if event.action == "flags":
        return _with_reason(_told_flags(event.details.get("flags", {})), said)
    verb = "went back to" if event.action == "rollback" else "promoted"
    changes = event.details.get("changes", ())
    changed = changed_slots({c["name"]: c for c in changes if c["kind"] == "changed"})
    before = event.details.get("previous_version") is not None
    text = f"{verb} {_label(event)}" + (f" ({changed})" if changed and before else "")
    bypass = event.details.get("bypass")
    passed = f"past {', '.join(bypass['policies'])}, {bypass['reason']}" if bypass else ""
    return _with_reason(_with_reason(text, said), passed)


def _told_flags(changes: Mapping[str, Any]) -> str:
    kept = [key for key, digest in changes.items() if digest]
    gone = [key for key, digest in changes.items() if not digest]
    parts = [f"published {', '.join(kept)}"] if kept else []
    parts += [f"withdrew {', '.join(gone)}"] if gone else []
    return f"flags: {' and '.join(parts)}"


def _told_change(event: Event, said: str) -> str:
    if event.action in ("open", "renew"):
        asked = {"promote": _label(event), "rollback": f"going back to {_label(event)}"}
        asked["flags"] = "other flags"
        what = asked.get(str(event.details.get("asks")), "unbinding")
        return _with_reason(f"{'asked for' if event.action == 'open' else 'renewed'} {what}", said)
    return _with_reason(event.action, said)


def _told_approval(event: Event, said: str) -> str:
    done = "approved" if event.action == "approve" else "rejected"
    past = "" if event.details.get("counts", True) else " (of terms that are over)"
    return _with_reason(f"{done} {_label(event)}{past}", said)


def _told_project(event: Event, said: str) -> str:
    return _with_reason(f"{event.action} changed", said)


_TELLERS: Mapping[str, Callable[[Event, str], str]] = {
    "save": _told_save,
    "header": _told_header,
    "lifecycle": _told_life,
    "share": _told_share,
    "run": _told_run,
    "promotion": _told_promotion,
    "change": _told_change,
    "approval": _told_approval,
    "project": _told_project,
}


# --- blame ----------------------------------------------------------------------------------


def blame_table(blame: Blame) -> Table:
    """Return a row for each parameter."""
    rows = [_blame_row(parameter) for parameter in blame.parameters]
    return Table(columns=_BLAME_COLUMNS, rows=rows, note="" if rows else "it has no values")


def _blame_row(parameter: ParameterBlame) -> dict[str, Any]:
    text = value_text(parameter.value)
    is_long = "\n" in text.rstrip("\n") or len(text) > _LONG_VALUE
    first = text.split("\n", 1)[0][:_LONG_VALUE]
    return parameter.to_dict() | {
        "shown": f"{first} …" if is_long else text.rstrip("\n"),
        "note": _note(parameter),
        "by_name": person(parameter.by),
        "subject": parameter.message.split("\n", 1)[0],
        "live_in": ", ".join(_live_text(live) for live in parameter.live),
    }


def _note(parameter: ParameterBlame) -> str | None:
    if parameter.origin == "default":
        return "filled in by default"
    return "the default" if parameter.is_default else None


def _live_text(live: Live) -> str:
    if not live.same:
        text = value_text(live.value)
        other = text if len(text) <= _LONG_VALUE and "\n" not in text else "another value"
        return f"{live.environment} has {other}"
    since = read(live.since, "time")
    return f"{live.environment} since {'' if live.whole else 'before '}{since}"
