"""The experiment as its users hold it: a name in a repository, and what can be done with it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gitexp.documents import layout
from gitexp.errors import InvalidInput, NotFound
from gitexp.experiments import versions
from gitexp.experiments.headers import Header, read_header
from gitexp.experiments.homes import Home, get_home
from gitexp.experiments.saving import Edit, save
from gitexp.experiments.versions import Version
from gitexp.ids import VersionId

if TYPE_CHECKING:
    import pandas as pd

    from gitexp.ab_test import ExperimentAbTest
    from gitexp.environments.binding import Binding
    from gitexp.evaluation.jobs.states import Job
    from gitexp.evaluation.running.handles import EvaluationHandle
    from gitexp.evaluation.running.runner import Progress
    from gitexp.experiments.headers import Direction
    from gitexp.experiments.merging import Side
    from gitexp.experiments.sharing import RefChange, Visibility
    from gitexp.repository import Repository
    from gitexp.review.telling.blame import Blame
    from gitexp.runs.run import Run
    from gitexp.runs.searching import LifecycleChoice
    from gitexp.runs.tracking.active import ActiveRun
    from gitexp.store.model import PushUpdate
    from gitexp.store.transaction import Transaction


class Experiment:
    """A named bundle of parameter values, with its versions and its runs.

    The object holds only the name and what `push` has not written yet; everything else is read
    from the repository when it is asked for.
    """

    def __init__(
        self,
        name: str,
        *,
        repository: Repository | None = None,
        description: str | None = None,
        hypothesis: str | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> None:
        """Name an experiment; `push` creates it when it does not exist yet.

        Args:
            repository: where it lives; the one around the current directory by default.
        """
        self._name = name
        self._repository = repository
        self._pending: dict[str, Any] = {
            key: value
            for key, value in (
                ("description", description),
                ("hypothesis", hypothesis),
                ("tags", tags),
            )
            if value is not None
        }

    def __repr__(self) -> str:
        return f"Experiment({self._name!r})"

    # --- what it is ---------------------------------------------------------------------------

    @property
    def repository(self) -> Repository:
        """The repository that it lives in."""
        if self._repository is None:
            from gitexp.repository import Repository

            self._repository = Repository.open()
        return self._repository

    @property
    def header(self) -> Header:
        """What its `experiment.yaml` says."""
        return read_header(self.repository.workspace, self._name)

    @property
    def home(self) -> Home:
        """Where it lives now."""
        return get_home(self.repository.workspace, self._name)

    @property
    def id(self) -> str:
        """The stable id, which a rename keeps."""
        return self.header.id

    @property
    def name(self) -> str:
        """The name."""
        return self._name

    @property
    def description(self) -> str:
        """The description."""
        return self.header.description

    @property
    def hypothesis(self) -> str:
        """What it is meant to show."""
        return self.header.hypothesis

    @property
    def tags(self) -> Mapping[str, str]:
        """The tags."""
        return self.header.tags

    @property
    def lifecycle(self) -> str:
        """`active`, `archived` or `deleted`."""
        return self.header.lifecycle

    @property
    def project_id(self) -> str:
        """The id of its project."""
        return self.repository.workspace.project_id

    @property
    def visibility(self) -> Visibility:
        """`shared` when its branch is on the shared remote (as last fetched), else `private`."""
        from gitexp.experiments import sharing

        return sharing.sharing_of(self.repository.workspace, self.home).visibility

    @property
    def versions_count(self) -> int:
        """How many versions it has."""
        return versions.count_versions(self.repository.workspace, self.home)

    @property
    def latest_version(self) -> VersionId | None:
        """The id of the latest version, or None before the first."""
        latest = versions.latest_version(self.repository.workspace, self._name)
        return latest.version if latest else None

    def to_dict(self) -> dict[str, Any]:
        """Return its properties as JSON data."""
        header = self.header
        return {
            "id": header.id,
            "name": header.name,
            "description": header.description,
            "hypothesis": header.hypothesis,
            "group": header.group or None,
            "tags": dict(header.tags),
            "lifecycle": header.lifecycle,
            "project_id": self.project_id,
            "visibility": self.visibility,
            "versions_count": self.versions_count,
            "latest_version": self.latest_version,
        }

    # --- versions -----------------------------------------------------------------------------

    def commit(
        self,
        values: Mapping[str, Any] | None = None,
        *,
        patch: Mapping[str, Any] | None = None,
        unset: Sequence[str] = (),
        message: str | None = None,
        parent_version: str | None = None,
    ) -> Version:
        """Save values, and return the version that holds them; `created` tells whether it is new.

        Args:
            values: the complete new values; missing ones take their default.
            patch: values that replace single ones of the latest version (or of `values`).
            unset: slots that return to their default.
            parent_version: refuse with a Conflict when this is no longer the latest version.

        With none of the first three, the edited `parameters.yaml` of the working tree is saved,
        where the experiment's branch is checked out.

        Raises:
            InvalidDocuments: unknown, missing or mistyped values, all of them at once.
            Conflict: somebody else saved meanwhile.
        """
        if values is None and patch is None and not unset:
            edit = self._working_edit()
        else:
            edit = Edit(values=values, patch=patch or {}, unset=unset)
        saved = save(
            self.repository.workspace,
            self._name,
            edit,
            message=message,
            parent_version=parent_version,
        )
        self.repository.flush()
        return saved

    def _working_edit(self) -> Edit:
        from gitexp.documents import schemas

        path = self._working_file()
        if path.is_symlink() or path.is_dir():
            raise InvalidInput(
                f"{path} is not a regular file", hint="Put a regular file there, then save again."
            )
        try:
            text = path.read_bytes()
        except FileNotFoundError as exc:
            raise NotFound(
                f"{path} does not exist",
                hint=f"Give values: `gitexp commit {self._name} --set SLOT=VALUE`.",
            ) from exc
        head = self.repository.workspace.store.head().commit
        edited = versions.latest_at(self.repository.workspace, head, self._name) if head else None
        return Edit(
            values=schemas.load("parameters", text, file=str(path)),
            text=text,
            source=str(path),
            edited_from=edited.version if edited else None,
        )

    def _working_file(self) -> Path:
        workspace, home = self.repository.workspace, self.home
        head = workspace.store.head().branch
        if workspace.directory is None or head is None or f"refs/heads/{head}" != home.branch:
            raise InvalidInput(
                f"nothing to save: no values were given and {layout.branch_name(home.branch)} "
                "is not checked out",
                hint=f"Give values: `gitexp commit {self._name} --set SLOT=VALUE`.",
            )
        return workspace.directory / layout.parameters_path("", home.name)

    def versions(self) -> list[Version]:
        """Return all versions, oldest to newest."""
        found = versions.list_versions(self.repository.workspace, self._name)
        self.repository.flush()
        return found

    def version(self, revision: str = "latest") -> Version:
        """Return the version that a revision names.

        Raises:
            NotFound: nothing fits.
        """
        return versions.resolve_version(self.repository.workspace, self._name, revision)

    def list_versions(self) -> list[dict[str, Any]]:
        """Return all version entries as JSON data, oldest to newest."""
        return [version.to_dict() for version in self.versions()]

    def latest_version_data(self) -> dict[str, Any] | None:
        """Return the entry of the latest version, or None before the first."""
        latest = versions.latest_version(self.repository.workspace, self._name)
        return latest.to_dict() if latest else None

    def get_version(self, version: str) -> dict[str, Any]:
        """Return the entry of the version that a revision names.

        Raises:
            NotFound: nothing fits.
        """
        return self.version(version).to_dict()

    def blame(self, version: str = "latest") -> Blame:
        """Return for each parameter who set its value, when and why, and where it is live.

        Raises:
            NotFound: there is no such version.
        """
        from gitexp.review.telling.blame import blame

        found = blame(self.repository.workspace, self._name, version)
        self.repository.flush()
        return found

    # --- header and life ----------------------------------------------------------------------

    def push(self) -> dict[str, Any]:
        """Create the experiment or write its changed header; where it is shared, push it too.

        Returns:
            Its properties as JSON data.
        """
        if not self.repository.experiments.exists(self._name):
            self.repository.experiments.create(self._name, **self._pending)
        elif self._pending:
            self.update(**self._pending)
        self._pending = {}
        if self.visibility == "shared":
            self.share()
        return self.to_dict()

    def pull(
        self, *, take: Side | None = None, values: Mapping[str, Any] | None = None
    ) -> Experiment:
        """Bring the local branch up to the shared one, as it is now; returns this experiment.

        Where both sides saved, they are joined by parameter. `values` decides conflicts by
        name, `take` (`ours` or `theirs`) all the others.

        Raises:
            Diverged: both sides changed the same parameters; nothing was written.
        """
        self.repository.fetch()
        return self.join(take=take, values=values)

    def join(
        self, *, take: Side | None = None, values: Mapping[str, Any] | None = None
    ) -> Experiment:
        """Do what `pull` does, on top of what was fetched before; nothing is asked of the remote.

        Raises:
            Diverged: both sides changed the same parameters; nothing was written.
        """
        from gitexp.experiments import joining

        joining.pull(self.repository.workspace, self._name, take=take, chosen=values)
        return self

    def update(
        self,
        *,
        description: str | None = None,
        group: str | None = None,
        hypothesis: str | None = None,
        tags: Mapping[str, str | None] | None = None,
        artifact_location: str | None = None,
        metrics: Mapping[str, Direction | None] | None = None,
        entrypoints: Mapping[str, bool] | None = None,
    ) -> Header:
        """Change the header, and return it; a tag or metric whose value is None is removed.

        Args:
            group: the group that owns it; empty for the project's.
            artifact_location: where runs that begin later keep their artifacts.
            metrics: the direction in which each metric is better.
            entrypoints: whether jobs may be created through each.
        """
        from gitexp.experiments import lifecycle

        def change(header: Header) -> Header:
            merged = {**header.tags, **(tags or {})}
            directions = {**header.metrics, **(metrics or {})}
            place = header.artifact_location if artifact_location is None else artifact_location
            declared = {**dict.fromkeys(header.entrypoints, True), **(entrypoints or {})}
            return header.having(
                entrypoints=tuple(name for name, is_declared in declared.items() if is_declared),
                artifact_location=place,
                metrics={name: way for name, way in directions.items() if way is not None},
                description=header.description if description is None else description,
                group=header.group if group is None else group,
                hypothesis=header.hypothesis if hypothesis is None else hypothesis,
                tags={key: value for key, value in merged.items() if value is not None},
            )

        return lifecycle.change_header(
            self.repository.workspace, self._name, change, message=f"{self._name}: describe"
        )

    def archive(self) -> Header:
        """Hide it in lists."""
        from gitexp.experiments import lifecycle

        return lifecycle.archive(self.repository.workspace, self._name)

    def unarchive(self) -> Header:
        """Show it in lists again."""
        from gitexp.experiments import lifecycle

        return lifecycle.unarchive(self.repository.workspace, self._name)

    def rename(self, name: str) -> Header:
        """Give it another name; it stays the same experiment."""
        from gitexp.experiments import lifecycle

        header = lifecycle.rename(self.repository.workspace, self._name, name)
        self._name = header.name
        return header

    def delete(self) -> bool:
        """Mark it deleted and unbind its environments; False when it was deleted already.

        Raises:
            ApprovalRequired: unbinding an environment takes approval. Nothing was deleted, and
                the message names the change requests that were opened.
            Refused: a policy does not let an environment be unbound now.
        """
        from gitexp.environments.promotion import unbind_everywhere
        from gitexp.experiments import lifecycle, sharing
        from gitexp.review.moving import ask_or_delete

        workspace, reason = self.repository.workspace, f"experiment {self._name} was deleted"
        if workspace.has_remote:
            sharing.fetch_project(workspace)
        self._refuse_former_name()

        def unbind(tx: Transaction, experiment_id: str) -> list[PushUpdate]:
            return unbind_everywhere(tx, workspace, experiment_id, reason=reason)

        return ask_or_delete(
            workspace,
            self.id,
            reason,
            delete=lambda: lifecycle.delete(workspace, self._name, unbind=unbind),
        )

    def _refuse_former_name(self) -> None:
        from gitexp.errors import NotAllowed
        from gitexp.experiments.catalog import superseding_name

        now = superseding_name(self.repository.workspace, self._name)
        if now is not None:
            raise NotAllowed(
                f"experiment {self._name!r} is named {now!r} now",
                hint=f"Use that name: `gitexp experiment show {now}`.",
            )

    def restore(self) -> Header:
        """Bring it back after `delete`; its environments stay unbound."""
        from gitexp.experiments import lifecycle

        return lifecycle.restore(self.repository.workspace, self._name)

    def purge(self) -> tuple[str, ...]:
        """Remove its branches here and on the remote, its runs included; returns them."""
        from gitexp.experiments import lifecycle

        return lifecycle.purge(self.repository.workspace, self._name)

    @property
    def ab_test(self) -> ExperimentAbTest:
        """Its A/B test: what it is, its life and its results."""
        from gitexp.ab_test import ExperimentAbTest

        return ExperimentAbTest(self)

    def requires_flag_implementation(
        self, *, data: Mapping[str, Any] | None = None, allow_remote: bool = False
    ) -> bool:
        """Return whether nobody was given a variant of its A/B test in the last seven days.

        Args:
            data: a DataFrame in place of the source `exposures`.
            allow_remote: whether addresses and databases on other machines may be read.

        Raises:
            NotFound: it has no A/B test.
            NotAllowed: the exposures are elsewhere, and may not be read.
        """
        from gitexp.abtests.data.opening import Access
        from gitexp.flags.implementing import requires_implementation

        access = Access(remote=allow_remote, tables=data or {})
        return requires_implementation(self.repository.workspace, self._name, access=access)

    # --- sharing and environments -------------------------------------------------------------

    def share(self) -> RefChange | None:
        """Put its branch on the shared remote; None when everything was there already.

        Raises:
            Conflict: both sides have saved since.
        """
        from gitexp.experiments import sharing

        return sharing.share(self.repository.workspace, self._name)

    def unshare(self) -> None:
        """Take its branch off the shared remote.

        Raises:
            NotAllowed: an environment is bound to it.
        """
        from gitexp.environments.live import bound_environments
        from gitexp.experiments import sharing

        workspace = self.repository.workspace
        if workspace.has_remote:
            sharing.fetch_project(workspace)
        bound = bound_environments(workspace, self.id)
        sharing.unshare(workspace, self._name, bound_in=bound)

    def promote(
        self,
        environment: str = "default",
        *,
        version: str = "latest",
        reason: str | None = None,
        bypass: str | None = None,
    ) -> Binding:
        """Make a version live in an environment, and return the binding.

        Raises as `Environments.promote` does.
        """
        return self.repository.environments.promote(
            self._name, environment, version=version, reason=reason, bypass=bypass
        )

    @classmethod
    def publish(
        cls,
        *,
        name: str,
        project_id: str | None = None,
        values: Mapping[str, Any],
        patch: bool = False,
        message: str | None = None,
        environment: str | None = None,
        description: str | None = None,
        repository: Repository | None = None,
    ) -> Experiment:
        """Create (where it is new), save, share and promote, in one atomic push.

        Args:
            project_id: checked against the repository's project when given.
            patch: whether `values` replace single values of the latest version, not all.
            environment: where to make the version live; None only shares it.

        Raises:
            ApprovalRequired: the environment's policies ask for approval. The version is saved
                and shared, and `change` is the change request that waits to promote it.
            Refused: a policy forbids the promotion; nothing was saved.
        """
        from gitexp.environments.orders import Order
        from gitexp.environments.promotion import plan_publication
        from gitexp.experiments import lifecycle
        from gitexp.experiments.publishing import publish
        from gitexp.review.moving import ask_or_publish

        experiment = cls(name, repository=repository)
        workspace = experiment.repository.workspace
        if project_id not in (None, workspace.project_id):
            raise InvalidInput(
                f"this repository holds project {workspace.project_id!r}, not {project_id!r}",
                hint="Open the repository of that project.",
            )
        new = lifecycle.NewExperiment(name=name, description=description or "")

        def published(promotes: bool) -> Version:
            plan = plan_publication(environment, reason=message) if environment else None
            return publish(
                workspace,
                new,
                values,
                patch=patch,
                message=message,
                promote=plan if promotes else None,
            )

        def promotion(version: Version) -> Order:
            return Order.of(
                workspace,
                "promote",
                environment or "",
                experiment=name,
                version=version.version,
                reason=message,
            )

        ask_or_publish(workspace, promotion, publish=published)
        return experiment

    # --- runs ---------------------------------------------------------------------------------

    def run(
        self,
        test_set: str,
        endpoint: str = "",
        *,
        parameters: Mapping[str, Any] | None = None,
        evaluators: Sequence[str] = (),
        version: str = "latest",
        name: str | None = None,
        description: str | None = None,
        tags: Mapping[str, str] | None = None,
        concurrency: int = 15,
        limit: int | None = None,
        progress: Callable[[Progress], None] | None = None,
        push: bool = False,
        **more: Any,
    ) -> Run:
        """Run an endpoint or a workflow over a dataset with a version's values; returns the run.

        Args:
            test_set: the name of a dataset of the working tree.
            endpoint: the name of an endpoint of the working tree; else give `workflow`.
            parameters: values that replace the version's for this run alone; no version is made.
            evaluators: names; those of the header by default, else `exact-match`.
            limit: take only the first samples.
            push: send the run to the shared remote when it ends.
            more: other fields of an `EvaluationRequest`, such as `workflow` and `repeats`.
        """
        from gitexp.evaluation.running.requests import EvaluationRequest, limited
        from gitexp.evaluation.running.runner import evaluate

        request = EvaluationRequest(
            experiment=self._name,
            dataset=test_set,
            endpoint=endpoint,
            evaluators=tuple(evaluators),
            version=version,
            overrides=dict(parameters or {}),
            name=name or "",
            description=description or "",
            tags=dict(tags or {}),
            concurrency=concurrency,
            **more,
        )
        run = evaluate(self.repository.workspace, limited(request, limit), progress=progress)
        if push:
            self.repository.push_runs([self._name])
        return run

    def submit(self, request: Mapping[str, Any] | None = None, **fields: Any) -> EvaluationHandle:
        """Return a handle at once for an evaluation that goes on in a thread of this process.

        Args:
            request: fields in the words of evaluation services: `dataset_id`, `workflow`,
                `evaluator_ids` or `evaluator_slugs`, `evaluator_workflow_ids`, `name`,
                `batch_size`, `concurrency` ...
            fields: the same, or fields of an `EvaluationRequest`.

        Raises:
            InvalidInput: a field is unknown, or contradicts another one.
        """
        from gitexp.evaluation.running.handles import submit
        from gitexp.evaluation.running.requests import request_of

        asked = request_of({**(request or {}), **fields}, experiment=self._name)
        return submit(self.repository.workspace, asked)

    def create_job(self, entrypoint: str, **options: Any) -> Job:
        """Return a new job of this experiment, which waits in its queue.

        Args:
            options: `values`, `dataset`, `queue` and the others of `Jobs.create`.

        Raises:
            NotAllowed: the experiment does not declare the entrypoint.
            InvalidDocuments: every missing, unknown and mistyped value, all at once.
        """
        return self.repository.jobs.create(self._name, entrypoint, **options)

    def start_run(
        self,
        *,
        version: str | None = None,
        name: str | None = None,
        description: str | None = None,
        tags: Mapping[str, Any] | None = None,
        parameters: Mapping[str, Any] | None = None,
        parent: str | None = None,
        retry_of: str | None = None,
    ) -> ActiveRun:
        """Return a new run of this experiment, to log to; end it, or use it in `with`.

        Args:
            version: a revision; the latest version, if there is any, by default.
            parameters: values that replace the version's for this run alone.
            parent: the id of the run that this one is a part of.
            retry_of: the id of a run whose work this one does again.
        """
        from gitexp.runs.tracking.starting import NewRun, start_run

        new = NewRun(
            experiment=self._name,
            version=version,
            overrides=dict(parameters or {}),
            name=name or "",
            description=description or "",
            tags=dict(tags or {}),
            parent=parent,
            retry_of=retry_of,
        )
        return start_run(self.repository.workspace, new)

    def runs(
        self,
        *,
        filter: str = "",
        order_by: Sequence[str] = (),
        limit: int | None = 100,
        lifecycle: LifecycleChoice = "active",
    ) -> list[Run]:
        """Return runs, newest first by default, those that go on among them.

        See `Runs.search`, which looks at all experiments and pages.
        """
        page = self.repository.runs.search(
            filter,
            order_by=order_by,
            limit=limit,
            experiments=[self._name],
            lifecycle=lifecycle,
        )
        return list(page.runs)

    def results(
        self,
        *,
        group_by: str = "run",
        limit: int | None = None,
        dataset: str | None = None,
        filter: str = "",
    ) -> dict[str, Any]:
        """Return `{"items": [...]}`: what runs add up to.

        Args:
            group_by: `run`, `version`, `dataset`, `day` or `tag:NAME`.
            limit: count only the newest runs; by run they are 100 by default, else all.
            dataset: count only runs over this dataset; without it, rows over several datasets
                are added up.
            filter: count only runs that it fits.
        """
        from gitexp.results.summaries import ResultsQuery, results
        from gitexp.runs.recording.closing import reap_if_possible

        workspace = self.repository.workspace
        reap_if_possible(workspace)
        query = ResultsQuery(group_by=group_by, dataset=dataset, filter=filter, limit=limit)
        found = results(workspace, self._name, query)
        self.repository.flush()
        return found

    def results_frame(
        self,
        *,
        group_by: str = "run",
        limit: int | None = None,
        dataset: str | None = None,
        filter: str = "",
    ) -> pd.DataFrame:
        """Return the results as a DataFrame, a row for each item."""
        from gitexp.results.tables import results_frame

        found = self.results(group_by=group_by, limit=limit, dataset=dataset, filter=filter)
        return results_frame(found["items"], group_by=group_by)
