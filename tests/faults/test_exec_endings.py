"""Programs run from the shell that are told to stop, killed, or left alone: the run says so."""

from __future__ import annotations

import contextlib
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gitexp.repository import Repository
from gitexp.runs.recording.closing import reap
from gitexp.runs.run import Run
from gitexp.surroundings import Surroundings
from tests.evaluation.projects import DEFINITION, Project
from tests.runs.making import disk_workspace

pytestmark = pytest.mark.faults

CHECKOUT = Path(__file__).parents[2]

# A handler may interrupt a print in the middle, so these write without a buffer.
STUBBORN = """
import os, signal
for number in (signal.SIGTERM, signal.SIGINT):
    signal.signal(number, lambda number, frame: os.write(1, b"told\\n"))
os.write(1, b"ready %d\\n" % os.getpid())
while True:
    signal.pause()
"""

CAREFUL = """
import os, signal, sys
def stop(number, frame):
    os.write(1, b"saved\\n")
    sys.exit(int(sys.argv[1]))
signal.signal(signal.SIGTERM, stop)
os.write(1, b"ready\\n")
while True:
    signal.pause()
"""

WAITING = "echo ready; exec sleep 600"
Program = subprocess.Popen[bytes]
Start = Callable[..., Program]


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "TMPDIR") if name in os.environ}
    who = {"GIT_AUTHOR_NAME": "Ada Example", "GIT_AUTHOR_EMAIL": "ada@example.org"}
    own = {"HOME": str(tmp_path), "PYTHONPATH": str(CHECKOUT), "PYTHONDONTWRITEBYTECODE": "1"}
    return {**kept, **who, **own}


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """The directory of a project with an experiment `tone`."""
    made = Project(workspace=disk_workspace(tmp_path / "p"), directory=tmp_path / "p")
    made.write("gitexp.yaml", DEFINITION)
    return made.directory


@pytest.fixture
def start(directory: Path, environ: dict[str, str]) -> Iterator[Start]:
    """Starts `gitexp run exec tone`; what is left of it at the end is killed."""
    started: list[Program] = []

    def run(*words: str, options: tuple[str, ...] = (), **fields: object) -> Program:
        command = [sys.executable, "-m", "gitexp", "run", "exec", "tone", *options, "--", *words]
        given = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, **fields}
        process = subprocess.Popen(
            command, cwd=directory, env=environ, stderr=subprocess.PIPE, **given
        )
        started.append(process)
        return process

    yield run
    for process in started:
        process.kill()
        process.wait()
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                stream.close()


def line(process: Program) -> str:
    assert process.stdout is not None
    return process.stdout.readline().decode().strip()


def runs(directory: Path, environ: dict[str, str]) -> list[Run]:
    from gitexp.runs.recording import ledger

    repository = Repository.open(directory, surroundings=Surroundings(environ=environ))
    reap(repository.workspace)
    return ledger.read(repository.workspace, "tone")


