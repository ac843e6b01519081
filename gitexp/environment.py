"""Environments as their users hold them: declared, promoted to, rolled back, read and locked."""

from __future__ import annotations

import builtins
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gitexp.environments.binding import Binding
    from gitexp.environments.history import HistoryEntry
    from gitexp.environments.orders import Asked
    from gitexp.environments.parameters import Parameters
    from gitexp.environments.states import EnvironmentState
    from gitexp.project.policies import Policy
    from gitexp.project.workspace import Workspace
    from gitexp.repository import Repository
    from gitexp.review.policies.judgements import Judgement


class Environments:
    """The environments of a repository."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository

    @property
    def _workspace(self) -> Workspace:
        return self._repository.workspace

    def create(self, name: str, *, description: str | None = None) -> EnvironmentState:
        """Declare an environment in `gitexp.yaml`, in one commit on the trunk.

        Raises:
            InvalidInput: the name is not usable.
            AlreadyExists: it is declared already.
        """
        from gitexp.environments.states import create

        return create(self._workspace, name, description=description)

    def list(self) -> list[EnvironmentState]:
        """Return every declared environment and what is live in it, as last fetched."""
        from gitexp.environments.states import list_environments

        return list_environments(self._workspace)

    def get(self, name: str) -> EnvironmentState:
        """Return what is live in an environment, as last fetched.

        Raises:
            NotFound: the project declares no such environment.
        """
        from gitexp.environments.states import get_environment

        return get_environment(self._workspace, name)

    def promote(
        self,
        experiment: str,
        environment: str,
        *,
        version: str = "latest",
        reason: str | None = None,
        bypass: str | None = None,
    ) -> Binding:
        """Make a shared version live in an environment, and return the binding.

        Args:
            bypass: why policies are passed over, by somebody whom they name.

        Raises:
            ApprovalRequired: a policy asks for approval; `change` is the change request that
                was opened, or that asked for the same already.
            Refused: a policy forbids it, and no approval would help.
            Forbidden: the roles of whoever asks do not allow it, or a policy is not theirs to
                pass over.
            NotAllowed: the version is not shared, or the experiment is deleted.
            Conflict: somebody else promoted meanwhile; nothing was changed.
        """
        return self._moved(
            "promote",
            environment,
            experiment=experiment,
            version=version,
            reason=reason,
            bypass=bypass,
        )

    def rollback(
        self,
        environment: str,
        *,
        reason: str | None = None,
        to: str | None = None,
        bypass: str | None = None,
    ) -> Binding:
        """Bring back what was live before, and return the binding; raises as `promote` does."""
        return self._moved("rollback", environment, to=to, reason=reason, bypass=bypass)

    def unbind(
        self, environment: str, *, reason: str | None = None, bypass: str | None = None
    ) -> Binding:
        """Leave an environment without a version, and return the binding that says so.

        Raises as `promote` does.
        """
        return self._moved("unbind", environment, reason=reason, bypass=bypass)

    def policies(self, environment: str) -> tuple[Policy, ...]:
        """Return the policies of an environment, as last fetched.

        They are those of the trunk of the shared remote, whatever is checked out here.

        Raises:
            NotFound: there is no such environment.
        """
        from gitexp.project.in_force import policies_in_force

        if environment not in self._repository.project.environments:
            self.get(environment)
        return policies_in_force(self._workspace, environment)

    def check(
        self,
        environment: str,
        experiment: str | None = None,
        *,
        version: str = "latest",
        action: Asked = "promote",
        to: str | None = None,
    ) -> Judgement | None:
        """Return what the policies would ask of a move; None where it would change nothing.

        Nothing is written or pushed.

        Args:
            experiment: what would be promoted; by default the experiment that is live.
            to: what would be rolled back to.

        Raises:
            NotBound: no experiment is named, and none is live.
            NotFound, NotAllowed, InvalidInput: it cannot be done, as `promote` says.
        """
        from gitexp.environments.live import bound_snapshot
        from gitexp.environments.orders import Order
        from gitexp.ids import parse_name
        from gitexp.review.policies.checking import check_order

        asked = {"to": to} if action == "rollback" else {}
        if action == "promote":
            name = parse_name(environment, "environment name")
            live = None if experiment else bound_snapshot(self._workspace, name)
            asked = {"experiment": experiment or str(live and live.binding.experiment)}
            asked["version"] = version
        return check_order(self._workspace, Order.of(self._workspace, action, environment, **asked))

    def _moved(self, action: Asked, environment: str, **asked: str | None) -> Binding:
        from gitexp.environments.orders import Order
        from gitexp.review.moving import ask_or_move

        return ask_or_move(self._workspace, Order.of(self._workspace, action, environment, **asked))

    def history(self, environment: str, *, limit: int | None = None) -> builtins.list[HistoryEntry]:
        """Return who changed an environment, when, why, and value by value; newest first."""
        from gitexp.environments.history import history

        return history(self._workspace, environment, limit=limit)

    def read(
        self,
        environment: str | None = None,
        *,
        experiment: str | None = None,
        version: str | None = None,
        at: str | None = None,
        locked: bool = False,
        offline: bool = False,
    ) -> Parameters:
        """Return values by version, experiment or environment, in this order of precedence.

        Without any of them, `GITEXP_ENVIRONMENT` names the environment, else it is `default`.

        Args:
            at: a commit of the environment, to read what was live then.
            locked: read the commit that `gitexp.lock` pins, and verify it.
            offline: never ask the remote.
        """
        from gitexp.environments.resolving import Selectors, resolve

        selectors = Selectors(
            environment=environment,
            experiment=experiment,
            version=version,
            at=at,
            locked=locked,
        )
        found = resolve(self._workspace, selectors, offline=offline)
        self._repository.flush()
        return found

    def lock(self, *names: str) -> Path:
        """Pin what is live in environments (all where anything is, by default) in `gitexp.lock`."""
        from gitexp.environments.locking import lock

        return lock(self._workspace, names)
