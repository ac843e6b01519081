"""Resolving: which values an application gets, from selectors that must not contradict each other.

A version decides before an experiment, an experiment before an environment, an environment that
was named before the one in `GITEXP_ENVIRONMENT`, and that before `default`. Selectors that are
given together have to agree: an experiment beside a version says whose version it is, and either
beside an environment says what must be live in it. Nothing is ever fallen back on when a selector
fails, because that would hide a typing error.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from gitexp.environments.parameters import Parameters, Provenance, Source
from gitexp.environments.pinning import Pin
from gitexp.environments.reading import read
from gitexp.errors import InvalidInput, NotFound
from gitexp.project.workspace import Workspace

if TYPE_CHECKING:
    from gitexp.environments.locating import Located

VARIABLE = "GITEXP_ENVIRONMENT"
"""The environment variable that names an environment where no selector is given."""

DEFAULT = "default"
"""The environment that is read where nothing else says which."""


@dataclass(frozen=True, kw_only=True)
class Selectors:
    """What says which values are wanted.

    Attributes:
        environment: what is live in this environment.
        experiment: the latest version of this experiment.
        version: this version, as any revision.
        at: a commit of the environment's branch, to read what was live then.
        locked: what the lock file pins the environment to.
    """

    environment: str | None = None
    experiment: str | None = None
    version: str | None = None
    at: str | None = None
    locked: bool = False

    @property
    def pinned(self) -> bool:
        """Whether a commit of an environment is asked for."""
        return self.at is not None or self.locked


def resolve(workspace: Workspace, selectors: Selectors, *, offline: bool = False) -> Parameters:
    """Return the parameters that the selectors name.

    With an environment, what is live in it is returned, and an experiment or a version beside it
    must be what is live. Without one, an experiment stands for its latest version.

    Raises:
        InvalidInput: selectors contradict each other; the message names both.
        NotFound: there is no such environment, experiment or version.
        NotBound: nothing is bound to the environment.
    """
    if selectors.environment is None and (selectors.version or selectors.experiment):
        return _selected(workspace, selectors)
    pin = Pin(at=selectors.at, locked=selectors.locked, offline=offline)
    name = chosen_environment(selectors.environment, workspace.surroundings.environ)
    try:
        parameters = read(workspace, name, pin)
    except NotFound as exc:
        raise _explained(exc, name, selectors, workspace.surroundings.environ) from exc
    return _agreeing(workspace, parameters, selectors)


def chosen_environment(environment: str | None, environ: Mapping[str, str]) -> str:
    """Return the environment to read: the one named, else `GITEXP_ENVIRONMENT`, else `default`."""
    return environment if environment is not None else environ.get(VARIABLE) or DEFAULT


def _explained(
    error: NotFound, name: str, selectors: Selectors, environ: Mapping[str, str]
) -> NotFound:
    """Return an error about an environment that nobody named, which says where its name is from."""
    if selectors.environment is not None:
        return error
    if environ.get(VARIABLE):
        return type(error)(f"{error.message} ({VARIABLE}={name})", hint=error.hint)
    return type(error)(
        f"{error.message}, which is read where nothing else is named",
        hint=f"Name an environment, an experiment or a version, or set {VARIABLE}.",
    )


def _selected(workspace: Workspace, selectors: Selectors) -> Parameters:
    """Return the parameters of a version or of an experiment's latest one."""
    if selectors.pinned:
        what = "a lock" if selectors.locked else f"commit {selectors.at!r} of an environment"
        raise InvalidInput(
            f"{_named(selectors)} and {what} contradict each other",
            hint="Name the environment that is pinned, or leave the pin out.",
        )
    from gitexp.environments.locating import locate_version

    if selectors.version is None:
        assert selectors.experiment is not None
        located = locate_version(workspace, "latest", experiment=selectors.experiment)
        return _parameters(workspace, located, "experiment")
    located = locate_version(workspace, selectors.version, experiment=selectors.experiment)
    return _parameters(workspace, located, "version")


def _named(selectors: Selectors) -> str:
    if selectors.version:
        return f"version {selectors.version!r}"
    return f"experiment {selectors.experiment!r}"


def _parameters(workspace: Workspace, located: Located, source: Source) -> Parameters:
    version = located.version
    assert version.digest is not None  # only versions with valid values are located
    provenance = Provenance(
        experiment=located.header.name,
        experiment_id=located.header.id,
        version=version.version,
        digest=version.digest,
        source=source,
    )
    workspace.cache.flush()
    return Parameters(
        version.values,
        types=version.types,
        provenance=provenance,
        environ=workspace.surroundings.environ,
    )


def _agreeing(workspace: Workspace, parameters: Parameters, selectors: Selectors) -> Parameters:
    """Return the parameters of an environment after comparing the selectors beside it."""
    live = parameters.provenance
    if selectors.experiment is not None:
        from gitexp.experiments.headers import read_header

        header = read_header(workspace, selectors.experiment)
        if header.id != live.experiment_id:
            raise _contradiction(selectors, live)
    if selectors.version is None:
        return parameters
    from gitexp.environments.locating import locate_version

    located = locate_version(workspace, selectors.version, experiment=selectors.experiment)
    same = (located.header.id, located.version.digest) == (live.experiment_id, live.digest)
    if not same:
        raise _contradiction(selectors, live)
    return Parameters(
        parameters.to_dict(),
        types=parameters.types,
        provenance=replace(live, source="version"),
        environ=workspace.surroundings.environ,
    )


def _contradiction(selectors: Selectors, live: Provenance) -> InvalidInput:
    return InvalidInput(
        f"{_named(selectors)} and environment {live.environment!r} contradict each other: "
        f"{live.experiment}@{live.version[:10]} is live there",
        hint="Leave one of them out.",
    )
