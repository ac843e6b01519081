"""Publishing: create, save, share and promote in one atomic push."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from gitexp.experiments.homes import Home, find_home, get_home
from gitexp.experiments.lifecycle import NewExperiment, create
from gitexp.experiments.saving import Edit, move_branch, save
from gitexp.experiments.sharing import fetch_project, push, share_update
from gitexp.experiments.versions import Version
from gitexp.ids import ObjectId
from gitexp.project.workspace import Workspace
from gitexp.store.model import PushUpdate
from gitexp.store.staging import stage
from gitexp.store.transaction import Transaction, transact


class PlanPromotion(Protocol):
    """Stages the commit that promotes a version, and returns the pushes that it needs."""

    def __call__(
        self, tx: Transaction, workspace: Workspace, name: str, version: Version
    ) -> Sequence[PushUpdate]: ...


@dataclass(frozen=True, kw_only=True)
class _Plan:
    version: Version
    home: Home
    local: ObjectId | None
    updates: Sequence[PushUpdate]


def publish(
    workspace: Workspace,
    new: NewExperiment,
    values: Mapping[str, Any],
    *,
    patch: bool = False,
    message: str | None = None,
    promote: PlanPromotion | None = None,
) -> Version:
    """Return the version that was saved, shared and, with `promote`, made live.

    An experiment that exists already gets another version. Seen from the remote everything
    happens at once or not at all; when the push is refused, no local branch has moved either.

    Args:
        patch: whether `values` replace single values of the latest version, not all of them.

    Raises:
        InvalidDocuments: the values are not valid.
        Conflict: the remote moved meanwhile.
        PushRejected: the server refused the push.
    """
    fetch_project(workspace)
    edit = Edit(patch=values) if patch else Edit(values=values)
    plan = stage(workspace.store, lambda tx: _planned(tx, workspace, new, edit, message, promote))
    if plan.updates:
        push(workspace, plan.updates, what=f"publishing {new.name!r}")

    def move(tx: Transaction) -> None:
        home = replace(plan.home, local=plan.local)
        # A save that came between keeps the branch; what was published is joined by a pull.
        moved = plan.home.local not in (None, plan.local)
        if moved and tx.ref(home.branch) == plan.local:
            move_branch(tx, home, plan.home.tip, f"gitexp publish {new.name}")

    transact(workspace.store, move)
    return plan.version


def _planned(
    tx: Transaction,
    workspace: Workspace,
    new: NewExperiment,
    edit: Edit,
    message: str | None,
    promote: PlanPromotion | None,
) -> _Plan:
    """Stage everything that is published, as objects only."""
    inner = Transaction(tx)
    staged = replace(workspace, store=inner)
    if find_home(staged, new.name) is None:
        create(staged, new)
    version = save(staged, new.name, edit, message=message)
    home = get_home(staged, new.name)
    own = share_update(staged, home)
    updates = [own] if own else []
    updates += promote(inner, staged, new.name, version) if promote else []
    tx.apply(inner.objects, [])
    return _Plan(version=version, home=home, local=tx.ref(home.branch), updates=updates)
