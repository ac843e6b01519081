"""A project as the tracking store holds it: its experiments and runs, and how to find them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from mlflow.entities import Run as MlflowRun
from mlflow.entities import RunInfo
from mlflow.utils.uri import append_to_uri_path

from gitexp.experiment import Experiment
from gitexp.ids import RunId
from gitexp.integrations.mlflow import tags
from gitexp.integrations.mlflow.entities import run_entity, run_info
from gitexp.integrations.mlflow.experiments import Experiments, Known
from gitexp.integrations.mlflow.projects import OpenProject
from gitexp.integrations.mlflow.refusals import missing
from gitexp.integrations.mlflow.runs import Runs
from gitexp.repository import Repository
from gitexp.runs.run import Run
from gitexp.runs.searching import LifecycleChoice, RunPage, RunQuery, search
from gitexp.runs.tracking import starting

_PAGE = 1000


class Tracked:
    """A project, for one process.

    Args:
        artifact_root: below which a server tells its clients to put artifacts; None where the
            clients are in this process, and put them into the project.
    """

    def __init__(self, project: OpenProject, artifact_root: str | None) -> None:
        self.workspace = project.workspace
        self.lock = project.reading
        self.experiments = Experiments(
            project.workspace, artifact_root=artifact_root or project.address
        )
        self.runs = Runs(
            project.workspace,
            local=artifact_root is None,
            imported=self._imported_run,
            reading=project.reading,
        )

    def find(self, query: RunQuery) -> RunPage:
        """Return a page of runs."""
        return search(self.workspace, query)

    def every(
        self,
        condition: str,
        experiments: Sequence[Known],
        *,
        lifecycle: LifecycleChoice = "active",
    ) -> Iterator[Run]:
        """Yield all runs that fit a condition, newest first."""
        names = tuple(known.header.name for known in experiments)
        token: str | None = None
        while names:
            page = self.find(
                RunQuery(
                    filter=condition,
                    experiments=names,
                    limit=_PAGE,
                    page_token=token,
                    lifecycle=lifecycle,
                )
            )
            yield from page.runs
            token = page.next_page_token
            if token is None:
                return

    def holding_tag(self, key: str, value: str | None = None) -> Run | None:
        """Return the newest run that has a tag, or has it with a value; a deleted one too."""
        quoted = (value or "").replace("'", "''")
        test = "IS NOT NULL" if value is None else f"= '{quoted}'"
        query = RunQuery(filter=f"tags.`{key}` {test}", limit=1, lifecycle="all")
        return next(iter(self.find(query).runs), None)

    def _imported_run(self, run_id: str) -> RunId | None:
        if "`" in run_id:
            return None
        run = self.holding_tag(tags.RUN_ID, run_id)
        return run.id if run else None

    # --- deleting experiments ---------------------------------------------------------------

    def delete_experiment(self, experiment_id: str) -> None:
        """Mark an experiment deleted, and its runs with it.

        Raises:
            MlflowException: there is no such experiment that is not deleted.
        """
        known = self.experiments.get(experiment_id)
        if not known.is_active:
            raise missing(f"No Experiment with id={known.number} exists")
        known = self.experiments.active(experiment_id)
        # First what may be refused, and what can be taken back where the rest does not follow.
        self._of_facade(known).delete()
        self._mark(known, "active", {"lifecycle": "deleted", "deleted_by": "experiment"})
        self.experiments.touch(known.id)

    def restore_experiment(self, experiment_id: str) -> None:
        """Bring an experiment back, and those of its runs that were deleted with it.

        Raises:
            MlflowException: there is no such experiment that is deleted.
        """
        known = self.experiments.get(experiment_id)
        if known.is_active:
            raise missing(f"No Experiment with id={known.number} exists")
        # Last what cannot be done again where the rest did not follow.
        self._mark(known, "deleted", {"lifecycle": "active", "deleted_by": None})
        self._of_facade(known).restore()
        self.experiments.touch(known.id)

    def _of_facade(self, known: Known) -> Experiment:
        return Experiment(known.header.name, repository=Repository(self.workspace))

    def _mark(self, known: Known, old: LifecycleChoice, fields: dict[str, Any]) -> None:
        """Set the life-cycle of an experiment's runs, but for those that were deleted alone."""
        event = {"set": fields}
        found = list(self.every("", [known], lifecycle=old))
        runs = [run for run in found if run.deleted_by != "run"]
        starting.add_segments(self.workspace, [run for run in runs if run.is_over], event)
        for run in runs:
            if not run.is_over:
                starting.amend(self.workspace, run.id, event)

    # --- showing --------------------------------------------------------------------------

    def entity(self, run: Run) -> MlflowRun:
        """Return a run as MLflow has it."""
        return self.entities([run])[0]

    def entities(self, runs: Sequence[Run]) -> list[MlflowRun]:
        """Return runs as MLflow has them."""
        places = _Places(self.experiments)
        for run in runs:
            self.runs.remember(run)
        return [run_entity(run, **places.of(run)) for run in runs]

    def info(self, run: Run) -> RunInfo:
        """Return the head of a run as MLflow has it."""
        return run_info(run, **_Places(self.experiments).of(run))

    def experiment_of(self, run: Run) -> Known:
        """Return the experiment of a run.

        Raises:
            MlflowException: it is not here, or not any more.
        """
        return _Places(self.experiments).experiment(run)


_ANY = "RUN"


class _Places:
    """Where runs belong, as MLflow says it, and where their artifacts are."""

    def __init__(self, experiments: Experiments) -> None:
        self._experiments = experiments
        self._known = experiments.by_gitexp()
        self._artifacts: dict[str, tuple[str, str]] = {}

    def experiment(self, run: Run) -> Known:
        """Return the experiment of a run."""
        known = self._known.get(run.experiment_id)
        if known is None:
            raise missing(f"The experiment {run.experiment!r} of run {run.id} is not here")
        return known

    def of(self, run: Run) -> dict[str, Any]:
        """Return the id of a run's experiment, and the address of its artifacts."""
        known = self.experiment(run)
        if known.id not in self._artifacts:
            location = self._experiments.artifact_location(known)
            # What MLflow does to an address it does to those of all runs of an experiment alike.
            start, _, end = append_to_uri_path(location, _ANY, "artifacts").rpartition(_ANY)
            self._artifacts[known.id] = (start, end)
        start, end = self._artifacts[known.id]
        return {"experiment_id": known.id, "artifact_uri": f"{start}{run.id}{end}"}
