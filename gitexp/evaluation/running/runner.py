"""The runner: a version's values, a dataset, an endpoint and evaluators become a recorded run."""

from __future__ import annotations

import copy
import threading
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from gitexp.clock import Clock
from gitexp.documents.problems import MISSING
from gitexp.evaluation.datasets.sample import Sample
from gitexp.evaluation.endpoints.functions import Function, asker, imported
from gitexp.evaluation.running.outputs import masked, plain_output
from gitexp.evaluation.running.planning import Plan, RunRequest, make_plan
from gitexp.project.workspace import Workspace
from gitexp.runs.journalling.journals import Journal, create_journal
from gitexp.runs.masking import secrets_of
from gitexp.runs.recording.closing import close, ending_fields, reap
from gitexp.runs.rows import Failure, ResultRow, Score, status_of
from gitexp.runs.run import Run, RunStatus
from gitexp.runs.tallies import Stats, count_rows
from gitexp.runs.tracking.endings import ending_of, failure_of
from gitexp.runs.tracking.interrupts import termination_raised

__all__ = ["Progress", "RunRequest", "evaluate"]

Report = Callable[["Progress"], None]


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far a run is: `done` of `total` samples, and what became of them."""

    done: int
    total: int
    passed: int = 0
    failed: int = 0
    errors: int = 0
    unscored: int = 0


def evaluate(workspace: Workspace, request: RunRequest, *, progress: Report | None = None) -> Run:
    """Return the recorded run of a request.

    Everything is resolved and checked before the system under test is imported. Each finished
    row is in the journal before the next sample takes its place. A run that is broken off by
    Ctrl-C or SIGTERM is recorded as `killed` with its finished rows, one that breaks for another
    reason as `failed`; then the exception goes on. Runs that an earlier process left behind are
    recorded first.

    Args:
        progress: called after every row, from another thread.

    Raises:
        NotFound, NotAllowed, InvalidInput: the request cannot be carried out; nothing was run.
        StoreError: the run cannot be recorded; its journal stays and is recorded later.
    """
    reap(workspace)
    plan = make_plan(workspace, request)
    with termination_raised(), imported(plan.endpoint, plan.directory) as function:
        return _Evaluation(workspace, plan, progress).carry_out(function)


class _Evaluation:
    """One evaluation in progress."""

    def __init__(self, workspace: Workspace, plan: Plan, progress: Report | None) -> None:
        self._workspace = workspace
        self._plan = plan
        self._progress = progress
        self._clock: Clock = workspace.surroundings.clock
        self._run = plan.run.started(self._clock.now())
        self._began = self._clock.monotonic()
        self._rows: dict[int, ResultRow] = {}
        self._stats = Stats()
        self._over = threading.Event()

    def carry_out(self, function: Function) -> Run:
        """Return the recorded run; see `evaluate`."""
        from gitexp.evaluation.running.loops import run_in_thread
        from gitexp.evaluation.running.window import Window

        journal = create_journal(self._workspace, self._run.id, {"run": self._run.to_dict()})
        rows = _RowMaker(self._plan, self._clock)
        window = Window(
            samples=self._plan.dataset.samples,
            concurrency=self._plan.request.concurrency,
            batch_size=self._plan.request.batch_size,
            finished=lambda position, row: self._finished(journal, position, row),
            sync=journal.sync,
        )
        try:
            self._report()
            run_in_thread(lambda: window.work(lambda threads: rows.answering(function, threads)))
        except BaseException as exc:
            self._record(journal, *ending_of(unwrapped(exc)))
            raise
        return self._record(journal, "finished")

    def _finished(self, journal: Journal, position: int, row: ResultRow) -> None:
        """Take in a finished row; a call that answers after the run's end changes nothing."""
        if self._over.is_set():
            return
        journal.append({"position": position, "row": row.to_dict()})
        self._rows[position] = row
        self._stats += count_rows([row])
        self._report()

    def _report(self) -> None:
        if self._progress is not None:
            stats = self._stats
            self._progress(
                Progress(
                    done=len(self._rows),
                    total=len(self._plan.dataset.samples),
                    passed=stats.passed,
                    failed=stats.failed,
                    errors=stats.errors,
                    unscored=stats.unscored,
                )
            )

    def _record(self, journal: Journal, status: RunStatus, error: Failure | None = None) -> Run:
        self._over.set()
        seconds = round(self._clock.monotonic() - self._began, 6)
        fields = ending_fields(status, self._clock.now(), seconds, error=error)
        return close(self._workspace, journal, {"set": fields})


def unwrapped(exc: BaseException) -> BaseException:
    """Return what ended a call, where it was wrapped so that it could not end anything else."""
    from gitexp.evaluation.running.calls import CallEnded

    return exc.reason if isinstance(exc, CallEnded) else exc


class _RowMaker:
    """Makes the row of a sample: asks, scores, and leaves no secret in it."""

    def __init__(self, plan: Plan, clock: Clock) -> None:
        self._plan = plan
        self._clock = clock
        self._secrets = secrets_of(plan.parameters)

    def answering(
        self, function: Function, threads: Any
    ) -> Callable[[Sample], Awaitable[ResultRow]]:
        """Return what makes rows by asking a function."""
        from gitexp.evaluation.running.calls import within

        ask = asker(function, self._plan.parameters, threads)

        async def answer(sample: Sample) -> ResultRow:
            started, began = self._clock.now(), self._clock.monotonic()
            output, failure = MISSING, None
            try:
                given = copy.deepcopy(sample.input)
                output = plain_output(await within(self._plan.endpoint.timeout, ask(given)))
            except Exception as exc:
                failure = failure_of(unwrapped(exc))
            seconds = round(self._clock.monotonic() - began, 6)
            return self._row(sample, output, failure, started, seconds)

        return answer

    def _row(
        self,
        sample: Sample,
        output: Any,
        failure: Failure | None,
        started: datetime,
        seconds: float,
    ) -> ResultRow:
        scores = {} if failure else self._scores(sample, output)
        return ResultRow(
            sample=sample.id,
            status=status_of(scores, error=failure),
            input=sample.input,
            output=masked(output, self._secrets),
            expected=sample.expected,
            scores=scores,
            error=failure and self._masked_failure(failure),
            started_at=started,
            duration_seconds=seconds,
            metadata=sample.metadata,
        )

    def _scores(self, sample: Sample, output: Any) -> Mapping[str, Score]:
        found = {e.name: e.score(sample, output) for e in self._plan.evaluators}
        return {name: self._masked_score(score) for name, score in found.items()}

    def _masked_score(self, score: Score) -> Score:
        if not self._secrets:
            return score
        return Score.from_dict(masked(score.to_dict(), self._secrets))

    def _masked_failure(self, failure: Failure) -> Failure:
        return Failure(type=failure.type, message=masked(failure.message, self._secrets))
