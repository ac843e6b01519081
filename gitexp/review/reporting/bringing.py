"""Bringing over what a report looks at, where a checkout of CI does not hold it."""

from __future__ import annotations

from collections.abc import Mapping

from gitexp.documents import layout
from gitexp.environments.branches import ALL_OF_HISTORY
from gitexp.experiments.sharing import fetch_project
from gitexp.ids import ObjectId
from gitexp.project.workspace import Workspace


def bring_over(workspace: Workspace) -> None:
    """Fetch the trunk, environments, runs and change requests of a project.

    A shallow clone gets the newest commits of the trunk and of runs alone, which hold everything
    that is read of them, and the whole of the others, whose history counts.

    Raises:
        RemoteUnavailable: the shared remote cannot be reached.
    """
    if not workspace.store.is_shallow():
        fetch_project(workspace)
        return
    project, remote = workspace.project_id, workspace.remote()
    flat = [workspace.trunk_ref, layout.runs_branches(project)]
    deep = [layout.environment_branches(project), layout.changes_branch(project)]
    there = remote.list_refs([*flat, *deep])
    for prefixes, depth in ((flat, 1), (deep, ALL_OF_HISTORY)):
        moved = _moved(workspace, there, prefixes)
        if moved:
            remote.fetch(moved, depth=depth)


def _moved(workspace: Workspace, there: Mapping[str, ObjectId], prefixes: list[str]) -> list[str]:
    """Return what to fetch of branches that are not here as they are there."""
    wanted = (ref for ref in there if any(_is_in(ref, prefix) for prefix in prefixes))
    pairs = ((ref, workspace.tracking(ref)) for ref in wanted)
    return [f"+{ref}:{here}" for ref, here in pairs if workspace.store.ref(here) != there[ref]]


def _is_in(ref: str, prefix: str) -> bool:
    return ref.startswith(prefix) if prefix.endswith("/") else ref == prefix
