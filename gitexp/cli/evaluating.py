"""What the commands of evaluations share: progress, how it went, and how to go on."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from typing import TYPE_CHECKING

from gitexp.cli.output import Output
from gitexp.cli.progress import Report, progress_bar
from gitexp.cli.run_views import error_summary, run_summary, run_table
from gitexp.cli.session import Session
from gitexp.errors import GitexpError

if TYPE_CHECKING:
    from gitexp.evaluation.running.requests import EvaluationRequest
    from gitexp.runs.run import Run

Work = Callable[["Report | None", Callable[["Run"], None]], "Run"]
"""Carries an evaluation out, given what takes its progress and what takes the run it began."""


def evaluated(
    output: Output, request: EvaluationRequest, *, run_id: str | None, push: bool
) -> None:
    """Carry a request out, and show the run."""
    from gitexp.evaluation.running.runner import evaluate
    from gitexp.ids import RunId

    workspace = output.session.repository.workspace
    known = RunId(run_id) if run_id else None
    carried_out(
        output,
        f"{request.experiment} over {request.dataset}",
        lambda report, begun: evaluate(
            workspace, request, progress=report, begun=begun, run_id=known
        ),
        push=push,
    )


def carried_out(output: Output, title: str, work: Work, *, push: bool = False) -> None:
    """Carry an evaluation out, and show the run that it became.

    What the system under test prints is talk; standard output is for the run's id.

    Raises:
        GitexpError: it was recorded, and did not finish.
    """
    session = output.session
    with (
        _resumable(session) as begun,
        redirect_stdout(sys.stderr),
        progress_bar(session, title) as report,
    ):
        run = work(report, begun)
    if push:
        session.repository.push_runs([run.experiment])
    session.say(run_summary(run))
    if run.stats.errors:
        from gitexp.runs.recording.results import rows_of

        session.say(error_summary(rows_of(session.repository.workspace, run.id)))
    shown(output, run)
    if run.status != "finished":
        raise GitexpError(
            f"run {run.id} {run.status}: {why_broken_off(run)}",
            hint=f"What is done is recorded; go on with `gitexp run resume {run.id}`.",
        )


def why_broken_off(run: Run) -> str:
    """Return why a run did not finish."""
    return run.error.message if run.error is not None else "it was broken off"


def shown(output: Output, run: Run) -> None:
    """Print a run: its id alone where people read."""
    output.entry(run, run_table([run.to_dict()]), quiet=run.id, text=f"{run.id}\n")


@contextmanager
def _resumable(session: Session) -> Iterator[Callable[[Run], None]]:
    """Say how to go on with the run that began inside, when something breaks it off."""
    begun: list[Run] = []
    try:
        yield begun.append
    except BaseException:
        for run in begun:
            session.say(_how_to_go_on(run))
        raise


def _how_to_go_on(run: Run) -> str:
    return f"what is done is recorded; go on with `gitexp run resume {run.id}`"
