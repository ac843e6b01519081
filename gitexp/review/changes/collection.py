"""Change requests as the users of a repository hold them."""

from __future__ import annotations

import builtins
from collections.abc import Collection
from dataclasses import replace
from typing import TYPE_CHECKING

from gitexp.environments.orders import Asked, Order
from gitexp.project.workspace import Workspace
from gitexp.review.changes import applying, ending, opening, reading, renewing, voting
from gitexp.review.changes.states import OPEN

if TYPE_CHECKING:
    from gitexp.environments.binding import Binding
    from gitexp.review.changes.reading import Change
    from gitexp.review.changes.states import State


class Changes:
    """The change requests of a project."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace

    def list(
        self,
        *,
        states: Collection[State] | None = None,
        environment: str | None = None,
        mine: bool = False,
        waiting_for_me: bool = False,
    ) -> builtins.list[Change]:
        """Return change requests, newest first, as last fetched.

        Args:
            states: only those in one of these states; the open ones by default.
            environment: only those of this environment.
            mine: only those that whoever asks has opened or renewed.
            waiting_for_me: only those that wait for the vote of whoever asks.
        """
        wanted = OPEN if states is None else frozenset(states)
        found = [
            change
            for change in reading.iterate_changes(self._workspace, ended=not wanted <= OPEN)
            if change.state in wanted
            and environment in (None, change.environment)
            and reading.is_shown(self._workspace, change)
            and (not mine or reading.is_mine(self._workspace, change))
            and (not waiting_for_me or reading.waits_for(self._workspace, change))
        ]
        self._workspace.cache.flush()
        return found

    def problems(self) -> dict[str, str]:
        """Return, by name, what stands among the change requests and cannot be read as one."""
        from gitexp.review.changes.branches import current_ledger

        return dict(current_ledger(self._workspace).problems)

    def get(self, change: str) -> Change:
        """Return a change request, with what is missing.

        Args:
            change: its id, or the beginning or last part of it.

        Raises:
            NotFound: there is none.
        """
        found = reading.get_change(self._workspace, change)
        if not reading.is_shown(self._workspace, found):
            raise reading.missing_change(change)
        self._workspace.cache.flush()
        return found

    def open(
        self,
        environment: str,
        experiment: str | None = None,
        *,
        action: Asked = "promote",
        version: str | None = None,
        to: str | None = None,
        reason: str | None = None,
    ) -> Change:
        """Return a change request that asks to move an environment, whether it must or not.

        Args:
            experiment: what to promote.
            version: a revision of it; the latest version by default.
            to: what to roll back to; what was live before by default.

        Raises:
            Refused: a policy forbids it, and no approval would help.
            NotAllowed: the environment says so already, or the version is not shared.
        """
        order = Order.of(
            self._workspace,
            action,
            environment,
            experiment=experiment,
            version=version,
            to=to,
            reason=reason,
        )
        return opening.open_change(self._workspace, order)

    def approve(self, change: str, *, reason: str | None = None, apply: bool = True) -> Change:
        """Return a change request that whoever works here has approved.

        Args:
            apply: apply it at once where it has all approvals. What keeps it from being applied
                then is told in its `note`; the approval stands all the same.

        Raises:
            Forbidden: the policies do not ask for the vote of whoever asks.
            NotAllowed: it is over.
            Conflict: it is stale.
        """
        approved = voting.approve(self._workspace, change, reason=reason)
        if not apply or approved.state != "approved":
            return approved
        note = applying.apply_if_possible(self._workspace, approved.id)
        return replace(self.get(approved.id), note=note)

    def reject(self, change: str, *, reason: str) -> Change:
        """Return a change request that whoever works here has rejected, which ends it.

        Raises:
            InvalidInput: no reason was given.
            Forbidden, NotAllowed, Conflict: as `approve` says.
        """
        return voting.reject(self._workspace, change, reason=reason)

    def cancel(self, change: str, *, reason: str | None = None) -> Change:
        """Return a change request that whoever asked for it has given up.

        Raises:
            Forbidden: somebody else asked for it.
            NotAllowed: it is over.
        """
        return ending.cancel(self._workspace, change, reason=reason)

    def renew(self, change: str, *, reason: str | None = None) -> Change:
        """Return a stale change request on top of where its environment is now.

        Raises:
            NotAllowed: it is over.
        """
        return renewing.renew(self._workspace, change, reason=reason)

    def apply(self, change: str, *, bypass: str | None = None) -> Binding:
        """Return the binding that a change request was applied by; `created` if just now.

        Args:
            bypass: why policies are passed over, by somebody whom they name.

        Raises:
            ApprovalRequired: approvals are missing.
            Refused: something else that a policy asks is missing.
            NotAllowed: it is over.
            Conflict: it is stale.
        """
        return applying.apply(self._workspace, change, bypass=bypass)

    def tidy(self) -> tuple[str, ...]:
        """Write down what forges have merged, take away branches of what is over; returns ids."""
        return ending.tidy(self._workspace)
