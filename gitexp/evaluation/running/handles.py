"""Evaluations that go on in the background: how far they are, waiting for them, cancelling them."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, suppress
from typing import Any

from gitexp.clock import iso
from gitexp.errors import GitexpError, NotAllowed
from gitexp.evaluation.running.code import code_of
from gitexp.evaluation.running.exact import working_tree_of
from gitexp.evaluation.running.planning import make_plan
from gitexp.evaluation.running.progress import Progress, progress_of
from gitexp.evaluation.running.requests import (
    BATCH_SIZE,
    CONCURRENCY,
    EvaluationRequest,
)
from gitexp.evaluation.running.runner import Evaluation, begin
from gitexp.ids import RunId
from gitexp.project.workspace import Workspace
from gitexp.runs.journalling.journals import open_journal, paths_of
from gitexp.runs.journalling.side_files import Sides
from gitexp.runs.recording.closing import reap_if_possible, settle
from gitexp.runs.recording.results import rows_beside
from gitexp.runs.run import Run
from gitexp.runs.tallies import Tally
from gitexp.runs.tracking.starting import find_run, milliseconds_now

_LOOK = 0.2
"""Seconds between looks at a run of another process."""


class EvaluationHandle:
    """An evaluation that goes on, in this process or another one of this machine, or is over."""

    def __init__(
        self, workspace: Workspace, run_id: RunId, *, thread: threading.Thread | None = None
    ) -> None:
        self._workspace = workspace
        self._thread = thread
        self._tally = Tally()
        self._read: dict[str, int] = {}
        self.id = run_id

    def __repr__(self) -> str:
        return f"<EvaluationHandle {self.id}>"

    @property
    def status(self) -> str:
        """The status of the run: `running`, `finished`, `failed` or `killed`."""
        return self.run().status

    def run(self) -> Run:
        """Return the run as it stands.

        Raises:
            NotFound: there is no such run here.
        """
        return find_run(self._workspace, self.id)

    @property
    def is_elsewhere(self) -> bool:
        """Whether it goes on as far as is known here, and not on this machine."""
        return not any(paths_of(self._workspace, self.id)) and not self.run().is_over

    def progress(self) -> Progress:
        """Return how far the run is; only rows that are new since the last time are read."""
        run = self.run()
        total = int(run.evaluation.get("rows", run.stats.rows))
        if run.is_over:
            return progress_of(run.stats, total)
        for path in paths_of(self._workspace, self.id):
            self._count(str(path), Sides(path))
        stats = self._tally.stats
        return progress_of(stats if stats.rows > run.stats.rows else run.stats, total)

    def _count(self, name: str, sides: Sides) -> None:
        # Behind the beginning of a line that was counted stands no other row until the next line.
        for place, row in rows_beside(sides, start=self._read.get(name, 0)):
            self._tally.add(row)
            self._read[name] = place + 1

    def wait(self, timeout: float | None = None) -> Run:
        """Return the run when it is over.

        Args:
            timeout: the seconds to wait at most.

        Raises:
            TimeoutError: it goes on still.
        """
        now = self._workspace.surroundings.clock.monotonic
        end = None if timeout is None else now() + timeout
        for run in self.looks():
            if run.is_over:
                return run
            if end is not None and now() >= end:
                raise TimeoutError(f"run {self.id} goes on after {timeout:g} s")
        raise AssertionError("looking never ends")

    def looks(self) -> Iterator[Run]:
        """Yield the run as it stands, again and again; one whose process died is recorded."""
        while True:
            is_here = self._thread is not None and self._thread.is_alive()
            if not is_here:
                with suppress(GitexpError):  # what cannot be recorded now is so at a later look
                    settle(self._workspace, self.id)
            yield self.run()
            if is_here and self._thread is not None:
                self._thread.join(_LOOK)
            else:
                time.sleep(_LOOK)

    def cancel(self, reason: str = "") -> None:
        """Ask the run to stop: what is in flight is finished, and what is done is recorded.

        Raises:
            NotAllowed: it is over, or goes on on another machine.
        """
        cancel = {"by": str(self._workspace.signature()), **({"reason": reason} if reason else {})}
        event = {"cancel": cancel, "at": milliseconds_now(self._workspace)}
        for path in paths_of(self._workspace, self.id):
            journal = open_journal(path)
            if journal is None:
                continue
            try:
                journal.append(event)
            finally:
                journal.close()
            return
        run = self.run()
        where = f"is {run.status}" if run.is_over else "goes on on another machine"
        raise NotAllowed(f"run {self.id} {where}, so it cannot be cancelled here")

    def to_dict(self) -> dict[str, Any]:
        """Return the evaluation in the words of evaluation services."""
        return described(self.run(), self.progress())


def described(run: Run, progress: Progress) -> dict[str, Any]:
    """Return an evaluation in the words of evaluation services.

    `status` is that of the run; `progress` is a percentage; `evaluator_slugs` repeats
    `evaluator_ids` for programs that know the older name.
    """
    asked: Mapping[str, Any] = run.evaluation
    evaluators = [one.name for one in run.evaluators]
    workflows = list(asked.get("evaluator_workflows", ()))
    scoring = [name for name in evaluators if name not in workflows]
    tasks = asked.get("workflow") or [
        {"name": asked.get("endpoint", ""), "type": "endpoint", "endpoint": asked.get("endpoint")}
    ]
    return {
        "id": run.id,
        "name": run.name,
        "status": run.status,
        "created_at": iso(run.created_at),
        "started_at": run.started_at and iso(run.started_at),
        "completed_at": run.ended_at and iso(run.ended_at),
        "description": run.description or None,
        "experiment": run.experiment,
        "dataset": run.dataset and run.dataset.name,
        "dataset_id": run.dataset and run.dataset.digest,
        "dataset_name": run.dataset and run.dataset.name,
        "workflow_count": 1 if isinstance(tasks, str) else len(tasks),
        "progress": progress.percent,
        "tags": [{"key": key, "value": value} for key, value in sorted(run.tags.items())],
        "workflow": tasks,
        "evaluator_ids": scoring,
        "evaluator_slugs": scoring,
        "evaluator_workflow_ids": workflows,
        "batch_size": asked.get("batch_size", BATCH_SIZE),
        "concurrency": asked.get("concurrency", CONCURRENCY),
        "enable_tracing": asked.get("enable_tracing", True),
        "error_message": run.error.message if run.error is not None else None,
    }


def submit(workspace: Workspace, request: EvaluationRequest) -> EvaluationHandle:
    """Return a handle at once for an evaluation that goes on in a thread of this process.

    Everything is resolved and checked first. The process does not end before the evaluation has;
    if it dies, the evaluation can be gone on with.

    Raises:
        NotFound, NotAllowed, InvalidInput, InvalidDocuments: the request cannot be carried out.
    """
    reap_if_possible(workspace)
    with ExitStack() as stack:
        tree = working_tree_of(workspace, request.experiment, request.version, exact=request.exact)
        found = stack.enter_context(tree)
        plan = make_plan(found, request)
        stack.enter_context(code_of(plan))
        evaluation = begin(found, plan)
        left = stack.pop_all()
    thread = threading.Thread(
        target=_carry_out, args=(evaluation, left), name=f"gitexp-{plan.run.id}"
    )
    thread.start()
    return EvaluationHandle(workspace, plan.run.id, thread=thread)


def _carry_out(evaluation: Evaluation, left: ExitStack) -> None:
    """Carry an evaluation out; how it ended, well or not, is in its run."""
    with left, suppress(Exception):
        evaluation.carry_out()
