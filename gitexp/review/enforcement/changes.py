"""What may be pushed about change requests: new facts, true, and of whoever pushes them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

from gitexp.clock import iso
from gitexp.documents import layout
from gitexp.documents.problems import shown
from gitexp.environments.binding import UNREADABLE, environment_at
from gitexp.errors import Forbidden, InvalidInput, NotAllowed
from gitexp.ids import ChangeId, Name, ObjectId
from gitexp.project.groups import Actor, address_of, same_person
from gitexp.review.changes.ledger import change_at
from gitexp.review.changes.model import ChangeFacts, Closing, Terms, Vote
from gitexp.review.changes.standing import held_by
from gitexp.review.changes.states import is_requester, may_vote
from gitexp.review.enforcement.moves import Place, RefMove
from gitexp.review.enforcement.pushes import Push
from gitexp.store.trees import changed_paths, read_commit


def check_ledger(push: Push, move: RefMove) -> None:
    """See that a push to the ledger of change requests adds facts that whoever pushes may add.

    Raises:
        NotAllowed: it removes or changes a fact, or adds one that is not true.
        Forbidden: a fact names somebody else, or is not for whoever pushes to add.
        InvalidInput: a fact cannot be read.
    """
    if move.new is None or not push.is_forward(move):
        raise NotAllowed(
            "what was said about change requests would be gone",
            hint="Run `gitexp fetch`; votes and requests are only ever added.",
        )
    actor = push.identify(move)
    for change in _touched(push, move):
        before = change_at(push.store, move.old, change)
        after = change_at(push.store, move.new, change)
        if after is None:
            raise NotAllowed(f"change request {change} is not complete: its change.yaml is missing")
        if after.problems:
            raise InvalidInput(f"change request {change}: {after.problems[0]}")
        _Facts(push, actor, before, after).check()


def check_change_branch(push: Push, move: RefMove, place: Place) -> None:
    """See that a change request's branch is one commit ahead of the environment's.

    Raises:
        NotAllowed: it is not, or the branch of an open change request of others would be gone.
        Forbidden: it is gone, and is for whoever asked for it to remove.
    """
    if move.new is None:
        return _check_removal(push, move, place)
    commit = read_commit(push.store, move.new)
    facts = _facts_after(push, place)
    if facts is None or facts.terms.head != move.new:
        raise NotAllowed(
            f"no change request {place.name} asks for this commit",
            hint="Ask with `gitexp promote` or `gitexp change open`, which push both together.",
        )
    base = list(commit.parents)
    if base != ([facts.terms.base] if facts.terms.base else []):
        raise NotAllowed(
            f"the branch of change request {place.name} is not one commit ahead of "
            f"environment {facts.request.environment!r}",
            hint=f"Run `gitexp change renew {place.name}`.",
        )
    return None


def _check_removal(push: Push, move: RefMove, place: Place) -> None:
    facts = _facts_after(push, place)
    if facts is None or facts.closing is not None or _is_applied(push, facts):
        return
    actor = push.identify(move)
    if not is_requester(actor.identity, facts):
        raise Forbidden(
            f"{actor} did not ask for change request {place.name}, which is open",
            hint=f"Reject it with a reason: `gitexp change reject {place.name} -m REASON`.",
        )


def _facts_after(push: Push, place: Place) -> ChangeFacts | None:
    tip = push.after(layout.changes_branch(push.workspace.project_id))
    return change_at(push.store, tip, place.name)


def _touched(push: Push, move: RefMove) -> Sequence[ChangeId]:
    """Return the change requests that a push adds to.

    Raises:
        NotAllowed: it does something else too.
    """
    found: dict[ChangeId, None] = {}
    for path, old, new in changed_paths(push.store, push.tree(move.old), push.tree(move.new)):
        if old is not None:
            raise NotAllowed(
                f"{path} would be changed, and what was said about a change request stays",
                hint="Vote on it as it is now, or open another one.",
            )
        if new is None or not new.is_file or layout.kind_of(path, place="changes") is None:
            raise NotAllowed(f"{shown(path)} is no part of a change request")
        found[ChangeId(path.split("/")[1])] = None
    return list(found)


def _is_applied(push: Push, facts: ChangeFacts) -> bool:
    """Return whether the environment's branch holds what was asked for, now or after this push."""
    return _is_live(push, facts) or held_by(push.workspace, facts, reader=push.store) is not None


def _is_applied_by(push: Push, facts: ChangeFacts, commit: ObjectId | None) -> bool:
    """Return whether the commit that is said to hold what was asked for does."""
    branch = layout.environment_branch(push.workspace.project_id, Name(facts.request.environment))
    if commit is None or (commit == push.after(branch) and _is_live(push, facts)):
        return _is_applied(push, facts)
    return commit == held_by(push.workspace, facts, reader=push.store)


def _is_live(push: Push, facts: ChangeFacts) -> bool:
    environment = Name(facts.request.environment)
    tip = push.after(layout.environment_branch(push.workspace.project_id, environment))
    if tip is None:
        return False
    try:
        found = environment_at(push.store, tip, environment=environment)
    except UNREADABLE:
        return False
    return facts.request.is_held_by(found.binding)


