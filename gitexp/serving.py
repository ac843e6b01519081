"""Serving values to an application: from a clone, a checkout, or the address of a remote."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from gitexp.environments.binding import Snapshot
from gitexp.environments.parameters import Parameters
from gitexp.environments.pinning import Pin
from gitexp.environments.reading import (
    address_snapshot,
    checkout_snapshot,
    parameters_of,
    read_snapshot,
)
from gitexp.environments.resolving import Selectors, chosen_environment, resolve
from gitexp.errors import InvalidInput, NotFound
from gitexp.opening import open_workspace
from gitexp.surroundings import Surroundings

if TYPE_CHECKING:
    from gitexp.flags.serving import ServedFlags
    from gitexp.project.workspace import Workspace
    from gitexp.repository import Repository


def parameters(
    environment: str | None = None,
    *,
    experiment: str | None = None,
    version: str | None = None,
    repository: Repository | str | Path | None = None,
    project: str | None = None,
    at: str | None = None,
    locked: bool = False,
    offline: bool = False,
    surroundings: Surroundings | None = None,
) -> Parameters:
    """Return the values that an application shall use, read-only, with where they come from.

    Args:
        environment: its name; `GITEXP_ENVIRONMENT`, else `default`, when nothing is given.
        experiment: read the latest version of this experiment instead.
        version: read this version instead.
        repository: a repository, a directory inside one, or the address of the shared remote,
            which needs no clone; the current directory by default.
        project: the id of the project, where an address holds several.
        at: a commit of the environment, to read what was live then.
        locked: read the commit that `gitexp.lock` pins, and verify it.
        offline: never ask the remote.

    Raises:
        NotFound, NotBound: there is no such environment, or nothing is bound to it.
        InvalidInput: the selectors contradict each other.
    """
    around = surroundings or Surroundings.of_process()
    selectors = Selectors(
        environment=environment, experiment=experiment, version=version, at=at, locked=locked
    )
    if repository is None or isinstance(repository, Path):
        where = around.directory / (repository or ".")
        return read_here(where, selectors, project=project, offline=offline, surroundings=around)
    if not isinstance(repository, str):
        return resolve(repository.workspace, selectors, offline=offline)
    if _is_address(repository, around.directory):
        return read_elsewhere(
            repository, selectors, project=project, offline=offline, surroundings=around
        )
    where = around.directory / repository
    return read_here(where, selectors, project=project, offline=offline, surroundings=around)


def read_here(
    directory: Path,
    selectors: Selectors,
    *,
    project: str | None = None,
    offline: bool = False,
    surroundings: Surroundings,
) -> Parameters:
    """Return the values that a repository around a directory serves.

    The directory may also be a checkout of an environment's branch, which holds no project.

    Raises:
        NotFound, NotBound: there is no such environment, or nothing is bound to it.
    """
    try:
        workspace = open_workspace(directory, project=project, surroundings=surroundings)
    except NotFound:
        checked_out = _checked_out(directory, selectors, surroundings)
        if checked_out is None:
            raise
        return checked_out
    found = resolve(workspace, selectors, offline=offline)
    workspace.cache.close()
    return found


def _checked_out(
    directory: Path, selectors: Selectors, surroundings: Surroundings
) -> Parameters | None:
    """Return the values of the environment that is checked out; None when something else is."""
    snapshot = _checked_out_snapshot(directory, selectors, surroundings)
    return parameters_of(snapshot, environ=surroundings.environ) if snapshot else None


def _checked_out_snapshot(
    directory: Path, selectors: Selectors, surroundings: Surroundings
) -> Snapshot | None:
    """Return the environment whose branch is checked out; None when something else is."""
    from gitexp.documents import layout
    from gitexp.store.disk import DiskStore

    with DiskStore.discover(directory, environ=surroundings.environ) as store:
        if store.worktree is None or not (store.worktree / layout.BINDING_FILE).is_file():
            return None
        if selectors.experiment or selectors.version or selectors.at or selectors.locked:
            raise InvalidInput(
                "the branch of an environment is checked out, which serves only that environment",
                hint="Read anything else from a clone of the trunk.",
            )
        wanted = selectors.environment or surroundings.environ.get("GITEXP_ENVIRONMENT")
        return checkout_snapshot(store, wanted or None)


def read_elsewhere(
    url: str,
    selectors: Selectors,
    *,
    project: str | None = None,
    offline: bool = False,
    surroundings: Surroundings,
) -> Parameters:
    """Return the values of an environment at an address, without a clone.

    Raises:
        NotFound, NotBound: there is no such environment, or nothing is bound to it.
        RemoteUnavailable: the remote is down, and nothing was read from it before.
    """
    from gitexp.environments.reading import read_from_url

    if selectors.experiment or selectors.version or selectors.locked:
        raise InvalidInput(
            "an address serves environments only, not experiments, versions or locks",
            hint="Clone it with `gitexp clone`, or name an environment.",
        )
    return read_from_url(
        url,
        chosen_environment(selectors.environment, surroundings.environ),
        project=project,
        at=selectors.at,
        offline=offline,
        surroundings=surroundings,
    )


def feature_flags(
    environment: str | None = None,
    *,
    repository: Repository | str | Path | None = None,
    project: str | None = None,
    at: str | None = None,
    locked: bool = False,
    offline: bool = False,
    fetch: bool = False,
    surroundings: Surroundings | None = None,
) -> ServedFlags:
    """Return the flags that are published in an environment, ready to be evaluated.

    Args:
        environment: its name; `GITEXP_ENVIRONMENT`, else `default`, when nothing is given.
        repository: a repository, a directory inside one, or the address of the shared remote,
            which needs no clone; the current directory by default.
        project: the id of the project, where an address holds several.
        at: a commit of the environment, to read what was published then.
        locked: read the commit that `gitexp.lock` pins, and verify it.
        offline: never ask the remote.
        fetch: in a clone, fetch the environment first. When the remote cannot be reached, what
            was fetched earlier is served, and the provenance says `stale`.

    Raises:
        NotFound: there is no such environment.
        NotBound: nothing was ever bound or published there.
        InvalidDocuments: a flag is not the one that was published.
    """
    from gitexp.flags.serving import ServedFlags

    around = surroundings or Surroundings.of_process()
    if isinstance(repository, str) and _is_address(repository, around.directory):
        if locked:
            raise InvalidInput(
                "an address serves environments only, not locks",
                hint="Clone it with `gitexp clone`, or name a commit of the environment.",
            )
        name = chosen_environment(environment, around.environ)
        snapshot, stale = address_snapshot(
            repository, name, project=project, at=at, offline=offline, surroundings=around
        )
        return ServedFlags.of(snapshot, stale=stale, clock=around.clock)
    pin = Pin(at=at, locked=locked, offline=offline)
    if repository is not None and not isinstance(repository, (str, Path)):
        workspace = repository.workspace
        name = chosen_environment(environment, workspace.surroundings.environ)
        stale = fetch and not _fetched(workspace, name)
        found = read_snapshot(workspace, name, pin)
        return ServedFlags.of(found, stale=stale, clock=around.clock)
    where = around.directory / (repository or ".")
    snapshot, stale = _snapshot_here(where, environment, pin, project, around, fetch=fetch)
    return ServedFlags.of(snapshot, stale=stale, clock=around.clock)


def _snapshot_here(
    directory: Path,
    environment: str | None,
    pin: Pin,
    project: str | None,
    around: Surroundings,
    *,
    fetch: bool,
) -> tuple[Snapshot, bool]:
    """Return what an environment says in the repository around a directory, or as checked out."""
    try:
        workspace = open_workspace(directory, project=project, surroundings=around)
    except NotFound:
        selectors = Selectors(environment=environment, at=pin.at, locked=pin.locked)
        checked_out = _checked_out_snapshot(directory, selectors, around)
        if checked_out is None:
            raise
        return checked_out, False
    name = chosen_environment(environment, around.environ)
    stale = fetch and not _fetched(workspace, name)
    found = read_snapshot(workspace, name, pin)
    workspace.cache.close()
    return found, stale


def _fetched(workspace: Workspace, environment: str) -> bool:
    """Fetch an environment's branch where there is a remote; returns whether that was answered."""
    from gitexp.environments.branches import environment_name, fetch_branch
    from gitexp.errors import RemoteUnavailable

    if not workspace.has_remote:
        return True
    try:
        fetch_branch(workspace, environment_name(environment))
    except RemoteUnavailable:
        return False
    return True


def _is_address(text: str, directory: Path) -> bool:
    """Return whether a text is the address of a remote and not a directory that is here."""
    from gitexp.store.urls import looks_like_address

    return looks_like_address(text) and not (directory / text).is_dir()
