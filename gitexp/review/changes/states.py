"""The state of a change request: one pure fold of its facts, the environment, and the time.

Nothing of it is stored, so a change request that a forge merged, that ran out of time, or whose
environment was moved by somebody else needs nobody to say so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, get_args

from gitexp.clock import SKEW
from gitexp.ids import ObjectId
from gitexp.project.groups import NO_GROUPS, Groups, identity_key, same_person
from gitexp.project.policies import Approvals
from gitexp.review.changes.model import ChangeFacts, Terms, Vote
from gitexp.review.policies.approvals import may_approve

State = Literal[
    "pending", "approved", "stale", "applied", "rejected", "cancelled", "expired", "failed"
]
"""What has become of a change request. The first three are open: something may still come of it."""

STATES: tuple[State, ...] = get_args(State)
OPEN: frozenset[State] = frozenset(["pending", "approved", "stale"])


@dataclass(frozen=True, kw_only=True)
class Standing:
    """Where the environment of a change request stands.

    Attributes:
        tip: the commit of its branch; None where it has none.
        applied: the commit of its branch that holds what the change request asks for.
        policies: the digest of the policies that are in force now; None where it is not known.
        owner: the group that owns the experiment; empty where none does.
    """

    tip: ObjectId | None
    applied: ObjectId | None = None
    policies: str | None = None
    owner: str = ""


def state_of(
    facts: ChangeFacts, where: Standing, now: datetime, *, groups: Groups = NO_GROUPS
) -> State:
    """Return the state of a change request.

    Whether it may be applied is for the policies to say, which may ask for more than approvals.

    Args:
        groups: the people of the project, of whom the policies speak.
    """
    ended = _ended(facts, where)
    if ended is not None:
        return ended
    votes = counted_votes(facts, facts.terms.subject, now, groups=groups, owner=where.owner)
    if any(vote.decision == "reject" for vote in votes):
        return "rejected"
    if now >= expiry_of(facts.terms):
        return "expired"
    if is_stale(facts.terms, where):
        return "stale"
    return "approved" if _is_approved(facts, votes, groups, where.owner) else "pending"


def _ended(facts: ChangeFacts, where: Standing) -> State | None:
    """Return how it ended where that was written down, or the environment's branch shows it."""
    if where.applied is not None:
        return "applied"
    if facts.closing is not None:
        return facts.closing.state
    return None


def is_stale(terms: Terms, where: Standing) -> bool:
    """Return whether what the terms stand on has moved: the environment, or its policies."""
    moved = terms.base != where.tip
    return moved or where.policies not in (None, terms.policy.digest)


def expiry_of(terms: Terms) -> datetime:
    """Return until when something can come of a change request.

    The file says it, and the policies in it say how late that may be.
    """
    waits = (rule.expires_after for rule in terms.policy.rules.values())
    return min([terms.expires_at, *(terms.at + wait for wait in waits)])


def votes_for(facts: ChangeFacts, subject: str) -> list[Vote]:
    """Return the votes for a subject, at most one of each person, by the time of voting.

    The first one of a person counts, and of two at the same moment the one that rejects. Whether
    whoever voted may vote is not looked at here.
    """
    found: dict[str, Vote] = {}
    for vote in sorted(facts.votes, key=lambda v: (v.at, v.decision != "reject", v.person)):
        if vote.subject == subject:
            found.setdefault(identity_key(vote.identity), vote)
    return list(found.values())


def counted_votes(
    facts: ChangeFacts,
    subject: str,
    now: datetime,
    *,
    groups: Groups = NO_GROUPS,
    owner: str = "",
) -> list[Vote]:
    """Return the votes for a subject that count: of those who may vote, and of now.

    A vote that is dated before the terms that it is for, or in the future, does not count.
    """
    terms = next((t for t in (facts.terms, facts.request.opened) if t.subject == subject), None)
    if terms is None:
        return []
    return [
        vote
        for vote in votes_for(facts, subject)
        if terms.at - SKEW <= vote.at <= now + SKEW
        and may_vote(vote.identity, facts, groups=groups, owner=owner)
    ]


def may_vote(
    identity: str, facts: ChangeFacts, *, groups: Groups = NO_GROUPS, owner: str = ""
) -> bool:
    """Return whether somebody's vote is asked for by one of the policies."""
    return any(
        may_approve(rule, identity, owner=owner, groups=groups)
        and (rule.self_approval or not is_requester(identity, facts))
        for rule in facts.terms.policy.rules.values()
    )


def is_requester(identity: str, facts: ChangeFacts) -> bool:
    """Return whether somebody asked for a change request, or renewed it."""
    return any(same_person(identity, requester) for requester in facts.requesters)


def _is_approved(facts: ChangeFacts, votes: Sequence[Vote], groups: Groups, owner: str) -> bool:
    """Return whether each policy that asks for approvals has them.

    Where it asks for signatures, a vote must carry one; whose it is is for the policies to check.
    """
    policy = facts.terms.policy

    def counts(vote: Vote, name: str, rule: Approvals) -> bool:
        if vote.decision != "approve" or (name in policy.signed and vote.signature is None):
            return False
        own = is_requester(vote.identity, facts) and not rule.self_approval
        return not own and may_approve(rule, vote.identity, owner=owner, groups=groups)

    return all(
        sum(counts(vote, name, rule) for vote in votes) >= rule.count
        for name, rule in policy.rules.items()
    )
