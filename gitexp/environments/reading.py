"""Reading environments, in every way an application or a CI job comes by one.

In a clone, the tracking reference of the environment's branch decides, and where a shallow or
single-branch clone has none, that one branch is fetched. A read can be pinned to a commit of the
branch, by hand or by the lock file. A checkout of the branch itself is read from its HEAD, and a
bare address through a small cache of single-commit fetches. Once the commit is in the cache of
derived data, reading it in a clone takes one reference and one look-up.
"""

from __future__ import annotations

from collections.abc import Mapping

from gitexp.documents import layout
from gitexp.environments.binding import Snapshot, environment_at, snapshot_at
from gitexp.environments.branches import environment_name
from gitexp.environments.live import present_snapshot
from gitexp.environments.parameters import Parameters, Provenance
from gitexp.environments.pinning import LIVE, Pin, pinned_snapshot
from gitexp.errors import NotFound
from gitexp.ids import parse_name
from gitexp.project.workspace import Workspace
from gitexp.store.cache import DerivedCache
from gitexp.store.protocol import Store
from gitexp.surroundings import Surroundings


def read(workspace: Workspace, environment: str, pin: Pin = LIVE) -> Parameters:
    """Return the parameters of an environment.

    What is live is what was last fetched; nothing is fetched unless the branch or the pinned
    commit is not here at all.

    Raises:
        NotFound: there is no such environment or commit.
        NotBound: nothing is bound to it, or was in that commit.
        InvalidInput: the commit is not of this environment, or both ways of pinning were given.
        InvalidDocuments: the branch or the lock file is not valid, or they contradict each other.
        RemoteUnavailable: something is not here and the remote cannot be reached.
    """
    snapshot = read_snapshot(workspace, environment, pin)
    return parameters_of(snapshot, environ=workspace.surroundings.environ)


def read_snapshot(workspace: Workspace, environment: str, pin: Pin = LIVE) -> Snapshot:
    """Return what an environment says, whether a version is bound or not.

    Raises:
        NotFound, InvalidInput, InvalidDocuments, RemoteUnavailable: as `read` says.
        NotBound: it has no branch yet.
    """
    name = environment_name(environment)
    snapshot = pinned_snapshot(workspace, name, pin) or present_snapshot(
        workspace, name, offline=pin.offline
    )
    workspace.cache.flush()
    return snapshot


def parameters_of(
    snapshot: Snapshot, *, environ: Mapping[str, str], stale: bool = False
) -> Parameters:
    """Return the parameters that a snapshot holds.

    Raises:
        NotBound: nothing was bound in it.
    """
    subject, binding = snapshot.subject, snapshot.binding
    provenance = Provenance(
        experiment=subject.experiment,
        experiment_id=subject.experiment_id,
        version=subject.version,
        digest=subject.digest,
        environment=binding.environment,
        environment_commit=snapshot.commit,
        stale=stale,
    )
    return Parameters(snapshot.values, types=binding.types, provenance=provenance, environ=environ)


def read_environment_checkout(
    store: Store,
    *,
    environ: Mapping[str, str],
    environment: str | None = None,
    cache: DerivedCache | None = None,
) -> Parameters:
    """Return the parameters of the environment whose branch is checked out, as HEAD has them.

    Such a checkout holds an environment and no project, so no workspace is needed.

    Raises:
        NotFound: HEAD is on no environment's branch.
        NotBound: nothing is bound.
        InvalidDocuments: the files are not valid, or are of another environment than named.
    """
    return parameters_of(checkout_snapshot(store, environment, cache=cache), environ=environ)


def checkout_snapshot(
    store: Store, environment: str | None = None, *, cache: DerivedCache | None = None
) -> Snapshot:
    """Return what the environment says whose branch is checked out.

    Raises:
        NotFound, InvalidDocuments: as `read_environment_checkout` says.
    """
    commit = store.head().commit
    snapshot = snapshot_at(store, commit, cache=cache) if commit else None
    if snapshot is None:
        raise NotFound(
            f"no {layout.BINDING_FILE} at the top of what is checked out",
            hint="Check out the branch of an environment, such as env/PROJECT/production, or a "
            "branch with a project.",
        )
    name = environment or snapshot.binding.environment
    checked = environment_at(store, snapshot.commit, environment=name, cache=cache)
    if cache:
        cache.flush()
    return checked


def read_from_url(
    url: str,
    environment: str,
    *,
    project: str | None = None,
    at: str | None = None,
    offline: bool = False,
    surroundings: Surroundings,
) -> Parameters:
    """Return the parameters of an environment of a repository elsewhere, without a clone.

    One reference is fetched at depth 1 into a cache. When the remote cannot be reached, what was
    fetched before is served and its provenance says `stale`; never when it answered that there
    is no such environment. A commit that was read before needs no remote.

    Args:
        project: the project's id, needed where several have an environment of that name.
        at: a commit of the environment's branch.

    Raises:
        NotFound: there is no such environment or commit.
        NotBound: nothing is bound to it.
        InvalidInput: several projects have such an environment, or the commit is of another one.
        RemoteUnavailable: the remote cannot be reached, and nothing was fetched before.
    """
    snapshot, stale = address_snapshot(
        url, environment, project=project, at=at, offline=offline, surroundings=surroundings
    )
    return parameters_of(snapshot, environ=surroundings.environ, stale=stale)


def address_snapshot(
    url: str,
    environment: str,
    *,
    project: str | None = None,
    at: str | None = None,
    offline: bool = False,
    surroundings: Surroundings,
) -> tuple[Snapshot, bool]:
    """Return what an environment of a repository elsewhere says, and whether that may be old.

    Raises:
        NotFound, InvalidInput, RemoteUnavailable: as `read_from_url` says.
    """
    from gitexp.environments.addresses import Address

    address = Address(
        url=url,
        environment=environment_name(environment),
        project=parse_name(project, "project id") if project else None,
        surroundings=surroundings,
    )
    if at is None:
        return address.live(offline=offline)
    return address.at(at, offline=offline), False
