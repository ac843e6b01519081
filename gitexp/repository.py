"""The repository as its users hold it: a project's experiments, environments, runs and state."""

from __future__ import annotations

import builtins
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from gitexp.experiment import Experiment
from gitexp.experiments import catalog, lifecycle, sharing
from gitexp.experiments.catalog import LifecycleFilter, Page, Selection
from gitexp.experiments.homes import find_home, get_home
from gitexp.experiments.sharing import FetchReport, PushReport, RefChange, Visibility
from gitexp.opening import init_project, open_workspace
from gitexp.project.definition import Project
from gitexp.project.reading import current_project
from gitexp.project.workspace import Workspace
from gitexp.store.disk import DiskStore
from gitexp.surroundings import Surroundings

if TYPE_CHECKING:
    from types import TracebackType

    from gitexp.environments.binding import Binding
    from gitexp.environments.diffing import Diff
    from gitexp.environments.history import HistoryEntry
    from gitexp.environments.parameters import Parameters
    from gitexp.environments.states import EnvironmentState
    from gitexp.status import Status
    from gitexp.validation import ValidationReport


class Repository:
    """One project in one Git repository."""

    def __init__(self, workspace: Workspace, *, created: bool = False) -> None:
        """Hold a workspace; `open`, `init` and `clone` find or make one."""
        self.workspace = workspace
        self.created = created
        self.experiments = Experiments(self)
        self.environments = Environments(self)

    @classmethod
    def open(
        cls,
        directory: str | Path = ".",
        *,
        project: str | None = None,
        surroundings: Surroundings | None = None,
    ) -> Repository:
        """Return the project around a directory, found by walking up to a `gitexp.yaml`.

        Args:
            project: the id of the project, needed in a bare repository that holds several.

        Raises:
            NotFound: there is no repository, or no project in it.
        """
        around = surroundings or Surroundings.of_process()
        where = around.directory / directory
        return cls(open_workspace(where, project=project, surroundings=around))

    @classmethod
    def init(
        cls,
        directory: str | Path = ".",
        *,
        project: str | None = None,
        name: str | None = None,
        surroundings: Surroundings | None = None,
    ) -> Repository:
        """Make a directory a project, in one commit; harmless where it is one already.

        A directory outside any repository becomes one. `created` tells whether anything was
        written.
        """
        around = surroundings or Surroundings.of_process()
        where = around.directory / directory
        created = init_project(where, project=project, name=name, surroundings=around)
        return cls(open_workspace(where, project=None, surroundings=around), created=created)

    @classmethod
    def clone(
        cls,
        url: str,
        directory: str | Path | None = None,
        *,
        surroundings: Surroundings | None = None,
    ) -> Repository:
        """Return a new clone of a shared repository.

        Args:
            directory: where to; by default the last part of the address without `.git`.
        """
        from gitexp.store.cloning import clone

        around = surroundings or Surroundings.of_process()
        default = url.rstrip("/").rsplit("/", 1)[-1].rsplit(":", 1)[-1].removesuffix(".git")
        where = around.directory / (directory or default)
        clone(url, where, environ=around.environ, interactive=around.interactive)
        return cls(open_workspace(where, project=None, surroundings=around), created=True)

    def __enter__(self) -> Repository:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Repository({str(self.root_directory)!r})"

    def flush(self) -> None:
        """Write what was learned to the cache, so that the next process starts with it."""
        self.workspace.cache.flush()

    def close(self) -> None:
        """Let go of open files."""
        self.workspace.cache.close()
        if isinstance(self.workspace.store, DiskStore):
            self.workspace.store.close()

    @property
    def project(self) -> Project:
        """The project definition at the tip of the trunk."""
        return current_project(self.workspace)

    @property
    def root_directory(self) -> Path | None:
        """The project's directory in the working tree, or None in a bare repository."""
        return self.workspace.directory

    # --- the whole project --------------------------------------------------------------------

    def diff(self, a: str, b: str) -> Diff:
        """Return how the values of two things differ.

        Each is `EXPERIMENT`, `EXPERIMENT@REVISION`, `env:ENVIRONMENT`, the name of an
        environment, or a commit of an environment.
        """
        from gitexp.environments.diffing import diff

        return diff(self.workspace, a, b)

    def status(self) -> Status:
        """Return what is private, shared, ahead, behind or diverged, and what to do next."""
        from gitexp.status import status

        return status(self.workspace)

    def validate(
        self, paths: Sequence[str | Path] = (), *, revision: str | None = None
    ) -> ValidationReport:
        """Return everything that is wrong with files of the working tree or of a revision.

        Args:
            paths: only these files and directories; everything by default.
            revision: check this revision instead of the working tree, without checking it out.
        """
        from gitexp.validation import validate

        return validate(self.workspace, paths, revision=revision)

    def fetch(self) -> FetchReport:
        """Bring experiments, environments, runs and the trunk over from the shared remote."""
        return FetchReport(changed=sharing.fetch_project(self.workspace))

    def push(self, experiments: Sequence[str] = ()) -> PushReport:
        """Send new versions of shared experiments, and all new runs, to the shared remote.

        Args:
            experiments: only these; every shared one by default. Private ones stay private.
        """
        names = experiments or self.experiments.names()
        pushed: list[RefChange] = []
        for name in names:
            home = get_home(self.workspace, name)
            if home.shared is not None and (change := sharing.share(self.workspace, name)):
                pushed.append(change)
        return PushReport(pushed=(*pushed, *self.push_runs(names)))

    def push_runs(self, names: Sequence[str]) -> tuple[RefChange, ...]:
        """Send new runs of some experiments to the shared remote; returns what moved."""
        from gitexp.runs import exchange

        return exchange.push(self.workspace, names)


