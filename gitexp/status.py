"""The state of a project at a glance: what is private, shared, ahead, behind, edited, live."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from gitexp.documents import layout
from gitexp.documents.problems import shell_word
from gitexp.experiments.catalog import visible_experiments
from gitexp.experiments.headers import Header
from gitexp.experiments.homes import Home
from gitexp.experiments.sharing import Sharing, SharingState, sharing_of
from gitexp.project.reading import current_project
from gitexp.project.workspace import Workspace
from gitexp.project.worktree_files import as_stored
from gitexp.store.trees import blob_at, tree_of

if TYPE_CHECKING:
    from gitexp.environments.states import EnvironmentState


@dataclass(frozen=True, kw_only=True)
class RemoteState:
    """The shared remote: its name, its address if it has one, whether it was ever fetched."""

    name: str
    url: str | None
    fetched: bool


@dataclass(frozen=True, kw_only=True)
class ExperimentStatus:
    """How one experiment stands.

    Attributes:
        uncommitted: files of it that were edited in the working tree and not saved.
        hint: what to do next, or None where nothing is to be done.
        note: what is odd about it beside others, or None where nothing is.
    """

    name: str
    sharing: SharingState
    ahead: int
    behind: int
    lifecycle: str
    uncommitted: tuple[str, ...]
    hint: str | None
    note: str | None = None


@dataclass(frozen=True, kw_only=True)
class Status:
    """The state of a project.

    Attributes:
        branch: the branch that is checked out, or None when HEAD is detached.
        hints: what to do next about the project as a whole.
    """

    project: str
    branch: str | None
    trunk: str
    remote: RemoteState
    experiments: tuple[ExperimentStatus, ...]
    environments: tuple[EnvironmentState, ...]
    hints: tuple[str, ...]


def status(workspace: Workspace) -> Status:
    """Return the state of a project; nothing is asked of the remote."""
    from gitexp.environments.states import list_environments

    edited = _edited_files(workspace)
    remote = _remote_state(workspace)
    experiments = tuple(
        _experiment_status(workspace, home, header, edited)
        for home, header in visible_experiments(workspace)
        if header.lifecycle != "deleted"
    )
    return Status(
        project=current_project(workspace).id,
        branch=workspace.store.head().branch,
        trunk=workspace.trunk,
        remote=remote,
        experiments=experiments,
        environments=tuple(list_environments(workspace)),
        hints=_hints(workspace, remote, experiments, edited),
    )


def _remote_state(workspace: Workspace) -> RemoteState:
    from gitexp.store.urls import redact

    name = workspace.remote_name
    url = workspace.store.config(f"remote.{name}.url")
    fetched = bool(workspace.store.refs(f"refs/remotes/{name}/"))
    return RemoteState(name=name, url=redact(url) if url else None, fetched=fetched)


def _experiment_status(
    workspace: Workspace, home: Home, header: Header, edited: Sequence[str]
) -> ExperimentStatus:
    sharing = sharing_of(workspace, home)
    checked_out = workspace.store.head().branch == layout.branch_name(home.branch)
    own = layout.experiment_dir("", home.name) + "/"
    uncommitted = tuple(path for path in edited if checked_out and path.startswith(own))
    return ExperimentStatus(
        name=home.name,
        sharing=sharing.state,
        ahead=sharing.ahead,
        behind=sharing.behind,
        lifecycle=header.lifecycle,
        uncommitted=uncommitted,
        hint=_next_step(home.name, sharing, uncommitted),
        note=header.note,
    )


def _next_step(name: str, sharing: Sharing, uncommitted: Sequence[str]) -> str | None:
    if uncommitted:
        return f"save the edited values: `gitexp commit {name}`"
    return {
        "private": f"share it: `gitexp share {name}`",
        "ahead": f"send the new versions: `gitexp share {name}`",
        "behind": f"bring the new versions here: `gitexp pull {name}`",
        "diverged": f"join the two lines: `gitexp pull {name}`",
        "shared": None,
    }[sharing.state]


def _edited_files(workspace: Workspace) -> list[str]:
    """Return the documents of the working tree that differ from HEAD, by path in the project."""
    head = workspace.store.head().commit
    if workspace.directory is None or head is None:
        return []
    found = [workspace.directory / layout.PROJECT_FILE]
    found += sorted(workspace.directory.glob(f"{layout.EXPERIMENTS_DIR}/*/*.yaml"))
    edited = []
    for path in found:
        inside = path.relative_to(workspace.directory).as_posix()
        known = layout.kind_of(inside) is not None and path.is_file() and not path.is_symlink()
        if known and _is_edited(workspace, path, inside):
            edited.append(inside)
    return edited


def _is_edited(workspace: Workspace, file: Path, path: str) -> bool:
    committed = _committed(workspace, path)
    inside = layout.join(workspace.root, path)
    return as_stored(workspace, inside, file.read_bytes(), before=committed) != committed


def _committed(workspace: Workspace, path: str) -> bytes | None:
    head = workspace.store.head().commit
    assert head is not None
    return blob_at(
        workspace.store, tree_of(workspace.store, head), layout.join(workspace.root, path)
    )


def _hints(
    workspace: Workspace,
    remote: RemoteState,
    experiments: Sequence[ExperimentStatus],
    edited: Sequence[str],
) -> tuple[str, ...]:
    hints = []
    if layout.PROJECT_FILE in edited:
        hints.append(
            f"{layout.PROJECT_FILE} was edited: saves use it once it is committed on "
            f"{workspace.trunk}: `git commit {layout.PROJECT_FILE}`"
        )
    if remote.url is None:
        hints.append(f"there is no shared remote: `git remote add {shell_word(remote.name)} URL`")
    elif not remote.fetched:
        hints.append("the shared remote was not fetched yet: `gitexp fetch`")
    hints += [f"{e.name}: {e.note}" for e in experiments if e.note]
    if not experiments:
        hints.append("there is no experiment yet: `gitexp experiment create NAME`")
    return tuple(hints)
