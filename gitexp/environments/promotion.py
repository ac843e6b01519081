"""Moving environments: promote, roll back, unbind. Each is one commit in one atomic push."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gitexp.documents import layout
from gitexp.environments.binding import UNREADABLE, Binding
from gitexp.environments.branches import fetch_branch
from gitexp.environments.live import (
    bound_environments,
    environments_by_experiment,
    live_snapshot,
)
from gitexp.environments.orders import (
    Order,
    gather,
    refuse_deleted_experiment,
    staged_plan,
)
from gitexp.environments.planning import Plan, binding_plan, unbinding_plan
from gitexp.errors import Conflict, PushRejected, RemoteError
from gitexp.experiments.headers import read_header
from gitexp.experiments.publishing import PlanPromotion
from gitexp.experiments.versions import Version
from gitexp.ids import Name, ObjectId
from gitexp.project.reading import current_project
from gitexp.project.workspace import Workspace
from gitexp.store.model import PushUpdate
from gitexp.store.transaction import Transaction

__all__ = [
    "bound_environments",
    "carry_out",
    "environments_by_experiment",
    "plan_promotion",
    "plan_publication",
    "plan_unbind",
    "promote",
    "rollback",
    "unbind",
    "unbind_everywhere",
]

_ATTEMPTS = 5
"""How often a push is planned again because a pin, which others may set too, was in its way."""


def promote(
    workspace: Workspace,
    experiment: str,
    environment: str,
    *,
    version: str | None = None,
    reason: str | None = None,
    change: str | None = None,
    bypass: str | None = None,
) -> Binding:
    """Return the binding that makes a version live; `created` tells whether it is new.

    Branches are fetched first. A version that is live already makes no commit.

    Args:
        version: a revision of the experiment; the latest version when None.
        bypass: why policies are passed over, by somebody whom they name.

    Raises:
        ApprovalRequired: a policy asks for people's approval first; nothing was changed.
        Refused: a policy forbids it; nothing was changed.
        Forbidden: a policy is not to be passed over by whoever asks.
        NotFound: no such environment, experiment or version, or no shared remote.
        NotAllowed: the experiment is deleted or has another name now, or the version is not
            shared.
        InvalidInput: the version's values are not valid.
        Conflict: somebody else moved the environment meanwhile; nothing was changed.
        PushRejected: the remote refused the push; nothing was changed.
        RemoteUnavailable: the remote cannot be reached.
    """
    order = Order.of(
        workspace,
        "promote",
        environment,
        experiment=experiment,
        version=version,
        reason=reason,
        change=change,
        bypass=bypass,
    )
    return carry_out(workspace, order)


def rollback(
    workspace: Workspace,
    environment: str,
    *,
    to: str | None = None,
    reason: str | None = None,
    change: str | None = None,
    bypass: str | None = None,
) -> Binding:
    """Return the binding that makes an earlier one live again.

    Without `to`, it is the binding before the live one: the newest earlier one of another
    experiment or of other values that was not rolled back from since. So rolling back twice goes
    further back, not back and forth. Where nothing is bound, or the branch's newest commit
    cannot be read as a binding, it is the one that was live last.

    Args:
        to: a commit of the environment's branch or a version that was live in it, as a hash or
            the beginning of one.

    Raises:
        NotBound: nothing was ever bound.
        NotFound: there is no earlier binding, or none that fits `to`; or no such environment.
        NotAllowed: the earlier binding's experiment is deleted.
        ApprovalRequired, Refused, Forbidden, Conflict, PushRejected, RemoteUnavailable: as
            `promote` says.
    """
    order = Order.of(
        workspace, "rollback", environment, to=to, reason=reason, change=change, bypass=bypass
    )
    return carry_out(workspace, order)


def unbind(
    workspace: Workspace,
    environment: str,
    *,
    reason: str | None = None,
    change: str | None = None,
    bypass: str | None = None,
) -> Binding:
    """Return the binding that says that nothing is live; no commit when that is so already.

    Raises:
        NotFound: there is no such environment.
        NotBound: nothing was ever bound.
        ApprovalRequired, Refused, Forbidden, Conflict, PushRejected, RemoteUnavailable: as
            `promote` says.
    """
    order = Order.of(workspace, "unbind", environment, reason=reason, change=change, bypass=bypass)
    return carry_out(workspace, order)


def plan_publication(environment: str, *, reason: str | None = None) -> PlanPromotion:
    """Return what stages a promotion of a version that is shared in the same push.

    It is called with a transaction, the workspace, the experiment's name and the version, and
    returns the pushes, none when the version is live already. The environment's branch and the
    trunk have been fetched before.
    """

    def plan(
        tx: Transaction, workspace: Workspace, name: str, version: Version
    ) -> Sequence[PushUpdate]:
        pin = layout.pin_ref(version.version)
        there = {} if version.created else workspace.remote().list_refs([pin])
        return plan_promotion(
            tx, workspace, environment, version, experiment=name, reason=reason, there=there
        )

    return plan


def plan_promotion(
    tx: Transaction,
    workspace: Workspace,
    environment: str,
    version: Version,
    *,
    experiment: str,
    reason: str | None = None,
    there: Mapping[str, ObjectId],
) -> list[PushUpdate]:
    """Return the pushes that make a version live; none when it is live already.

    Whether the version is shared is for the caller to see to: it may be pushed in the same step.

    Args:
        there: references of the shared remote, which tell whether the version is pinned already.

    Raises:
        NotFound: the environment is not declared, or there is no such experiment.
        NotAllowed: the experiment is deleted.
        InvalidInput: the version's values are not valid, or the reason cannot be stored.
    """
    order = Order.of(workspace, "promote", environment, reason=reason)
    current_project(workspace, reader=tx).environment(environment)
    header = read_header(workspace, experiment, reader=tx)
    refuse_deleted_experiment(header)
    return list(binding_plan(tx, workspace, order.move(there), header, version).updates)


def plan_unbind(
    tx: Transaction, workspace: Workspace, environment: str, *, reason: str | None = None
) -> PushUpdate | None:
    """Return the push that unbinds an environment, None when nothing is bound to it.

    Raises:
        InvalidInput: the reason cannot be stored.
    """
    order = Order.of(workspace, "unbind", environment, reason=reason)
    updates = unbinding_plan(tx, workspace, order.move({})).updates
    return updates[0] if updates else None


def unbind_everywhere(
    tx: Transaction, workspace: Workspace, experiment_id: str, *, reason: str | None = None
) -> list[PushUpdate]:
    """Return the pushes that unbind every environment an experiment is live in.

    Raises:
        InvalidDocuments: a branch cannot be read, so the experiment may be live there.
    """
    names = bound_environments(workspace, experiment_id, reader=tx)
    updates = [plan_unbind(tx, workspace, name, reason=reason) for name in names]
    return [update for update in updates if update is not None]


def carry_out(workspace: Workspace, order: Order) -> Binding:
    """Return the binding that an order comes to, once it is on the shared remote.

    It is planned again where another one's pin was in the way. Raises as `promote` says.
    """
    for attempts_left in reversed(range(_ATTEMPTS)):
        planned = staged_plan(workspace, order, gather(workspace, order))
        try:
            if planned.updates:
                workspace.remote().push(planned.updates)
            break
        except PushRejected as exc:
            if _arrived(workspace, order.environment, planned, exc):
                break
            if not attempts_left or not _pin_was_set(planned, exc):
                raise
    return planned.binding


def _arrived(workspace: Workspace, environment: Name, planned: Plan, refused: PushRejected) -> bool:
    """Return whether a refused push is on the remote all the same.

    Raises:
        Conflict: the environment stands elsewhere than where the push expected it.
        PushRejected: the remote does not answer any more.
    """
    update = planned.updates[0]
    try:
        now = workspace.remote().list_refs([update.ref]).get(update.ref)
        if now not in (update.old, update.new):
            fetch_branch(workspace, environment)
    except RemoteError:
        raise refused from None
    if now not in (update.old, update.new):
        raise _moved(workspace, environment) from refused
    return now == update.new


def _moved(workspace: Workspace, environment: Name) -> Conflict:
    try:
        snapshot = live_snapshot(workspace, environment)
    except UNREADABLE:
        snapshot = None
    binding = snapshot.binding if snapshot else None
    by, now = (f" by {binding.by}", f": now at {binding.label}") if binding else ("", "")
    return Conflict(
        f"environment {environment!r} was moved{by} meanwhile{now}",
        hint=f"Look at `gitexp env history {environment}`, then run the command again if it "
        "still applies.",
    )


def _pin_was_set(planned: Plan, refused: PushRejected) -> bool:
    branch = planned.updates[0].ref
    return branch not in refused.refs and any(
        update.ref in refused.refs for update in planned.updates[1:]
    )
