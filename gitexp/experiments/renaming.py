"""Giving an experiment another name, here and on the shared remote, with its history and runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gitexp.documents import layout
from gitexp.errors import NotAllowed
from gitexp.experiments.following import follow, renamed
from gitexp.experiments.headers import Header, header_at
from gitexp.experiments.homes import get_home
from gitexp.experiments.namesakes import superseding_name
from gitexp.experiments.permissions import require_role
from gitexp.experiments.refusals import refuse_checked_out, refuse_deleted, refuse_taken
from gitexp.experiments.sharing import is_namesake, push, sharing_of
from gitexp.ids import Name, ObjectId, parse_name
from gitexp.project.workspace import Workspace, further
from gitexp.store.history import is_ancestor
from gitexp.store.model import PushUpdate, Signature
from gitexp.store.transaction import Transaction, transact


def rename(workspace: Workspace, name: str, new_name: str) -> Header:
    """Give an experiment another name; it stays the same experiment, with its history and runs.

    Where it is shared, the new branches are pushed and the old ones removed in one atomic step.
    Where it has the new name already, because somebody else renamed it or an earlier call ended
    half-way, the branches here follow; what was saved under the former name goes along.

    Raises:
        AlreadyExists: the new name is taken.
        NotAllowed: the experiment is deleted, is checked out, or has versions or runs on the
            remote that are not here.
        Forbidden: whoever renames it has not the role in the group that owns it.
    """
    target = parse_name(new_name, "experiment name")
    home = get_home(workspace, name)
    refuse_checked_out(workspace, home)
    if home.local and superseding_name(workspace, name) == target:
        return follow(workspace, name, target)
    namesake = is_namesake(workspace, home)
    if not namesake and sharing_of(workspace, home).state in ("behind", "diverged"):
        raise NotAllowed(
            f"experiment {name!r} has newer versions on {workspace.remote_name!r}",
            hint=f"Bring them over with `gitexp pull {name}` first.",
        )
    signature = workspace.signature()
    header, moves = transact(
        workspace.store, lambda tx: _plan_rename(tx, workspace, name, target, signature)
    )
    shared = [] if namesake else [move for move in moves if move.shared]
    updates = [update for move in shared for update in move.updates()]
    if updates:
        push(workspace, updates, what=f"renaming {name!r}")
    transact(workspace.store, lambda tx: _apply_moves(tx, moves))
    return header


@dataclass(frozen=True, kw_only=True)
class _Move:
    """A branch that gets another name: where it stands here and there, and its new tip."""

    old_ref: str
    new_ref: str
    local: ObjectId | None
    shared: ObjectId | None
    tip: ObjectId

    def updates(self) -> list[PushUpdate]:
        """Return the pushes that move the branch on the shared remote."""
        return [
            PushUpdate(ref=self.new_ref, old=None, new=self.tip),
            PushUpdate(ref=self.old_ref, old=self.shared, new=None),
        ]


def _plan_rename(
    tx: Transaction, workspace: Workspace, name: str, target: str, signature: Signature
) -> tuple[Header, list[_Move]]:
    """Stage the objects of a rename, but no reference."""
    home = get_home(workspace, name, reader=tx)
    refuse_deleted(workspace, home, tx)
    refuse_taken(workspace, target, tx)
    require_role(workspace, home, "rename", reader=tx)
    header = header_at(workspace, home.tip, name, reader=tx).having(name=target)
    moves = [
        _Move(
            old_ref=home.branch,
            new_ref=layout.experiment_branch(workspace.project_id, Name(target)),
            local=home.local,
            shared=home.shared,
            tip=renamed(tx, workspace, home, header, signature),
        )
    ]
    for branch_of, what in _BESIDE:
        old, new = (branch_of(workspace.project_id, Name(n)) for n in (name, target))
        local, shared = tx.ref(old), tx.ref(workspace.tracking(old))
        tip = _all_of(tx, workspace, f"experiment {name!r} has {what}", local, shared)
        if tip:
            moves.append(_Move(old_ref=old, new_ref=new, local=local, shared=shared, tip=tip))
    return header, moves


_BESIDE = ((layout.runs_branch, "runs"), (layout.analyses_branch, "days of its A/B test"))
"""The branches that an experiment has beside its own, and what is on them."""


def _all_of(
    tx: Transaction,
    workspace: Workspace,
    subject: str,
    local: ObjectId | None,
    shared: ObjectId | None,
) -> ObjectId | None:
    """Return the tip that holds all runs, or all days.

    Raises:
        NotAllowed: there are some here and others on the remote, which must be joined first.
    """
    tip = further(tx, local, shared)
    if tip and shared and not is_ancestor(tx, shared, tip):
        raise NotAllowed(
            f"{subject} here and others on {workspace.remote_name!r}",
            hint="Join them with `gitexp push` first.",
        )
    return tip


def _apply_moves(tx: Transaction, moves: Sequence[_Move]) -> None:
    for move in moves:
        tx.set_ref(move.new_ref, old=None, new=move.tip, message="gitexp: rename")
        if move.local is not None:
            tx.set_ref(move.old_ref, old=move.local, new=None, message="gitexp: rename")
