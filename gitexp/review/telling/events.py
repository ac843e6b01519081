"""Events: what happened to a project, each with its moment and whoever did it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, get_args

from gitexp.clock import iso, parse_iso

Kind = Literal[
    "save", "header", "lifecycle", "share", "run", "promotion", "change", "approval", "project"
]
"""What an event is about.

`save` is a version; `header` what is said of an experiment; `lifecycle` that it was created,
renamed, archived, deleted or came back; `share` that it was pushed, or merged into the trunk;
`run` a run; `promotion` a move of an environment; `change` a change request, `approval` a vote on
one; `project` the definition, policies, groups and signers on the trunk.
"""

KINDS: tuple[Kind, ...] = get_args(Kind)


@dataclass(frozen=True, kw_only=True)
class Event:
    """One thing that happened.

    Attributes:
        action: what was done, in a word, such as `rollback` or `approve`; of a run, its status.
        at: when, by the clock of whoever did it.
        by: who, as `Name <address>`; empty where that is not known.
        text: what there is to say about it, in a line or more.
        commit: the commit that says it; None where none does.
        version, digest, run, change: what it is about, where it is about one.
        details: more of it, as JSON data.
    """

    kind: Kind
    action: str
    at: datetime
    by: str
    text: str
    experiment: str | None = None
    environment: str | None = None
    version: str | None = None
    digest: str | None = None
    run: str | None = None
    change: str | None = None
    commit: str | None = None
    details: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Event:
        """Return the event that `to_dict` gave."""
        return cls(**{**data, "at": parse_iso(data["at"])})

    def to_dict(self) -> dict[str, Any]:
        """Return the event as JSON data."""
        return dict(vars(self)) | {"at": iso(self.at), "details": dict(self.details)}


Line = Sequence[Event]
"""Events whose order is known, oldest first: those along one branch, or of one change request."""


def newest_first(lines: Iterable[Line], *, now: datetime) -> list[Event]:
    """Return the events of several lines in one order, the newest first.

    The order of a line stays, whatever the clocks of those who wrote it said: an event counts as
    no older than the one before it in its line, and as no newer than now.
    """
    ranked = []
    for number, line in enumerate(lines):
        reached = datetime.min.replace(tzinfo=now.tzinfo)
        for position, event in enumerate(line):
            reached = max(reached, min(event.at, now))
            ranked.append((reached, number, position, event))
    return [event for *_, event in sorted(ranked, key=lambda r: r[:3], reverse=True)]
