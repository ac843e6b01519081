"""The guard: the one check that every move of an environment goes through on the client.

It judges by the policies of the trunk of the shared remote, before anything is written. It saves
people from pushing what must not be; where the remote has the hook, that judges again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from gitexp.environments.binding import Binding, Bypass
from gitexp.environments.live import live_snapshot
from gitexp.environments.planning import Proposal
from gitexp.environments.published import changes_text
from gitexp.errors import (
    ApprovalRequired,
    DamagedObject,
    Forbidden,
    InvalidInput,
    NotAllowed,
    NotFound,
    Refused,
)
from gitexp.project.groups import Actor, shared_trunk
from gitexp.project.in_force import policies_at
from gitexp.project.policies import Policy
from gitexp.project.workspace import Workspace
from gitexp.review.policies.evidence import GitEvidence
from gitexp.review.policies.judging import (
    Judgement,
    Move,
    Requirement,
    judge,
    may_pass_over,
)
from gitexp.review.policies.wording import people_text
from gitexp.store.transaction import Transaction


def guard(tx: Transaction, workspace: Workspace, proposal: Proposal) -> Binding:
    """Return the binding to write for a move that the policies allow.

    It is signed where a policy asks for that, or `gitexp.sign` does, and names the policies that
    were passed over.

    Raises:
        ApprovalRequired: people's approval is missing.
        Refused: a policy forbids it, and no approval would help.
        Forbidden: a policy was to be passed over that does not name whoever asks.
        InvalidInput, NotFound: it must be signed, and cannot be.
        RemoteUnavailable: what the policies ask about cannot be brought over.
    """
    case = case_of(tx, workspace, proposal)
    binding = case.decided(proposal.move.bypass)
    judgement = case.judged(binding)
    if judgement.verdict != "allowed":
        raise refusal(_but_for_signing(judgement), case.move(binding))
    return binding


def _but_for_signing(judgement: Judgement) -> Judgement:
    """Return a judgement without the signature that is made once nothing else is missing."""
    unsigned = [r for r in judgement.missing if r.kind == "signed"]
    if len(unsigned) == len(judgement.unmet):
        return judgement
    kept = tuple(r for r in judgement.requirements if r not in unsigned)
    return replace(judgement, requirements=kept)


def sealed(tx: Transaction, workspace: Workspace, proposal: Proposal) -> Binding:
    """Return the binding to write for a move that is only proposed: signed, and not judged."""
    case = case_of(tx, workspace, proposal)
    if any(policy.signed is not None for policy in case.policies):
        return case.signed(proposal.binding)
    return case.signed_by_habit(proposal.binding)


@dataclass(frozen=True, kw_only=True)
class Case:
    """One move, the policies that are asked about it, and what is known.

    Attributes:
        policies: all policies of the environment.
        draft: the move as it was proposed.
    """

    workspace: Workspace
    policies: Sequence[Policy]
    draft: Move
    evidence: GitEvidence

    def move(self, binding: Binding) -> Move:
        """Return the move with this binding."""
        return replace(self.draft, after=binding)

    def judged(self, binding: Binding) -> Judgement:
        """Return what the policies come to."""
        return judge(self.policies, self.move(binding), self.evidence)

    def decided(self, bypass: str | None) -> Binding:
        """Return the binding with what it takes: the bypass that was asked for, a signature.

        Raises:
            Forbidden: a policy that is not met does not let whoever asks pass it over.
            InvalidInput, NotFound: it must be signed, and cannot be.
        """
        binding = self.draft.after
        if bypass is not None:
            binding = self._passing_over(_reason(bypass))
        unmet = self.judged(binding).unmet
        if not unmet:
            return self.signed_by_habit(binding)
        only_unsigned = all(r.kind == "signed" and r.outcome == "missing" for r in unmet)
        return self.signed(binding) if only_unsigned else binding

    def _passing_over(self, reason: str) -> Binding:
        draft = self.draft.after
        unmet = {r.policy: None for r in self.judged(draft).unmet if self._stands(r)}
        if not unmet:
            return draft
        for policy in self.policies:
            if policy.name in unmet and not may_pass_over(policy, self.draft, self.evidence):
                raise _forbidden(policy, self.draft)
        return replace(draft, bypass=Bypass(policies=tuple(unmet), reason=reason))

    def _stands(self, requirement: Requirement) -> bool:
        """Return whether a requirement stays unmet even when the promotion is signed, if it can."""
        if (requirement.kind, requirement.outcome) != ("signed", "missing"):
            return True
        try:
            self.signed(self.draft.after)
        except (InvalidInput, NotFound):
            return True
        return False

    def signed(self, binding: Binding) -> Binding:
        """Return the binding with the user's signature.

        Raises:
            InvalidInput, NotFound: the user has no key to sign with, or it cannot be used.
        """
        from gitexp.review.signatures.keys import signing_key
        from gitexp.review.signatures.promotions import sign

        key = signing_key(self.workspace.store.config, self.workspace.surroundings)
        return replace(binding, signature=sign(binding.signed_document(), key))

    def signed_by_habit(self, binding: Binding) -> Binding:
        """Return the binding, signed where the user signs all of them."""
        from gitexp.store.gitconfig import parse_bool

        config = self.workspace.store.config
        return self.signed(binding) if parse_bool(config("gitexp.sign") or "", False) else binding


def case_of(tx: Transaction, workspace: Workspace, proposal: Proposal) -> Case:
    """Return a proposed move with the policies in force and what is known about it."""
    trunk = shared_trunk(workspace, reader=tx)
    environment = proposal.move.environment
    now = workspace.surroundings.clock.now()
    try:
        before = live_snapshot(workspace, environment, reader=tx)
    except (InvalidInput, DamagedObject):
        before = None
    draft = Move(
        project=workspace.project_id,
        environment=environment,
        before=before,
        after=proposal.binding,
        values=proposal.values,
        tip=proposal.binding.previous,
        actor=Actor.of_signature(proposal.move.signature),
    )
    return Case(
        workspace=workspace,
        policies=policies_at(workspace, trunk, environment, reader=tx),
        draft=draft,
        evidence=GitEvidence(workspace, trunk=trunk, now=now, reader=tx, online=True),
    )


def refusal(judgement: Judgement, move: Move) -> NotAllowed:
    """Return the error that says why a move is not allowed."""
    doing = _doing(move)
    if judgement.verdict == "approval_required":
        return ApprovalRequired(
            f"{doing} takes approval",
            missing=[str(requirement) for requirement in judgement.missing],
            approvers=judgement.approvers,
        )
    reasons = [str(requirement) for requirement in judgement.unmet]
    return Refused(
        f"the policies of environment {move.environment!r} do not allow {doing}:\n"
        + "\n".join(reasons),
        reasons=reasons,
        hint=f"See what they ask with `gitexp policy show {move.environment}`.",
    )


def _doing(move: Move) -> str:
    if move.of_flags_alone:
        return f"changing the flags of environment {move.environment!r}: {changes_text(move.flags)}"
    if not move.after.bound:
        return f"unbinding environment {move.environment!r}"
    verb = "rolling back to" if move.action == "rollback" else "promoting"
    return f"{verb} {move.after.label} in environment {move.environment!r}"


def _forbidden(policy: Policy, move: Move) -> Forbidden:
    asked = f"Ask {people_text(policy.bypass)}, or d" if policy.bypass else "D"
    return Forbidden(
        f"{move.actor.identity} may not pass over policy {policy.name!r} of environment "
        f"{move.environment!r}",
        hint=f"{asked}o it without --bypass, which asks for what it takes.",
    )


def _reason(text: str) -> str:
    reason = text.strip()
    if not reason:
        raise InvalidInput(
            "a bypass needs a reason, which is recorded",
            hint="Say why, such as `--bypass 'production is down'`.",
        )
    return reason
