"""Saving a version: checked values, one commit, moved by compare-and-swap."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from gitexp.documents import layout
from gitexp.documents.canonical import digest_of
from gitexp.documents.problems import ProblemCollector
from gitexp.documents.yaml_writer import dump_yaml
from gitexp.errors import Conflict, InvalidInput
from gitexp.experiments.bases import Base, base_of
from gitexp.experiments.homes import Home, get_home
from gitexp.experiments.permissions import require_role
from gitexp.experiments.refusals import refuse_deleted, refuse_former_name
from gitexp.experiments.versions import Version, latest_at, resolve_version
from gitexp.ids import Name, ObjectId, VersionId
from gitexp.project.definition import Project
from gitexp.project.reading import remember_document
from gitexp.project.workspace import Workspace
from gitexp.project.worktree_files import as_stored
from gitexp.store.transaction import Transaction, transact
from gitexp.store.trees import blob_at, read_commit

_NAMED_IN_SUBJECT = 4


@dataclass(frozen=True, kw_only=True)
class Edit:
    """What a save changes: all values, or some of them.

    Attributes:
        values: the complete new values, instead of the latest; None keeps the latest.
        patch: values that replace single ones.
        unset: slots that return to their default, or to having no value.
        text: the bytes of `parameters.yaml` as a person wrote them; they hold `values`.
        source: what errors name as the place of the values.
        edited_from: the version that a person edited, or None; another latest one is a conflict.
    """

    values: Mapping[str, Any] | None = None
    patch: Mapping[str, Any] = field(default_factory=dict)
    unset: Collection[str] = ()
    text: bytes | None = None
    source: str = "values"
    edited_from: VersionId | None = None


def save(
    workspace: Workspace,
    name: str,
    edit: Edit,
    *,
    message: str | None = None,
    parent_version: str | None = None,
) -> Version:
    """Return the version that holds the edited values; `created` tells whether it is new.

    Values equal to the latest make no commit; where the trunk has to be joined, values that it
    holds already make a merge and no version.

    Raises:
        InvalidDocuments: unknown, missing or mistyped values, all of them at once.
        Conflict: `parent_version` is no longer the latest, or the trunk does not merge cleanly.
        NotAllowed: the experiment is deleted, or has another name now.
        Forbidden: whoever saves has not the role in the group that owns the experiment.
        UncommittedWork: the branch is checked out and its file was edited.
    """
    signature = workspace.signature()

    def work(tx: Transaction) -> Version:
        home = get_home(workspace, name, reader=tx)
        refuse_former_name(workspace, home, reader=tx)
        refuse_deleted(workspace, home, tx)
        require_role(workspace, home, "save", reader=tx)
        base = base_of(tx, workspace, home)
        _check_parent(workspace, name, base, parent_version, tx)
        _check_edited(name, base, edit)
        values = _edited(base, edit)
        if base.latest and base.latest.digest == digest_of(values) and _stands(base):
            return base.latest
        path = layout.parameters_path(workspace.root, Name(name))
        tree = tx.tree(base.tree, {path: _content(tx, workspace, base, edit, path, values)})
        if edit.text is None:
            remember_document(workspace, tree, path, "parameters", values, reader=tx)
        commit = tx.commit(
            tree=tree,
            parents=base.parents,
            message=message or _subject(name, base, values),
            author=signature,
            sign=workspace.commit_sign(),
        )
        move_branch(tx, home, commit, f"gitexp commit {name}")
        return _joined_only(tx, workspace, commit, home) or _created(tx, commit, base, values)

    return transact(workspace.store, work)


def _stands(base: Base) -> bool:
    """Return whether the tree to save on holds the latest values, and no others from the trunk."""
    if base.values is None or base.latest is None:
        return False
    path = "values"
    if base.project.problems_of(base.values, file=path):
        return False
    return base.latest.digest == digest_of(base.project.resolve(base.values, file=path))


def move_branch(tx: Transaction, home: Home, commit: ObjectId, message: str) -> None:
    """Stage the move of an experiment's local branch, which is opened where there was none."""
    tx.set_ref(home.branch, old=home.local, new=commit, message=message)


def _joined_only(
    tx: Transaction, workspace: Workspace, commit_id: ObjectId, home: Home
) -> Version | None:
    """Return the version whose values a merge took over; None for a commit that saved its own."""
    if len(read_commit(tx, commit_id).parents) < 2:
        return None
    latest = latest_at(workspace, commit_id, home.name, reader=tx)
    return latest if latest and latest.version != commit_id else None


