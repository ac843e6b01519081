"""Moving environments as people ask for it: done where policies allow it, else asked for.

Nothing of policies is imported for an environment that has none.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NoReturn, TypeVar

from gitexp.environments.binding import Binding
from gitexp.environments.live import bound_environments
from gitexp.environments.orders import Order, gather, staged_plan
from gitexp.environments.promotion import carry_out
from gitexp.errors import ApprovalRequired
from gitexp.project.workspace import Workspace

if TYPE_CHECKING:
    from gitexp.review.changes.reading import Change

T = TypeVar("T")


def ask_or_move(workspace: Workspace, order: Order) -> Binding:
    """Return the binding that an order comes to; where it takes approval, ask for that.

    Raises:
        ApprovalRequired: it takes approval; `change` is the change request that waits for it.
        Refused, Forbidden, NotFound, NotAllowed, InvalidInput, Conflict, PushRejected,
            RemoteUnavailable: as `carry_out` says.
    """
    try:
        return carry_out(workspace, order)
    except ApprovalRequired as required:
        if order.change is not None:
            raise
        _ask(workspace, order, required)


def ask_or_publish(
    workspace: Workspace, order: Callable[[T], Order], *, publish: Callable[[bool], T]
) -> T:
    """Return what is published; where its promotion takes approval, share it and ask for that.

    Args:
        order: the promotion of what was shared.
        publish: saves and shares, and promotes too where it is told so.

    Raises:
        ApprovalRequired: it is saved and shared, and `change` waits for approval to promote it.
    """
    try:
        return publish(True)
    except ApprovalRequired as required:
        _ask(workspace, order(publish(False)), required)


def ask_or_delete(
    workspace: Workspace, experiment_id: str, reason: str, *, delete: Callable[[], bool]
) -> bool:
    """Return whether an experiment was deleted; where that takes approval, ask for it.

    An experiment is unbound everywhere or nowhere, so where unbinding one environment takes
    approval nothing is done, and a change request is opened for each such environment.

    Raises:
        ApprovalRequired: unbinding takes approval; the message names every change request.
        Refused: a policy forbids it; nothing is asked for.
    """
    try:
        return delete()
    except ApprovalRequired as required:
        orders = [
            Order.of(workspace, "unbind", name, reason=reason)
            for name in bound_environments(workspace, experiment_id)
        ]
        asked = [order for order in orders if _takes_approval(workspace, order)]
        if not asked:
            raise  # somebody was quicker; deleting again tells how it stands now
        _ask_for_all(workspace, asked, required)


def _takes_approval(workspace: Workspace, order: Order) -> bool:
    try:
        staged_plan(workspace, order, gather(workspace, order))
    except ApprovalRequired:
        return True
    return False


def _ask(workspace: Workspace, order: Order, required: ApprovalRequired) -> NoReturn:
    from gitexp.review.changes.opening import open_change, raise_for

    raise_for(open_change(workspace, order), required)


def _ask_for_all(
    workspace: Workspace, orders: Sequence[Order], required: ApprovalRequired
) -> NoReturn:
    from gitexp.review.changes.opening import open_change

    changes = [open_change(workspace, order) for order in orders]
    listed = ", ".join(f"{change.id} ({change.environment})" for change in changes)
    raise ApprovalRequired(
        f"unbinding takes approval, so nothing was deleted; change requests wait for it: {listed}",
        change=changes[0].id,
        missing=[f"{c.environment}: {line}" for c in changes for line in _missing(c)],
        approvers=tuple(dict.fromkeys(who for c in changes for who in _approvers(c))),
        hint="Delete again when they are applied.",
    ) from required


def _missing(change: Change) -> Sequence[str]:
    return [str(r) for r in change.judgement.missing] if change.judgement else ()


def _approvers(change: Change) -> Sequence[str]:
    return change.judgement.approvers if change.judgement else ()
