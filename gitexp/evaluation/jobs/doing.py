"""Doing one job, in the process that holds it from its beginning to its end."""

from __future__ import annotations

import os
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from gitexp.clock import iso
from gitexp.documents.canonical import digest_of
from gitexp.environments.parameters import Parameters, Provenance
from gitexp.errors import Conflict, GitexpError, InvalidInput
from gitexp.evaluation.datasets.loading import load
from gitexp.evaluation.jobs import begun, inputs
from gitexp.evaluation.jobs.checkouts import as_created
from gitexp.evaluation.jobs.commands import variables_of, words_of
from gitexp.evaluation.jobs.queue import Held, held, waiting, waits_for
from gitexp.evaluation.jobs.states import require_step, with_change
from gitexp.evaluation.running.code import code_of
from gitexp.evaluation.running.planning import plan_again
from gitexp.evaluation.running.progress import Report
from gitexp.evaluation.running.runner import Evaluation
from gitexp.evaluation.running.stopping import CancelWatch
from gitexp.experiments.catalog import superseding_name
from gitexp.ids import VersionId
from gitexp.project.reading import current_project
from gitexp.project.workspace import Workspace
from gitexp.runs.executing.execution import Program, execute_as
from gitexp.runs.executing.streams import Streams
from gitexp.runs.journalling.journals import Journal, entries
from gitexp.runs.recording.closing import close, ending_fields, name_now
from gitexp.runs.rows import Failure
from gitexp.runs.run import Run
from gitexp.runs.tracking.active import ActiveRun
from gitexp.runs.tracking.endings import ending_of
from gitexp.runs.tracking.starting import find_run, milliseconds_now


class Cancelled(GitexpError):
    """Somebody cancelled a job before its work began."""


Taken = Callable[[Run], None]
"""Is told of the run of a job as soon as it is begun."""

WORKER_DIED = "WorkerDied"
"""The type of the failure of a job whose worker died."""

GRACE = 10.0
"""Seconds that a program has to end once it was told to, before it is killed."""

_STREAMS = Streams(out=2, err=2)
"""What a program says is talk: standard output is for whoever asked for the job."""


def do_next(
    workspace: Workspace,
    queue: str,
    *,
    taken: Taken | None = None,
    progress: Report | None = None,
    orphaned: threading.Event | None = None,
) -> Run | None:
    """Return the recorded run of the first job of a queue that may begin; None when none may.

    The jobs are taken in the order in which they were created. A job that fails is no error: its
    run says why.

    Args:
        taken: is told of the run when the job is taken.
        orphaned: set when the worker died that this process belongs to.

    Raises:
        StoreError: the journal cannot be written, or the run cannot be recorded now.
    """
    for job in waiting(workspace, queue):
        if waits_for(workspace, job):
            continue
        with held(workspace, job.run.id) as found:
            # Somebody else may have changed it since the look.
            if found is None or found.job.queue != queue or waits_for(workspace, found.job):
                continue
            return _done(workspace, found, taken, progress, orphaned)
    return None


def _done(
    workspace: Workspace,
    found: Held,
    taken: Taken | None,
    progress: Report | None,
    orphaned: threading.Event | None,
) -> Run:
    run = _begun(workspace, found)
    if taken is not None:
        taken(run)
    try:
        with as_created(workspace, run) as place:
            if run.evaluation:
                _evaluate(place, run, found.journal, progress)
            else:
                _execute(place, run, found.journal, orphaned)
    except Exception as exc:
        if found.journal.is_open:
            return _ended(workspace, found.journal, run, exc)
        recorded = find_run(workspace, run.id)
        if not recorded.is_over:
            raise
    except BaseException as exc:
        if found.journal.is_open:
            _ended(workspace, found.journal, run, exc)
        raise
    return find_run(workspace, run.id)


def _begun(workspace: Workspace, found: Held) -> Run:
    """Return the run of a job that this process takes, safe from a power cut from here on."""
    job, now = found.job, workspace.surroundings.clock.now()
    require_step(job, "started")
    if job.run.attempt < job.max_attempts:
        begun.note(workspace, job.run.id)
    reason = f"taken by the worker with process id {os.getpid()}"
    record = with_change(job.run.job, "started", at=now, by=worker_name(workspace), reason=reason)
    fields = {"status": "running", "started_at": iso(now), "job": record}
    found.journal.append({"set": fields, "at": milliseconds_now(workspace)})
    found.journal.sync()
    return replace(job.run.started(now), job=record)


