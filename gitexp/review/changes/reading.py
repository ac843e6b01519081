"""Change requests as they are now: their facts with their states, and what is missing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from gitexp.clock import iso
from gitexp.environments.binding import (
    UNREADABLE,
    Snapshot,
    environment_at,
    one_line,
    snapshot_at,
)
from gitexp.errors import InvalidInput, NotFound, RemoteError
from gitexp.experiments.permissions import identity_of
from gitexp.ids import ChangeId, Name, is_change_id
from gitexp.project.groups import Actor, current_groups, same_person, shared_trunk
from gitexp.project.in_force import policies_at
from gitexp.project.workspace import Workspace
from gitexp.review.changes.branches import bring, current_ledger, ledger_branch, shared_tip
from gitexp.review.changes.ledger import change_at
from gitexp.review.changes.model import ChangeFacts, Closing, Request, Terms, Vote
from gitexp.review.changes.standing import Standings
from gitexp.review.changes.states import (
    OPEN,
    Standing,
    State,
    counted_votes,
    expiry_of,
    is_requester,
    may_vote,
    state_of,
)
from gitexp.store.protocol import Store

if TYPE_CHECKING:
    from gitexp.experiments.changes import ValueChange
    from gitexp.review.policies.evidence import GitEvidence
    from gitexp.review.policies.judging import Judgement

_FEWEST_DIGITS = 4


@dataclass(frozen=True, kw_only=True)
class Change:
    """A change request as it is now.

    Attributes:
        facts: everything that was written down about it.
        where: where its environment stands.
        votes: the votes that count now.
        judgement: what the policies in force ask and what of it is there; None where it was not
            asked for, or is over.
        changes: the parameters that it would change, where it was judged, and what of flags that
            are published already, as `KEY.FIELD`.
        moves: how that moves people who have such a flag, a line each.
        note: what came of a step that was tried on the way, such as why it was not applied yet.
    """

    facts: ChangeFacts
    state: State
    where: Standing
    votes: tuple[Vote, ...] = ()
    judgement: Judgement | None = None
    changes: tuple[ValueChange, ...] = ()
    moves: tuple[str, ...] = ()
    note: str = ""

    @property
    def id(self) -> ChangeId:
        """Its id."""
        return self.facts.id

    @property
    def request(self) -> Request:
        """What it asks for."""
        return self.facts.request

    @property
    def terms(self) -> Terms:
        """What is voted on now."""
        return self.facts.terms

    @property
    def environment(self) -> str:
        """The environment that it is about."""
        return self.request.environment

    @property
    def is_open(self) -> bool:
        """Whether something may still come of it."""
        return self.state in OPEN

    @property
    def expires_at(self) -> datetime:
        """Until when something may come of it."""
        return expiry_of(self.terms)

    @property
    def missing(self) -> tuple[str, ...]:
        """What is missing before it can be applied, a line each."""
        return tuple(str(r) for r in self.judgement.unmet) if self.judgement else ()

    @property
    def closing(self) -> Closing | None:
        """How it ended, where that was written down."""
        return self.facts.closing

    def to_dict(self) -> dict[str, Any]:
        """Return the change request as JSON data."""
        request, terms = self.request, self.terms
        return {
            "id": self.id,
            "state": self.state,
            "project": request.project,
            "environment": request.environment,
            "action": request.action,
            "experiment": request.experiment,
            "experiment_id": request.experiment_id,
            "version": request.version,
            "digest": request.digest,
            "flags": dict(request.flags),
            "requested_by": request.opened.by,
            "requested_at": iso(request.opened.at),
            "reason": request.opened.reason,
            "renewals": len(self.facts.renewals),
            "expires_at": iso(self.expires_at),
            "from": terms.base,
            "head": terms.head,
            "subject": terms.subject,
            "changes": [change.to_dict() for change in self.changes],
            "moves": list(self.moves),
            "votes": [_vote_dict(vote) for vote in self.votes],
            "requirements": self.judgement.to_dict() if self.judgement else None,
            "commit": self.where.applied,
            "closed": _closing_dict(self.closing),
            "problems": list(self.facts.problems),
        }


def _vote_dict(vote: Vote) -> dict[str, Any]:
    return {
        "decision": vote.decision,
        "by": vote.by,
        "at": iso(vote.at),
        "reason": vote.reason,
        "signed": vote.signature is not None,
    }


def _closing_dict(closing: Closing | None) -> dict[str, Any] | None:
    if closing is None:
        return None
    return {
        "state": closing.state,
        "by": closing.by,
        "at": iso(closing.at),
        "reason": closing.reason,
    }


# --- finding --------------------------------------------------------------------------------


def find_facts(workspace: Workspace, change: str, *, reader: Store | None = None) -> ChangeFacts:
    """Return the facts about a change request, by its id or the beginning of one.

    Raises:
        NotFound: there is none, or several begin so.
        InvalidInput: what it asks for cannot be read.
    """
    store = reader or workspace.store
    if is_change_id(change):
        tip = shared_tip(workspace, ledger_branch(workspace), reader=store)
        facts = change_at(store, tip, change, cache=workspace.cache)
        found = [facts] if facts else []
    else:
        known = current_ledger(workspace, reader=store).changes if _is_part(change) else ()
        found = [facts for facts in known if change in (facts.id[: len(change)], _last(facts.id))]
    if len(found) == 1:
        return found[0]
    raise missing_change(change, [facts.id for facts in found])


def _is_part(text: str) -> bool:
    return len(text) >= _FEWEST_DIGITS


def _last(change: ChangeId) -> str:
    return change.rpartition("-")[2]


def missing_change(change: str, fitting: Sequence[ChangeId] = ()) -> NotFound:
    """Return the error for what names no change request, or several."""
    if fitting:
        return NotFound(
            f"several change requests begin with {change!r}: {', '.join(fitting)}",
            hint="Give the whole id.",
        )
    return NotFound(
        f"no change request {change!r}",
        hint="List them with `gitexp change list --state all`, after `gitexp fetch`.",
    )


def get_change(
    workspace: Workspace, change: str, *, judged: bool = True, online: bool = False
) -> Change:
    """Return a change request; brought over where it is not here.

    Args:
        online: bring over what the policies ask about; else what was last fetched answers.

    Raises:
        NotFound: there is none.
        RemoteUnavailable: something is to be brought over, and the remote cannot be reached.
    """
    try:
        facts = find_facts(workspace, change)
    except NotFound as missing:
        if not workspace.has_remote:
            raise
        try:
            bring(workspace)
        except RemoteError:
            raise missing from None
        facts = find_facts(workspace, change)
    return looked_at(workspace, facts, judged=judged, online=online)


def iterate_changes(
    workspace: Workspace, *, ended: bool = True, judged: bool = False
) -> Iterator[Change]:
    """Yield every change request that can be read, newest first, as last fetched.

    Args:
        ended: those too of which it is written down how they ended.
        judged: ask the policies what is missing, where something may still come of it.
    """
    known = current_ledger(workspace, ended=ended).changes
    standings = Standings(workspace)
    newest_first = sorted(known, key=lambda f: (f.request.opened.at, f.id), reverse=True)
    for facts in newest_first:
        yield looked_at(workspace, facts, standings=standings, judged=judged)


def looked_at(
    workspace: Workspace,
    facts: ChangeFacts,
    *,
    standings: Standings | None = None,
    reader: Store | None = None,
    judged: bool = False,
    online: bool = False,
) -> Change:
    """Return a change request as it is now.

    Args:
        judged: ask the policies what is missing, where something may still come of it.
        online: bring over what they ask about first.
    """
    where = (standings or Standings(workspace, reader=reader)).of(facts)
    groups = current_groups(workspace, reader=reader)
    now = workspace.surroundings.clock.now()
    state = state_of(facts, where, now, groups=groups)
    votes = counted_votes(facts, facts.terms.subject, now, groups=groups, owner=where.owner)
    found = Change(facts=facts, state=state, where=where, votes=tuple(votes))
    return _judged(workspace, found, now, online) if judged else found


def waits_for(workspace: Workspace, change: Change) -> bool:
    """Return whether a change request waits for the vote of whoever asks."""
    identity = identity_of(workspace)
    if identity is None or change.state != "pending":
        return False
    if any(same_person(identity, vote.identity) for vote in change.votes):
        return False
    groups = current_groups(workspace)
    return may_vote(identity, change.facts, groups=groups, owner=change.where.owner)


def is_shown(workspace: Workspace, change: Change) -> bool:
    """Return whether a change request is shown to whoever reads now.

    It is to those who may read what it is about, who are asked for their vote, or who asked. To
    nobody in particular everything is shown: what a clone holds it can read.
    """
    groups = current_groups(workspace)
    identity = identity_of(workspace) if groups else None
    if identity is None:
        return True
    owner = change.where.owner
    return (
        groups.may(identity, "read", owner)
        or may_vote(identity, change.facts, groups=groups, owner=owner)
        or is_requester(identity, change.facts)
    )


def is_mine(workspace: Workspace, change: Change) -> bool:
    """Return whether whoever asks opened or renewed a change request."""
    identity = identity_of(workspace)
    return identity is not None and is_requester(identity, change.facts)


# --- what is missing ------------------------------------------------------------------------


def wanted_snapshot(
    workspace: Workspace, facts: ChangeFacts, *, reader: Store | None = None
) -> Snapshot:
    """Return what the environment shall say, as the change's branch holds it.

    Raises:
        InvalidDocuments, InvalidInput: the commit cannot be read, or holds something else.
        MissingObject, DamagedObject: it is not here.
    """
    request = facts.request
    snapshot = environment_at(
        reader or workspace.store,
        facts.terms.head,
        environment=request.environment,
        project=request.project,
        cache=workspace.cache,
    )
    if not request.is_held_by(snapshot.binding) or snapshot.binding.action != request.action:
        raise InvalidInput(
            f"commit {facts.terms.head[:10]} does not hold what change request {facts.id} asks for",
            hint="Ask for it anew with `gitexp promote`.",
        )
    return snapshot


def _judged(workspace: Workspace, change: Change, now: datetime, online: bool) -> Change:
    """Return a change request with what it changes and, while it is open, what is missing."""
    from gitexp.experiments.changes import value_changes
    from gitexp.flags.rebucketing import moved_between
    from gitexp.review.policies.evidence import GitEvidence

    try:
        wanted = wanted_snapshot(workspace, change.facts)
    except UNREADABLE as exc:
        return replace(change, note=one_line(exc) if change.is_open else "")
    before = _before(workspace, change)
    types = {**(before.binding.types if before else {}), **wanted.binding.types}
    changes = value_changes(before.values if before else {}, wanted.values, types)
    flags = before.flags if before else {}
    for key in (key for key in flags if key in wanted.flags):
        found = value_changes(flags[key], wanted.flags[key], {})
        changes += tuple(replace(each, name=f"{key}.{each.name}") for each in found)
    change = replace(change, changes=changes, moves=tuple(moved_between(flags, wanted.flags)))
    if not change.is_open:
        return change
    evidence = GitEvidence(workspace, trunk=shared_trunk(workspace), now=now, online=online)
    judgement = _judgement(workspace, change, wanted, before, evidence)
    return replace(change, judgement=judgement)


def _before(workspace: Workspace, change: Change) -> Snapshot | None:
    """Return what the environment said where the change request stands; None where nothing."""
    base = change.terms.base
    try:
        return snapshot_at(workspace.store, base, cache=workspace.cache) if base else None
    except UNREADABLE:
        return None


def _judgement(
    workspace: Workspace,
    change: Change,
    wanted: Snapshot,
    before: Snapshot | None,
    evidence: GitEvidence,
) -> Judgement:
    """Return what the policies in force say to a change request where it stands."""
    from gitexp.review.policies.judging import Move, judge

    trunk = shared_trunk(workspace)
    move = Move(
        project=change.request.project,
        environment=Name(change.environment),
        before=before,
        after=wanted.binding,
        values=wanted.values,
        tip=change.terms.base,
        actor=Actor(identity=identity_of(workspace) or ""),
    )
    return judge(policies_at(workspace, trunk, change.environment), move, evidence)
