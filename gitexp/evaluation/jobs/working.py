"""Workers: they take the jobs of a queue one after another and see to it that each comes to an end.

Every job is done by a process of its own, which takes it and holds it. The worker watches over the
processes: it asks a job to stop whose time is over or that somebody cancelled, and kills what does
not. A process whose worker dies ends too.
"""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from gitexp.errors import GitexpError
from gitexp.evaluation.jobs.changing import ask_to_stop, begin_again_where_workers_died
from gitexp.evaluation.jobs.doing import GRACE, worker_name
from gitexp.evaluation.jobs.queue import waiting, waits_for
from gitexp.evaluation.jobs.states import Job
from gitexp.evaluation.running.planning import project_directory
from gitexp.evaluation.running.stopping import CancelWatch
from gitexp.ids import RunId
from gitexp.project.workspace import Workspace
from gitexp.runs.executing.children import Child
from gitexp.runs.journalling.holding import hold_journal
from gitexp.runs.journalling.journals import paths_of
from gitexp.runs.recording.closing import close, ending_fields, reap_if_possible
from gitexp.runs.recording.places import is_run_id
from gitexp.runs.rows import Failure
from gitexp.runs.run import Run
from gitexp.runs.tracking.interrupts import Terminated, interrupts_held, termination_raised
from gitexp.runs.tracking.starting import find_run

LOOK = 0.2
"""Seconds between looks at the processes, and at the queue where something waits."""

_IDLE = 1.0
_PATIENCE = 2 * GRACE
"""Seconds that a process has to come to its end once it was asked to, before it is killed."""

_MOST_FALSE_STARTS = 3

_TOLD = "the worker was told to stop"

NOTHING_TO_DO = 3
"""The exit code of a process that found no job to take."""

Say = Callable[[str], None]


@dataclass(kw_only=True)
class _Doing:
    """A process that does a job.

    Attributes:
        run: None until it has taken one.
        asked: when it was asked to stop, by the monotonic clock.
        why: the reason for that.
    """

    child: Child
    run: Run | None = None
    cancels: CancelWatch | None = None
    path: Path | None = None
    deadline: float = 0.0
    asked: float | None = None
    why: Failure | None = field(default=None)


