"""Opening change requests: what was asked for and takes approval becomes a branch and a fact.

The branch `change/PROJECT/ID` is one commit ahead of the environment's: its tree is exactly what
the environment's branch shall hold. It is pushed together with the fact and with what keeps the
version, all or nothing, and the environment's branch stays where it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import NoReturn

from gitexp.environments.binding import Binding
from gitexp.environments.history import digests_before
from gitexp.environments.orders import Order, gather, plan_order
from gitexp.environments.planning import Plan, Proposal
from gitexp.environments.published import FlagChanges, changes_text, flag_changes
from gitexp.errors import ApprovalRequired, InvalidInput, NotAllowed, NotFound
from gitexp.ids import ChangeId, Digest, Name, ObjectId, new_change_id
from gitexp.project.groups import shared_trunk
from gitexp.project.policies import EXPIRES_AFTER, Policy
from gitexp.project.workspace import Workspace
from gitexp.review.changes.branches import branch_of_change, current_ledger
from gitexp.review.changes.ledger import request_file
from gitexp.review.changes.model import FrozenPolicies, Request, Terms
from gitexp.review.changes.reading import Change, get_change, looked_at
from gitexp.review.changes.recording import Entry, record
from gitexp.review.changes.standing import Standings
from gitexp.review.policies.guard import Case, case_of, refusal, sealed
from gitexp.review.policies.judging import Judgement
from gitexp.store.model import PushUpdate
from gitexp.store.transaction import Transaction


@dataclass(kw_only=True)
class Asking:
    """A guard that lets a move be staged as a proposal, and keeps what the policies say to it.

    What no approval can help is refused.
    """

    case: Case | None = None
    judgement: Judgement | None = None
    policies: Sequence[Policy] = field(default=())

    def __call__(self, tx: Transaction, workspace: Workspace, proposal: Proposal) -> Binding:
        """Return the binding to propose, signed where that is asked for and can be done."""
        self.case = case_of(tx, workspace, proposal)
        self.policies = self.case.policies
        self.judgement = self.case.judged(proposal.binding)
        if self.judgement.verdict == "refused":
            raise refusal(self.judgement, self.case.move(proposal.binding))
        try:
            return sealed(tx, workspace, proposal)
        except (InvalidInput, NotFound):
            return proposal.binding  # who carries it out signs it

    def frozen(self, trunk: ObjectId | None) -> FrozenPolicies:
        """Return the policies that were asked."""
        asked = self.judgement.requirements if self.judgement else ()
        names = dict.fromkeys(r.policy for r in asked if r.kind == "approvals")
        documents = tuple(policy.document for policy in self.policies)
        return FrozenPolicies(commit=trunk, asking=tuple(names), documents=documents)


def raise_for(change: Change, required: ApprovalRequired | None = None) -> NoReturn:
    """Raise the error that says that a change request waits, and for whom.

    Raises:
        ApprovalRequired: always.
    """
    judgement = change.judgement
    if change.state == "approved" and not change.missing:
        raise ApprovalRequired(
            f"{_asked(change)} is approved: change request {change.id} waits to be carried out",
            change=change.id,
            hint=f"Carry it out with `gitexp change apply {change.id}`.",
        ) from required
    missing = [str(r) for r in judgement.missing] if judgement else []
    approvers = judgement.approvers if judgement else ()
    raise ApprovalRequired(
        f"{_asked(change)} takes approval: change request {change.id} waits for it",
        change=change.id,
        missing=missing or (required.missing if required else ()),
        approvers=approvers or (required.approvers if required else ()),
        hint=f"See what is missing with `gitexp change show {change.id}`; others approve with "
        f"`gitexp change approve {change.id}`.",
    ) from required


def _asked(change: Change) -> str:
    request = change.request
    if request.action == "flags":
        text = changes_text(request.flags)
        return f"changing the flags of environment {request.environment!r}: {text}"
    if request.action == "unbind":
        return f"unbinding environment {request.environment!r}"
    verb = "rolling back to" if request.action == "rollback" else "promoting"
    return f"{verb} {request.label} in environment {request.environment!r}"


def open_change(workspace: Workspace, order: Order) -> Change:
    """Return a change request that asks for a move; the open one where it was asked for already.

    Nothing is checked out, no local branch moves, and the environment stays as it is.

    Raises:
        Refused: a policy forbids it, and no approval would help.
        NotAllowed: the environment says so already.
        Forbidden, NotFound, NotBound, InvalidInput: it cannot be asked for, as `promote` says.
        PushRejected: the remote refused the push; nothing was changed.
        RemoteUnavailable: the remote cannot be reached.
    """
    change = new_change_id(order.signature.when, workspace.surroundings.random_bits)
    wanted = replace(order, change=change, bypass=None)

    def plan(tx: Transaction, there: Mapping[str, ObjectId]) -> Entry[ChangeId]:
        asking = Asking()
        planned = plan_order(tx, replace(workspace, guard=asking), wanted, there)
        if not planned.updates:
            raise _nothing_to_ask(wanted, planned)
        request = _request(workspace, change, wanted, planned, asking, tx)
        known = _open_already(workspace, request, tx)
        if known is not None:
            return Entry(result=known)
        return Entry(
            result=change,
            files=request_file(request),
            message=_message(request),
            updates=_updates(workspace, change, planned),
        )

    opened = record(workspace, plan, prepare=lambda: gather(workspace, wanted))
    return get_change(workspace, opened)


def _nothing_to_ask(order: Order, planned: Plan) -> NotAllowed:
    said = "its flags are so" if order.flags else f"{planned.binding.label} is live"
    return NotAllowed(
        f"environment {order.environment!r} says so already: {said}",
        hint=f"See `gitexp env show {order.environment}`.",
    )


def _request(
    workspace: Workspace,
    change: ChangeId,
    order: Order,
    planned: Plan,
    asking: Asking,
    tx: Transaction,
) -> Request:
    """Return what is asked for, on the terms of now."""
    binding = planned.binding
    asked = Request(
        id=change,
        project=workspace.project_id,
        environment=order.environment,
        action=order.action,
        experiment_id=binding.experiment_id,
        experiment=binding.experiment,
        version=binding.version,
        digest=binding.digest,
        flags=_flag_changes(workspace, binding, tx) if order.action == "flags" else {},
        opened=terms_of(workspace, binding, asking, tx),
    )
    return replace(asked, opened=on_its_subject(asked, asked.opened))


def _flag_changes(workspace: Workspace, binding: Binding, tx: Transaction) -> FlagChanges:
    name = Name(binding.environment)
    before = digests_before(workspace, name, binding.previous, reader=tx)
    return flag_changes(before, binding.flags)


def terms_of(workspace: Workspace, binding: Binding, asking: Asking, tx: Transaction) -> Terms:
    """Return the terms on which a staged commit is asked for, without their subject."""
    assert binding.commit is not None
    policy = asking.frozen(shared_trunk(workspace, reader=tx))
    return Terms(
        base=binding.previous,
        head=binding.commit,
        subject=Digest(""),
        by=binding.by,
        at=binding.at,
        reason=binding.reason,
        expires_at=_expiry(binding.at, policy),
        policy=policy,
    )


def on_its_subject(request: Request, terms: Terms) -> Terms:
    """Return the terms with the subject that they make for a request."""
    return replace(terms, subject=request.subject(terms.base, terms.policy.digest))


def _expiry(at: datetime, policy: FrozenPolicies) -> datetime:
    waits = [rule.expires_after for rule in policy.rules.values()]
    return at + min(waits, default=EXPIRES_AFTER)


def _open_already(workspace: Workspace, request: Request, tx: Transaction) -> ChangeId | None:
    """Return the change request that asks for the same and is open, None where there is none."""
    standings = Standings(workspace, reader=tx)
    terms = request.opened
    for facts in current_ledger(workspace, ended=False, reader=tx).changes:
        same = replace(request, id=facts.id).subject(terms.base, terms.policy.digest)
        if facts.terms.subject == same:
            found = looked_at(workspace, facts, standings=standings, reader=tx)
            if found.state in ("pending", "approved"):
                return facts.id
    return None


def _updates(workspace: Workspace, change: ChangeId, planned: Plan) -> list[PushUpdate]:
    """Return what to push: the change's branch in the place of the environment's, and the pin."""
    _, *others = planned.updates
    branch = branch_of_change(workspace, change)
    return [PushUpdate(ref=branch, old=None, new=planned.binding.commit), *others]


def _message(request: Request) -> str:
    asked = {"promote": f"promote {request.label}", "rollback": f"roll back to {request.label}"}
    what = asked.get(request.action, request.label if request.flags else "unbind")
    return f"change {request.id}: {what} in {request.environment}\n"
