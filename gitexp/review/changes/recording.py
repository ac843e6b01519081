"""Recording facts: one commit on the ledger, pushed together with what goes with it, or not at all.

The ledger moves whenever anybody votes on anything, so a push that comes second is planned anew
on top of the first. A plan therefore looks at the facts that it is based on every time, and says
no where they do not let it go on any more.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from gitexp.errors import Conflict, PushRejected
from gitexp.ids import ObjectId
from gitexp.project.workspace import Workspace
from gitexp.review.changes.branches import bring, ledger_branch, shared_tip
from gitexp.store.model import PushUpdate, TreeId
from gitexp.store.races import Refusals, back_off
from gitexp.store.staging import stage
from gitexp.store.transaction import Transaction
from gitexp.store.trees import entry_at, tree_of

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Entry(Generic[T]):
    """What is to be recorded, and what comes of it.

    Attributes:
        result: what the caller gets once it is recorded.
        files: new files of the ledger by their paths; none where all is recorded already.
        message: what the commit of the ledger says.
        updates: what is pushed in the same step.
    """

    result: T
    files: Mapping[str, bytes] = field(default_factory=dict)
    message: str = ""
    updates: Sequence[PushUpdate] = ()


Plan = Callable[[Transaction, Mapping[str, ObjectId]], Entry[T]]
"""Stages what is to be recorded; it is given the references of the remote."""


def record(
    workspace: Workspace,
    plan: Plan[T],
    *,
    also: Sequence[str] = (),
    prepare: Callable[[], Mapping[str, ObjectId]] | None = None,
    refused: Callable[[PushRejected], bool] | None = None,
) -> T:
    """Return what a plan results in, once it is on the shared remote.

    Args:
        also: full names of references of the remote that the plan wants to know of.
        prepare: brings over what else the plan needs, before each attempt.
        refused: mends what a refusal complains of and returns whether it could.

    Raises:
        Conflict: a file of the ledger is there with other content.
        PushRejected: the remote refuses for another reason than a race.
        RemoteUnavailable: it cannot be reached; nothing was recorded.
    """
    refusals = Refusals()
    refusal: tuple[PushRejected, Sequence[PushUpdate]] | None = None
    while True:
        more = prepare() if prepare else {}
        there = {**more, **bring(workspace, *also)}
        if refusal is not None:
            refusals.add(refusal[0], moved=any(there.get(u.ref) != u.old for u in refusal[1]))
        result, updates = _planned(workspace, plan, there)
        try:
            if updates:
                workspace.remote().push(updates)
        except PushRejected as exc:
            refusal = None if refused and refused(exc) else (exc, updates)
            back_off(refusals.count)
        else:
            return result


def _planned(
    workspace: Workspace, plan: Plan[T], there: Mapping[str, ObjectId]
) -> tuple[T, Sequence[PushUpdate]]:
    return stage(workspace.store, lambda tx: _staged(tx, workspace, plan(tx, there)))


def _staged(
    tx: Transaction, workspace: Workspace, entry: Entry[T]
) -> tuple[T, Sequence[PushUpdate]]:
    """Return what a plan results in, and what to push for it."""
    branch = ledger_branch(workspace)
    tip = shared_tip(workspace, branch, reader=tx)
    base = tree_of(tx, tip) if tip else None
    new = {path: data for path, data in entry.files.items() if _is_new(tx, base, path, data)}
    if not new:
        return entry.result, tuple(entry.updates)
    commit = tx.commit(
        tree=tx.tree(base, new),
        parents=[tip] if tip else [],
        message=entry.message,
        author=workspace.signature(),
        sign=workspace.commit_sign(),
    )
    return entry.result, (*entry.updates, PushUpdate(ref=branch, old=tip, new=commit))


def _is_new(tx: Transaction, base: TreeId | None, path: str, data: bytes) -> bool:
    entry = entry_at(tx, base, path) if base else None
    if entry is None:
        return True
    if entry.id == tx.blob(data):
        return False
    raise Conflict(
        f"somebody else wrote {path} meanwhile",
        hint="Look at it with `gitexp change show`, and do again what still applies.",
    )