class Worker:
    """Takes the jobs of a queue in the order in which they were created.

    Args:
        concurrency: how many jobs are done at once.
        words: what starts the process that does one job.
        say: is told what happens.
    """

    def __init__(
        self,
        workspace: Workspace,
        queue: str,
        *,
        concurrency: int = 1,
        words: Sequence[str] = (),
        say: Say = lambda text: None,
    ) -> None:
        self._workspace = workspace
        self._queue = queue
        self._concurrency = concurrency
        self._directory = project_directory(workspace)
        self._clock = workspace.surroundings.clock
        self._words = tuple(words) or (sys.executable, "-m", "gitexp", "job", "do", queue)
        self._say = say
        self._doing: list[_Doing] = []
        self._stopping = False
        self._cancelling = False
        self._false_starts = 0
        self.done = 0

    def work(self, *, once: bool = False) -> int:
        """Return how many jobs were done, when it was told to stop.

        Ctrl-C lets the jobs in hand come to their end, a second one and SIGTERM cancel them.

        Args:
            once: it also stops when no job may begin any more.

        Raises:
            GitexpError: the processes that do jobs cannot be started.
        """
        try:
            with termination_raised():
                self._worked(once)
        except BaseException:
            for doing in self._doing:
                doing.child.kill()
            raise
        return self.done

    def _worked(self, once: bool) -> None:
        """Work until the work is over, however often it is interrupted."""
        told: BaseException | None = None
        while True:
            try:
                if told is not None:
                    # In the same block as the work: the next Ctrl-C may come at once.
                    is_second = self._stopping or isinstance(told, Terminated)
                    told = None
                    self._interrupted(is_second=is_second)
                self._work(once)
                return
            except (KeyboardInterrupt, Terminated) as exc:
                told = exc

    def _interrupted(self, *, is_second: bool) -> None:
        self._stopping = True
        if is_second:
            self._cancelling = True
            for doing in self._doing:
                self._ask(doing, _TOLD)
        if count := len(self._doing):
            jobs, them = (
                ("1 job in hand is", "it") if count == 1 else (f"{count} jobs in hand are", "them")
            )
            how = "asked to stop" if is_second else f"finished; Ctrl-C again cancels {them}"
            self._say(f"{jobs} {how}")

    def _work(self, once: bool) -> None:
        while True:
            self._look_after()
            began = self._clock.monotonic()
            has_room = len(self._doing) < self._concurrency and not self._stopping
            untaken = sum(doing.run is None for doing in self._doing)
            ready = self._ready() if has_room else 0
            if ready > untaken:
                self._start()
            elif not self._doing and (self._stopping or once):
                return
            spent = self._clock.monotonic() - began
            is_idle = not (once or ready or self._doing)
            time.sleep(max(_IDLE if is_idle else LOOK, 3 * spent))

    def _ready(self) -> int:
        """Return how many jobs may begin now."""
        reap_if_possible(self._workspace)
        for job in begin_again_where_workers_died(self._workspace, self._queue):
            self._say(f"job {job.id} is queued again: {job.reason}")
        jobs = waiting(self._workspace, self._queue)
        return sum(not waits_for(self._workspace, job) for job in jobs)

    def _start(self) -> None:
        environ = self._workspace.surroundings.environ
        with interrupts_held():
            child = Child(self._words, directory=self._directory, environ=environ)
            self._doing.append(_Doing(child=child))

    # --- looking after the processes ----------------------------------------------------------

    def _look_after(self) -> None:
        for doing in list(self._doing):
            self._see_what_was_taken(doing)
            if doing.child.is_over:
                self._ended(doing)
            elif doing.run is not None:
                self._hold_to_time(doing)

    def _see_what_was_taken(self, doing: _Doing) -> None:
        named = next((line for line in list(doing.child.lines) if is_run_id(line)), None)
        if doing.run is None and named is not None:
            self._taken(doing, RunId(named))

    def _taken(self, doing: _Doing, run_id: RunId) -> None:
        paths = paths_of(self._workspace, run_id)
        doing.path = paths[0] if paths else None
        doing.cancels = CancelWatch(doing.path)
        doing.run = find_run(self._workspace, run_id)
        job = Job(run=doing.run)
        doing.deadline = self._clock.monotonic() + job.timeout
        self._false_starts = 0
        self._say(f"job {job.id} started: run {run_id}")
        if self._cancelling:
            self._ask(doing, _TOLD)

    def _hold_to_time(self, doing: _Doing) -> None:
        now = self._clock.monotonic()
        if doing.asked is not None:
            if now - doing.asked > _PATIENCE:
                doing.child.kill()
                self._close(doing)
            return
        cancelled = doing.cancels.asked() if doing.cancels is not None else None
        if cancelled is not None:
            self._stop(doing, cancelled)
        elif now > doing.deadline and doing.run is not None:
            timeout = Job(run=doing.run).timeout
            self._ask(doing, f"it took longer than its timeout of {timeout:g} s")

    def _ask(self, doing: _Doing, reason: str) -> None:
        """Ask a process to stop its job, by the journal of the run."""
        if doing.run is None or doing.asked is not None:
            return
        by = worker_name(self._workspace)
        with contextlib.suppress(GitexpError):  # it is over already
            run = find_run(self._workspace, doing.run.id)
            ask_to_stop(self._workspace, run, by=by, reason=reason)
        self._stop(doing, Failure(type="Cancelled", message=f"cancelled by {by}: {reason}"))

    def _stop(self, doing: _Doing, why: Failure) -> None:
        doing.asked, doing.why = self._clock.monotonic(), why
        if doing.run is not None and not doing.run.evaluation:
            doing.child.tell()

    def _ended(self, doing: _Doing) -> None:
        code = doing.child.wait()
        self._see_what_was_taken(doing)
        if doing.run is None:
            self._doing.remove(doing)
            self._refuse_false_starts(code)
            return
        self._close(doing)
        reap_if_possible(self._workspace)
        job = Job(run=find_run(self._workspace, doing.run.id))
        # Ctrl-C until here leaves it in hand, so that it is looked after again.
        self._doing.remove(doing)
        self.done += 1
        self._say(f"job {job.id} {job.status}" + (f": {job.reason}" if job.reason else ""))

    def _close(self, doing: _Doing) -> None:
        """End the run of a process that had to be killed, and say why."""
        journal = hold_journal(doing.path) if doing.path is not None and doing.why else None
        if journal is None or doing.why is None or doing.run is None:
            return
        now = self._workspace.surroundings.clock.now()
        seconds = (now - (doing.run.started_at or now)).total_seconds()
        message = f"{doing.why.message}; it did not stop when it was asked to, and was killed"
        failure = Failure(type=doing.why.type, message=message)
        fields = ending_fields("killed", now, max(0.0, seconds), error=failure)
        with contextlib.suppress(GitexpError):  # else it is recorded later
            close(self._workspace, journal, {"set": fields})

    def _refuse_false_starts(self, code: int | None) -> None:
        if code == NOTHING_TO_DO:
            return
        self._false_starts += 1
        if self._false_starts >= _MOST_FALSE_STARTS:
            raise GitexpError(
                f"the processes that do jobs end with exit code {code} before they take one",
                hint=f"Look why: `gitexp job do {self._queue}`.",
            )
