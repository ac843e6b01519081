"""Evidence that is simply told, and moves in one line: what the tests of judging stand on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any

from gitexp.documents.canonical import digest_of
from gitexp.environments.binding import Action, Binding, Bypass, Snapshot
from gitexp.ids import Name, ObjectId, VersionId
from gitexp.project.groups import Actor, Group, Groups
from gitexp.project.policies import GateRule, Policy, policies_of
from gitexp.review.policies.judging import (
    Ballot,
    GateFinding,
    Judgement,
    Move,
    Period,
    Vote,
    judge,
)
from gitexp.review.signatures.answers import UNSIGNED, Answer

NOW = datetime(2026, 11, 21, 13, 15, tzinfo=timezone.utc)
TIP = ObjectId("a" * 40)
VERSION = VersionId("b" * 40)

PEOPLE = Groups(
    {
        "leads": Group.from_dict(
            "leads",
            {
                "members": {
                    "lea@example.com": {"roles": ["approve"]},
                    "lin@example.com": {"roles": ["admin"]},
                    "rob@example.com": {"roles": ["read"]},
                }
            },
        )
    }
)


def policies(*documents: Mapping[str, Any]) -> tuple[Policy, ...]:
    return policies_of(documents)


def ago(**length: float) -> datetime:
    return NOW - timedelta(**length)


def bound(values: Mapping[str, Any], **more: Any) -> Binding:
    """Return a binding of these values."""
    fixed: dict[str, Any] = {
        "project": "bot",
        "environment": "production",
        "action": "promote",
        "experiment_id": "x" * 16,
        "experiment": "tone",
        "version": VERSION,
        "digest": digest_of(values),
        "by": "Ann <ann@example.com>",
        "at": NOW,
        "previous": TIP,
    }
    return Binding(**{**fixed, **more})


def move(
    after: Mapping[str, Any] | None,
    before: Mapping[str, Any] | None = None,
    *,
    action: Action = "promote",
    actor: str = "ann@example.com",
    change: str | None = None,
    bypass: Bypass | None = None,
    tip: ObjectId | None = TIP,
    **more: Any,
) -> Move:
    """Return a move to some values, of nothing without any, from others."""
    if after is None:
        action = "unbind"
        more = {"experiment_id": None, "experiment": None, "version": None, "digest": None, **more}
    binding = bound(after or {}, action=action, change=change, bypass=bypass, **more)
    old = None if before is None else Snapshot(binding=bound(before, commit=TIP), values=before)
    return Move(
        project="bot",
        environment=Name("production"),
        before=old,
        after=binding,
        values=after or {},
        tip=tip,
        actor=Actor(identity=actor),
    )


def approve(by: str, at: datetime = NOW, **more: Any) -> Vote:
    return Vote(decision="approve", by=by, at=at, **more)


def reject(by: str, reason: str) -> Vote:
    return Vote(decision="reject", by=by, at=NOW, reason=reason)


@dataclass(kw_only=True)
class Known:
    """Evidence that is told beforehand; votes are for whatever subject is asked about."""

    now: datetime = NOW
    groups: Groups = PEOPLE
    votes: Sequence[Vote] | None = None
    requested_by: str = "ann@example.com"
    closed: str = ""
    owned_by: str = ""
    gates: Mapping[str, GateFinding] = field(default_factory=dict)
    periods: Mapping[str, Sequence[Period]] = field(default_factory=dict)
    signed: Answer = UNSIGNED
    version_signed: Answer = UNSIGNED
    asked: list[str] = field(default_factory=list)

    def owner(self, move: Move) -> str:
        self.asked.append("owner")
        return self.owned_by

    def ballot(self, move: Move, subject: str) -> Ballot | None:
        self.asked.append("ballot")
        if self.votes is None:
            return None
        return Ballot(requesters=[self.requested_by], votes=self.votes, closed=self.closed)

    def gate(self, rule: GateRule, move: Move) -> GateFinding:
        self.asked.append("gate")
        return self.gates.get(rule.dataset, GateFinding(passed=None, text="no run"))

    def live_periods(self, environment: str, mark: str) -> Sequence[Period]:
        self.asked.append("live_periods")
        return self.periods.get(environment, ())

    def promotion_signature(self, move: Move) -> Answer:
        self.asked.append("promotion_signature")
        return self.signed

    def version_signature(self, move: Move) -> Answer:
        self.asked.append("version_signature")
        return self.version_signed


def judged(policy: Mapping[str, Any], asked: Move, **known: Any) -> Judgement:
    """Return what one policy comes to."""
    return judge(policies({"name": "rule", **policy}), asked, Known(**known))


def lines(judgement: Judgement) -> list[str]:
    """Return the requirements, each as its outcome and its text."""
    return [f"{r.outcome}: {r.text}" for r in judgement.requirements]
