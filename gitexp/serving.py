"""Serving values to an application: from a clone, a checkout, or the address of a remote."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from gitexp.environments.parameters import Parameters
from gitexp.environments.resolving import Selectors, chosen_environment, resolve
from gitexp.errors import InvalidInput, NotFound
from gitexp.opening import open_workspace
from gitexp.surroundings import Surroundings

if TYPE_CHECKING:
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
    """Return the environment whose branch is checked out; None when something else is."""
    from gitexp.documents import layout
    from gitexp.environments.reading import read_environment_checkout
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
        return read_environment_checkout(
            store, environ=surroundings.environ, environment=wanted or None
        )


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


def _is_address(text: str, directory: Path) -> bool:
    """Return whether a text is the address of a remote and not a directory that is here."""
    from gitexp.store.urls import looks_like_address

    return looks_like_address(text) and not (directory / text).is_dir()