def is_running(pid: int) -> bool:
    """Return whether a process is there that is not over."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    return False


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_is_passed_on_and_recorded(
    start: Start, directory: Path, environ: dict[str, str], number: signal.Signals
) -> None:
    process = start("sh", "-c", WAITING)
    assert line(process) == "ready"
    process.send_signal(number)
    process.communicate(timeout=60)
    assert process.returncode == 128 + number
    [run] = runs(directory, environ)
    assert run.exit is not None
    assert (run.status, run.exit.signal, run.exit.output_tail) == ("killed", number.name, "ready\n")


@pytest.mark.parametrize(("code", "status"), [("0", "finished"), ("5", "killed")])
def test_a_program_that_is_told_to_stop_may_do_so_in_its_own_way(
    start: Start, directory: Path, environ: dict[str, str], code: str, status: str
) -> None:
    process = start(sys.executable, "-c", CAREFUL, code)
    assert line(process) == "ready"
    process.terminate()
    out, _ = process.communicate(timeout=60)
    assert (out, process.returncode) == (b"saved\n", int(code))
    [run] = runs(directory, environ)
    assert run.exit is not None
    assert (run.status, run.exit.code) == (status, int(code))
    told = "it was told to stop by SIGTERM: exit code 5" if run.error else None
    assert (run.error and run.error.message) == told


def test_what_the_program_started_is_told_too(
    start: Start, directory: Path, environ: dict[str, str]
) -> None:
    process = start("sh", "-c", "sleep 600 & echo $!; wait")
    pid = int(line(process))
    assert is_running(pid)
    process.terminate()
    process.communicate(timeout=60)
    assert not is_running(pid)
    [run] = runs(directory, environ)
    assert run.status == "killed"


def test_a_program_that_does_not_stop_is_killed_after_the_grace(
    start: Start, directory: Path, environ: dict[str, str]
) -> None:
    process = start(sys.executable, "-c", STUBBORN, options=("--grace", "0.2"))
    pid = int(line(process).split()[1])
    process.terminate()
    assert line(process) == "told"
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGKILL
    assert not is_running(pid)
    [run] = runs(directory, environ)
    assert run.exit is not None
    assert (run.status, run.exit.signal) == ("killed", "SIGKILL")
    assert run.error is not None
    assert run.error.message == "it was told to stop by SIGTERM: SIGKILL"


def test_a_reader_that_does_not_read_keeps_nobody_from_being_killed(
    start: Start, directory: Path, environ: dict[str, str]
) -> None:
    loud = "trap '' TERM; echo $$ >&2; echo ready; yes"
    process = start("sh", "-c", loud, options=("--grace", "0.2", "--silent"))
    assert process.stderr is not None
    pid = int(process.stderr.readline())
    assert line(process) == "ready"
    process.terminate()
    while is_running(pid):
        assert process.poll() is None
    process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGKILL
    [run] = runs(directory, environ)
    assert run.status == "killed"


def test_signals_while_the_end_is_recorded_change_nothing(
    start: Start, directory: Path, environ: dict[str, str]
) -> None:
    process = start("sh", "-c", "echo ready; kill -TERM $PPID; kill -INT $PPID; exit 0")
    assert line(process) == "ready"
    process.terminate()
    process.communicate(timeout=60)
    [run] = runs(directory, environ)
    assert run.status in ("finished", "killed")
    assert run.exit is not None


def test_a_killed_gitexp_leaves_a_run_with_all_that_was_logged(
    start: Start, directory: Path, environ: dict[str, str]
) -> None:
    log = f"{sys.executable} -m gitexp run log --metric loss=0.3 --tag a=b"
    process = start("sh", "-c", f"{log} && echo $$ && exec sleep 600")
    pid = int(line(process))
    process.kill()
    process.wait()
    os.kill(pid, signal.SIGKILL)
    [run] = runs(directory, environ)
    assert (run.status, run.tags, run.metrics["loss"].value) == ("killed", {"a": "b"}, 0.3)


def test_a_program_logs_to_its_run_without_naming_it(
    start: Start, directory: Path, environ: dict[str, str]
) -> None:
    log = f"{sys.executable} -m gitexp run log --metric loss=0.5 --param width=3"
    process = start("sh", "-c", f"{log}; exit 4")
    process.communicate(timeout=60)
    assert process.returncode == 4
    [run] = runs(directory, environ)
    assert (run.status, run.params, run.metrics["loss"].value) == ("failed", {"width": 3}, 0.5)


def test_input_reaches_the_program_and_its_output_comes_at_once(
    start: Start, directory: Path, environ: dict[str, str]
) -> None:
    process = start("cat", stdin=subprocess.PIPE)
    assert process.stdin is not None
    for text in (b"one\n", b"\xff\n"):
        process.stdin.write(text)
        process.stdin.flush()
        assert process.stdout is not None
        assert process.stdout.readline() == text
    process.communicate(timeout=60)
    assert process.returncode == 0


def test_closed_outputs_are_no_fault(
    directory: Path, environ: dict[str, str], start: Start
) -> None:
    command = f"{sys.executable} -m gitexp run exec tone --silent -- echo hello"
    for closed in (">&-", "2>&-", ">&- 2>&-", "<&-"):
        done = subprocess.run(
            ["sh", "-c", f"{command} {closed}"], cwd=directory, env=environ, timeout=60, check=False
        )
        assert done.returncode == 0
    tails = [run.exit and run.exit.output_tail for run in runs(directory, environ)]
    assert tails == ["hello\n"] * 4


# --- at a terminal --------------------------------------------------------------------------


@contextlib.contextmanager
def at_a_terminal(
    directory: Path, environ: dict[str, str], *words: str, options: tuple[str, ...] = ()
) -> Iterator[tuple[int, int]]:
    """Yield the pid of a `gitexp run exec tone` that has a terminal, and our end of it."""
    command = [sys.executable, "-m", "gitexp", "run", "exec", "tone", *options, "--", *words]
    pid, master = pty.fork()
    if pid == 0:  # pragma: no cover
        os.chdir(directory)
        os.execve(sys.executable, command, {**environ, "TERM": "dumb"})
    try:
        yield pid, master
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, 0)
        os.close(master)


def read_until(master: int, wanted: bytes) -> bytes:
    seen = b""
    while wanted not in seen:
        seen += os.read(master, 1000)
    return seen


def exit_code(pid: int, master: int) -> int:
    with contextlib.suppress(OSError):
        while os.read(master, 1000):
            pass
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def test_ctrl_c_at_a_terminal_ends_the_program(directory: Path, environ: dict[str, str]) -> None:
    with at_a_terminal(directory, environ, "sh", "-c", WAITING) as (pid, master):
        read_until(master, b"ready")
        os.write(master, b"\x03")
        assert exit_code(pid, master) == 130
    [run] = runs(directory, environ)
    assert run.exit is not None
    assert (run.status, run.exit.signal) == ("killed", "SIGINT")


def test_a_program_that_takes_ctrl_c_goes_on_for_longer_than_the_grace(
    directory: Path, environ: dict[str, str]
) -> None:
    line = "trap 'echo again' INT; echo ready; read a; read b; echo got $b; exit 7"
    options = ("--grace", "0")
    with at_a_terminal(directory, environ, "bash", "-c", line, options=options) as (pid, master):
        read_until(master, b"ready")
        os.write(master, b"\x03")
        read_until(master, b"again")
        os.write(master, b"first\nsecond\n")
        read_until(master, b"got second")
        assert exit_code(pid, master) == 7
    [run] = runs(directory, environ)
    assert run.status == "failed"


def test_sigterm_reaches_a_program_at_a_terminal(directory: Path, environ: dict[str, str]) -> None:
    with at_a_terminal(directory, environ, "sh", "-c", WAITING) as (pid, master):
        read_until(master, b"ready")
        os.kill(pid, signal.SIGTERM)
        assert exit_code(pid, master) == 143
    [run] = runs(directory, environ)
    assert run.status == "killed"


def test_ctrl_z_stops_both_and_both_go_on(directory: Path, environ: dict[str, str]) -> None:
    line = "echo ready; read a; echo got $a"
    shell = f"{sys.executable} -m gitexp run exec tone --silent -- bash -c '{line}'"
    script = f"set -m; {shell}; echo stopped; fg; echo code $?"
    pid, master = pty.fork()
    if pid == 0:  # pragma: no cover
        os.chdir(directory)
        os.execve("/bin/bash", ["bash", "-c", script], environ)
    read_until(master, b"ready\r\n")
    os.write(master, b"\x1a")
    read_until(master, b"stopped\r\n")
    os.write(master, b"on\n")
    assert b"got on" in read_until(master, b"code 0")
    exit_code(pid, master)
    os.close(master)
    [run] = runs(directory, environ)
    assert run.status == "finished"
