"""Applying change requests: what was approved becomes the environment's newest commit, once.

What is applied is what the change's branch holds, as a new commit of whoever applies it: its
values, checked against the digest that was voted on. It goes through the same guard as every
other move, and is pushed together with the fact that it was applied.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from gitexp.documents import layout
from gitexp.environments.binding import Binding, Snapshot, environment_at, one_line
from gitexp.environments.locating import find_experiment
from gitexp.environments.orders import refuse_deleted_experiment
from gitexp.environments.planning import Move, Plan, requested_plan
from gitexp.errors import (
    ApprovalRequired,
    GitexpError,
    InvalidDocuments,
    InvalidInput,
    NotAllowed,
    Refused,
    RemoteError,
)
from gitexp.ids import Name, ObjectId
from gitexp.project.workspace import Workspace
from gitexp.review.changes.branches import bring_experiment, remove_branch
from gitexp.review.changes.ledger import closing_file
from gitexp.review.changes.model import ChangeFacts, Closing
from gitexp.review.changes.reading import Change, find_facts, looked_at, wanted_snapshot
from gitexp.review.changes.recording import Entry, record
from gitexp.review.changes.refusals import refuse_ended, refuse_stale
from gitexp.store.transaction import Transaction


def apply(workspace: Workspace, change: str, *, bypass: str | None = None) -> Binding:
    """Return the binding that a change request was applied by; `created` tells whether just now.

    One that is applied already, by anybody or by a forge, stays as it is.

    Args:
        bypass: why policies are passed over, by somebody whom they name.

    Raises:
        ApprovalRequired: approvals are missing.
        Refused: something else that a policy asks is missing; it may come yet.
        NotAllowed: the change request is over, or its experiment is deleted; or what it asks for
            cannot be read, which ends it as failed.
        Conflict: it is stale.
        Forbidden: whoever asks may not move the environment.
        NotFound: there is no such change request, or no shared remote.
        PushRejected, RemoteUnavailable: it could not be pushed; nothing was changed.
    """
    facts, outcome = record(workspace, lambda tx, there: _entry(tx, workspace, change, bypass))
    remove_branch(workspace, facts)
    if isinstance(outcome, NotAllowed):
        raise outcome
    return outcome


Outcome = tuple[ChangeFacts, "Binding | NotAllowed"]
"""A change request, and the binding that it was applied by or why it never can be."""


def _entry(
    tx: Transaction, workspace: Workspace, change: str, bypass: str | None
) -> Entry[Outcome]:
    facts = find_facts(workspace, change, reader=tx)
    bring_experiment(workspace, facts)
    found = looked_at(workspace, facts, reader=tx)
    if found.where.applied is not None:
        return _applied_before(tx, workspace, found, found.where.applied)
    refuse_ended(found)
    refuse_stale(found)
    try:
        wanted = wanted_snapshot(workspace, facts, reader=tx)
    except InvalidDocuments as exc:
        raise _unusable(facts, "cannot be applied", exc) from exc  # by this version of gitexp
    except InvalidInput as exc:
        return _failed(workspace, facts, exc)
    plan = _planned(tx, workspace, found, wanted, bypass)
    end = closing_of(workspace, facts, plan.binding.commit)
    return Entry(
        result=(facts, plan.binding),
        files=closing_file(end),
        message=f"change {facts.id}: applied by {end.by}\n",
        updates=plan.updates,
    )


def _applied_before(
    tx: Transaction, workspace: Workspace, change: Change, commit: ObjectId
) -> Entry[Outcome]:
    """Return what is live since then, and write down that it is where nobody has."""
    request = change.request
    snapshot = environment_at(
        tx, commit, environment=request.environment, project=request.project, cache=workspace.cache
    )
    result: Outcome = (change.facts, replace(snapshot.binding, created=False))
    if change.closing is not None:
        return Entry(result=result)
    end = closing_of(workspace, change.facts, commit)
    return Entry(
        result=result, files=closing_file(end), message=f"change {change.id}: was applied\n"
    )


def _failed(workspace: Workspace, facts: ChangeFacts, fault: InvalidInput) -> Entry[Outcome]:
    """Return the end of a change request whose commit will never hold what it asks for."""
    end = replace(closing_of(workspace, facts, None), state="failed", reason=one_line(fault))
    return Entry(
        result=(facts, _unusable(facts, "has failed", fault)),
        files=closing_file(end),
        message=f"change {facts.id}: failed\n",
    )


def _unusable(facts: ChangeFacts, said: str, fault: InvalidInput) -> NotAllowed:
    return NotAllowed(
        f"change request {facts.id} {said}: {one_line(fault)}",
        hint="Ask anew with `gitexp promote`, `gitexp env rollback` or `gitexp env unbind`.",
    )


def closing_of(workspace: Workspace, facts: ChangeFacts, commit: ObjectId | None) -> Closing:
    """Return the end of a change request that an environment's commit holds."""
    signature = workspace.signature()
    return Closing(
        change=facts.id,
        state="applied",
        by=str(signature),
        at=signature.when.replace(microsecond=0),
        commit=commit,
    )


def _planned(
    tx: Transaction, workspace: Workspace, change: Change, wanted: Snapshot, bypass: str | None
) -> Plan:
    """Return the plan that makes live what is asked for, once the guard has let it through."""
    request = change.request
    header = find_experiment(workspace, wanted.binding) if wanted.binding.bound else None
    if header is not None:
        refuse_deleted_experiment(header)
    move = Move(
        environment=Name(request.environment),
        signature=workspace.signature(),
        reason=request.opened.reason,
        change=change.id,
        bypass=bypass,
        there=_pinned(tx, workspace, change),
    )
    try:
        return requested_plan(tx, workspace, move, wanted)
    except ApprovalRequired as required:
        required.change = change.id
        required.hint = f"See what is missing with `gitexp change show {change.id}`."
        raise


def _pinned(tx: Transaction, workspace: Workspace, change: Change) -> Mapping[str, ObjectId]:
    """Return the pin that was pushed when the change request was opened."""
    version = change.request.version
    return {layout.pin_ref(version): version} if version else {}


def apply_if_possible(workspace: Workspace, change: str) -> str:
    """Apply a change request where that can be done; returns why it was not, in one line.

    Raises:
        RemoteUnavailable, PushRejected: the remote cannot be used.
    """
    try:
        apply(workspace, change)
    except RemoteError:
        raise
    except ApprovalRequired as required:
        return "; ".join(required.missing) or required.message
    except Refused as refused:
        return "; ".join(refused.reasons) or one_line(refused)
    except GitexpError as exc:
        return one_line(exc)
    return ""
