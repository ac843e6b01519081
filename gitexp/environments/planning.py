"""Planning moves of an environment: the commit to make and the references to push, all staged.

A plan writes nothing but objects, through a transaction. No local reference moves: the truth is
the branch on the shared remote, and its tracking reference follows when the push was taken. So a
refused push leaves nothing behind, and several plans can go into one atomic push.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from gitexp.documents import layout
from gitexp.documents.canonical import digest_of
from gitexp.environments.binding import Action, Binding, Snapshot
from gitexp.environments.branches import branch_of, tip_of
from gitexp.environments.history import digests_before, snapshot_before
from gitexp.environments.live import live_snapshot
from gitexp.environments.published import (
    FlagChanges,
    FlagDocuments,
    FlagEdits,
    changes_text,
    edited,
    edited_digests,
    flag_changes,
    flag_files,
    flags_alone,
)
from gitexp.errors import DamagedObject, InvalidInput
from gitexp.experiments.headers import Header
from gitexp.experiments.permissions import require_role_for
from gitexp.experiments.versions import Version
from gitexp.ids import Name, ObjectId, new_nonce
from gitexp.project.workspace import Workspace
from gitexp.store.model import PushUpdate, Signature
from gitexp.store.transaction import Transaction


@dataclass(frozen=True, kw_only=True)
class Move:
    """Who moves which environment, and why.

    Attributes:
        environment: the environment, declared or not.
        signature: who moves it, and when.
        reason: why, in their words.
        change: the change request that it comes from.
        bypass: why policies are to be passed over; None where all of them are asked.
        there: references of the shared remote, of which the pins are looked at.
    """

    environment: Name
    signature: Signature
    reason: str | None = None
    change: str | None = None
    bypass: str | None = None
    there: Mapping[str, ObjectId]

    def binding(self, workspace: Workspace, action: Action, **what: Any) -> Binding:
        """Return the binding that this move writes; without `what`, nothing is bound."""
        return Binding(
            project=workspace.project_id,
            environment=self.environment,
            action=action,
            by=str(self.signature),
            at=self.signature.when.replace(microsecond=0),
            reason=(self.reason or "").strip() or None,
            change=self.change,
            created=True,
            **what,
        )


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A planned move.

    Attributes:
        binding: what the environment says after it.
        updates: what to push, all or none; nothing when the environment says so already.
    """

    binding: Binding
    updates: tuple[PushUpdate, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Proposal:
    """A move that is about to be written, as the policies of its environment are asked about it.

    Attributes:
        binding: what would be written; it names the commit that the environment stands at.
        values: the values that would be live.
        flags: the flags that would be published.
        move: who moves the environment, and why.
    """

    binding: Binding
    values: Mapping[str, Any]
    flags: FlagDocuments = field(default_factory=dict)
    move: Move


def binding_plan(
    tx: Transaction, workspace: Workspace, move: Move, header: Header, version: Version
) -> Plan:
    """Return the plan of a promotion; no updates when this version is live already."""
    if version.checked().digest != digest_of(version.values):
        raise InvalidInput(
            f"the values of version {version.version[:10]} are not those of its digest",
            hint="Save them again with `gitexp commit`, then promote that version.",
        )
    live = _readable(tx, workspace, move.environment)
    if live and (live.experiment_id, live.version) == (header.id, version.version):
        return Plan(binding=live)
    types = {name: version.types[name] for name in version.values if name in version.types}
    binding = move.binding(
        workspace,
        "promote",
        experiment_id=header.id,
        experiment=header.name,
        version=version.version,
        digest=version.digest,
        types=types,
    )
    return _staged(tx, workspace, move, binding, version.values)


def restoring_plan(
    tx: Transaction, workspace: Workspace, move: Move, target: Snapshot, name: str
) -> Plan:
    """Return the plan of a rollback to an earlier snapshot; `name` is the experiment's today."""
    old = target.bound().binding
    live = _readable(tx, workspace, move.environment)
    if live and (live.experiment_id, live.version) == (old.experiment_id, old.version):
        return Plan(binding=live)
    binding = move.binding(
        workspace,
        "rollback",
        experiment_id=old.experiment_id,
        experiment=name,
        version=old.version,
        digest=old.digest,
        types=old.types,
    )
    return _staged(tx, workspace, move, binding, target.values)


def requested_plan(tx: Transaction, workspace: Workspace, move: Move, wanted: Snapshot) -> Plan:
    """Return the plan of a move that was asked for before, as its change request holds it.

    Whoever moves now is the one who did it, and the values are those that were asked for.
    """
    asked = wanted.binding
    if asked.action == "flags":
        return flags_plan(tx, workspace, move, _requested_edits(tx, workspace, wanted))
    binding = move.binding(
        workspace,
        asked.action,
        experiment_id=asked.experiment_id,
        experiment=asked.experiment,
        version=asked.version,
        digest=asked.digest,
        types=asked.types,
    )
    return _staged(tx, workspace, move, binding, wanted.values)


def unbinding_plan(tx: Transaction, workspace: Workspace, move: Move) -> Plan:
    """Return the plan that binds nothing; no updates when nothing is bound."""
    live = _readable(tx, workspace, move.environment)
    if live and not live.bound:
        return Plan(binding=live)
    binding = move.binding(workspace, "unbind")
    if live is None and tip_of(workspace, move.environment, reader=tx) is None:
        return Plan(binding=replace(binding, created=False))
    return _staged(tx, workspace, move, binding, {})


def _requested_edits(tx: Transaction, workspace: Workspace, wanted: Snapshot) -> FlagEdits:
    """Return what a move that was asked for does to flags, wherever the environment is now."""
    name, base = Name(wanted.binding.environment), wanted.binding.previous
    before = digests_before(workspace, name, base, reader=tx)
    changed = flag_changes(before, wanted.binding.flags)
    return {key: wanted.flags.get(key) for key in changed}


def flags_plan(tx: Transaction, workspace: Workspace, move: Move, edits: FlagEdits) -> Plan:
    """Return the plan that publishes flags, or takes them away; what is live stays live.

    There are no updates where the flags are there already.

    Raises:
        InvalidDocuments: what the environment says now cannot be read.
    """
    live = live_snapshot(workspace, move.environment, reader=tx)
    before = live.binding.flags if live else {}
    if not flag_changes(before, edited_digests(before, edits)):
        here = live.binding if live else move.binding(workspace, "flags")
        return Plan(binding=replace(here, created=False))
    now = live.binding if live else None
    binding = move.binding(
        workspace,
        "flags",
        experiment_id=now and now.experiment_id,
        experiment=now and now.experiment,
        version=now and now.version,
        digest=now and now.digest,
        types=now.types if now else {},
    )
    return _staged(tx, workspace, move, binding, live.values if live else {}, edits=edits)


def _readable(tx: Transaction, workspace: Workspace, environment: Name) -> Binding | None:
    """Return what is live, None where nothing is or it cannot be read: a move repairs that."""
    try:
        snapshot = live_snapshot(workspace, environment, reader=tx)
    except (InvalidInput, DamagedObject):
        return None
    return snapshot.binding if snapshot else None


def _staged(
    tx: Transaction,
    workspace: Workspace,
    move: Move,
    binding: Binding,
    values: Mapping[str, Any],
    *,
    edits: FlagEdits | None = None,
) -> Plan:
    from gitexp.documents.yaml_writer import dump_yaml

    _require_role(tx, workspace, binding)
    tip = tip_of(workspace, move.environment, reader=tx)
    before = snapshot_before(workspace, move.environment, tip, reader=tx)
    kept, edits = (before.binding.flags if before else {}), edits or {}
    nonce = new_nonce(workspace.surroundings.random_bits)
    binding = replace(binding, previous=tip, nonce=nonce, flags=edited_digests(kept, edits))
    if workspace.guard is not None:
        flags = edited(before.flags if before else {}, edits)
        proposal = Proposal(binding=binding, values=values, flags=flags, move=move)
        binding = workspace.guard(tx, workspace, proposal)
    files = {
        layout.BINDING_FILE: binding.encode(),
        layout.PARAMETERS_FILE: dump_yaml(values, schema="parameters"),
        **flag_files(edits),
    }
    commit = tx.commit(
        tree=tx.tree(flags_alone(tx, before.commit) if before else None, files),
        parents=[tip] if tip else [],
        message=_message(binding, flag_changes(kept, binding.flags)),
        author=move.signature,
        sign=workspace.commit_sign(),
    )
    update = PushUpdate(ref=branch_of(workspace, move.environment), old=tip, new=commit)
    return Plan(
        binding=replace(binding, commit=commit),
        updates=(update, *_pin(tx, binding, move.there)),
    )


def _require_role(tx: Transaction, workspace: Workspace, binding: Binding) -> None:
    """Check that the group that owns what is bound, or was until now, lets this person move it.

    Raises:
        Forbidden: it does not.
    """
    before = None if binding.bound else _readable(tx, workspace, Name(binding.environment))
    about = binding if binding.bound else before
    doing = f"{_DOING[binding.action]} environment {binding.environment!r}"
    if binding.action == "promote":
        doing = f"promote experiment {binding.experiment!r} to {binding.environment!r}"
    require_role_for(workspace, about.experiment if about else None, doing, reader=tx)


def _pin(tx: Transaction, binding: Binding, there: Mapping[str, ObjectId]) -> list[PushUpdate]:
    """Return the push that keeps the bound version; none where it is kept, or not here to push."""
    version = binding.version
    if version is None or layout.pin_ref(version) in there or not tx.has(version):
        return []
    return [PushUpdate(ref=layout.pin_ref(version), old=None, new=version)]


_DOING: Mapping[Action, str] = {
    "promote": "move",
    "rollback": "roll back",
    "unbind": "unbind",
    "flags": "change the flags of",
}
_VERBS: Mapping[Action, str] = {"promote": "promote", "rollback": "roll back to"}


def _message(binding: Binding, changes: FlagChanges) -> str:
    subject = f"{binding.environment}: unbind"
    if binding.action == "flags":
        subject = f"{binding.environment}: {changes_text(changes)}"
    elif binding.bound:
        subject = f"{binding.environment}: {_VERBS[binding.action]} {binding.label}"
    return f"{subject}\n\n{binding.reason}\n" if binding.reason else f"{subject}\n"