def _created(
    tx: Transaction, commit_id: ObjectId, base: Base, values: Mapping[str, Any]
) -> Version:
    commit = read_commit(tx, commit_id)
    return Version(
        version=commit.id,
        digest=digest_of(values),
        parent_version=base.latest.version if base.latest else None,
        message=commit.message.strip(),
        author=str(commit.author),
        created_at=commit.author.when,
        values=values,
        types=base.project.types(),
        created=True,
    )


def _check_parent(
    workspace: Workspace, name: str, base: Base, parent_version: str | None, tx: Transaction
) -> None:
    if parent_version is None:
        return
    parent = resolve_version(workspace, name, parent_version, reader=tx)
    latest = base.latest.version if base.latest else None
    if parent.version != latest:
        raise Conflict(
            f"{parent.version[:10]} is not the latest version of {name!r}: "
            f"{(latest or 'none')[:10]} is",
            hint=f"See what changed with `gitexp diff {name}@{parent.version[:10]} {name}`, "
            "then save again on top of it.",
        )


def _check_edited(name: str, base: Base, edit: Edit) -> None:
    """Raise Conflict when what a person edited is not what the save stands on."""
    if edit.text is None:
        return
    joined = len(base.parents) > 1 and base.latest is not None and not _stands(base)
    if _is_latest(base, edit.edited_from) and not joined:
        return
    raise Conflict(
        f"experiment {name!r} has newer values than the file that was edited",
        hint=f"Set the edit aside with `git stash`, then `gitexp pull {name}`, `git stash pop`.",
    )


def _is_latest(base: Base, version: VersionId | None) -> bool:
    latest = base.latest
    return version in ((latest.version, *latest.aliases) if latest else (None,))


def _edited(base: Base, edit: Edit) -> dict[str, Any]:
    """Return the complete, checked values after an edit."""
    found = ProblemCollector()
    for name in edit.unset:
        if name not in base.project.slots:
            found.add(edit.source, name, f"unknown parameter. {base.project.slot_hint(name)}")
    start = edit.values if edit.values is not None else _still_declared(base)
    raw = {name: value for name, value in start.items() if name not in edit.unset}
    raw |= edit.patch
    found.extend(base.project.problems_of(raw, file=edit.source))
    found.raise_if_any()
    return base.project.resolve(raw, file=edit.source)


def _still_declared(base: Base) -> Mapping[str, Any]:
    """Return the latest values without those whose slot the project has dropped since."""
    if base.values is None:
        raise InvalidInput(
            "the values to change cannot be read: the file of the latest version is not valid",
            hint="Save complete values instead: `gitexp commit EXPERIMENT --values FILE`.",
        )
    return {name: value for name, value in base.values.items() if name in base.project.slots}


def _content(
    tx: Transaction,
    workspace: Workspace,
    base: Base,
    edit: Edit,
    path: str,
    values: Mapping[str, Any],
) -> bytes:
    """Return the bytes of `parameters.yaml`: as a person wrote them, else as gitexp does."""
    if edit.text is None:
        return _encoded(tx, base, path, values)
    return as_stored(workspace, path, edit.text, before=blob_at(tx, base.tree, path))


def _encoded(tx: Transaction, base: Base, path: str, values: Mapping[str, Any]) -> bytes:
    old = blob_at(tx, base.tree, path)
    before = base.latest.values if base.latest else None
    broken = base.values is None
    if old is None or broken or (before and old == dump_yaml(before, schema="parameters")):
        # As gitexp itself wrote it, so there is nobody's layout to keep, and no YAML to parse.
        return dump_yaml(values, schema="parameters")
    from gitexp.documents.yaml_editor import edit_yaml

    return edit_yaml(old, values, file=path)


def _subject(name: str, base: Base, values: Mapping[str, Any]) -> str:
    """Return a subject line that names what changed."""
    if base.latest is None:
        return f"{name}: first version"
    before = base.latest.values
    changed = [
        _change(base.project, slot, before.get(slot), values.get(slot))
        for slot in dict.fromkeys([*values, *before])
        if before.get(slot) != values.get(slot) or (slot in before) != (slot in values)
    ]
    listed = ", ".join(changed[:_NAMED_IN_SUBJECT])
    more = len(changed) - _NAMED_IN_SUBJECT
    return f"{name}: {listed}" + (f" and {more} more" if more > 0 else "")


def _change(project: Project, slot: str, before: Any, after: Any) -> str:
    """Return `temperature 0.7 -> 0.9`, or only the name where a value is long or compound."""
    kind = project.slots[slot].type if slot in project.slots else ""
    if kind in ("integer", "number", "boolean", "enum", "model") and after is not None:
        texts = [_short(before), _short(after)]
        if all(len(text) <= 24 for text in texts):
            return f"{slot} {texts[0]} -> {texts[1]}"
    return slot


def _short(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) or value is None else str(value)
