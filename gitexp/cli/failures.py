"""What ends a command, and what the person and the shell are told of it.

    0    done
    1    it failed: `error:` and `hint:` lines on standard error
    2    it was called wrongly, told in the same way
    3    the answer is no
    4    approval is required; the id of the change request that waits for it on standard output
    130  interrupted; 143 when terminated; 141 when the reader of the output went away

An exception that is none of these is a bug, and shows its traceback.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from typing import Any

import click

from gitexp.cli.safety import no_workflow_commands, visible
from gitexp.cli.terminal import OutputClosed, write_error, write_out
from gitexp.errors import ApprovalRequired, Diverged, GitexpError, InvalidDocuments

DONE = 0
FAILED = 1
USAGE = 2
NO = 3
APPROVAL_REQUIRED = 4
INTERRUPTED = 130
OUTPUT_CLOSED = 141
TERMINATED = 143


class AnswerIsNo(Exception):
    """The command did its work, and the answer to its question is no."""


class Terminated(KeyboardInterrupt):
    """The process was asked to end; handled like a person's interrupt, with its own exit code."""


def report(error: BaseException) -> int:
    """Return the exit code for what ended a command, after telling the person.

    Raises:
        BaseException: the error itself, when it is nothing that a command may end with.
    """
    for kind, handle in _HANDLERS:
        if isinstance(error, kind):
            return handle(error)
    raise error


def _failed(error: GitexpError) -> int:
    if isinstance(error, InvalidDocuments):
        messages = [str(problem) for problem in error.problems]
    else:
        messages = [error.message]
    for message in messages:
        _tell("error", message)
    if isinstance(error, Diverged):
        _tell_parameters(error)
    if error.hint:
        _tell("hint", error.hint)
    return FAILED


def _approval_required(error: ApprovalRequired) -> int:
    """Tell what is missing and who can give it; the change request's id is the command's answer."""
    if error.change is not None:
        write_out(error.change + "\n")
    _tell("error", error.message)
    for line in error.missing:
        _write(f"  missing: {line}")
    if error.approvers:
        _write(f"  who can give it: {', '.join(error.approvers)}")
    if error.hint:
        _tell("hint", error.hint)
    return APPROVAL_REQUIRED


def _tell_parameters(error: Diverged) -> None:
    from gitexp.documents.problems import shown

    for name, (base, ours, theirs) in error.parameters.items():
        _write(f"  {name}: was {shown(base)}, ours {shown(ours)}, theirs {shown(theirs)}")


def _misused(error: click.ClickException) -> int:
    if isinstance(error, click.NoSuchOption):
        _tell("error", f"no such option {error.option_name!r}")
    else:
        _tell("error", _reworded(error.format_message()))
    _tell("hint", getattr(error, "hint", None) or _usage_hint(error))
    return USAGE


def _usage_hint(error: click.ClickException) -> str:
    if close := getattr(error, "possibilities", None):
        return f"Did you mean {' or '.join(map(repr, sorted(close)))}?"
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "gitexp"
    return f"Run `{path} --help`."


def _reworded(message: str) -> str:
    """Return click's message in the form of all others: lower case, without a full stop."""
    message = " ".join(message.split())
    if message[1:2].islower():
        message = message[0].lower() + message[1:]
    return message.removesuffix(".")


def _system_failed(error: OSError) -> int:
    names = [str(name) for name in (error.filename, error.filename2) if name is not None]
    reason = error.strerror or os.strerror(error.errno or errno.EIO)
    _tell("error", ": ".join([reason[0].lower() + reason[1:], *names]))
    if hint := _SYSTEM_HINTS.get(error.errno or 0):
        _tell("hint", hint)
    return FAILED


_SYSTEM_HINTS = {
    errno.ENOSPC: "Free some space on the disk and run the command again.",
    errno.EDQUOT: "Free some of your quota and run the command again.",
    errno.EACCES: "Check who may read and write there.",
    errno.EROFS: "The file system is mounted read-only.",
}


def _interrupted(error: BaseException) -> int:
    _write("interrupted")
    return TERMINATED if isinstance(error, Terminated) else INTERRUPTED


def _exited(error: click.exceptions.Exit) -> int:
    return error.exit_code


_HANDLERS: tuple[tuple[type[BaseException], Callable[[Any], int]], ...] = (
    (ApprovalRequired, _approval_required),
    (GitexpError, _failed),
    (click.exceptions.Exit, _exited),
    (click.Abort, _interrupted),
    (click.ClickException, _misused),
    (AnswerIsNo, lambda error: NO),
    (OutputClosed, lambda error: OUTPUT_CLOSED),
    (KeyboardInterrupt, _interrupted),
    (BrokenPipeError, lambda error: OUTPUT_CLOSED),
    (OSError, _system_failed),
)


def _tell(kind: str, message: str) -> None:
    """Write a line of this kind; further lines of the message are indented below it."""
    first, *others = message.rstrip("\n").split("\n")
    _write("\n".join([f"{kind}: {first}", *(f"  {line}" for line in others)]))


def _write(text: str) -> None:
    # A CI runner reads standard error as well; harmless elsewhere, so it is always done.
    write_error(no_workflow_commands(visible(text, keep="\n\t")) + "\n")
