"""Moves of an environment as policies are asked about them, and the subject that votes are for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gitexp.environments.binding import Action, Binding, Snapshot
from gitexp.environments.published import FlagChanges, flag_changes
from gitexp.ids import Digest, Name, ObjectId
from gitexp.project.groups import Actor
from gitexp.project.policies import Policy
from gitexp.review.subjects import policies_digest, subject_digest


@dataclass(frozen=True, kw_only=True)
class Move:
    """One move of an environment, as it would become its newest commit.

    Attributes:
        before: what the environment says now; None where it has no branch, or what stands there
            cannot be read, so that every value counts as new.
        after: what it would say: the binding with its change, its bypass and its signature.
        values: the values that would be live; empty where nothing would be bound.
        tip: the commit that the environment's branch stands at now; None where it has none.
        actor: who moves it, as far as that is known.
    """

    project: str
    environment: Name
    before: Snapshot | None
    after: Binding
    values: Mapping[str, Any]
    tip: ObjectId | None
    actor: Actor

    @property
    def action(self) -> Action:
        """What the binding says that is done, which is not proof of it."""
        return self.after.action

    @property
    def change(self) -> str | None:
        """The id of the change request that it comes from."""
        return self.after.change

    @property
    def values_before(self) -> Mapping[str, Any]:
        """The values that are live now."""
        return self.before.values if self.before is not None else {}

    @property
    def flags(self) -> FlagChanges:
        """What it does to the flags that are published."""
        before = self.before.binding.flags if self.before is not None else {}
        return flag_changes(before, self.after.flags)

    @property
    def of_flags_alone(self) -> bool:
        """Whether flags are all that it changes: what is live stays live."""
        before = self.before.binding.subject if self.before is not None else None
        return bool(self.flags) and before == self.after.subject


def values_mark(binding: Binding) -> str | None:
    """Return what tells the values that are live from any others; None where none are.

    It is the same whatever the experiment is called and whatever commit saved them. Equal values
    of another experiment are others: its code and its prompts need not be the same.
    """
    return f"{binding.experiment_id}@{binding.digest}" if binding.bound else None


def policy_digest(policies: Sequence[Policy]) -> Digest:
    """Return what tells the policies of an environment from any others: order and names count."""
    return policies_digest([policy.document for policy in policies])


def subject_of(move: Move, policies: Sequence[Policy]) -> Digest:
    """Return what a vote on a move is for; see `subject_digest`.

    Args:
        policies: all policies of the environment, whether they apply to this move or not.
    """
    after = move.after
    return subject_digest(
        project=move.project,
        environment=move.environment,
        base=move.tip,
        action=after.action,
        experiment_id=after.experiment_id,
        version=after.version,
        digest=after.digest,
        flags=move.flags,
        change=after.change,
        policies=policy_digest(policies),
    )
