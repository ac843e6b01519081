"""Programs as runs: what they are handed, what passes through, what is recorded."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gitexp.errors import InvalidInput, NotFound, StoreError
from gitexp.project.workspace import Workspace
from gitexp.runs.executing.execution import Executed, Program, execute
from gitexp.runs.executing.output_ends import OUTPUT_TAIL_BYTES, OutputEnd
from gitexp.runs.executing.programs import Stopping
from gitexp.runs.executing.streams import Streams
from gitexp.runs.recording import ledger
from gitexp.runs.references import Exit
from gitexp.runs.rows import Failure
from gitexp.runs.tracking.starting import NewRun, open_run
from tests.evaluation.projects import Project
from tests.runs.making import disk_workspace

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the programs are POSIX ones")

SECRET = "hunter22-hunter22"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "BOT_KEY": SECRET}
    made = Project(
        workspace=disk_workspace(tmp_path / "p", environ=environ), directory=tmp_path / "p"
    )
    made.save('shift: 3\n\nword: "a b\\n$c"\n\nwords:\n  - x\n')
    return made


@pytest.fixture
def workspace(project: Project) -> Workspace:
    return project.workspace


@pytest.fixture
def files(tmp_path: Path) -> Iterator[tuple[Path, Path, Streams]]:
    """Two files on which output ends."""
    paths = tmp_path / "out", tmp_path / "err"
    out, err = (os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND) for path in paths)
    yield *paths, Streams(out=out, err=err)
    os.close(out)
    os.close(err)


Shell = Callable[..., Executed]


@pytest.fixture
def shell(workspace: Workspace, tmp_path: Path) -> Shell:
    """Runs a line of a shell as a run of `tone`."""

    def run(line: str, *, streams: Streams | None = None, **fields: Any) -> Executed:
        program = Program(
            words=("sh", "-c", line),
            directory=tmp_path,
            streams=streams or Streams(out=None, err=None),
        )
        return execute(workspace, NewRun(experiment="tone", **fields), program)

    return run


# --- what it is handed ----------------------------------------------------------------------


def handed(executed: Executed) -> dict[str, str]:
    assert executed.run.exit is not None
    lines = executed.run.exit.output_tail.split("\0")
    found = dict(line.partition("=")[::2] for line in lines if "=" in line)
    return {name: text for name, text in found.items() if name.startswith("GITEXP_")}


def test_parameters_are_variables(shell: Shell, project: Project) -> None:
    done = shell("env -0", overrides={"shift": 4})
    found = handed(done)
    assert found.pop("GITEXP_PARAMETERS_FILE").endswith("parameters.json")
    assert found == {
        "GITEXP_RUN_ID": done.run.id,
        "GITEXP_PARAM_SHIFT": "4",
        "GITEXP_PARAM_WORD": "a b\n$c",
        "GITEXP_PARAM_WORDS": '["x"]',
        "GITEXP_PARAM_KEY": "<secret>",
    }
    assert (done.run.parameters["shift"], done.run.overrides) == (4, {"shift": 4})


def test_a_secret_is_resolved_for_the_program_alone(shell: Shell, files: Any) -> None:
    out, _, streams = files
    done = shell('printf %s "$GITEXP_PARAM_KEY"; cat $GITEXP_PARAMETERS_FILE', streams=streams)
    text = out.read_text()
    assert text.startswith(SECRET)
    assert json.loads(text[len(SECRET) :])["key"] == "BOT_KEY"
    assert SECRET not in json.dumps(done.run.to_dict())


def test_a_secret_in_the_command_line_is_masked(workspace: Workspace, tmp_path: Path) -> None:
    surroundings = replace(workspace.surroundings, argv=("gitexp", f"--key={SECRET}"))
    program = Program(words=("true",), directory=tmp_path)
    given = replace(workspace, surroundings=surroundings)
    done = execute(given, NewRun(experiment="tone"), program)
    assert done.run.machine.argv == ("gitexp", "--key=<secret>")


def test_the_file_is_private_and_goes_with_the_program(shell: Shell, files: Any) -> None:
    out, _, streams = files
    line = 'ls -l "$GITEXP_PARAMETERS_FILE" | cut -c1-10; echo "$GITEXP_PARAMETERS_FILE"'
    shell(line, streams=streams)
    mode, path = out.read_text().split()
    assert mode == "-rw-------"
    assert not Path(path).parent.exists()


def test_what_no_variable_can_hold_is_told_and_left_to_the_file(
    project: Project, tmp_path: Path
) -> None:
    project.save(f"shift: 1\n\nword: {'x' * 200_000}\n")
    told: dict[str, str] = {}
    environ = {"PATH": os.environ["PATH"], "GITEXP_PARAM_WORD": "from a run around this one"}
    surroundings = replace(
        project.workspace.surroundings, environ=project.workspace.surroundings.environ | environ
    )
    program = Program(
        words=("sh", "-c", 'env -0; printf "\\0"; wc -c < "$GITEXP_PARAMETERS_FILE"'),
        directory=tmp_path,
        streams=Streams(out=None),
    )
    done = execute(
        replace(project.workspace, surroundings=surroundings),
        NewRun(experiment="tone"),
        program,
        begun=lambda run, handover: told.update(handover.left_out),
    )
    assert told == {"word": "it is longer than 102400 bytes"}
    assert "GITEXP_PARAM_WORD" not in handed(done)
    assert done.run.exit is not None
    assert int(done.run.exit.output_tail.rpartition("\0")[2]) > 200_000


def test_a_secret_that_is_not_set_has_no_variable(project: Project, tmp_path: Path) -> None:
    told: dict[str, str] = {}
    environ = {k: v for k, v in project.workspace.surroundings.environ.items() if k != "BOT_KEY"}
    surroundings = replace(project.workspace.surroundings, environ=environ)
    execute(
        replace(project.workspace, surroundings=surroundings),
        NewRun(experiment="tone"),
        Program(words=("true",), directory=tmp_path),
        begun=lambda run, handover: told.update(handover.left_out),
    )
    assert list(told) == ["key"]
    assert "BOT_KEY" in told["key"]


def test_slots_that_would_be_one_variable_are_refused(project: Project, tmp_path: Path) -> None:
    definition = "format: 1\n\nid: bot\n\nparameters:\n  a_b:\n    type: integer\n    default: 1\n"
    definition += "  A_b:\n    type: integer\n    default: 2\n"
    from tests.builders import commit_files

    commit_files(
        project.workspace.store,
        {"gitexp.yaml": definition.encode(), "experiments/tone/parameters.yaml": b"a_b: 3\n"},
    )
    with pytest.raises(InvalidInput) as caught:
        execute(
            project.workspace,
            NewRun(experiment="tone"),
            Program(words=("true",), directory=tmp_path),
        )
    assert str(caught.value) == "a_b and A_b would both be the variable GITEXP_PARAM_A_B"
    assert ledger.read(project.workspace, "tone") == []


def test_an_experiment_without_a_version_can_be_run(project: Project, tmp_path: Path) -> None:
    from tests.builders import commit_files
    from tests.evaluation.projects import DEFINITION

    header = b"id: xbbbbbbbbbbbbbbbb\n\nname: fresh\n"
    commit_files(
        project.workspace.store,
        {"gitexp.yaml": DEFINITION.encode(), "experiments/fresh/experiment.yaml": header},
    )
    program = Program(words=("true",), directory=tmp_path)
    done = execute(project.workspace, NewRun(experiment="fresh"), program)
    assert (done.run.status, done.run.version, done.run.parameters) == ("finished", None, {})
    with pytest.raises(NotFound):
        execute(project.workspace, NewRun(experiment="fresh", version="latest"), program)


# --- what passes through --------------------------------------------------------------------


def test_output_passes_byte_by_byte_to_where_it_belongs(shell: Shell, files: Any) -> None:
    out, err, streams = files
    done = shell("printf 'a\\000\\377\\r\\n'; printf 'b\\n' >&2", streams=streams)
    assert (out.read_bytes(), err.read_bytes()) == (b"a\0\xff\r\n", b"b\n")
    assert done.run.exit is not None
    assert set(done.run.exit.output_tail.replace("\r\n", "|").replace("\n", "|")) >= set("a\0b|")


def test_two_outputs_that_end_in_one_place_keep_their_order(shell: Shell, files: Any) -> None:
    out, _, streams = files
    both = Streams(out=streams.out, err=streams.out)
    shell("for n in 1 2 3; do echo out$n; echo err$n >&2; done", streams=both)
    assert out.read_text().split() == ["out1", "err1", "out2", "err2", "out3", "err3"]


def test_large_output_passes_whole_and_its_end_is_recorded(shell: Shell, files: Any) -> None:
    out, _, streams = files
    done = shell("yes 0123456789abcdef | head -c 5000000; echo; echo the end", streams=streams)
    assert out.stat().st_size == 5_000_009
    assert done.run.exit is not None
    tail = done.run.exit.output_tail
    assert len(tail) == OUTPUT_TAIL_BYTES
    assert tail.endswith("\nthe end\n")
    assert out.read_text().endswith(tail)


def test_a_program_that_is_alone_with_a_terminal_writes_to_a_terminal(
    shell: Shell, tmp_path: Path
) -> None:
    ours, theirs = os.openpty()
    line = "test -t 1 && echo terminal; test -t 2 && echo too; stty size <&1"
    import fcntl
    import struct
    import termios

    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 31, 77, 0, 0))
    done = shell(line, streams=Streams(out=theirs, err=theirs))
    seen = os.read(ours, 1000)
    os.close(ours)
    os.close(theirs)
    assert seen == b"terminal\r\ntoo\r\n31 77\r\n"
    assert done.run.exit == Exit(code=0, output_tail="terminal\ntoo\n31 77\n")


def test_without_another_terminal_to_be_had_it_writes_to_a_pipe(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, theirs = os.openpty()

    def refuse() -> tuple[int, int]:
        raise OSError(errno.ENOENT, "out of pty devices")

    monkeypatch.setattr(os, "openpty", refuse)
    done = shell("test -t 1 || echo no terminal", streams=Streams(out=theirs, err=None))
    seen = os.read(ours, 1000)
    os.close(ours)
    os.close(theirs)
    assert (seen, done.run.status) == (b"no terminal\r\n", "finished")


def test_a_reader_that_goes_away_ends_the_program_as_it_would_alone(shell: Shell) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = shell("exec yes", streams=Streams(out=writer, err=None))
    os.close(writer)
    assert done.run.exit is not None
    assert (done.run.status, done.run.exit.signal) == ("killed", "SIGPIPE")


def test_a_program_that_stays_behind_is_not_waited_for(shell: Shell) -> None:
    done = shell("echo before; (exec sleep 600) & echo $!")
    assert done.run.exit is not None
    said, pid = done.run.exit.output_tail.split()
    os.kill(int(pid), 9)
    assert (said, done.run.status) == ("before", "finished")


def test_one_that_stays_behind_and_never_stops_writing_is_cut(shell: Shell) -> None:
    done = shell("yes & echo $! >&2; exit 0", streams=Streams(out=None, err=None))
    assert done.run.status == "finished"


# --- how it ends ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "status", "exit", "message", "code"),
    [
        ("exit 0", "finished", Exit(code=0), None, 0),
        ("exit 3", "failed", Exit(code=3), "the program ended with exit code 3", 3),
        ("exit 137", "failed", Exit(code=137), "the program ended with exit code 137", 137),
        ("kill -9 $$", "killed", Exit(signal="SIGKILL"), "the program was ended by SIGKILL", 137),
        (
            "kill -SEGV $$",
            "killed",
            Exit(signal="SIGSEGV"),
            "the program was ended by SIGSEGV",
            139,
        ),
    ],
)
def test_the_run_ends_as_the_program_did(
    shell: Shell, line: str, status: str, exit: Exit, message: str | None, code: int
) -> None:
    done = shell(line)
    assert (done.run.status, done.run.exit, done.ending.exit_code) == (status, exit, code)
    assert (done.run.error.message if done.run.error else None) == message


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("nowhere",), 127, "there is no program 'nowhere'"),
        (("./text",), 126, "the program './text' cannot be started: permission denied"),
        (("a\0b",), 126, "the program 'a\\x00b' cannot be started: embedded null byte"),
    ],
)
def test_a_program_that_cannot_be_started_is_a_failed_run(
    workspace: Workspace, tmp_path: Path, words: tuple[str, ...], code: int, message: str
) -> None:
    (tmp_path / "text").write_text("hello")
    done = execute(workspace, NewRun(experiment="tone"), Program(words=words, directory=tmp_path))
    assert done.ending.exit_code == code
    assert (done.run.status, done.run.exit) == ("failed", None)
    assert done.run.error == Failure(type="NotStarted", message=message)
    assert ledger.get(workspace, done.run.id) == done.run


def test_a_directory_that_is_gone_is_said_to_be(workspace: Workspace, tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    program = Program(words=("true",), directory=gone)
    done = execute(workspace, NewRun(experiment="tone"), program)
    assert done.run.error is not None
    assert done.run.error.message == f"the directory {gone} is not there"


def test_nothing_to_run_makes_no_run(workspace: Workspace, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="no program to run"):
        execute(workspace, NewRun(experiment="tone"), Program(words=(), directory=tmp_path))
    assert ledger.read(workspace, "tone") == []


def test_a_run_that_its_program_ended_itself_stands_as_it_said(
    workspace: Workspace, tmp_path: Path
) -> None:
    def end_it(run: Any, handover: Any) -> None:
        open_run(workspace, run.id).end("failed", error=Failure(type="Own", message="mine"))

    program = Program(words=("true",), directory=tmp_path)
    done = execute(workspace, NewRun(experiment="tone"), program, begun=end_it)
    assert done.run.error == Failure(type="Own", message="mine")
    assert len(ledger.read(workspace, "tone")) == 1


def test_a_fault_before_the_program_starts_ends_the_run(
    workspace: Workspace, tmp_path: Path
) -> None:
    def stop(run: Any, handover: Any) -> None:
        raise KeyboardInterrupt

    program = Program(words=("true",), directory=tmp_path)
    with pytest.raises(KeyboardInterrupt):
        execute(workspace, NewRun(experiment="tone"), program, begun=stop)
    [run] = ledger.read(workspace, "tone")
    assert run.status == "killed"


def test_parameters_that_cannot_be_handed_over_are_a_failed_run(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.open

    def full(path: Any, flags: int, mode: int = 0o777, **rest: Any) -> int:
        if str(path).endswith("parameters.json"):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), path)
        return real(path, flags, mode, **rest)

    monkeypatch.setattr(os, "open", full)
    program = Program(words=("true",), directory=tmp_path)
    with pytest.raises(StoreError) as caught:
        execute(workspace, NewRun(experiment="tone"), program)
    assert caught.value.message == "no space left on the disk; the program was not started"
    [run] = ledger.read(workspace, "tone")
    assert run.status == "failed"


def test_signals_that_came_before_the_program_reach_it_in_their_order(tmp_path: Path) -> None:
    script = "trap 'echo int >> said' INT; trap 'echo term >> said; exit 3' TERM; : > ready\n"
    script += "while :; do sleep 0.05; done"
    with Stopping() as stopping:
        for number in (signal.SIGINT, signal.SIGTERM):
            os.kill(os.getpid(), number)
        process = subprocess.Popen(["sh", "-c", script], cwd=tmp_path, start_new_session=True)
        while not (tmp_path / "ready").exists():
            pass
        with stopping.of_program(process, has_group=True):
            assert process.wait() == 3
    assert stopping.told() == signal.SIGINT
    assert (tmp_path / "said").read_text() == "int\nterm\n"


# --- the end of the output ------------------------------------------------------------------


@pytest.mark.parametrize("cut", range(30))
def test_no_part_of_a_secret_is_left_wherever_the_output_is_cut(cut: int) -> None:
    end = OutputEnd([SECRET], size=40)
    for _ in range(50):
        end.add(b"some lines of output before it\n")
    end.add(SECRET.encode() + b"." * (40 - len(SECRET) - 8 + cut))
    text = end.text()
    assert len(text) <= 40
    # What is left of the secret would be one of its ends; one of 3 letters says nothing.
    assert not any(SECRET[at:] in text for at in range(len(SECRET) - 3))


def test_secrets_in_a_row_are_all_left_out() -> None:
    end = OutputEnd([SECRET], size=10)
    end.add((SECRET * 40).encode())
    assert SECRET[-4:] not in end.text()


def test_the_end_begins_with_a_whole_character() -> None:
    end = OutputEnd(size=10)
    end.add("ü".encode() * 500 + b"x")
    assert end.text() == "üüüüx"
    broken = OutputEnd(size=10)
    broken.add(b"\x80a\xff")
    assert broken.text() == "\ufffda\ufffd"
