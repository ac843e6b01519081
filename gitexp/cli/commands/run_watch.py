"""`gitexp run watch|cancel RUN`: an evaluation that goes on in another process."""

from __future__ import annotations

import click

from gitexp.cli.evaluating import shown, why_broken_off
from gitexp.cli.failures import AnswerIsNo
from gitexp.cli.groups import command
from gitexp.cli.output import Output, output_options
from gitexp.cli.progress import progress_bar, tally_text
from gitexp.cli.run_arguments import run_argument, run_id_of
from gitexp.cli.run_views import run_summary


@command("watch", examples=["gitexp run watch 20261121T131502-k3f9q2x7"])
@run_argument()
@output_options
def watch_command(output: Output, run: str) -> None:
    """Follow an evaluation until it is over

    The answer is no, and the exit code 3, when it did not finish.
    """
    from gitexp.evaluation.running.handles import EvaluationHandle
    from gitexp.ids import RunId

    session = output.session
    handle = EvaluationHandle(session.repository.workspace, RunId(run_id_of(session, run)))
    if handle.is_elsewhere:
        session.say(f"run {handle.id} goes on elsewhere; `gitexp fetch` brings in what was shared")
    with progress_bar(session, f"run {handle.id}") as report:
        for found in handle.looks():
            if report is not None:
                report(handle.progress())
            if found.is_over:
                break
    session.say(run_summary(found))
    shown(output, found)
    if found.status != "finished":
        go_on = f"; go on with `gitexp run resume {found.id}`" if found.evaluation else ""
        session.say(f"{why_broken_off(found)}{go_on}")
        raise AnswerIsNo


@command(
    "cancel",
    examples=[
        "gitexp run cancel 20261121T131502-k3f9q2x7",
        'gitexp run cancel 20261121T131502 --reason "wrong dataset"',
    ],
)
@run_argument()
@click.option("--reason", default="", metavar="TEXT", help="Say why")
@click.option("--wait", is_flag=True, help="Return when it has stopped")
@output_options
def cancel_command(output: Output, run: str, reason: str, wait: bool) -> None:
    """Ask an evaluation to stop

    What is in flight is finished, what is done is recorded, and the run is `killed`.
    """
    from gitexp.evaluation.running.handles import EvaluationHandle
    from gitexp.ids import RunId

    session = output.session
    handle = EvaluationHandle(session.repository.workspace, RunId(run_id_of(session, run)))
    handle.cancel(reason)
    found = handle.wait() if wait else handle.run()
    progress = handle.progress()
    session.say(f"asked to stop after {progress.done} of {progress.total}: {tally_text(progress)}")
    shown(output, found)
