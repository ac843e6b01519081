"""Orders: a move of an environment that was asked for, before it is known what it comes to.

The same order can be carried out, opened as a change request, or only judged: what it takes is
brought over, then planned as objects, and what becomes of the plan is for the caller.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from gitexp.environments.branches import environment_name, synchronize, tip_of
from gitexp.environments.history import bring_history, chosen_target, rollback_target
from gitexp.environments.locating import find_experiment
from gitexp.environments.planning import (
    Move,
    Plan,
    binding_plan,
    flags_plan,
    restoring_plan,
    unbinding_plan,
)
from gitexp.environments.published import FlagEdits
from gitexp.errors import NotAllowed, NotBound
from gitexp.experiments.headers import Header, header_at
from gitexp.experiments.homes import get_home
from gitexp.experiments.refusals import refuse_former_name
from gitexp.experiments.sharing import is_shared
from gitexp.experiments.versions import Version, resolve_version
from gitexp.ids import Name, ObjectId
from gitexp.project.reading import current_project
from gitexp.project.workspace import Workspace
from gitexp.store.model import Signature
from gitexp.store.staging import stage
from gitexp.store.transaction import Transaction

Asked = Literal["promote", "rollback", "unbind", "flags"]


@dataclass(frozen=True, kw_only=True)
class Order:
    """A move of an environment, as somebody asks for it.

    Attributes:
        experiment: what to promote; None for the other actions.
        version: a revision of the experiment; its latest version when None.
        to: what to roll back to, as `chosen_target` reads it; what was live before when None.
        flags: what to publish, by key; None takes a flag away; nothing for the other actions.
        reason: why, in their words.
        change: the change request that it carries out.
        bypass: why policies are to be passed over; None where all of them are asked.
        signature: who asks, and when.
    """

    action: Asked
    environment: Name
    experiment: str | None = None
    version: str | None = None
    to: str | None = None
    flags: FlagEdits = field(default_factory=dict)
    reason: str | None = None
    change: str | None = None
    bypass: str | None = None
    signature: Signature

    @classmethod
    def of(
        cls,
        workspace: Workspace,
        action: Asked,
        environment: str,
        *,
        experiment: str | None = None,
        version: str | None = None,
        to: str | None = None,
        reason: str | None = None,
        change: str | None = None,
        bypass: str | None = None,
    ) -> Order:
        """Return an order of whoever works here, now.

        Raises:
            InvalidInput: the environment's name is not usable, or nobody's identity is known.
        """
        return cls(
            action=action,
            environment=environment_name(environment),
            experiment=experiment,
            version=version,
            to=to,
            reason=reason,
            change=change,
            bypass=bypass,
            signature=workspace.signature(),
        )

    def move(self, there: Mapping[str, ObjectId]) -> Move:
        """Return who moves which environment and why; `there` as `synchronize` returns it."""
        return Move(
            environment=self.environment,
            signature=self.signature,
            reason=self.reason,
            change=self.change,
            bypass=self.bypass,
            there=there,
        )


def gather(workspace: Workspace, order: Order) -> Mapping[str, ObjectId]:
    """Bring over what an order depends on, and return references of the shared remote.

    Raises:
        NotFound: no shared remote is configured.
        RemoteUnavailable: it cannot be reached.
        MissingObject: history that a rollback needs is cut off and could not be fetched.
    """
    there = synchronize(workspace, order.environment, order.experiment)
    if order.action == "rollback":
        bring_history(workspace, order.environment)
    return there


def staged_plan(workspace: Workspace, order: Order, there: Mapping[str, ObjectId]) -> Plan:
    """Return the plan of an order, whose objects are written; nothing is pushed.

    Raises:
        ApprovalRequired, Refused, Forbidden: as the workspace's guard says.
        NotFound, NotBound, NotAllowed, InvalidInput: it cannot be done, as `promote`, `rollback`
            and `unbind` say.
    """
    return stage(workspace.store, lambda tx: plan_order(tx, workspace, order, there))


def plan_order(
    tx: Transaction, workspace: Workspace, order: Order, there: Mapping[str, ObjectId]
) -> Plan:
    """Return the plan of an order, staged in a transaction; raises as `staged_plan` does."""
    plan = _PLANS[order.action]
    return plan(tx, workspace, order, order.move(there))


def _promotion(tx: Transaction, workspace: Workspace, order: Order, move: Move) -> Plan:
    name = order.experiment or ""
    current_project(workspace, reader=tx).environment(order.environment)
    home = get_home(workspace, name, reader=tx)
    header = header_at(workspace, home.tip, home.name, reader=tx)
    refuse_former_name(workspace, home, reader=tx)
    refuse_deleted_experiment(header)
    chosen = resolve_version(workspace, name, order.version or "latest", reader=tx)
    shared = _shared(tx, workspace, name, chosen.checked())
    return binding_plan(tx, workspace, move, header, shared)


def _rollback(tx: Transaction, workspace: Workspace, order: Order, move: Move) -> Plan:
    target = (
        chosen_target(workspace, move.environment, order.to, tx)
        if order.to
        else rollback_target(workspace, move.environment, tx)
    )
    header = find_experiment(workspace, target.binding)
    if header:
        refuse_deleted_experiment(header)
    name = header.name if header else target.binding.experiment
    return restoring_plan(tx, workspace, move, target, str(name))


def _unbinding(tx: Transaction, workspace: Workspace, order: Order, move: Move) -> Plan:
    if tip_of(workspace, move.environment, reader=tx) is None:
        current_project(workspace, reader=tx).environment(order.environment)
        raise NotBound(
            f"no version was ever bound to environment {order.environment!r}",
            hint=f"Bind one with `gitexp promote EXPERIMENT {order.environment}`.",
        )
    return unbinding_plan(tx, workspace, move)


def _publication(tx: Transaction, workspace: Workspace, order: Order, move: Move) -> Plan:
    current_project(workspace, reader=tx).environment(order.environment)
    return flags_plan(tx, workspace, move, order.flags)


_PLANS: Mapping[Asked, Callable[[Transaction, Workspace, Order, Move], Plan]] = {
    "promote": _promotion,
    "rollback": _rollback,
    "unbind": _unbinding,
    "flags": _publication,
}


def refuse_deleted_experiment(header: Header) -> None:
    """Raise NotAllowed when an experiment is deleted."""
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
