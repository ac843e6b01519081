from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import gitexp as package
from gitexp.cli.main import program_name
from tests.cli.conftest import Run

HEAVY = (
    "yaml",
    "dulwich",
    "jsonschema",
    "pandas",
    "numpy",
    "rich",
    "sqlite3",
    "asyncio",
    "pkgutil",
)


@pytest.mark.parametrize("arguments", [["--version"], ["--help"], ["commit", "--help"]])
def test_versions_and_help_import_nothing_heavy(arguments: list[str], directory: Path) -> None:
    script = (
        "import sys\n"
        "from gitexp.cli.main import cli\n"
        f"code = cli.run({arguments!r}, 'gitexp')\n"
        "print('CODE', code)\n"
        f"print('HEAVY', [name for name in {HEAVY!r} if name in sys.modules])\n"
        "print('COMMANDS', sorted(n for n in sys.modules if n.startswith('gitexp.cli.commands.')))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    told = done.stdout.splitlines()[-3:]
    own = [] if arguments[0].startswith("--") else ["gitexp.cli.commands.commit"]
    assert told == ["CODE 0", "HEAVY []", f"COMMANDS {own}"]


def test_the_version_is_printed(gitexp: Run) -> None:
    assert gitexp("--version").ok().out == f"gitexp {package.__version__}\n"


@pytest.mark.parametrize("arguments", [[], ["-h"], ["--help"]])
def test_without_a_command_there_is_help(arguments: list[str], gitexp: Run) -> None:
    assert "Make a directory a project" in gitexp(*arguments).ok().out


def test_an_unknown_command_gets_a_suggestion(gitexp: Run) -> None:
    result = gitexp("comit")
    assert result.code == 2
    assert result.out == ""
    assert result.err == "error: no such command 'comit'\nhint: Did you mean 'commit'?\n"


def test_an_unknown_verb_gets_a_suggestion(gitexp: Run) -> None:
    assert gitexp("env", "rollbak").err == (
        "error: no such command 'rollbak'\nhint: Did you mean 'rollback'?\n"
    )
    assert gitexp("env", "xyz").err == (
        "error: no such command 'xyz'\nhint: Run `gitexp env --help`.\n"
    )


def test_a_usage_error_names_the_help_page(gitexp: Run) -> None:
    result = gitexp("versions")
    assert result.code == 2
    assert result.err == (
        "error: missing argument 'EXPERIMENT'\nhint: Run `gitexp versions --help`.\n"
    )


def test_an_option_without_its_value_names_the_help_page_of_its_command(gitexp: Run) -> None:
    done = gitexp("gate", "20261121", "--min")
    assert (done.code, done.err) == (
        2,
        "error: option '--min' requires an argument\nhint: Run `gitexp gate --help`.\n",
    )


def test_a_bare_noun_takes_the_options_of_its_list(tone: list[str], gitexp: Run) -> None:
    listed = gitexp("experiment", "list", "--format", "json").ok().out
    assert gitexp("experiment", "--format", "json").ok().out == listed
    assert gitexp("experiment", "-q").ok().out == "tone\n"
    assert gitexp("experiment", "-h").ok().out.startswith("Usage: gitexp experiment ")


@pytest.mark.parametrize("option", ["--env", "--environment"])
@pytest.mark.parametrize(
    "words", [["log"], ["change", "list"], ["flag", "evaluate", "--id", "ada"]]
)
def test_an_environment_is_chosen_by_either_word(
    option: str, words: list[str], tone: list[str], gitexp: Run
) -> None:
    assert gitexp(*words, option, "production").code != 2


def test_outside_a_repository_there_is_an_error_and_nothing_on_standard_output(
    gitexp: Run,
) -> None:
    result = gitexp("status", "--format", "json")
    assert result.code == 1
    assert result.out == ""
    assert result.err.startswith("error: ")
    assert "\nhint: " in result.err


def test_the_program_is_named_as_it_was_called() -> None:
    assert program_name("/usr/bin/gitexp") == "gitexp"
    assert program_name("/usr/lib/git-core/git-exp") == "git exp"
    assert program_name("C:\\bin\\git-exp.exe" if os.name == "nt" else "git-exp.exe") == "git exp"
    assert program_name("/site-packages/gitexp/__main__.py") == "gitexp"


def test_a_reader_that_went_away_ends_the_command_quietly(
    directory: Path, closed_pipe: int
) -> None:
    for arguments in (["--help"], ["completion", "bash"], ["--version"]):
        done = subprocess.run(
            [sys.executable, "-m", "gitexp", *arguments],
            stdout=closed_pipe,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
            check=False,
        )
        assert (done.returncode, done.stderr) == (141, "")


@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_signals_end_the_command_with_their_own_codes(
    number: int, code: int, directory: Path
) -> None:
    script = (
        "import os, sys, signal, click\n"
        "from gitexp.cli import main\n"
        "from gitexp.cli.groups import command\n"
        "@command('wait', examples=[])\n"
        "def wait():\n"
        "    'Wait'\n"
        "    print('ready', flush=True)\n"
        "    signal.pause()\n"
        "main.cli.get_command = lambda context, name: wait\n"
        "sys.argv = ['gitexp', 'init']\n"
        "sys.exit(main.main())\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as running:
        assert running.stdout is not None
        assert running.stdout.readline() == "ready\n"
        running.send_signal(number)
        _, told = running.communicate(timeout=60)
    assert (running.returncode, told) == (code, "interrupted\n")


def test_a_bug_shows_its_traceback(directory: Path) -> None:
    script = (
        "import sys\n"
        "from gitexp.cli import main\n"
        "from gitexp.cli.groups import command\n"
        "@command('break', examples=[])\n"
        "def broken():\n"
        "    'Break'\n"
        "    raise ZeroDivisionError('a bug')\n"
        "main.cli.get_command = lambda context, name: broken\n"
        "sys.argv = ['gitexp', 'init']\n"
        "sys.exit(main.main())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 1
    assert "Traceback" in done.stderr
    assert done.stderr.endswith("ZeroDivisionError: a bug\n")


def test_output_is_utf_8_whatever_the_locale_says(process: Run) -> None:
    result = process(
        "show", "naïve", env={"PYTHONUTF8": "0", "LC_ALL": "C", "PYTHONIOENCODING": ""}
    )
    assert result.code == 1
    assert "error: " in result.err


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_output_that_cannot_be_written_is_an_error(directory: Path) -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "gitexp", "--version"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.returncode == 1
    assert done.stderr == (
        "error: no space left on device\n"
        "hint: Free some space on the disk and run the command again.\n"
    )


@pytest.mark.skipif(os.name == "nt", reason="POSIX shell")
def test_output_without_a_place_to_go_is_an_error(directory: Path) -> None:
    done = subprocess.run(
        ["/bin/sh", "-c", f"exec {sys.executable} -m gitexp --version >&-"],
        stderr=subprocess.PIPE,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (
        1,
        (
            "error: standard output is closed\n"
            "hint: Send it to a file or a program; `> /dev/null` throws it away.\n"
        ),
    )


@pytest.mark.skipif(os.name == "nt", reason="POSIX shell")
def test_a_process_without_standard_output_works_where_there_is_nothing_to_say(
    project: Path,
) -> None:
    done = subprocess.run(
        ["/bin/sh", "-c", f"exec {sys.executable} -m gitexp validate --quiet >&-"],
        stderr=subprocess.PIPE,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.skipif(os.name == "nt", reason="POSIX shell")
@pytest.mark.parametrize("option", ["--values -", "--set-file prompt=-"])
def test_a_closed_standard_input_is_an_error(option: str, tone: list[str]) -> None:
    done = subprocess.run(
        ["/bin/sh", "-c", f"exec {sys.executable} -m gitexp commit tone {option} <&-"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (
        1,
        "",
        (
            "error: standard input is closed, so nothing can be read from '-'\n"
            "hint: Send text to it, as in `gitexp ... < FILE`, or name a file instead of `-`.\n"
        ),
    )


def test_a_directory_that_is_not_there_is_an_error(gitexp: Run) -> None:
    result = gitexp("-C", "nowhere", "status")
    assert (result.code, result.out) == (1, "")
    assert result.err == "error: 'nowhere' is no directory\nhint: Name one that is there.\n"
