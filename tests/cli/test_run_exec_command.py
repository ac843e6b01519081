"""`gitexp run exec`: the exit code is the program's, and what is said is said on standard error."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from gitexp.repository import Repository
from gitexp.runs.run import Run as RecordedRun
from tests.cli.conftest import Run

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the programs are POSIX ones")


def recorded(directory: Path) -> list[RecordedRun]:
    from gitexp.runs.recording import ledger

    return ledger.read(Repository.open(directory).workspace, "tone")


def test_the_program_speaks_on_its_own_outputs(
    tone: list[str], project: Path, process: Run
) -> None:
    line = "echo $GITEXP_PARAM_TEMPERATURE; echo oops >&2; exit 3"
    arguments = ("run", "exec", "tone", "--set", "temperature=0.2", "--tag", "team=chat")
    done = process(
        *arguments, "--name", "night", "--", "sh", "-c", line, env={"BOT_KEY": "hunter2"}
    )
    assert (done.code, done.out) == (3, "0.2\n")
    [run] = recorded(project)
    begun, oops, ended = done.err.splitlines()
    assert (begun, oops) == (f"run {run.id}", "oops")
    said = rf"run {run.id} failed in \d+\.\d s: the program ended with exit code 3"
    assert re.fullmatch(said, ended)
    page = process("run", "show", run.id).ok().out
    assert "\nstatus      failed: the program ended with exit code 3\n" in page
    assert (run.version, run.overrides, run.name) == (tone[1], {"temperature": 0.2}, "night")
    assert run.tags == {"team": "chat"}


def test_options_after_the_dashes_are_the_programs(tone: list[str], process: Run) -> None:
    done = process("run", "exec", "tone", "--silent", "--", "echo", "--set", "-h", "--")
    assert (done.code, done.out, done.err) == (0, "--set -h --\n", "")


def test_a_secret_that_is_not_set_is_warned_of(tone: list[str], process: Run) -> None:
    done = process("run", "exec", "tone", "--", "true")
    assert done.err.splitlines()[1] == (
        "warning: parameter api_key has no variable: the environment variable BOT_KEY, which "
        "parameter 'api_key' refers to, is not set"
    )


def test_a_program_that_is_not_there_is_said_to_be_even_silently(
    tone: list[str], project: Path, process: Run
) -> None:
    done = process("run", "exec", "tone", "--silent", "--", "nowhere")
    assert done.code == 127
    assert done.err.endswith("failed in 0.0 s: there is no program 'nowhere'\n")
    assert [run.status for run in recorded(project)] == ["failed"]


def test_no_program_is_a_usage_error(tone: list[str], process: Run) -> None:
    done = process("run", "exec", "tone")
    assert done.code == 2
    assert done.err == "error: no program to run\nhint: Name it after `--`.\n"


def test_a_run_is_pushed_and_a_failing_push_does_not_hide_the_exit_code(
    tone: list[str], project: Path, process: Run
) -> None:
    from tests.cli.conftest import git

    done = process("run", "exec", "tone", "--push", "--", "true")
    assert done.code == 0
    remote = project.parent / "remote.git"
    assert "refs/heads/runs/bot/tone" in git("show-ref", directory=remote)
    git("remote", "set-url", "origin", str(project.parent / "gone"))
    failed = process("run", "exec", "tone", "--push", "--", "false")
    assert failed.code == 1
    assert "\nwarning: the run was not sent: " in failed.err
    assert process("run", "exec", "tone", "--push", "--", "true").code == 1
    assert len(recorded(project)) == 3