class _Facts:
    """What a push adds to the facts about one change request."""

    def __init__(
        self, push: Push, actor: Actor, before: ChangeFacts | None, after: ChangeFacts
    ) -> None:
        self._push, self._actor = push, actor
        self._before, self._after = before, after
        self._id = after.id

    def check(self) -> None:
        """See that all that is new is true and of whoever pushes."""
        before, after = self._before, self._after
        if before is None:
            self._check_terms(after.request.opened)
        known = before.renewals if before is not None else ()
        for terms in after.renewals[len(known) :]:
            self._check_terms(terms)
        votes = set(before.votes) if before is not None else set()
        for vote in after.votes:
            if vote not in votes:
                self._check_vote(vote)
        if after.closing is not None and (before is None or before.closing is None):
            self._check_closing(after.closing)

    def _check_terms(self, terms: Terms) -> None:
        push, environment = self._push, self._after.request.environment
        declared = push.project.environments.get(environment)
        if declared is None:
            raise NotAllowed(f"environment {environment!r} is not declared on the trunk")
        self._check_own(terms.by, terms.at, "asks for it")
        if not self._may_write():
            raise Forbidden(
                f"{self._actor} may not ask for change request {self._id}: that takes the role "
                f"'write' in group {self._owner()!r}",
                hint=f"Somebody who may move environment {environment!r} asks for it.",
            )
        if list(terms.policy.documents) != [dict(p.document) for p in declared.policies]:
            raise NotAllowed(
                f"change request {self._id} is not under the policies of {environment!r} that are "
                "in force",
                hint="Run `gitexp fetch`, then ask again.",
            )
        branch = layout.environment_branch(push.workspace.project_id, Name(environment))
        if terms.base != push.store.ref(branch):
            raise NotAllowed(
                f"environment {environment!r} has moved since change request {self._id} was made",
                hint="Run `gitexp fetch`, then ask again.",
            )
        if push.after(layout.change_branch(push.workspace.project_id, self._id)) != terms.head:
            raise NotAllowed(f"the branch of change request {self._id} is not in the push")
        if not self._is_on_branch(terms):
            raise NotAllowed(
                f"the branch of change request {self._id} does not hold what it asks for",
                hint="People would look at one thing and vote on another; ask with gitexp.",
            )

    def _is_on_branch(self, terms: Terms) -> bool:
        """Return whether the commit that people look at holds what they vote on."""
        request, project = self._after.request, self._push.workspace.project_id
        try:
            held = environment_at(
                self._push.store, terms.head, environment=request.environment, project=project
            ).binding
        except UNREADABLE:
            return False
        said = (project, held.action, held.version, held.previous)
        return (
            request.is_held_by(held)
            and said == (request.project, request.action, request.version, terms.base)
            and same_person(address_of(held.by), address_of(terms.by))
        )

    def _check_vote(self, vote: Vote) -> None:
        self._check_own(vote.by, vote.at, "votes")
        after = self._after
        if vote.subject != after.terms.subject:
            raise NotAllowed(
                f"a vote on change request {self._id} is for what it no longer asks",
                hint=f"Look at it with `gitexp change show {self._id}`, and vote again.",
            )
        if self._before is not None and self._before.closing is not None:
            raise NotAllowed(f"change request {self._id} is {self._before.closing.state}")
        owner = self._owner()
        if not may_vote(vote.identity, after, groups=self._push.groups, owner=owner):
            raise Forbidden(
                f"{self._actor} may not vote on change request {self._id}",
                hint=f"`gitexp change show {self._id}` says who may.",
            )

    def _check_closing(self, closing: Closing) -> None:
        self._check_own(closing.by, closing.at, "ends it")
        allowed: dict[str, Callable[[], bool]] = {
            "applied": lambda: _is_applied_by(self._push, self._after, closing.commit),
            "rejected": lambda: any(self._rejections()),
            "cancelled": lambda: is_requester(self._actor.identity, self._after),
            "failed": lambda: self._may_write() and not self._is_on_branch(self._after.terms),
        }
        if not allowed[closing.state]():
            raise NotAllowed(
                f"change request {self._id} is not {closing.state}",
                hint=f"`gitexp change show {self._id}` says where it stands.",
            )

    def _rejections(self) -> Iterable[Vote]:
        subject = self._after.terms.subject
        return (
            vote
            for vote in self._after.votes
            if vote.decision == "reject" and vote.subject == subject
        )

    def _may_write(self) -> bool:
        return self._push.groups.may(self._actor.identity, "write", self._owner())

    def _owner(self) -> str:
        name = self._after.request.experiment
        if name is None:
            return self._push.project.group
        return self._push.owner_of(self._push.header(self._push.experiment_tip(name), name))

    def _check_own(self, by: str, at: datetime, what: str) -> None:
        if not same_person(address_of(by), self._actor.identity):
            raise Forbidden(
                f"change request {self._id} says that {by} {what}, and {self._actor} pushes it",
                hint="Set `git config user.email` to the address that the server knows you by.",
            )
        if not self._push.is_now(at):
            raise NotAllowed(
                f"change request {self._id} has a fact of {iso(at)}, which is not now",
                hint="Set your clock, then do it again.",
            )


def check_pin(push: Push, move: RefMove, place: Place) -> None:
    """See that a pin is made, once, and keeps the version that it is named by.

    Raises:
        NotAllowed: it is moved or removed, or keeps something else.
    """
    if move.old is not None:
        raise NotAllowed(
            f"{move.ref} keeps a version that was live, and stays",
            hint="The keeper of the server removes what no environment's history names.",
        )
    if move.new != place.name:
        raise NotAllowed(f"{move.ref} must keep the version that it is named by")
    read_commit(push.store, ObjectId(place.name))
