"""The runner: a version's values, a dataset, a workflow and evaluators become a recorded run."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING

from gitexp.errors import Conflict, NotAllowed, NotFound
from gitexp.evaluation.running.code import code_of
from gitexp.evaluation.running.exact import working_tree_of
from gitexp.evaluation.running.executors import executor_of
from gitexp.evaluation.running.keeping import Done, encoded_row
from gitexp.evaluation.running.making import Made, WorkItem
from gitexp.evaluation.running.outputs import masked
from gitexp.evaluation.running.planning import Plan, make_plan, plan_again
from gitexp.evaluation.running.progress import Progress as Progress
from gitexp.evaluation.running.progress import Report, progress_of
from gitexp.evaluation.running.requests import EvaluationRequest
from gitexp.evaluation.running.stopping import CANCELLED, NONE, CancelWatch, limit_reached
from gitexp.evaluation.tracing.sinks import open_spans
from gitexp.ids import RunId
from gitexp.project.workspace import Workspace
from gitexp.runs.events import Event
from gitexp.runs.journalling.journals import Journal, create_journal
from gitexp.runs.journalling.side_files import ROWS, SPANS
from gitexp.runs.masking import secrets_of
from gitexp.runs.recording.closing import close, ending_fields, reap_if_possible
from gitexp.runs.recording.results import rows_of
from gitexp.runs.rows import Failure, ResultRow
from gitexp.runs.run import Run, RunStatus
from gitexp.runs.tallies import Tally
from gitexp.runs.tracking.endings import ending_of
from gitexp.runs.tracking.interrupts import termination_raised
from gitexp.runs.tracking.resuming import go_on_with
from gitexp.runs.tracking.starting import find_run

if TYPE_CHECKING:
    from gitexp.evaluation.running.window import Window
    from gitexp.evaluation.tracing.sinks import Spans

__all__ = ["EvaluationRequest", "Progress", "evaluate", "resume"]

_TOTALS_EVERY = 50
"""Totals are noted once a second at first, and later after a fiftieth of the time so far."""


def evaluate(
    workspace: Workspace,
    request: EvaluationRequest,
    *,
    progress: Report | None = None,
    begun: Callable[[Run], None] | None = None,
    run_id: RunId | None = None,
) -> Run:
    """Return the recorded run of a request.

    Everything is resolved and checked before the system under test is imported. Each finished
    row is kept before the next sample takes its place. After Ctrl-C or SIGTERM what is in flight
    is finished, and the run is recorded as `killed` with its rows; one that breaks for another
    reason is `failed`; then the exception goes on. Such a run can be gone on with, see `resume`.
    Runs that an earlier process left behind are recorded first.

    Args:
        progress: called after every row, from another thread.
        begun: called once with the run when it has begun.
        run_id: the id of the run, where it was given to somebody already.

    Raises:
        NotFound, NotAllowed, InvalidInput: the request cannot be carried out, or there is a run
            with this id already; nothing was run.
        StoreError: the run cannot be recorded; its journal stays and is recorded later.
    """
    reap_if_possible(workspace)
    if run_id is not None:
        _refuse_known(workspace, run_id)
    with working_tree_of(
        workspace, request.experiment, request.version, exact=request.exact
    ) as found:
        plan = make_plan(found, request, run_id=run_id)
        return carry_out(found, plan, progress=progress, begun=begun)


def _refuse_known(workspace: Workspace, run_id: RunId) -> None:
    """Raise `NotAllowed` when there is a run with this id: a recorded one never changes."""
    try:
        run = find_run(workspace, run_id)
    except NotFound:
        return
    raise NotAllowed(
        f"there is a run {run.id} already, which is {run.status}",
        hint=f"Begin a run without an id, or go on with this one: `gitexp run resume {run.id}`.",
    )


def carry_out(
    workspace: Workspace,
    plan: Plan,
    *,
    progress: Report | None = None,
    begun: Callable[[Run], None] | None = None,
) -> Run:
    """Return the recorded run of a plan that has not begun; see `evaluate`."""
    with termination_raised(), code_of(plan):
        return begin(workspace, plan, progress=progress).carry_out(begun=begun)


def begin(workspace: Workspace, plan: Plan, *, progress: Report | None = None) -> Evaluation:
    """Return a run of a plan, begun and visible to others, to be carried out."""
    run = plan.run.started(workspace.surroundings.clock.now())
    journal = create_journal(workspace, run.id, {"run": run.to_dict()})
    return Evaluation(workspace, replace(plan, run=run), journal, progress)


def resume(
    workspace: Workspace,
    run_id: str,
    *,
    force: bool = False,
    progress: Report | None = None,
    begun: Callable[[Run], None] | None = None,
) -> Run:
    """Return the recorded run of an evaluation that was broken off, now gone on with.

    Only those passes over samples are done that are missing or were errors.

    Args:
        force: go on even where it is not known to be over elsewhere.

    Raises:
        NotFound: there is no such run, or something that it used is gone.
        NotAllowed: it goes on already, here or elsewhere, or is no evaluation.
        Conflict: something that it used is not what it was.
    """
    reap_if_possible(workspace)
    with ExitStack() as stack:
        run, journal = stack.enter_context(go_on_with(workspace, run_id, force=force))
        exact, revision = bool(run.evaluation.get("exact")), run.version or "latest"
        tree = working_tree_of(workspace, run.experiment, revision, exact=exact)
        found = stack.enter_context(tree)
        plan = plan_again(found, run)
        stack.enter_context(code_of(plan))
        evaluation = Evaluation(found, plan, journal, progress)
        return evaluation.carry_out(rows_of(workspace, run_id), begun=begun)


class Evaluation:
    """One evaluation in progress."""

    def __init__(
        self, workspace: Workspace, plan: Plan, journal: Journal, progress: Report | None
    ) -> None:
        self._workspace = workspace
        self._plan = plan
        self._journal = journal
        self._progress = progress
        self._clock = workspace.surroundings.clock
        self._began = self._noted = self._clock.monotonic()
        self._limits = plan.request.limits if plan.request.limits != NONE else None
        self._tally = Tally()
        self._sides = journal.sides
        self._over = threading.Event()
        self._stopped: Failure | None = None
        self._cancels = CancelWatch(journal.path)

    def carry_out(
        self, known: Iterable[ResultRow] = (), *, begun: Callable[[Run], None] | None = None
    ) -> Run:
        """Return the recorded run; see `evaluate`.

        Args:
            known: the rows of an evaluation that is gone on with.
        """
        done = Done(self._plan.request.repeats, self._counted(known))
        self._require_order(done)
        with termination_raised():
            try:
                if begun is not None:
                    begun(self._plan.run)
                self._work(done)
            except BaseException as exc:
                self._record(*ending_of(exc))
                raise
            return self._record(*self._ending(), late=self._cancels.asked, tally=self._tally)

    def _require_order(self, done: Done) -> None:
        """Raise `Conflict` where samples stand elsewhere in the dataset than their rows say."""
        if not done.fits(self._plan.dataset):
            raise Conflict(
                "the samples of the dataset are not in the order in which they were when run "
                f"{self._plan.run.id} began",
                hint="Put the file back as it was, or begin a new run.",
            )

    def _ending(self) -> tuple[RunStatus, Failure | None]:
        if self._stopped is None:
            return "finished", None
        return "killed" if self._stopped.type == CANCELLED else "failed", self._stopped

    def _counted(self, known: Iterable[ResultRow]) -> Iterator[ResultRow]:
        """Yield rows, those that stay as they are counted already."""
        for row in known:
            if row.status != "error":
                self._tally.add(row)
            yield row

    def _work(self, done: Done) -> None:
        from gitexp.evaluation.running.loops import run_in_thread
        from gitexp.evaluation.running.window import Window

        plan, surroundings = self._plan, self._workspace.surroundings
        if plan.run.stats.rows:
            # Rows that are done again no longer count, whatever the run said when it broke off.
            self._journal.append({"set": self._tally.so_far()})
        self._report()
        with open_spans(
            plan,
            surroundings,
            keep=lambda line: self._sides.append(SPANS, line),
            ending=lambda: (self._stopped, self._tally.stats),
        ) as spans:
            window = Window(
                items=done.missing(plan.items()),
                concurrency=plan.request.concurrency,
                batch_size=plan.request.batch_size,
                finished=lambda item, made: self._finished(window, spans, item, made),
                sync=self._sides.sync,
                look=lambda: self._look(window, spans),
            )

            def recorded(run_id: str) -> Iterator[ResultRow]:
                return rows_of(self._workspace, run_id)

            async def work() -> None:
                async with executor_of(plan, surroundings, recorded=recorded) as answer:
                    await window.work(answer)

            run_in_thread(work, stop=lambda: self._interrupted(window))

    def _finished(self, window: Window, spans: Spans | None, item: WorkItem, made: Made) -> None:
        """Take in a finished row; a call that answers after the run's end changes nothing."""
        if self._over.is_set():
            return
        self._sides.append(ROWS, encoded_row(made.row))
        if spans is not None and made.trace is not None:
            spans.take(made)
        self._tally.add(made.row)
        self._report()
        if self._limits is not None:
            reached = limit_reached(self._limits, self._tally, self._seconds())
            if reached is not None:
                self._stop(window, reached)

    def _interrupted(self, window: Window) -> None:
        window.stop()
        self._workspace.surroundings.notice(
            "nothing more is begun, and what is in flight is finished; Ctrl-C again breaks it off"
        )

    def _stop(self, window: Window, why: Failure) -> None:
        self._stopped = self._stopped or why
        window.stop()

    def _look(self, window: Window, spans: Spans | None) -> None:
        """Say how far the run is, and look whether somebody cancelled it."""
        if spans is not None:
            spans.flush()
        cancelled = self._cancels.asked()
        if cancelled is not None:
            self._stop(window, cancelled)
        now = self._clock.monotonic()
        if now - self._noted >= max(1.0, (now - self._began) / _TOTALS_EVERY):
            self._noted = now
            self._journal.append({"set": self._tally.so_far()})

    def _seconds(self) -> float:
        return self._clock.monotonic() - self._began

    def _report(self) -> None:
        if self._progress is not None:
            self._progress(progress_of(self._tally.stats, self._plan.total))

    def _record(
        self,
        status: RunStatus,
        error: Failure | None = None,
        *,
        late: Callable[[], Failure | None] = lambda: None,
        tally: Tally | None = None,
    ) -> Run:
        """Return the run, recorded with its end.

        Args:
            late: returns who cancelled it, asked when nobody can do that any more.
            tally: what its rows add up to, where no row can come any more.
        """
        self._over.set()
        self._sides.close()
        seconds, at = round(self._seconds(), 6), self._clock.now()
        secrets = secrets_of(self._plan.recipe.parameters)

        def ending() -> Event:
            cancelled = late()
            why = cancelled or error
            if why is not None:
                why = replace(why, message=masked(why.message, secrets))
            said = "killed" if cancelled is not None else status
            return {"set": ending_fields(said, at, seconds, error=why)}

        try:
            return close(self._workspace, self._journal, ending, tally=tally)
        except BaseException:
            self._journal.close()  # whoever reaps finds it left behind, with its rows
            raise
