"""Voting on change requests: one vote a person and subject, written once, perhaps signed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from gitexp.clock import SKEW, iso
from gitexp.errors import Conflict, InvalidInput, RemoteError
from gitexp.ids import ObjectId
from gitexp.project.groups import current_groups, same_person
from gitexp.project.workspace import Workspace
from gitexp.review.changes.branches import bring_experiment, remove_branch
from gitexp.review.changes.ledger import closing_file, vote_file
from gitexp.review.changes.model import Closing, Decision, Vote
from gitexp.review.changes.reading import Change, find_facts, get_change, looked_at
from gitexp.review.changes.recording import Entry, record
from gitexp.review.changes.refusals import (
    refuse_ended,
    refuse_second_vote,
    refuse_stale,
    refuse_voter,
)
from gitexp.review.changes.states import votes_for
from gitexp.store.transaction import Transaction


def approve(workspace: Workspace, change: str, *, reason: str | None = None) -> Change:
    """Return a change request that whoever works here has approved.

    Somebody who approved it before stays counted once. Nothing is applied.

    Raises:
        NotFound: there is no such change request, or no shared remote.
        NotAllowed: it is over, or whoever asks has rejected it.
        Conflict: it is stale, or the clock here stands before the time when it was asked.
        Forbidden: the policies do not ask for the vote of whoever asks.
        RemoteUnavailable: the remote cannot be reached; nothing was recorded.
    """
    return _vote(workspace, change, "approve", reason)


def reject(workspace: Workspace, change: str, *, reason: str) -> Change:
    """Return a change request that whoever works here has rejected, which ends it.

    Raises:
        InvalidInput: no reason was given.
        NotFound, NotAllowed, Conflict, Forbidden, RemoteUnavailable: as `approve` says.
    """
    if not reason.strip():
        raise InvalidInput(
            "a rejection needs a reason", hint="Say why, such as `-m 'Answers get too short'`."
        )
    rejected = _vote(workspace, change, "reject", reason)
    remove_branch(workspace, rejected.facts)
    return rejected


def _vote(workspace: Workspace, change: str, decision: Decision, reason: str | None) -> Change:
    def plan(tx: Transaction, there: Mapping[str, ObjectId]) -> Entry[str]:
        facts = find_facts(workspace, change, reader=tx)
        bring_experiment(workspace, facts)
        found = looked_at(workspace, facts, reader=tx)
        vote = _new_vote(workspace, found, decision, reason)
        before = next(
            (v for v in votes_for(facts, vote.subject) if same_person(v.identity, vote.identity)),
            None,
        )
        if before is not None and found.state in ("pending", "approved", "rejected"):
            refuse_second_vote(found, before, decision)
            return Entry(result=facts.id)
        refuse_ended(found)
        refuse_stale(found)
        refuse_voter(found, vote.identity, current_groups(workspace, reader=tx))
        _refuse_early(found, vote)
        did = "approved" if decision == "approve" else "rejected"
        return Entry(
            result=facts.id,
            files=_files(_signed(workspace, found, vote)),
            message=f"change {facts.id}: {did} by {vote.by}\n",
        )

    return _as_it_is_now(workspace, record(workspace, plan))


def _as_it_is_now(workspace: Workspace, change: str) -> Change:
    """Return a change request with what is missing, by the remote if that still answers."""
    try:
        return get_change(workspace, change, online=True)
    except RemoteError:
        return get_change(workspace, change)


def _new_vote(workspace: Workspace, change: Change, decision: Decision, reason: str | None) -> Vote:
    signature = workspace.signature()
    return Vote(
        change=change.id,
        decision=decision,
        by=str(signature),
        at=signature.when.replace(microsecond=0),
        reason=(reason or "").strip() or None,
        subject=change.terms.subject,
    )


def _refuse_early(change: Change, vote: Vote) -> None:
    """Raise when a vote would not count, because the clock here is behind.

    Raises:
        Conflict: it would not.
    """
    if vote.at < change.terms.at - SKEW:
        raise Conflict(
            f"the clock here says {iso(vote.at)}, and change request {change.id} is of "
            f"{iso(change.terms.at)}: one of the two clocks is wrong",
            hint="Set the clock right, and vote again.",
        )


def _signed(workspace: Workspace, change: Change, vote: Vote) -> Vote:
    """Return the vote, signed where a policy or `gitexp.sign` asks for that."""
    from gitexp.review.signatures.promotions import seal_vote

    policy = change.terms.policy
    asked = any(name in policy.signed for name in policy.rules)
    return replace(vote, signature=seal_vote(workspace, vote.signed_document(), asked=asked))


def _files(vote: Vote) -> dict[str, bytes]:
    """Return the files of a vote; a rejection is an end as well."""
    if vote.decision == "approve":
        return vote_file(vote)
    end = Closing(change=vote.change, state="rejected", by=vote.by, at=vote.at, reason=vote.reason)
    return {**vote_file(vote), **closing_file(end)}
