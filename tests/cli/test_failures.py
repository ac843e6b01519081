from __future__ import annotations

import errno

import click
import pytest

from gitexp.cli.failures import AnswerIsNo, Terminated, report
from gitexp.cli.groups import UsageFault
from gitexp.cli.terminal import OutputClosed
from gitexp.documents.problems import Problem
from gitexp.errors import Diverged, GitexpError, InvalidDocuments, NotFound


def told(error: BaseException, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    code = report(error)
    captured = capsys.readouterr()
    assert captured.out == ""
    return code, captured.err


def test_a_failure_has_an_error_and_a_hint_line(capsys: pytest.CaptureFixture[str]) -> None:
    error = NotFound("no experiment 'tonne'", hint="Did you mean 'tone'?")
    assert told(error, capsys) == (
        1,
        "error: no experiment 'tonne'\nhint: Did you mean 'tone'?\n",
    )


def test_every_problem_has_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    error = InvalidDocuments(
        [
            Problem(file="gitexp.yaml", line=3, place="id", message="'X' is no id"),
            Problem(file="--set", message="no slot 'y'"),
        ],
        hint="Mend both.",
    )
    assert told(error, capsys) == (
        1,
        "error: gitexp.yaml:3: id: 'X' is no id\nerror: --set: no slot 'y'\nhint: Mend both.\n",
    )


def test_further_lines_of_a_message_are_indented(capsys: pytest.CaptureFixture[str]) -> None:
    error = GitexpError("the remote refused\nremote: no\nremote: never")
    assert told(error, capsys) == (
        1,
        "error: the remote refused\n  remote: no\n  remote: never\n",
    )


def test_a_divergence_is_shown_value_by_value(capsys: pytest.CaptureFixture[str]) -> None:
    error = Diverged("both sides changed temperature", parameters={"temperature": (0.5, 0.7, 0.9)})
    assert told(error, capsys) == (
        1,
        "error: both sides changed temperature\n  temperature: was 0.5, ours 0.7, theirs 0.9\n",
    )


def test_escape_sequences_and_workflow_commands_in_errors_are_harmless(
    capsys: pytest.CaptureFixture[str],
) -> None:
    error = GitexpError("no name '\x1b[2J'\n::error::x", hint="##[error]")
    assert told(error, capsys) == (
        1,
        "error: no name '\\x1b[2J'\n  \\x3a:error::x\nhint: \\x23#[error]\n",
    )


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (click.UsageError("Missing argument 'NAME'."), "missing argument 'NAME'"),
        (click.UsageError("SLOT is no name."), "SLOT is no name"),
        (click.NoSuchOption("--sett"), "no such option '--sett'"),
        (UsageFault("nothing to change"), "nothing to change"),
    ],
)
def test_usage_errors_are_worded_like_all_others(
    error: click.ClickException, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert told(error, capsys) == (2, f"error: {message}\nhint: Run `gitexp --help`.\n")


def test_a_usage_error_says_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    error = UsageFault("nothing to change", hint="Give --description.")
    assert told(error, capsys) == (2, "error: nothing to change\nhint: Give --description.\n")


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (click.exceptions.Exit(5), 5, ""),
        (AnswerIsNo(), 3, ""),
        (OutputClosed(), 141, ""),
        (BrokenPipeError(errno.EPIPE, "Broken pipe"), 141, ""),
        (KeyboardInterrupt(), 130, "interrupted\n"),
        (click.Abort(), 130, "interrupted\n"),
        (Terminated(), 143, "interrupted\n"),
    ],
)
def test_other_ends_have_their_own_codes(
    error: BaseException, code: int, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert told(error, capsys) == (code, message)


def test_the_system_s_refusal_is_an_error_line(capsys: pytest.CaptureFixture[str]) -> None:
    error = OSError(errno.ENOSPC, "No space left on device", "values.yaml")
    hint = "Free some space on the disk and run the command again."
    assert told(error, capsys) == (
        1,
        f"error: no space left on device: values.yaml\nhint: {hint}\n",
    )


@pytest.mark.parametrize("error", [ValueError("x"), AssertionError(), SystemExit(7)])
def test_a_bug_is_not_swallowed(error: BaseException) -> None:
    with pytest.raises(type(error)):
        report(error)
