"""Tracking, as the library offers it: the runs of a repository, and the active run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gitexp.errors import NotAllowed
from gitexp.runs.tracking.fluent import active_run as _active_run

if TYPE_CHECKING:
    from gitexp.evaluation.running.handles import EvaluationHandle
    from gitexp.evaluation.running.rescoring import Judgement
    from gitexp.experiments.sharing import RefChange
    from gitexp.ids import RunId
    from gitexp.repository import Repository
    from gitexp.results.comparing import Comparison
    from gitexp.results.gates.judging import GateReport
    from gitexp.results.gates.rules import Rule
    from gitexp.results.pairings import Pairing
    from gitexp.runs.artifacts.artifact import Artifact
    from gitexp.runs.metrics import MetricPoint
    from gitexp.runs.rows import ResultRow
    from gitexp.runs.run import Run, RunStatus
    from gitexp.runs.searching import LifecycleChoice, RunPage
    from gitexp.runs.tracking.active import ActiveRun, Logged


class Runs:
    """The runs of a project, of all its experiments."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository

    def get(self, run_id: str) -> Run:
        """Return a run, whether it is recorded or goes on on this machine.

        Raises:
            InvalidInput: the text is no run id.
            NotFound: there is no such run here.
        """
        from gitexp.runs.tracking.starting import find_run

        return find_run(self._repository.workspace, run_id)

    def resolve(self, text: str) -> RunId:
        """Return the id of the run whose id a text is or begins.

        Raises:
            NotFound: there is no such run here.
            InvalidInput: several runs begin so.
        """
        from gitexp.runs.tracking.starting import resolve_run_id

        return resolve_run_id(self._repository.workspace, text)

    def open(self, run_id: str) -> ActiveRun:
        """Return a run that goes on on this machine, to log to it from this process as well.

        Raises:
            NotAllowed: it is over.
        """
        from gitexp.runs.tracking.starting import open_run

        return open_run(self._repository.workspace, run_id)

    def search(
        self,
        filter: str = "",
        *,
        order_by: Sequence[str] = (),
        limit: int | None = 100,
        page_token: str | None = None,
        experiments: Sequence[str] = (),
        lifecycle: LifecycleChoice = "active",
    ) -> RunPage:
        """Return a page of the runs that a filter fits.

        Args:
            filter: such as `metrics.loss < 0.3 AND (params.lr > 0.1 OR tags.team = 'chat')`.
            order_by: such as `metrics.loss ASC`; newest first by default.
            page_token: the `next_page_token` of the page before.
            experiments: only theirs; those of all experiments that are not deleted by default.
            lifecycle: `active`, `deleted` or `all`.

        Raises:
            InvalidInput: the filter, an order or the token is wrong; the message says where.
        """
        from gitexp.runs.recording.closing import reap_if_possible
        from gitexp.runs.searching import RunQuery, search

        reap_if_possible(self._repository.workspace)
        query = RunQuery(
            filter=filter,
            order_by=tuple(order_by),
            limit=limit,
            page_token=page_token,
            experiments=tuple(experiments),
            lifecycle=lifecycle,
            hidden=self._hidden_experiments(deleted=lifecycle == "active" and not experiments),
        )
        page = search(self._repository.workspace, query)
        self._repository.flush()
        return page

    def _hidden_experiments(self, *, deleted: bool) -> tuple[str, ...]:
        """Return the names of the experiments whose runs are hidden with them.

        Those that others alone may read and, where that is asked for, deleted ones.
        """
        from gitexp.experiments.namesakes import known_experiments
        from gitexp.experiments.permissions import readable
        from gitexp.project.groups import current_groups

        workspace = self._repository.workspace
        if not deleted and not current_groups(workspace):
            return ()
        is_readable = readable(workspace)
        return tuple(
            home.name
            for home, header in known_experiments(workspace)
            if (deleted and header.lifecycle == "deleted") or not is_readable(home)
        )

    def metric_history(self, run_id: str, metric: str) -> list[MetricPoint]:
        """Return every point of a metric of a run, by step, then time."""
        from gitexp.runs.recording.ledger import metric_history

        return metric_history(self._repository.workspace, run_id, metric)

    def compare(self, run_ids: Sequence[str], *, baseline: str | None = None) -> Comparison:
        """Return two or more runs side by side, with what differs and which is best."""
        from gitexp.results.chosen_runs import compare_runs

        return compare_runs(self._repository.workspace, run_ids, baseline=baseline)

    def pair(
        self,
        baseline: str,
        run_id: str,
        *,
        allow_different_datasets: bool = False,
        confidence: float = 0.95,
    ) -> Pairing:
        """Return two evaluations of the same samples, compared row by row.

        Args:
            allow_different_datasets: whether, of different datasets, the common samples whose
                input and expected value are equal are compared.
            confidence: of the intervals.

        Raises:
            InvalidInput: the runs are not over the same dataset, or have no sample in common.
            NotFound: no such run is recorded here.
        """
        from gitexp.results.chosen_runs import pair_runs

        return pair_runs(
            self._repository.workspace,
            baseline,
            run_id,
            allow_different_datasets=allow_different_datasets,
            confidence=confidence,
        )

    def gate(
        self,
        run_id: str,
        *rules: Rule | str,
        baseline: str | None = None,
        confidence: float = 0.95,
        use_intervals: bool = False,
    ) -> GateReport:
        """Return whether a run is good enough by some rules, such as `min accuracy=0.9`.

        Args:
            rules: see `gitexp.results.gates.rules`.
            baseline: what `max-regression` is measured against: a run, `env:NAME`,
                `version:REVISION` or `latest`.
            confidence: of the intervals.
            use_intervals: whether a number passes only where its whole interval does.

        Raises:
            InvalidInput: there is no rule, one is wrong, or a regression has no baseline.
            NotFound: no such run is recorded here.
        """
        from gitexp.results.gates.gating import gate

        return gate(
            self._repository.workspace,
            run_id,
            rules,
            baseline=baseline,
            confidence=confidence,
            use_intervals=use_intervals,
        )

    def set_tags(self, run_id: str, tags: Mapping[str, Any]) -> Run:
        """Set tags of a run, which may be over."""
        from gitexp.runs.tracking.starting import set_tags

        return set_tags(self._repository.workspace, run_id, tags)

    def delete_tags(self, run_id: str, names: Sequence[str]) -> Run:
        """Remove tags of a run, which may be over."""
        from gitexp.runs.tracking.starting import delete_tags

        return delete_tags(self._repository.workspace, run_id, list(names))

    def rows(self, run_id: str) -> Iterator[ResultRow]:
        """Yield what came of the samples of a run, in the order of its dataset."""
        from gitexp.runs.recording.results import rows_of

        return rows_of(self._repository.workspace, run_id)

    def resume(self, run_id: str, *, force: bool = False) -> Run:
        """Return an evaluation that was broken off, gone on with to its end.

        Args:
            force: go on even where it is not known to be over elsewhere.

        Raises:
            NotAllowed: it goes on already, here or elsewhere, or is no evaluation.
            Conflict: something that it used is not what it was.
        """
        from gitexp.evaluation.running.runner import resume

        return resume(self._repository.workspace, run_id, force=force)

    def evaluation(self, run_id: str) -> EvaluationHandle:
        """Return a handle on an evaluation: its status and progress, to wait for or to cancel."""
        from gitexp.evaluation.running.handles import EvaluationHandle

        return EvaluationHandle(self._repository.workspace, self.resolve(run_id))

    def score(self, run_id: str, evaluators: Sequence[str]) -> Run:
        """Return a run with scores of evaluators added or redone, from its recorded outputs."""
        from gitexp.evaluation.running.rescoring import rescore

        return rescore(self._repository.workspace, run_id, evaluators)

    def judge(self, run_id: str, evaluator: str, judgements: Iterable[Judgement]) -> Run:
        """Return a run with what people say of its outputs recorded."""
        from gitexp.evaluation.running.rescoring import judge

        return judge(self._repository.workspace, run_id, evaluator, judgements)

    def delete(self, run_id: str) -> Run:
        """Mark a run deleted, which hides it until it is restored."""
        from gitexp.runs.tracking.starting import delete_run

        return delete_run(self._repository.workspace, run_id)

    def restore(self, run_id: str) -> Run:
        """Bring a deleted run back."""
        from gitexp.runs.tracking.starting import restore_run

        return restore_run(self._repository.workspace, run_id)

    def download(self, run_id: str, path: str | None = None, *, to: str | Path = ".") -> list[Path]:
        """Copy artifacts of a run to a directory, their digests checked; returns the files."""
        from gitexp.runs.artifacts.kept import download

        return download(self._repository.workspace, self.get(run_id), path, Path(to))

    def reap(self) -> list[Run]:
        """Record the runs that nobody continues; returns them."""
        from gitexp.runs.recording.closing import reap

        return reap(self._repository.workspace)

    def sync(self, experiments: Sequence[str] | None = None) -> tuple[RefChange, ...]:
        """Send runs to the shared remote, joined with those of others; returns what moved."""
        from gitexp.runs.recording import exchange

        self.reap()
        exchange.fetch(self._repository.workspace)
        return exchange.push(self._repository.workspace, experiments)