def told(reason: str) -> str:
    """Return a reason as the end of a message."""
    return f": {reason}" if reason else ""


def worker_name(workspace: Workspace) -> str:
    """Return who stands behind what a worker does."""
    try:
        return str(workspace.signature())
    except InvalidInput:
        return "worker"


def _ended(workspace: Workspace, journal: Journal, run: Run, exc: BaseException) -> Run:
    status, failure = ending_of(exc)
    now = workspace.surroundings.clock.now()
    seconds = (now - (run.started_at or now)).total_seconds()
    ending = "failed" if status == "finished" else status
    fields = ending_fields(ending, now, max(0.0, seconds), error=failure)
    return close(workspace, journal, {"set": fields})


# --- evaluations -----------------------------------------------------------------------------


def _evaluate(workspace: Workspace, run: Run, journal: Journal, progress: Report | None) -> None:
    # The experiment may have another name since the job was created.
    name = superseding_name(workspace, run.experiment) or name_now(workspace, run)
    plan = plan_again(workspace, replace(run, experiment=name))
    evaluation = Evaluation(workspace, replace(plan, run=run), journal, progress)
    _refuse_cancelled(journal)
    with code_of(plan):
        evaluation.carry_out()


def _refuse_cancelled(journal: Journal) -> None:
    """Raise `Cancelled` when somebody cancelled a job before its work looked for that."""
    for event in entries(journal.read(), holding=b'"cancel":'):
        if cancel := event.get("cancel"):
            raise Cancelled(f"cancelled by {cancel['by']}{told(cancel.get('reason', ''))}")


# --- programs --------------------------------------------------------------------------------


def _execute(
    workspace: Workspace, run: Run, journal: Journal, orphaned: threading.Event | None
) -> None:
    directory = workspace.directory
    assert directory is not None  # the job was created in a working tree
    parameters = _parameters(workspace, run)
    watch = CancelWatch(journal.path)
    _refuse_cancelled(journal)

    def cause() -> Failure | None:
        if orphaned is not None and orphaned.is_set():
            return Failure(type=WORKER_DIED, message="the worker that did the job died")
        return watch.asked()

    with _copies(workspace, run) as artifacts:
        variables = variables_of(
            parameters=parameters.to_dict(),
            dataset=_dataset(workspace, run, directory),
            artifacts=artifacts,
            run_id=run.id,
            job_id=run.retry_of,
            attempt=run.attempt,
        )
        words = words_of(run.job["command"], run.job["entrypoint"]["name"], variables)
        program = Program(words=tuple(words), directory=directory, streams=_STREAMS, grace=GRACE)
        active = ActiveRun(workspace, journal, run)
        execute_as(workspace, active, parameters, program, cause=cause)


def _parameters(workspace: Workspace, run: Run) -> Parameters:
    return Parameters(
        run.parameters,
        types=current_project(workspace).types(),
        provenance=Provenance(
            experiment=run.experiment,
            experiment_id=run.experiment_id,
            version=VersionId(run.version or ""),
            digest=digest_of(dict(run.parameters)),
            source="version",
        ),
        environ=workspace.surroundings.environ,
    )


def _dataset(workspace: Workspace, run: Run, directory: Path) -> dict[str, Any] | None:
    """Return what templates are told of the dataset of a job, which is what it was.

    Raises:
        Conflict: it is not.
    """
    if run.dataset is None:
        return None
    found = load(directory, run.dataset.name, root=workspace.root, workspace=workspace)
    if found.digest != run.dataset.digest:
        raise Conflict(
            f"dataset {run.dataset.name!r} is not what it was when the job was created",
            hint="Put the file back as it was, or create a new job.",
        )
    path = directory / Path(found.path).relative_to(workspace.root)
    return {"name": found.name, "path": str(path), "digest": found.digest}


@contextmanager
def _copies(workspace: Workspace, run: Run) -> Iterator[dict[str, str]]:
    wanted = run.job.get("inputs", {}).get("artifacts", {})
    if not wanted:
        yield {}
        return
    with tempfile.TemporaryDirectory(prefix="gitexp-job-", ignore_cleanup_errors=True) as place:
        yield inputs.copied(workspace, wanted, Path(place))
