"""Why something cannot be done with a change request, and what to do instead."""

from __future__ import annotations

from gitexp.clock import iso
from gitexp.errors import Conflict, Forbidden, NotAllowed
from gitexp.project.groups import Groups
from gitexp.review.changes.model import ChangeFacts, Vote
from gitexp.review.changes.reading import Change
from gitexp.review.changes.states import is_requester, may_vote

_NAMED = 5
"""How many people a refusal names."""


def refuse_ended(change: Change) -> None:
    """Raise when nothing can come of a change request any more.

    Raises:
        NotAllowed: it is over; the message says how and by whom.
    """
    if change.is_open:
        return
    raise NotAllowed(
        f"change request {change.id} is {_ending(change)}",
        hint="Ask anew with `gitexp promote`, `gitexp env rollback` or `gitexp env unbind`."
        if change.state != "applied"
        else f"See `gitexp env history {change.environment}`.",
    )


def _ending(change: Change) -> str:
    """Return how a change request ended, in words."""
    closing = change.closing
    if change.state == "expired":
        return f"expired since {iso(change.expires_at)}"
    if closing is not None and closing.state == change.state:
        why = f": {closing.reason}" if closing.reason else ""
        return f"{change.state}, by {closing.by} on {iso(closing.at)}{why}"
    rejection = next((vote for vote in change.votes if vote.decision == "reject"), None)
    if change.state == "rejected" and rejection is not None:
        return f"rejected, by {rejection.by} on {iso(rejection.at)}: {rejection.reason}"
    return change.state


def refuse_stale(change: Change) -> None:
    """Raise when what a change request stands on has moved.

    Raises:
        Conflict: it has.
    """
    if change.state != "stale":
        return
    what = f"environment {change.environment!r} has moved"
    if change.terms.base == change.where.tip:
        what = f"the policies of environment {change.environment!r} are others"
    raise Conflict(
        f"change request {change.id} is stale: {what} since it was asked for",
        hint=f"Put it on top of that with `gitexp change renew {change.id}`; votes are given anew.",
    )


def refuse_voter(change: Change, identity: str, groups: Groups) -> None:
    """Raise when somebody's vote is not asked for.

    Raises:
        Forbidden: it is not; the message says whose is.
    """
    facts, owner = change.facts, change.where.owner
    if may_vote(identity, facts, groups=groups, owner=owner):
        return
    whose = ", ".join(voters(facts, groups, owner)[:_NAMED])
    asked = f"Ask {whose}." if whose else "See who may with `gitexp change show`."
    if is_requester(identity, facts):
        raise Forbidden(
            f"{identity} asked for change request {change.id}, and others have to approve it",
            hint=f"{asked} To give it up: `gitexp change cancel {change.id}`.",
        )
    raise Forbidden(
        f"{identity} may not vote on change request {change.id} of environment "
        f"{change.environment!r}",
        hint=asked,
    )


def voters(facts: ChangeFacts, groups: Groups, owner: str) -> list[str]:
    """Return the addresses of those whose votes are asked for, as far as they are named."""
    found: dict[str, None] = {}
    for rule in facts.terms.policy.rules.values():
        asked = rule.by.groups if rule.by else ((owner,) if owner else ())
        for who in groups.people(asked, rule.by.users):
            if rule.self_approval or not is_requester(who, facts):
                found[who] = None
    return list(found)


def refuse_second_vote(change: Change, before: Vote, decision: str) -> None:
    """Raise when somebody has voted otherwise before.

    Raises:
        NotAllowed: they have.
    """
    if before.decision == decision:
        return
    did = "approved" if before.decision == "approve" else "rejected"
    raise NotAllowed(
        f"{before.by} {did} change request {change.id} on {iso(before.at)}, and a vote stays",
        hint=f"Whoever asked can give it up: `gitexp change cancel {change.id}`.",
    )