class Experiments:
    """The experiments of a repository."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository

    @property
    def _workspace(self) -> Workspace:
        return self._repository.workspace

    def create(
        self,
        name: str,
        *,
        description: str | None = None,
        hypothesis: str | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> Experiment:
        """Return a new experiment, on a branch of its own that begins at the trunk.

        Raises:
            InvalidInput: the name is not usable.
            AlreadyExists: the project has an experiment of that name.
        """
        new = lifecycle.NewExperiment(
            name=name,
            description=description or "",
            hypothesis=hypothesis or "",
            tags=tags,
        )
        lifecycle.create(self._workspace, new)
        return Experiment(name, repository=self._repository)

    def get(self, name: str) -> Experiment:
        """Return an experiment.

        Raises:
            NotFound: there is no such experiment.
        """
        get_home(self._workspace, name)
        return Experiment(name, repository=self._repository)

    def exists(self, name: str) -> bool:
        """Return whether there is an experiment of that name."""
        return find_home(self._workspace, name) is not None

    def names(self) -> list[str]:
        """Return the names of all experiments that are not deleted, sorted."""
        known = catalog.known_experiments(self._workspace)
        return [home.name for home, header in known if header.lifecycle != "deleted"]

    def list(
        self,
        *,
        search: str | None = None,
        lifecycle: LifecycleFilter = "active",
        visibility: Visibility | None = None,
        tags: Mapping[str, str] | None = None,
        limit: int = 100,
        offset: int = 0,
    ) -> Page:
        """Return one page of the experiments that fit, sorted by name.

        Args:
            search: a text that name or description contain, in any case.
        """
        from gitexp.environments.live import environments_by_experiment

        selection = Selection(
            search=search,
            lifecycle=lifecycle,
            visibility=visibility,
            tags=tags or {},
            limit=limit,
            offset=offset,
        )
        bound = environments_by_experiment(self._workspace)
        page = catalog.list_experiments(self._workspace, selection, bound=bound)
        self._repository.flush()
        return page


class Environments:
    """The environments of a repository."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository

    @property
    def _workspace(self) -> Workspace:
        return self._repository.workspace

    def create(self, name: str, *, description: str | None = None) -> EnvironmentState:
        """Declare an environment in `gitexp.yaml`, in one commit on the trunk.

        Raises:
            InvalidInput: the name is not usable.
            AlreadyExists: it is declared already.
        """
        from gitexp.environments.states import create

        return create(self._workspace, name, description=description)

    def list(self) -> list[EnvironmentState]:
        """Return every declared environment and what is live in it, as last fetched."""
        from gitexp.environments.states import list_environments

        return list_environments(self._workspace)

    def get(self, name: str) -> EnvironmentState:
        """Return what is live in an environment, as last fetched.

        Raises:
            NotFound: the project declares no such environment.
        """
        from gitexp.environments.states import get_environment

        return get_environment(self._workspace, name)

    def promote(
        self,
        experiment: str,
        environment: str,
        *,
        version: str = "latest",
        reason: str | None = None,
    ) -> Binding:
        """Make a shared version live in an environment, and return the binding.

        Raises:
            NotAllowed: the version is not shared, or the experiment is deleted.
            Conflict: somebody else promoted meanwhile; nothing was changed.
        """
        from gitexp.environments.promotion import promote

        return promote(self._workspace, experiment, environment, version=version, reason=reason)

    def rollback(
        self, environment: str, *, reason: str | None = None, to: str | None = None
    ) -> Binding:
        """Bring back what was live before, and return the binding."""
        from gitexp.environments.promotion import rollback

        return rollback(self._workspace, environment, reason=reason, to=to)

    def unbind(self, environment: str, *, reason: str | None = None) -> Binding:
        """Leave an environment without a version, and return the binding that says so."""
        from gitexp.environments.promotion import unbind

        return unbind(self._workspace, environment, reason=reason)

    def history(self, environment: str, *, limit: int | None = None) -> builtins.list[HistoryEntry]:
        """Return who changed an environment, when, why, and value by value; newest first."""
        from gitexp.environments.history import history

        return history(self._workspace, environment, limit=limit)

    def read(
        self,
        environment: str | None = None,
        *,
        experiment: str | None = None,
        version: str | None = None,
        at: str | None = None,
        locked: bool = False,
        offline: bool = False,
    ) -> Parameters:
        """Return values by version, experiment or environment, in this order of precedence.

        Without any of them, `GITEXP_ENVIRONMENT` names the environment, else it is `default`.

        Args:
            at: a commit of the environment, to read what was live then.
            locked: read the commit that `gitexp.lock` pins, and verify it.
            offline: never ask the remote.
        """
        from gitexp.environments.resolving import Selectors, resolve

        selectors = Selectors(
            environment=environment,
            experiment=experiment,
            version=version,
            at=at,
            locked=locked,
        )
        found = resolve(self._workspace, selectors, offline=offline)
        self._repository.flush()
        return found

    def lock(self, *names: str) -> Path:
        """Pin what is live in environments (all bound ones by default) in `gitexp.lock`."""
        from gitexp.environments.locking import lock

        return lock(self._workspace, names)
