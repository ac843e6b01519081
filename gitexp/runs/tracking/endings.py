"""How a run ends whose work was left by an exception, by a signal, or by nothing."""

from __future__ import annotations

from collections.abc import Mapping

from gitexp.errors import GitexpError, NotAllowed
from gitexp.runs.journalling.contents import Contents
from gitexp.runs.rows import Failure
from gitexp.runs.run import Run, RunStatus
from gitexp.runs.tracking.interrupts import Terminated

_STOPPED: Mapping[type[BaseException], str] = {
    KeyboardInterrupt: "stopped by Ctrl-C",
    Terminated: "stopped by SIGTERM",
}


def ending_of(exc: BaseException | None) -> tuple[RunStatus, Failure | None]:
    """Return how a run ends whose work was left by an exception, or by none."""
    if exc is None or (isinstance(exc, SystemExit) and exc.code in (None, 0)):
        return "finished", None
    for kind, message in _STOPPED.items():
        if isinstance(exc, kind):
            return "killed", Failure(type=kind.__name__, message=message)
    return "failed", failure_of(exc)


def failure_of(exc: BaseException) -> Failure:
    """Return the type and the message of an exception, for a record."""
    try:
        message = exc.message if isinstance(exc, GitexpError) else str(exc)
    except Exception:  # what an exception says is code of its own
        message = "it cannot say why"
    # A record is text in UTF-8, and an exception may say anything.
    readable = message.encode("utf-8", "backslashreplace").decode("utf-8")
    return Failure(type=type(exc).__name__, message=readable)


def refuse_foreign_end(contents: Contents) -> None:
    """Raise `NotAllowed` for an evaluation or a job that a process carries out and will end."""
    run = contents.run
    if contents.lease is None:
        raise NotAllowed(
            f"run {run.id} is {'a job' if run.job else 'an evaluation'}, which ends by itself",
            hint=f"Stop it: `{stop_command(run)}`.",
        )


def stop_command(run: Run) -> str:
    """Return the command that ends a run that goes on, or makes it end."""
    if run.job:
        return f"gitexp job cancel {run.id}"
    return f"gitexp run {'cancel' if run.evaluation else 'end'} {run.id}"
