"""What is live: what the branches of environments say now."""

from __future__ import annotations

from gitexp.environments.binding import Snapshot, environment_at
from gitexp.environments.branches import fetch_branch, names_with_branches, tip_of
from gitexp.errors import NotBound, NotFound
from gitexp.ids import Name
from gitexp.project.workspace import Workspace
from gitexp.store.protocol import Store


def live_snapshot(
    workspace: Workspace, environment: Name, *, reader: Store | None = None
) -> Snapshot | None:
    """Return what an environment says now, as last fetched; None when it has no branch.

    Raises:
        InvalidDocuments: its branch cannot be read as a binding.
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
    snapshot = live_snapshot(workspace, environment)
    if snapshot is None and not offline and workspace.has_remote:
        fetch_branch(workspace, environment)
        snapshot = live_snapshot(workspace, environment)
    if snapshot is None:
        raise _absent(workspace, environment, offline)
    return snapshot.bound()


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
        hint=f"Bind one with `gitexp promote EXPERIMENT {environment}`.",
    )


def environments_by_experiment(
    workspace: Workspace, *, reader: Store | None = None
) -> dict[str, tuple[str, ...]]:
    """Return, for each bound experiment's id, the environments that it is live in, sorted.

    Raises:
        InvalidDocuments: a branch cannot be read, so what is live there is not known.
    """
    found: dict[str, tuple[str, ...]] = {}
    for name in names_with_branches(workspace, reader=reader):
        snapshot = live_snapshot(workspace, name, reader=reader)
        if snapshot and snapshot.binding.experiment_id:
            bound = snapshot.binding.experiment_id
            found[bound] = (*found.get(bound, ()), name)
    return found


def bound_environments(
    workspace: Workspace, experiment_id: str, *, reader: Store | None = None
) -> list[str]:
    """Return the names of the environments that an experiment is live in, as last fetched."""
    return list(environments_by_experiment(workspace, reader=reader).get(experiment_id, ()))
