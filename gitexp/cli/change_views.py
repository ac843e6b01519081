"""How change requests are shown, and the argument that names one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from gitexp.cli.changes import change_line
from gitexp.cli.completing import complete_changes
from gitexp.cli.output import Output, field_lines
from gitexp.cli.tables import Column, Table
from gitexp.cli.views import person

if TYPE_CHECKING:
    from gitexp.review.changes.reading import Change

_COLUMNS = (
    Column(key="id", title="change", kind="id"),
    Column(key="state", title="state"),
    Column(key="environment", title="environment", kind="code"),
    Column(key="action", title="action", spare=3),
    Column(key="what", title="what", data_key="version", kind="code"),
    Column(key="given", title="approvals", data_key="approvals", spare=1),
    Column(key="by_name", title="by", data_key="requested_by", spare=2),
    Column(key="requested_at", title="asked", kind="time", spare=5),
    Column(key="expires_at", title="expires", kind="time", spare=6),
    Column(key="reason", title="reason", optional=True, spare=4),
)
_FIELDS = (
    *_COLUMNS[:4],
    Column(key="experiment", title="experiment", kind="code"),
    Column(key="version", title="version", kind="hash"),
    Column(key="digest", title="digest", kind="digest"),
    Column(key="changed", title="changed", data_key="changes"),
    Column(key="reason", title="reason"),
    Column(key="requested_by", title="by"),
    Column(key="requested_at", title="asked", kind="time"),
    Column(key="renewed", title="renewed", data_key="renewals"),
    Column(key="expires_at", title="expires", kind="time"),
    Column(key="branch", title="branch", data_key="head", kind="code"),
    Column(key="ended", title="ended", data_key="closed"),
    Column(key="commit", title="commit", kind="hash"),
)
_MARKS = {"met": "  ok      ", "missing": "  missing ", "refused": "  refused "}

change_argument = click.argument("change", metavar="CHANGE", shell_complete=complete_changes)


def change_entry(change: Change) -> dict[str, Any]:
    """Return a change request as JSON has it."""
    given = sum(vote.decision == "approve" for vote in change.votes)
    asked = max((rule.count for rule in change.terms.policy.rules.values()), default=0)
    return change.to_dict() | {"approvals": {"given": given, "asked": asked}, "note": change.note}


def _row(change: Change) -> dict[str, Any]:
    entry = change_entry(change)
    given = entry["approvals"]
    return entry | {
        "what": change.request.label,
        "given": f"{given['given']} of {given['asked']}",
        "by_name": person(entry["requested_by"]),
        "changed": _changed(change),
        "renewed": _renewed(change),
        "branch": f"change/{entry['project']}/{change.id}" if change.is_open else None,
        "ended": _ended(change),
        "expires_at": entry["expires_at"] if change.is_open or change.state == "expired" else None,
    }


def _changed(change: Change) -> str:
    of_flags = change.request.label if change.request.flags else ""
    return ": ".join(text for text in (of_flags, change_line(change.changes)) if text)


def _renewed(change: Change) -> str | None:
    count = len(change.facts.renewals)
    times = "once" if count == 1 else f"{count} times"
    return f"{times}, last by {person(change.terms.by)}" if count else None


def _ended(change: Change) -> str | None:
    closing = change.closing
    if closing is None or change.is_open:
        return None
    why = f": {closing.reason}" if closing.reason else ""
    return f"{closing.state} by {person(closing.by)}{why}"


def change_table(changes: Sequence[Change]) -> Table:
    """Return a row for each change request."""
    note = "" if changes else "no such change requests; see all with `gitexp change list --all`"
    return Table(columns=_COLUMNS, rows=[_row(change) for change in changes], note=note)


def show_change(output: Output, change: Change) -> None:
    """Write one change request: what it asks, what is there and what is missing."""
    fields = Table(columns=_FIELDS, rows=[_row(change)])
    text = field_lines(fields) + "".join(_sections(change))
    output.entry(change_entry(change), fields, quiet=change.id, text=text)


def _sections(change: Change) -> list[str]:
    votes = [_vote_line(vote) for vote in change.to_dict()["votes"]]
    asked = [
        f"{_MARKS[requirement.outcome]}{requirement}"
        for requirement in (change.judgement.requirements if change.judgement else ())
    ]
    approvers = change.judgement.approvers if change.judgement else ()
    who = [f"  {identity}" for identity in approvers]
    problems = [f"  {line}" for line in change.facts.problems]
    stale = f"  `gitexp change renew {change.id}` puts it on top; votes are given anew"
    parts = {
        "it is stale, since its environment or the policies have moved": [stale]
        if change.state == "stale"
        else [],
        "whom it moves": [f"  {line}" for line in change.moves],
        "asked of it": asked,
        "who can give what is missing": who,
        "votes": votes,
        "problems": problems,
    }
    return ["\n".join(["", f"{title}:", *lines, ""]) for title, lines in parts.items() if lines]


def _vote_line(vote: dict[str, Any]) -> str:
    did = "approved" if vote["decision"] == "approve" else "rejected"
    signed = ", signed" if vote["signed"] else ""
    why = f": {vote['reason']}" if vote["reason"] else ""
    return f"  {did} by {vote['by']} on {vote['at']}{signed}{why}"


def tell_state(output: Output, change: Change) -> None:
    """Tell the person how a change request stands, and what is missing."""
    said = f"change request {change.id} is {change.state}"
    missing = "; ".join(change.missing) if change.state in ("pending", "approved") else ""
    if change.note or missing:
        said += f": {change.note or missing}"
    output.session.say(said)
