"""The repository as its users hold it: a project's experiments, environments, runs and state."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from gitexp.documents import layout
from gitexp.environment import Environments
from gitexp.experiments.homes import get_home
from gitexp.opening import open_workspace
from gitexp.project.definition import Project
from gitexp.project.reading import current_project
from gitexp.project.workspace import Workspace
from gitexp.project_experiments import Experiments
from gitexp.store.disk import DiskStore
from gitexp.surroundings import Surroundings

if TYPE_CHECKING:
    from datetime import datetime
    from types import TracebackType

    from gitexp.evaluation.datasets.collection import Datasets
    from gitexp.evaluation.jobs.jobs import Entrypoints, Jobs
    from gitexp.experiments.sharing import FetchReport, PushReport, RefChange
    from gitexp.flags.collection import Flags
    from gitexp.project.policies import Policy
    from gitexp.prompts.collection import Prompts
    from gitexp.review.changes.collection import Changes
    from gitexp.review.diffing.model import ProjectDiff
    from gitexp.review.groups.collection import ProjectGroups
    from gitexp.review.reporting.report import Report
    from gitexp.review.telling.events import Kind
    from gitexp.review.telling.timeline import Timeline
    from gitexp.review.validating import ValidationReport
    from gitexp.review.verifying.findings import Verification
    from gitexp.review.verifying.mending.ailments import Diagnosis
    from gitexp.status import Status
    from gitexp.tracker import Runs


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
        from gitexp.starting import init_project

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
        address = _absolute(url, around.directory)
        default = url.rstrip("/").rsplit("/", 1)[-1].rsplit(":", 1)[-1].removesuffix(".git")
        where = around.directory / (directory or default)
        clone(address, where, environ=around.environ, interactive=around.interactive)
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
    def runs(self) -> Runs:
        """The runs of the project."""
        from gitexp.tracker import Runs

        return Runs(self)

    @property
    def datasets(self) -> Datasets:
        """The datasets of the project's working tree."""
        from gitexp.evaluation.datasets.collection import Datasets

        return Datasets(self.workspace)

    @property
    def changes(self) -> Changes:
        """The change requests of the project: what was asked for and waits for approval."""
        from gitexp.review.changes.collection import Changes

        return Changes(self.workspace)

    @property
    def groups(self) -> ProjectGroups:
        """The groups of people of the project."""
        from gitexp.review.groups.collection import ProjectGroups

        return ProjectGroups(self.workspace)

    def policies(self, environment: str) -> tuple[Policy, ...]:
        """Return what an environment asks before it is moved, by the trunk of the shared remote.

        Raises:
            NotFound: there is no such environment.
        """
        return self.environments.policies(environment)

    @property
    def jobs(self) -> Jobs:
        """The jobs that wait, are done and are over in this repository."""
        from gitexp.evaluation.jobs.jobs import Jobs

        return Jobs(self.workspace)

    @property
    def entrypoints(self) -> Entrypoints:
        """The entrypoints of the working tree."""
        from gitexp.evaluation.jobs.jobs import Entrypoints

        return Entrypoints(self.workspace)

    @property
    def prompts(self) -> Prompts:
        """The prompts of the project, as its trunk has them."""
        from gitexp.prompts.collection import Prompts

        return Prompts(self.workspace)

    @property
    def flags(self) -> Flags:
        """The feature flags of the project: as its trunk has them, and as environments do."""
        from gitexp.flags.collection import Flags

        return Flags(self.workspace)

    @property
    def root_directory(self) -> Path | None:
        """The project's directory in the working tree, or None in a bare repository."""
        return self.workspace.directory

    # --- the whole project --------------------------------------------------------------------

    def diff(
        self,
        a: str | None = None,
        b: str | None = None,
        *,
        merge_base: bool = False,
        results: bool = True,
    ) -> ProjectDiff:
        """Return how two versions, environments or states of the project differ.

        Each is `EXPERIMENT`, `EXPERIMENT@REVISION`, `env:ENVIRONMENT`, the name of an
        environment, or a revision. Without `b` it is the working tree for a revision or an
        experiment, else the latest version; without `a` it is HEAD.

        Args:
            merge_base: compare what `b` changed since it left `a`; so does `A...B`.
            results: whether to look for results of the values that differ.
        """
        from gitexp.review.diffing.comparing import compare

        return compare(self.workspace, a, b, merge_base=merge_base, results=results)

    def log(
        self,
        experiment: str | None = None,
        *,
        environment: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        author: str = "",
        kinds: Collection[Kind] = (),
        limit: int | None = 100,
    ) -> Timeline:
        """Return what happened to the project, an experiment or an environment, newest first.

        Args:
            since, until: only what happened then, both included.
            author: only what was done by somebody whose name or address contains this.
            kinds: only these kinds of events; none for all.
            limit: at most so many; None for all.

        Raises:
            NotFound: there is no such experiment or environment.
        """
        from gitexp.review.telling.timeline import LogQuery, timeline

        query = LogQuery(
            experiment=experiment,
            environment=environment,
            since=since,
            until=until,
            author=author,
            kinds=tuple(kinds),
            limit=limit,
        )
        found = timeline(self.workspace, query)
        self.flush()
        return found

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
        from gitexp.review.validating import validate

        return validate(self.workspace, paths, revision=revision)

    def report(
        self, base: str, head: str = "HEAD", *, results: bool = True, trust_votes: bool = False
    ) -> Report:
        """Return what merging `head` into `base` would do, how it did, and who decides.

        Args:
            base, head: revisions; of an environment's change, its branch and that of the change.
            results: whether to look for the results of values that change.
            trust_votes: count votes that nobody signed too, where a hook of the remote checks
                who pushes them.
        """
        from gitexp.review.reporting.building import build
        from gitexp.review.reporting.work import Request

        request = Request(base=base, head=head, results=results, trusts_votes=trust_votes)
        return build(self.workspace, request)

    def verify(self, *checks: str, signatures: bool = False, full: bool = False) -> Verification:
        """Return what is wrong with the repository, as far as it is here.

        Args:
            checks: what to look at: `objects`, `documents`, `versions`, `environments`, `runs`,
                `changes`, `signatures`; without any, everything but signatures.
            signatures: look at the signatures of versions and promotions too.
            full: look again at what an earlier verification found in order.
        """
        from gitexp.review.verifying.verification import verify

        return verify(self.workspace, checks, signatures=signatures, full=full)

    def doctor(self, *, fix: bool = False) -> Diagnosis:
        """Return what ails the repository, each with what it means and how it is mended.

        Args:
            fix: mend what is safe to mend; history and the working tree stay as they are.
        """
        from gitexp.review.verifying.mending.doctor import diagnose

        return diagnose(self.workspace, fix=fix)

    def fetch(self) -> FetchReport:
        """Bring experiments, environments, runs and the trunk over from the shared remote."""
        from gitexp.experiments.sharing import FetchReport, fetch_project

        return FetchReport(changed=fetch_project(self.workspace))

    def push(self, experiments: Sequence[str] = ()) -> PushReport:
        """Send new versions of shared experiments, and new runs and days of A/B tests.

        Args:
            experiments: only these; every shared one by default. Private ones stay private.
        """
        from gitexp.experiments.sharing import PushReport, share

        self.workspace.remote()  # without one there is nothing to say about anything being there
        names = experiments or self.experiments.names()
        pushed: list[RefChange] = []
        for name in names:
            home = get_home(self.workspace, name)
            if home.shared is not None and (change := share(self.workspace, name)):
                pushed.append(change)
        return PushReport(pushed=(*pushed, *self.push_runs(names), *self.push_analyses(names)))

    def push_runs(self, names: Sequence[str]) -> tuple[RefChange, ...]:
        """Send new runs of some experiments to the shared remote; returns what moved."""
        from gitexp.runs.recording import exchange

        return exchange.push(self.workspace, names)

    def push_analyses(self, names: Sequence[str]) -> tuple[RefChange, ...]:
        """Send new days of the A/B tests of some experiments; returns what moved."""
        from gitexp.ids import Name

        prefix = layout.analyses_branches(Name(self.workspace.project_id))
        if not self.workspace.store.refs(prefix):
            return ()
        from gitexp.abtests.results import days

        return days.push(self.workspace, names)


def _absolute(url: str, directory: Path) -> str:
    """Return an address with a relative path made absolute."""
    from gitexp.store.urls import parse_address

    return str((directory / url).absolute()) if parse_address(url).kind == "path" else url
