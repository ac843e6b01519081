"""The environments of a project: declaring them, and what is live in each."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from gitexp.documents import layout
from gitexp.environments.binding import UNREADABLE, Binding, one_line
from gitexp.environments.branches import environment_name, names_with_branches, tip_of
from gitexp.environments.live import live_since, live_snapshot
from gitexp.environments.locating import find_experiment
from gitexp.errors import AlreadyExists, GitexpError, NotFound
from gitexp.experiments.headers import Header
from gitexp.experiments.versions import list_versions
from gitexp.ids import Name, ObjectId
from gitexp.project.reading import current_project, project_at, read_document
from gitexp.project.workspace import Workspace
from gitexp.store.model import TreeId
from gitexp.store.transaction import Transaction, transact
from gitexp.store.trees import blob_at, tree_of


@dataclass(frozen=True, kw_only=True)
class EnvironmentState:
    """An environment and what is live in it, as last fetched.

    Attributes:
        bound: whether a version is live.
        binding: what its branch says, with the name that the experiment has today; None when it
            has none, or when it cannot be read.
        commit: the tip of its branch; None when it has none.
        since: since when it says what it says; None where that is not known.
        newer_versions: how many versions of the bound experiment came after the live one; None
            when that is not known.
        declared: whether the project declares it; one that is not may still have a branch.
        problem: why its branch cannot be read, in one line, so that what is live is not known;
            None when it can.
    """

    name: str
    description: str
    bound: bool
    binding: Binding | None
    commit: ObjectId | None
    newer_versions: int | None
    declared: bool = True
    problem: str | None = None
    since: datetime | None = None


def list_environments(workspace: Workspace) -> list[EnvironmentState]:
    """Return every environment: the declared ones in their order, then those only on branches.

    One whose branch cannot be read is among them, with its `problem`.

    Raises:
        NotFound: the trunk holds no project definition.
    """
    declared = current_project(workspace).environments
    states = [_state(workspace, Name(name), d.description) for name, d in declared.items()]
    others = [name for name in names_with_branches(workspace) if name not in declared]
    states += [_state(workspace, name, "", declared=False) for name in others]
    return states


def get_environment(workspace: Workspace, name: str) -> EnvironmentState:
    """Return one environment; one whose branch cannot be read has a `problem`.

    Raises:
        NotFound: the project declares no such environment, and it has no branch.
    """
    checked = environment_name(name)
    project = current_project(workspace)
    if checked not in project.environments and checked in names_with_branches(workspace):
        return _state(workspace, checked, "", declared=False)
    return _state(workspace, checked, project.environment(checked).description)


def _state(
    workspace: Workspace, name: Name, description: str, *, declared: bool = True
) -> EnvironmentState:
    try:
        snapshot = live_snapshot(workspace, name)
    except UNREADABLE as exc:
        state = _broken(workspace, name, exc)
        return replace(state, description=description, declared=declared)
    binding = snapshot.binding if snapshot else None
    header = _experiment_today(workspace, binding) if binding and binding.bound else None
    if binding and header:
        binding = replace(binding, experiment=header.name)
    return EnvironmentState(
        name=name,
        description=description,
        bound=binding is not None and binding.bound,
        binding=binding,
        commit=binding.commit if binding else None,
        newer_versions=_newer_versions(workspace, binding, header) if binding and header else None,
        declared=declared,
        since=live_since(workspace.store, snapshot) if snapshot else None,
    )


def _experiment_today(workspace: Workspace, binding: Binding) -> Header | None:
    """Return the header of what is bound; None where the experiment is not here to be read."""
    try:
        return find_experiment(workspace, binding)
    except (*UNREADABLE, NotFound):
        return None


def _broken(workspace: Workspace, name: Name, error: GitexpError) -> EnvironmentState:
    return EnvironmentState(
        name=name,
        description="",
        bound=False,
        binding=None,
        commit=tip_of(workspace, name),
        newer_versions=None,
        problem=one_line(error),
    )


def _newer_versions(workspace: Workspace, binding: Binding, header: Header) -> int | None:
    """Return how many versions came after the live one, which a rewrite may have rehashed."""
    try:
        versions = list_versions(workspace, header.name)
    except (*UNREADABLE, NotFound):
        return None
    by_hash = [i for i, v in enumerate(versions) if binding.version in (v.version, *v.aliases)]
    by_digest = [i for i, v in enumerate(versions) if v.digest == binding.digest]
    found = by_hash or by_digest
    return len(versions) - 1 - found[-1] if found else None


def create(workspace: Workspace, name: str, *, description: str | None = None) -> EnvironmentState:
    """Return an environment that is newly declared in `gitexp.yaml`, in one commit on the trunk.

    Comments and order of the file stay. Where the trunk is checked out, the working tree follows.

    Raises:
        InvalidInput: the name is not usable.
        AlreadyExists: it is declared already.
        NotFound: the trunk holds no project definition.
        UncommittedWork: the trunk is checked out and `gitexp.yaml` was edited.
    """
    checked = environment_name(name)
    signature = workspace.signature()

    def work(tx: Transaction) -> None:
        if checked in current_project(workspace, reader=tx).environments:
            raise AlreadyExists(
                f"environment {name!r} is declared already",
                hint=f"See `gitexp env show {name}`.",
            )
        tip = workspace.trunk_tip(tx)
        assert tip is not None  # it holds the definition
        commit = tx.commit(
            tree=_with_declaration(tx, workspace, tree_of(tx, tip), checked, description),
            parents=[tip],
            message=f"declare environment {checked}\n",
            author=signature,
            sign=workspace.commit_sign(),
        )
        old = tx.ref(workspace.trunk_ref)
        tx.set_ref(workspace.trunk_ref, old=old, new=commit, message=f"gitexp env create {name}")

    transact(workspace.store, work)
    return _state(workspace, checked, description or "")


def _with_declaration(
    tx: Transaction, workspace: Workspace, tree: TreeId, name: Name, description: str | None
) -> TreeId:
    """Return a tree whose project definition declares one more environment."""
    from gitexp.documents.yaml_editor import edit_yaml

    path = layout.project_path(workspace.root)
    document = dict(read_document(workspace, tree, path, "project", reader=tx) or {})
    entry = {"description": description} if description else {}
    document["environments"] = {**document.get("environments", {}), name: entry}
    content = edit_yaml(blob_at(tx, tree, path) or b"", document, file=path)
    changed = tx.tree(tree, {path: content})
    project_at(workspace, changed, reader=tx)  # what cannot be read again is not written
    return changed
