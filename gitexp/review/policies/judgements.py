"""Judgements: what the policies of an environment ask of one move, and what of it is there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal["approvals", "gate", "order", "frozen", "signed", "version_signature", "bypassed"]
Outcome = Literal["met", "missing", "refused"]
Verdict = Literal["allowed", "approval_required", "refused"]


@dataclass(frozen=True, kw_only=True)
class Requirement:
    """One thing that one policy asks.

    Attributes:
        policy: the name of the policy.
        outcome: `met`; `missing` where it may still come, by people's votes, by time or by
            another run; `refused` where it cannot for this move.
        text: what is asked and what of it is there, in one line.
        who: the identities of those who can give it, where it is for people to give.
    """

    policy: str
    kind: Kind
    outcome: Outcome
    text: str
    who: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the requirement as JSON data."""
        return {
            "policy": self.policy,
            "kind": self.kind,
            "outcome": self.outcome,
            "text": self.text,
            "who": list(self.who),
        }

    def __str__(self) -> str:
        return f"{self.policy}: {self.text}"


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """What the policies come to for one move.

    Attributes:
        subject: what a vote on this move is for.
        requirements: of the policies that apply, in their order.
        passed_over: the policies that do not apply to this move, in their order.
    """

    subject: str
    requirements: tuple[Requirement, ...] = ()
    passed_over: tuple[str, ...] = ()

    @property
    def verdict(self) -> Verdict:
        """Return what is to happen.

        `refused` where something cannot be met, or where something other than approvals is
        missing while no approval is: nobody's yes would help then. `approval_required` where
        approvals are missing; what else is missing by then has to be there when it is applied.
        """
        if self.refused:
            return "refused"
        if any(requirement.kind == "approvals" for requirement in self.missing):
            return "approval_required"
        return "refused" if self.missing else "allowed"

    @property
    def missing(self) -> tuple[Requirement, ...]:
        """What is not there yet."""
        return self._having("missing")

    @property
    def refused(self) -> tuple[Requirement, ...]:
        """What cannot be there."""
        return self._having("refused")

    @property
    def unmet(self) -> tuple[Requirement, ...]:
        """What is not there, in the order of the policies."""
        return tuple(r for r in self.requirements if r.outcome != "met")

    @property
    def approvers(self) -> tuple[str, ...]:
        """The identities of those who can give what is missing, each once."""
        return tuple(dict.fromkeys(who for r in self.missing for who in r.who))

    def _having(self, outcome: Outcome) -> tuple[Requirement, ...]:
        return tuple(r for r in self.requirements if r.outcome == outcome)

    def to_dict(self) -> dict[str, Any]:
        """Return the judgement as JSON data."""
        return {
            "verdict": self.verdict,
            "subject": self.subject,
            "requirements": [requirement.to_dict() for requirement in self.requirements],
            "not_applicable": list(self.passed_over),
        }
