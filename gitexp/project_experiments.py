"""The experiments of a repository as its users hold them: made, found and listed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from gitexp.experiment import Experiment
from gitexp.experiments.permissions import find_visible, get_visible

if TYPE_CHECKING:
    from gitexp.experiments.catalog import LifecycleFilter, Page
    from gitexp.experiments.headers import Direction
    from gitexp.experiments.sharing import Visibility
    from gitexp.project.workspace import Workspace
    from gitexp.repository import Repository


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
        group: str | None = None,
        hypothesis: str | None = None,
        tags: Mapping[str, str] | None = None,
        artifact_location: str | None = None,
        metrics: Mapping[str, Direction] | None = None,
    ) -> Experiment:
        """Return a new experiment, on a branch of its own that begins at the trunk.

        Args:
            group: the group that owns it; the project's by default.
            artifact_location: where its runs keep their artifacts, such as `s3://bucket/path`;
                in Git, and large ones as Git LFS objects, by default.
            metrics: `minimize` or `maximize` for each metric, so that runs can be compared.

        Raises:
            InvalidInput: the name is not usable.
            AlreadyExists: the project has an experiment of that name.
            Forbidden: whoever creates it has not the role in the group that is to own it.
        """
        from gitexp.experiments.lifecycle import NewExperiment, create

        new = NewExperiment(
            name=name,
            description=description or "",
            group=group or "",
            hypothesis=hypothesis or "",
            tags=tags,
            artifact_location=artifact_location or "",
            metrics=metrics,
        )
        create(self._workspace, new)
        return Experiment(name, repository=self._repository)

    def get(self, name: str) -> Experiment:
        """Return an experiment.

        Raises:
            NotFound: there is no such experiment, or none that whoever asks may read.
        """
        get_visible(self._workspace, name)
        return Experiment(name, repository=self._repository)

    def exists(self, name: str) -> bool:
        """Return whether there is an experiment of that name."""
        return find_visible(self._workspace, name) is not None

    def names(self) -> list[str]:
        """Return the names of all experiments that are not deleted, sorted."""
        from gitexp.experiments.catalog import visible_experiments

        known = visible_experiments(self._workspace)
        return [
            home.name
            for home, header in known
            if header.lifecycle != "deleted" and header.problem is None
        ]

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
        from gitexp.experiments.catalog import Selection, list_experiments

        selection = Selection(
            search=search,
            lifecycle=lifecycle,
            visibility=visibility,
            tags=tags or {},
            limit=limit,
            offset=offset,
        )
        bound = environments_by_experiment(self._workspace)
        page = list_experiments(self._workspace, selection, bound=bound)
        self._repository.flush()
        return page
