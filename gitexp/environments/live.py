"""What is live: what the branches of environments say now."""

from __future__ import annotations

from datetime import datetime

from gitexp.environments.binding import UNREADABLE, Snapshot, environment_at, one_line
from gitexp.environments.branches import fetch_branch, names_with_branches, tip_of
from gitexp.errors import NotBound, NotFound
from gitexp.ids import Name
from gitexp.project.workspace import Workspace
from gitexp.store.protocol import Store
from gitexp.store.trees import read_commit


def live_snapshot(
    workspace: Workspace, environment: Name, *, reader: Store | None = None
) -> Snapshot | None:
    """Return what an environment says now, as last fetched; None when it has no branch.

    Raises:
        InvalidDocuments: its branch cannot be read as a binding.
        MissingObject, DamagedObject: the tip of its branch cannot be read.
    """
    store = reader or workspace.store
    tip = tip_of(workspace, environment, reader=store)
    if tip is None:
        return None
    return environment_at(
        store, tip, environment=environment, project=workspace.project_id, cache=workspace.cache
    )


def bound_snapshot(workspace: Workspace, environment: Name, *, offline: bool = False) -> Snapshot:
    """Return what is live in an environment, as last fetched; fetched now when it never was.

    Raises:
        NotFound: there is no such environment, or it is not here and `offline` is set.
        NotBound: nothing is bound to it.
        RemoteUnavailable: it is not here and the remote cannot be reached.
    """
    return present_snapshot(workspace, environment, offline=offline).bound()


def present_snapshot(workspace: Workspace, environment: Name, *, offline: bool = False) -> Snapshot:
    """Return what an environment says, whether a version is bound or not.

    Raises:
        NotFound, RemoteUnavailable: as `bound_snapshot` says.
        NotBound: it has no branch yet.
    """
    snapshot = live_snapshot(workspace, environment)
    if snapshot is None and not offline and workspace.has_remote:
        fetch_branch(workspace, environment)
        snapshot = live_snapshot(workspace, environment)
    if snapshot is None:
        raise _absent(workspace, environment, offline)
    return snapshot


def _absent(workspace: Workspace, environment: Name, offline: bool) -> NotFound:
    """Return the error for an environment without a branch: unknown, not here or never bound."""
    from gitexp.project.reading import current_project

    try:
        project = current_project(workspace)
    except NotFound:
        project = None  # a shallow checkout of another branch need not hold the trunk
    if project is not None:
        try:
            project.environment(environment)
        except NotFound as unknown:
            return unknown
    if offline and workspace.has_remote:
        return NotFound(
            f"environment {environment!r} is not in this clone",
            hint="Bring it over with `gitexp fetch`, or read it without --offline.",
        )
    return NotBound(
        f"no version is bound to environment {environment!r}",
        hint=f"Bind one with `gitexp promote EXPERIMENT {environment}`, or publish flags with "
        f"`gitexp flag publish KEY {environment}`.",
    )


def environments_by_experiment(
    workspace: Workspace, *, reader: Store | None = None
) -> dict[str, tuple[str, ...]]:
    """Return, for each bound experiment's id, the environments that it is live in, sorted.

    Environments whose branch cannot be read are left out, with a notice: this is for showing.
    What destroys something asks `bound_environments`.
    """
    found: dict[str, tuple[str, ...]] = {}
    for name in names_with_branches(workspace, reader=reader):
        try:
            bound = _experiment_in(workspace, name, reader)
        except UNREADABLE as exc:
            told = f"what is live in environment {name!r} cannot be read: {one_line(exc)}"
            workspace.surroundings.notice(told)
            continue
        if bound:
            found[bound] = (*found.get(bound, ()), name)
    return found


def _experiment_in(workspace: Workspace, environment: Name, reader: Store | None) -> str | None:
    snapshot = live_snapshot(workspace, environment, reader=reader)
    return snapshot.binding.experiment_id if snapshot else None


def bound_environments(
    workspace: Workspace, experiment_id: str, *, reader: Store | None = None
) -> list[str]:
    """Return the names of the environments that an experiment is live in, as last fetched.

    Raises:
        InvalidDocuments: a branch cannot be read, so the experiment may be live there.
        MissingObject, DamagedObject: a branch's tip cannot be read from this clone.
    """
    names = names_with_branches(workspace, reader=reader)
    return [name for name in names if _experiment_in(workspace, name, reader) == experiment_id]


def live_since(store: Store, snapshot: Snapshot) -> datetime:
    """Return since when an environment holds what one of its commits says.

    That is when the promotion was made, or when its commit was, if that is later: a forge merges
    a change request long after it was asked for.
    """
    return max(snapshot.binding.at, read_commit(store, snapshot.commit).committer.when)