# --- the active run -------------------------------------------------------------------------


def start_run(experiment: str, *, repository: str | Path = ".", **options: Any) -> ActiveRun:
    """Return a new run of an experiment of the project around a directory.

    Args:
        options: see `Experiment.start_run`.
    """
    from gitexp.repository import Repository

    found = Repository.open(repository)
    return found.experiments.get(experiment).start_run(**options)


def active_run() -> ActiveRun | None:
    """Return the run whose `with` block the caller is in, or None."""
    return _active_run()


def _current() -> ActiveRun:
    run = _active_run()
    if run is None:
        raise NotAllowed("no run is active", hint="Log inside `with experiment.start_run(): ...`.")
    return run


def log_metric(name: str, value: float, step: int = 0, timestamp: int | None = None) -> None:
    """Log one metric to the active run."""
    _current().log_metric(name, value, step, timestamp)


def log_metrics(metrics: Mapping[str, float], step: int = 0, timestamp: int | None = None) -> None:
    """Log metrics to the active run."""
    _current().log_metrics(metrics, step, timestamp)


def log_param(name: str, value: Any) -> None:
    """Log one param to the active run."""
    _current().log_param(name, value)


def log_params(params: Mapping[str, Any]) -> None:
    """Log params to the active run."""
    _current().log_params(params)


def log_batch(**batch: Any) -> Logged:
    """Log metrics, params and tags to the active run, all or nothing."""
    return _current().log_batch(**batch)


def set_tags(tags: Mapping[str, Any]) -> None:
    """Set tags of the active run."""
    _current().set_tags(tags)


def log_artifact(file: str | Path, artifact_path: str | None = None) -> Artifact:
    """Keep a file as an artifact of the active run."""
    return _current().log_artifact(file, artifact_path)


def log_artifacts(directory: str | Path, artifact_path: str | None = None) -> tuple[Artifact, ...]:
    """Keep the files below a directory as artifacts of the active run."""
    return _current().log_artifacts(directory, artifact_path)


def log_text(text: str, artifact_file: str) -> Artifact:
    """Keep a text as an artifact of the active run."""
    return _current().log_text(text, artifact_file)


def log_figure(figure: Any, artifact_file: str) -> Artifact:
    """Keep a figure as an artifact of the active run."""
    return _current().log_figure(figure, artifact_file)


def log_table(table: Any, artifact_file: str) -> Artifact:
    """Keep a table as an artifact of the active run."""
    return _current().log_table(table, artifact_file)


def end_run(status: RunStatus = "finished") -> Run:
    """End the active run and return it."""
    return _current().end(status)
