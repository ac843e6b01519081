from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Run


def completed(process: Run, *words: str) -> list[str]:
    """Return what bash is offered for the last of the words."""
    result = process(
        env={
            "_GITEXP_COMPLETE": "bash_complete",
            "COMP_WORDS": " ".join(["gitexp", *words]),
            "COMP_CWORD": str(len(words)),
        }
    )
    assert result.err == ""
    return [line.partition(",")[2] for line in result.out.splitlines()]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_script_serves_gitexp_and_git_exp(shell: str, gitexp: Run) -> None:
    script = gitexp("completion", shell).ok().out
    assert "_GITEXP_COMPLETE" in script
    assert {"bash": "_git_exp()", "zsh": "_git-exp()", "fish": "_git_exp_completion"}[
        shell
    ] in script


def test_an_unknown_shell_is_a_usage_error(gitexp: Run) -> None:
    result = gitexp("completion", "tcsh")
    assert result.code == 2
    assert result.err.startswith("error: invalid value for 'bash|zsh|fish': 'tcsh' is not one of")


def test_commands_and_options_are_completed(process: Run) -> None:
    assert completed(process, "comm") == ["commit"]
    assert completed(process, "env", "ro") == ["rollback"]
    assert completed(process, "commit", "x", "--par") == ["--parent"]


def test_nothing_is_offered_and_nothing_said_outside_a_repository(process: Run) -> None:
    assert completed(process, "show", "") == []


def bash(script: str, directory: Path) -> str:
    """Return what a bash prints that finds `gitexp` and has read the completion script."""
    program = directory / "bin" / "gitexp"
    program.parent.mkdir(exist_ok=True)
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m gitexp "$@"\n')
    program.chmod(0o755)
    done = subprocess.run(
        [
            "bash",
            "--norc",
            "-c",
            f'PATH="$PWD/bin:$PATH"; eval "$(gitexp completion bash)"; {script}',
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stderr == ""
    return done.stdout


needs_bash = pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")


@needs_bash
def test_bash_completes_gitexp(directory: Path) -> None:
    asked = (
        "COMP_WORDS=(gitexp publ); COMP_CWORD=1; _gitexp_completion gitexp; echo ${COMPREPLY[@]}"
    )
    assert bash(asked, directory) == "publish\n"


@needs_bash
def test_bash_completes_git_exp(directory: Path) -> None:
    asked = "words=(git exp env unb); cword=3; _git_exp; echo ${COMPREPLY[@]}"
    assert bash(asked, directory) == "unbind\n"
