"""Renewing change requests: the same again, on top of where the environment has moved to.

Its branch is put on the environment's new tip. Votes for what was asked before do not count any
more, because what is live before the change, or what the policies ask, is not what was voted on.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace

from gitexp.environments.binding import UNREADABLE, one_line
from gitexp.environments.live import live_snapshot
from gitexp.environments.planning import Move, requested_plan
from gitexp.errors import NotAllowed, PushRejected
from gitexp.ids import ChangeId, Name, ObjectId
from gitexp.project.workspace import Workspace
from gitexp.review.changes.branches import branch_of_change, shared_tip
from gitexp.review.changes.ledger import renewal_file
from gitexp.review.changes.model import ChangeFacts
from gitexp.review.changes.opening import Asking, on_its_subject, terms_of
from gitexp.review.changes.reading import (
    Change,
    find_facts,
    get_change,
    looked_at,
    wanted_snapshot,
)
from gitexp.review.changes.recording import Entry, record
from gitexp.review.changes.refusals import refuse_ended
from gitexp.store.model import PushUpdate
from gitexp.store.transaction import Transaction


def renew(workspace: Workspace, change: str, *, reason: str | None = None) -> Change:
    """Return a change request on top of where its environment is now; one that is there stays.

    Raises:
        NotFound: there is no such change request, or no shared remote.
        NotAllowed: it is over, or the environment says so already.
        Refused: a policy forbids it, and no approval would help.
        Forbidden: whoever asks may not ask for this.
        PushRejected: the remote refused the push; nothing was changed.
        RemoteUnavailable: the remote cannot be reached.
    """
    renewal = _Renewal(workspace, change, reason)
    return get_change(workspace, record(workspace, renewal.plan, refused=renewal.mend))


@dataclass
class _Renewal:
    """One renewal: what is asked, and what was done for it."""

    workspace: Workspace
    change: str
    reason: str | None
    branch: str = ""
    mended: bool = False

    def plan(self, tx: Transaction, there: Mapping[str, ObjectId]) -> Entry[ChangeId]:
        """Stage the renewal; nothing where the change request stands on the present already."""
        facts = find_facts(self.workspace, self.change, reader=tx)
        found = looked_at(self.workspace, facts, reader=tx)
        refuse_ended(found)
        if found.state != "stale":
            return Entry(result=facts.id)
        self.branch = branch_of_change(self.workspace, facts.id)
        return self._entry(tx, facts)

    def _entry(self, tx: Transaction, facts: ChangeFacts) -> Entry[ChangeId]:
        workspace, asking = self.workspace, Asking()
        request, move = facts.request, self._move(facts)
        try:
            wanted = wanted_snapshot(workspace, facts, reader=tx)
        except UNREADABLE as exc:
            raise NotAllowed(
                f"change request {facts.id} cannot be renewed: {one_line(exc)}",
                hint=f"Ask anew, and give this one up with `gitexp change cancel {facts.id}`.",
            ) from exc
        _refuse_live(workspace, facts, tx)
        planned = requested_plan(tx, replace(workspace, guard=asking), move, wanted)
        terms = terms_of(workspace, planned.binding, asking, tx)
        terms = on_its_subject(request, replace(terms, reason=(self.reason or "").strip() or None))
        update = PushUpdate(
            ref=self.branch,
            old=shared_tip(workspace, self.branch, reader=tx),
            new=terms.head,
        )
        return Entry(
            result=facts.id,
            files=renewal_file(facts.id, len(facts.renewals) + 1, terms),
            message=f"change {facts.id}: renewed by {terms.by}\n",
            updates=[update],
        )

    def _move(self, facts: ChangeFacts) -> Move:
        return Move(
            environment=Name(facts.request.environment),
            signature=self.workspace.signature(),
            reason=facts.request.opened.reason,
            change=facts.id,
            there={},
        )

    def mend(self, refused: PushRejected) -> bool:
        """Make room where the remote lets no branch be rewritten, and return whether it did.

        The branch goes in a push of its own then. Without it, the change request is as stale as
        it was, and is renewed from what it holds.
        """
        old = shared_tip(self.workspace, self.branch)
        if self.mended or self.branch not in refused.refs or old is None:
            return False
        remote = self.workspace.remote()
        if remote.list_refs([self.branch]).get(self.branch) != old:
            return False  # somebody else was quicker
        self.mended = True
        with suppress(PushRejected):
            remote.push([PushUpdate(ref=self.branch, old=old, new=None)])
        return True


def _refuse_live(workspace: Workspace, facts: ChangeFacts, tx: Transaction) -> None:
    """Raise when the environment says already what is asked for.

    Raises:
        NotAllowed: it does.
    """
    request = facts.request
    try:
        live = live_snapshot(workspace, Name(request.environment), reader=tx)
    except UNREADABLE:
        return
    if request.flags:
        flags = live.binding.flags if live else {}
        if all(flags.get(key) == digest for key, digest in request.flags.items()):
            raise _nothing_left(facts)
        return
    now = (live.binding.experiment_id, live.binding.version) if live else (None, None)
    if now == (request.experiment_id, request.version):
        raise _nothing_left(facts)


def _nothing_left(facts: ChangeFacts) -> NotAllowed:
    request = facts.request
    said = "its flags are so" if request.flags else f"{request.label} is live"
    return NotAllowed(
        f"environment {request.environment!r} says so already: {said}",
        hint=f"Give the change request up with `gitexp change cancel {facts.id}`.",
    )
