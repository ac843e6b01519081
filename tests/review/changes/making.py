"""Facts about change requests, made without a repository."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from gitexp.ids import ChangeId, Digest, ObjectId
from gitexp.review.changes.model import (
    ChangeFacts,
    Closing,
    Decision,
    FrozenPolicies,
    Request,
    Terms,
    Vote,
)
from tests.builders import MOMENT

ID = ChangeId("20260102-aaaaaaaa")
BASE, HEAD, VERSION = (ObjectId(letter * 40) for letter in "abc")
DIGEST = Digest("sha256:" + "d" * 64)
REVIEWED: dict[str, Any] = {"name": "reviewed", "approvals": {"count": 2, "expires_after": "7d"}}
ADA, BOB, CY = (f"{n} <{n.lower()}@example.org>" for n in ("Ada", "Bob", "Cy"))


def frozen(*documents: dict[str, Any]) -> FrozenPolicies:
    """Return policies, all of which ask for approvals."""
    documents = documents or (REVIEWED,)
    names = [str(document["name"]) for document in documents]
    return FrozenPolicies(
        commit=ObjectId("e" * 40),
        asking=tuple(names),
        documents=documents,
    )


def request(*, change: ChangeId = ID, base: ObjectId | None = BASE, **terms: Any) -> Request:
    """Return a request by Ada to make a version live."""
    policy = terms.pop("policy", frozen())
    opened = Terms(
        base=base,
        head=HEAD,
        subject=Digest(""),
        by=ADA,
        at=MOMENT,
        expires_at=MOMENT + timedelta(days=7),
        policy=policy,
    )
    asked = Request(
        id=change,
        project="bot",
        environment="production",
        action="promote",
        experiment_id="x" + "a" * 16,
        experiment="checkout",
        version=VERSION,
        digest=DIGEST,
        opened=replace(opened, **terms),
    )
    return replace(asked, opened=replace(asked.opened, subject=asked.subject(base, policy.digest)))


def renewed(asked: Request, base: ObjectId | None, **terms: Any) -> Terms:
    """Return the terms of a renewal on top of another commit."""
    now = replace(asked.opened, base=base, at=MOMENT + timedelta(hours=1), **terms)
    return replace(now, subject=asked.subject(base, now.policy.digest))


def vote(asked: Request, by: str, decision: Decision = "approve", **fields: Any) -> Vote:
    """Return a vote on a request, a minute after it was opened."""
    made = Vote(
        change=asked.id,
        decision=decision,
        by=by,
        at=MOMENT + timedelta(minutes=1),
        reason="too warm" if decision == "reject" else None,
        subject=asked.opened.subject,
    )
    return replace(made, **fields)


def closing(asked: Request, state: Any, **fields: Any) -> Closing:
    """Return the end of a request."""
    made = Closing(change=asked.id, state=state, by=ADA, at=MOMENT + timedelta(hours=2))
    return replace(made, **fields)


def facts(asked: Request, *votes: Vote, **more: Any) -> ChangeFacts:
    """Return the facts about a request."""
    return ChangeFacts(request=asked, votes=votes, **more)
