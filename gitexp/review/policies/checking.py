"""Asking policies without doing anything: what a move would take, requirement by requirement."""

from __future__ import annotations

from dataclasses import replace

from gitexp.environments.binding import Binding
from gitexp.environments.orders import Order, gather, plan_order
from gitexp.environments.planning import Proposal
from gitexp.errors import GitexpError
from gitexp.project.workspace import Workspace
from gitexp.review.policies.guard import Case, case_of
from gitexp.review.policies.judgements import Judgement, Requirement
from gitexp.store.transaction import Transaction


def check_order(workspace: Workspace, order: Order) -> Judgement | None:
    """Return what the policies would come to for a move; None where it would change nothing.

    What it depends on is brought over first; nothing is written, signed or pushed. That a
    promotion is not signed yet counts as met where whoever asks has a key to sign it with.

    Raises:
        NotFound, NotBound, NotAllowed, Forbidden, InvalidInput: it cannot be done at all, as
            `promote`, `rollback` and `unbind` say.
        RemoteUnavailable: the remote cannot be reached.
    """
    looking = _Looking()
    there = gather(workspace, order)
    never_applied = Transaction(workspace.store)
    plan_order(never_applied, replace(workspace, guard=looking), order, there)
    if looking.case is None:
        return None
    judgement = looking.case.judged(looking.case.draft.after)
    foreseen = (_foreseen(workspace, requirement) for requirement in judgement.requirements)
    return replace(judgement, requirements=tuple(foreseen))


class _Looking:
    """A guard that lets everything pass and keeps what it saw."""

    case: Case | None = None

    def __call__(self, tx: Transaction, workspace: Workspace, proposal: Proposal) -> Binding:
        self.case = case_of(tx, workspace, proposal)
        return proposal.binding


def _foreseen(workspace: Workspace, requirement: Requirement) -> Requirement:
    """Return a requirement as it will be when the move is signed while it is carried out."""
    if (requirement.kind, requirement.outcome) != ("signed", "missing"):
        return requirement
    from gitexp.review.signatures.keys import signing_key

    try:
        signing_key(workspace.store.config, workspace.surroundings)
    except GitexpError as exc:
        return replace(requirement, text=f"the promotion must be signed: {exc.message}")
    text = "the promotion is signed with your key when it is carried out"
    return replace(requirement, outcome="met", text=text, who=())
