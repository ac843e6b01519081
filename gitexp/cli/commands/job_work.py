"""`gitexp job work`, and the process that it starts for each job."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from contextlib import redirect_stdout
from typing import TYPE_CHECKING

import click

from gitexp.cli.groups import command
from gitexp.cli.session import Session

if TYPE_CHECKING:
    from gitexp.runs.run import Run

_LONGEST_END = 30.0
"""Seconds that a program has to end whose worker died."""

_ORPHANED = 70


@command(
    "work",
    examples=[
        "gitexp job work",
        "gitexp job work gpu --concurrency 2",
        "gitexp job work --once",
    ],
)
@click.argument("name", metavar="[QUEUE]", required=False)
@click.option("--queue", metavar="NAME", help="Take the jobs of this queue  [default: default]")
@click.option("--once", is_flag=True, help="Stop when no job may begin any more")
@click.option(
    "--concurrency",
    type=click.IntRange(min=1),
    default=1,
    metavar="N",
    help="Do so many jobs at once  [default: 1]",
)
@click.pass_obj
def work_command(
    session: Session, name: str | None, queue: str | None, once: bool, concurrency: int
) -> None:
    """Do the jobs of a queue

    They are taken in the order in which they were created, each in a process of its own. Any
    number of workers may work on one queue. Ctrl-C finishes what is in hand, a second one cancels
    it. A job whose worker dies has failed, and begins again where it has attempts left.
    """
    from gitexp.evaluation.jobs.entrypoints import DEFAULT_QUEUE
    from gitexp.evaluation.jobs.working import Worker

    chosen = queue or name or DEFAULT_QUEUE
    workspace = session.repository.workspace
    worker = Worker(workspace, chosen, concurrency=concurrency, say=session.say)
    session.say(f"working on queue {chosen}")
    _warn_of_unknown(session, chosen)
    done = worker.work(once=once)
    session.say(f"{done} jobs done" if done != 1 else "1 job done")


def _warn_of_unknown(session: Session, queue: str) -> None:
    from gitexp.cli.job_views import entrypoints_of
    from gitexp.errors import InvalidInput
    from gitexp.evaluation.jobs.queue import waiting

    entrypoints = entrypoints_of(session)
    try:
        known = {queue for one in entrypoints.all() for queue in one.queues}
    except InvalidInput:
        return  # whoever creates a job through a wrong entrypoint is told
    if queue not in known and not waiting(session.repository.workspace, queue):
        names = ", ".join(sorted(known)) or "none"
        session.warn(f"no entrypoint has a queue {queue}: there are {names}")


@command("do", examples=["gitexp job do default"])
@click.argument("queue")
@click.pass_context
def do_command(context: click.Context, queue: str) -> None:
    """Do the first job of a queue that may begin, in this process

    This is what `gitexp job work` starts. It prints the id of the run. Exits with 3 when no job
    may begin. The process ends when its standard input does.
    """
    from gitexp.evaluation.jobs.doing import do_next
    from gitexp.evaluation.jobs.working import NOTHING_TO_DO

    session: Session = context.obj
    orphaned, doing = threading.Event(), []

    def taken(run: Run) -> None:
        doing.append(run)
        print(run.id, file=out, flush=True)

    out = sys.stdout
    _watch_input(orphaned, doing)
    with redirect_stdout(sys.stderr):
        run = do_next(session.repository.workspace, queue, taken=taken, orphaned=orphaned)
    if run is None:
        context.exit(NOTHING_TO_DO)


def _watch_input(orphaned: threading.Event, doing: list[Run]) -> None:
    """End this process when its standard input ends, which a program that it runs never reads."""
    given = os.dup(0)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)

    def watch() -> None:
        while os.read(given, 1024):
            pass
        orphaned.set()
        if doing and not doing[0].evaluation:
            # The program is told, and the run is recorded with what it did until then.
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(_LONGEST_END)
        os._exit(_ORPHANED)

    threading.Thread(target=watch, daemon=True).start()
