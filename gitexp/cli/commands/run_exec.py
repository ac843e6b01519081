"""`gitexp run exec`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from gitexp.cli.arguments import experiment_argument, versionless
from gitexp.cli.groups import UsageFault, command
from gitexp.cli.run_arguments import new_run_of, new_run_options, push_option
from gitexp.cli.session import Session
from gitexp.cli.tables import read
from gitexp.errors import GitexpError

if TYPE_CHECKING:
    from gitexp.runs.executing.execution import Executed
    from gitexp.runs.executing.handover import Handover
    from gitexp.runs.tracking.active import ActiveRun
    from gitexp.runs.tracking.starting import NewRun

_GRACE = 30.0


@command(
    "exec",
    examples=[
        "gitexp run exec tone -- python train.py --epochs 3",
        "gitexp run exec tone --set temperature=0.9 --push -- ./train.sh",
        "gitexp run exec tone -- sh -c 'gitexp run log --metric loss=0.3'",
    ],
)
@experiment_argument(callback=versionless)
@click.argument("words", metavar="-- PROGRAM [ARGS]...", nargs=-1, type=click.UNPROCESSED)
@new_run_options
@click.option(
    "--grace",
    type=click.FloatRange(min=0),
    default=_GRACE,
    metavar="SECONDS",
    help="Kill it so long after it was told to stop  [default: 30]",
)
@push_option
@click.option("--silent", is_flag=True, help="Say nothing beside the program")
@click.pass_context
def exec_command(
    context: click.Context,
    /,
    experiment: str,
    words: tuple[str, ...],
    grace: float,
    push: bool,
    silent: bool,
    **chosen: Any,
) -> None:
    """Run any program as a run

    The program gets each parameter as the variable GITEXP_PARAM_ and its slot in capitals, all of
    them in the JSON file that GITEXP_PARAMETERS_FILE names, and the run in GITEXP_RUN_ID, so that
    `gitexp run log` inside it logs to the run. Secrets are in their variables alone.

    Its output is passed on as it comes, and the last 64 KiB are recorded. The exit code is that of
    the program, or 128 and the number of the signal that ended it.
    """
    session: Session = context.obj
    if not words:
        raise UsageFault("no program to run", hint="Name it after `--`.")
    new = new_run_of(session, experiment, **chosen)
    done = _execute(session, new, words, grace=grace, silent=silent)
    if push:
        _push(session, done)
    context.exit(done.ending.exit_code)


def _execute(
    session: Session, new: NewRun, words: tuple[str, ...], *, grace: float, silent: bool
) -> Executed:
    from gitexp.runs.executing.execution import Program, execute

    def begun(active: ActiveRun, handover: Handover) -> None:
        if not silent:
            session.say(f"run {active.id}")
            for slot, reason in handover.left_out.items():
                session.warn(f"parameter {slot} has no variable: {reason}")
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                stream.flush()

    program = Program(words=words, directory=session.directory, grace=grace)
    done = execute(session.repository.workspace, new, program, begun=begun)
    if not silent or done.ending.fault:
        session.say(_summary(done))
    return done


def _summary(done: Executed) -> str:
    run = done.run
    reason = f": {run.error.message}" if run.error else ""
    return f"run {run.id} {run.status} in {read(run.duration_seconds or 0.0, 'duration')}{reason}"


def _push(session: Session, done: Executed) -> None:
    """Send the run; where the program failed, its exit code says more than that of the push."""
    try:
        session.repository.push_runs([done.run.experiment])
    except GitexpError as exc:
        if done.ending.exit_code == 0:
            raise
        session.warn(f"the run was not sent: {exc.message}")
