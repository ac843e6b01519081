"""Moving environments: promote, roll back, unbind. Each is one commit in one atomic push."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from gitexp.documents import layout
from gitexp.environments.binding import UNREADABLE, Binding
from gitexp.environments.branches import (
    environment_name,
    fetch_branch,
    synchronize,
    tip_of,
)
from gitexp.environments.history import bring_history, chosen_target, rollback_target
from gitexp.environments.live import (
    bound_environments,
    environments_by_experiment,
    live_snapshot,
)
from gitexp.environments.locating import find_experiment
from gitexp.environments.planning import (
    Move,
    Plan,
    binding_plan,
    restoring_plan,
    unbinding_plan,
)
from gitexp.errors import (
    Conflict,
    NotAllowed,
    NotBound,
    PushRejected,
    RemoteError,
)
from gitexp.experiments.headers import Header, read_header
from gitexp.experiments.publishing import PlanPromotion
from gitexp.experiments.refusals import refuse_former_name
from gitexp.experiments.sharing import is_shared
from gitexp.experiments.versions import Version, resolve_version
from gitexp.ids import Name, ObjectId
from gitexp.project.reading import current_project
from gitexp.project.workspace import Workspace
from gitexp.store.model import PushUpdate, Signature
from gitexp.store.transaction import Transaction, transact

__all__ = [
    "bound_environments",
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


@dataclass(frozen=True, kw_only=True)
class _Order:
    """What was asked for: the environment, the experiment where one is named, and the words."""

    environment: Name
    experiment: str | None = None
    reason: str | None = None
    change: str | None = None
    signature: Signature

    def move(self, there: Mapping[str, ObjectId]) -> Move:
        return Move(
            environment=self.environment,
            signature=self.signature,
            reason=self.reason,
            change=self.change,
            there=there,
        )


def promote(
    workspace: Workspace,
    experiment: str,
    environment: str,
    *,
    version: str | None = None,
    reason: str | None = None,
    change: str | None = None,
) -> Binding:
    """Return the binding that makes a version live; `created` tells whether it is new.

    Branches are fetched first. A version that is live already makes no commit.

    Args:
        version: a revision of the experiment; the latest version when None.

    Raises:
        NotFound: no such environment, experiment or version, or no shared remote.
        NotAllowed: the experiment is deleted or has another name now, or the version is not
            shared.
        InvalidInput: the version's values are not valid.
        Conflict: somebody else moved the environment meanwhile; nothing was changed.
        PushRejected: the remote refused the push; nothing was changed.
        RemoteUnavailable: the remote cannot be reached.
    """
    order = _Order(
        environment=environment_name(environment),
        experiment=experiment,
        reason=reason,
        change=change,
        signature=workspace.signature(),
    )

    def plan(tx: Transaction, move: Move) -> Plan:
        current_project(workspace, reader=tx).environment(environment)
        header = read_header(workspace, experiment, reader=tx)
        refuse_former_name(workspace, experiment, reader=tx)
        _refuse_deleted(header)
        chosen = resolve_version(workspace, experiment, version or "latest", reader=tx)
        shared = _shared(tx, workspace, experiment, chosen.checked())
        return binding_plan(tx, workspace, move, header, shared)

    return _carry_out(workspace, order, plan)


def rollback(
    workspace: Workspace,
    environment: str,
    *,
    to: str | None = None,
    reason: str | None = None,
    change: str | None = None,
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
        Conflict, PushRejected, RemoteUnavailable: as `promote` says.
    """
    order = _Order(
        environment=environment_name(environment),
        reason=reason,
        change=change,
        signature=workspace.signature(),
    )
    synchronize(workspace, order.environment)
    bring_history(workspace, order.environment)

    def plan(tx: Transaction, move: Move) -> Plan:
        target = (
            chosen_target(workspace, move.environment, to, tx)
            if to
            else rollback_target(workspace, move.environment, tx)
        )
        header = find_experiment(workspace, target.binding)
        if header:
            _refuse_deleted(header)
        name = header.name if header else target.binding.experiment
        return restoring_plan(tx, workspace, move, target, str(name))

    return _carry_out(workspace, order, plan)


def unbind(workspace: Workspace, environment: str, *, reason: str | None = None) -> Binding:
    """Return the binding that says that nothing is live; no commit when that is so already.

    Raises:
        NotFound: there is no such environment.
        NotBound: nothing was ever bound.
        Conflict, PushRejected, RemoteUnavailable: as `promote` says.
    """
    order = _Order(
        environment=environment_name(environment), reason=reason, signature=workspace.signature()
    )

    def plan(tx: Transaction, move: Move) -> Plan:
        if tip_of(workspace, move.environment, reader=tx) is None:
            current_project(workspace, reader=tx).environment(environment)
            raise NotBound(
                f"no version was ever bound to environment {environment!r}",
                hint=f"Bind one with `gitexp promote EXPERIMENT {environment}`.",
            )
        return unbinding_plan(tx, workspace, move)

    return _carry_out(workspace, order, plan)


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
    order = _Order(
        environment=environment_name(environment),
        reason=reason,
        signature=workspace.signature(),
    )
    current_project(workspace, reader=tx).environment(environment)
    header = read_header(workspace, experiment, reader=tx)
    _refuse_deleted(header)
    return list(binding_plan(tx, workspace, order.move(there), header, version).updates)


def plan_unbind(
    tx: Transaction, workspace: Workspace, environment: str, *, reason: str | None = None
) -> PushUpdate | None:
    """Return the push that unbinds an environment, None when nothing is bound to it.

    Raises:
        InvalidInput: the reason cannot be stored.
    """
    order = _Order(
        environment=environment_name(environment),
        reason=reason,
        signature=workspace.signature(),
    )
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


def _refuse_deleted(header: Header) -> None:
    if header.lifecycle == "deleted":
        raise NotAllowed(
            f"experiment {header.name!r} is deleted",
            hint=f"Bring it back with `gitexp experiment restore {header.name}`.",
        )


def _shared(tx: Transaction, workspace: Workspace, experiment: str, version: Version) -> Version:
    """Return the version under a hash that is on the shared remote.

    Raises:
        NotAllowed: it is not shared under any of its hashes.
    """
    for known in (version.version, *version.aliases):
        if is_shared(workspace, experiment, known, reader=tx):
            return version if known == version.version else replace(version, version=known)
    raise NotAllowed(
        f"version {version.version[:10]} of experiment {experiment!r} is not shared",
        hint=f"Share it first with `gitexp share {experiment}`.",
    )


def _carry_out(
    workspace: Workspace, order: _Order, plan: Callable[[Transaction, Move], Plan]
) -> Binding:
    """Plan and push, and plan again where another one's pin was in the way."""
    for attempts_left in reversed(range(_ATTEMPTS)):
        there = synchronize(workspace, order.environment, order.experiment)
        planned = _planned(workspace, order.move(there), plan)
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


def _planned(workspace: Workspace, move: Move, plan: Callable[[Transaction, Move], Plan]) -> Plan:
    return transact(workspace.store, lambda tx: plan(tx, move))


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
