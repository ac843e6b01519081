"""Giving change requests up, and writing down how those ended that nobody has closed."""

from __future__ import annotations

from collections.abc import Mapping

from gitexp.documents import layout
from gitexp.errors import Forbidden
from gitexp.ids import Name, ObjectId
from gitexp.project.workspace import Workspace
from gitexp.review.changes.applying import closing_of
from gitexp.review.changes.branches import current_ledger, ledger_branch, remove_branch, shared_tip
from gitexp.review.changes.ledger import change_at, closing_file
from gitexp.review.changes.model import ChangeFacts, Closing
from gitexp.review.changes.reading import Change, find_facts, get_change, looked_at
from gitexp.review.changes.recording import Entry, record
from gitexp.review.changes.refusals import refuse_ended
from gitexp.review.changes.standing import Standings
from gitexp.review.changes.states import is_requester
from gitexp.store.transaction import Transaction


def cancel(workspace: Workspace, change: str, *, reason: str | None = None) -> Change:
    """Return a change request that whoever asked for it has given up.

    Raises:
        NotFound: there is no such change request, or no shared remote.
        NotAllowed: it is over.
        Forbidden: whoever asks did not ask for it.
        RemoteUnavailable: the remote cannot be reached; nothing was recorded.
    """

    def plan(tx: Transaction, there: Mapping[str, ObjectId]) -> Entry[ChangeFacts]:
        facts = find_facts(workspace, change, reader=tx)
        found = looked_at(workspace, facts, reader=tx)
        if found.state == "cancelled":
            return Entry(result=facts)
        refuse_ended(found)
        end = _cancelled(workspace, facts, reason)
        _refuse_foreign(workspace, found)
        return Entry(
            result=facts,
            files=closing_file(end),
            message=f"change {facts.id}: cancelled by {end.by}\n",
        )

    facts = record(workspace, plan)
    remove_branch(workspace, facts)
    return get_change(workspace, facts.id)


def _cancelled(workspace: Workspace, facts: ChangeFacts, reason: str | None) -> Closing:
    signature = workspace.signature()
    return Closing(
        change=facts.id,
        state="cancelled",
        by=str(signature),
        at=signature.when.replace(microsecond=0),
        reason=(reason or "").strip() or None,
    )


def _refuse_foreign(workspace: Workspace, change: Change) -> None:
    """Raise when somebody gives up what others asked for.

    Raises:
        Forbidden: whoever asks may not.
    """
    identity = workspace.signature().email
    if not is_requester(identity, change.facts):
        raise Forbidden(
            f"{identity} did not ask for change request {change.id}",
            hint=f"Ask {change.terms.by} to give it up, or reject it with "
            f"`gitexp change reject {change.id} -m REASON`.",
        )


def tidy(workspace: Workspace) -> tuple[str, ...]:
    """Write down what forges have merged, and take the branches of all that is over away.

    It returns the ids of the change requests that it wrote an end of. Nothing depends on it: the
    state of a change request is read off the environment's branch.

    Raises:
        RemoteUnavailable: the remote cannot be reached.
    """
    ended = record(workspace, lambda tx, there: _unwritten(workspace, tx))
    for facts in _with_branches(workspace):
        if not looked_at(workspace, facts).is_open:
            remove_branch(workspace, facts)
    return ended


def _with_branches(workspace: Workspace) -> list[ChangeFacts]:
    """Return the change requests that have a branch on the shared remote."""
    tip = shared_tip(workspace, ledger_branch(workspace))
    start = workspace.tracking(layout.change_branches(Name(workspace.project_id)))
    ids = [ref.removeprefix(start) for ref in workspace.store.refs(start)]
    found = (change_at(workspace.store, tip, one, cache=workspace.cache) for one in ids)
    return [facts for facts in found if facts is not None]


def _unwritten(workspace: Workspace, tx: Transaction) -> Entry[tuple[str, ...]]:
    standings = Standings(workspace, reader=tx)
    files: dict[str, bytes] = {}
    ended: list[str] = []
    for facts in current_ledger(workspace, ended=False, reader=tx).changes:
        commit = standings.of(facts).applied
        if commit is not None:
            files |= closing_file(closing_of(workspace, facts, commit))
            ended.append(facts.id)
    message = f"changes that were applied: {', '.join(ended)}\n"
    return Entry(result=tuple(ended), files=files, message=message)
