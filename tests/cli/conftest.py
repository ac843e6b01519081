"""The command line under test: in this process, and as a process of its own."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from gitexp.cli.main import cli
from gitexp.cli.output import Output
from gitexp.cli.session import Session
from gitexp.cli.terminal import Terminal

_CLEARED = ("CI", "GITHUB_ACTIONS", "NO_COLOR", "FORCE_COLOR", "PAGER", "GIT_PAGER", "GITEXP_PAGER")


@dataclass(frozen=True, kw_only=True)
class Result:
    """What one command line came to."""

    code: int
    out: str
    err: str

    def ok(self) -> Result:
        """This result, which has to be a success."""
        assert self.code == 0, self
        return self


Run = Callable[..., Result]


def _make_home(directory: Path) -> Path:
    """Return a new home directory with a Git identity."""
    home = directory / "home"
    home.mkdir()
    (home / ".gitconfig").write_text(
        "[user]\n\tname = Ada Example\n\temail = ada@example.org\n[init]\n\tdefaultBranch = main\n"
    )
    return home


def _set_up(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let this process have a home, and an environment without surprises."""
    for name in list(os.environ):
        if name.startswith(("GIT_", "GITEXP_", "OTEL_", "XDG_")) or name in _CLEARED:
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.setenv("GITEXP_CACHE", str(home / "cache"))
    monkeypatch.setenv("TERM", "xterm")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home directory of its own, with a Git identity, and an environment without surprises."""
    home = _make_home(tmp_path)
    _set_up(home, monkeypatch)
    return home


@pytest.fixture
def directory(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current directory."""
    directory = tmp_path / "work"
    directory.mkdir()
    monkeypatch.chdir(directory)
    return directory


@pytest.fixture
def gitexp(
    directory: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Run:
    """Runs a command line in this process."""

    def run(*arguments: str, stdin: str = "") -> Result:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin.encode())))
        capfd.readouterr()
        code = cli.run(list(arguments), "gitexp")
        captured = capfd.readouterr()
        return Result(code=code, out=captured.out, err=captured.err)

    return run


@pytest.fixture
def process(directory: Path) -> Run:
    """Runs a command line as a process of its own."""

    def run(*arguments: str, stdin: str = "", env: Mapping[str, str] | None = None) -> Result:
        done = subprocess.run(
            [sys.executable, "-m", "gitexp", *arguments],
            input=stdin,
            capture_output=True,
            encoding="utf-8",
            env={**os.environ, **(env or {})},
            timeout=60,
            check=False,
        )
        return Result(code=done.returncode, out=done.stdout, err=done.stderr)

    return run


def terminal(**facts: bool | int) -> Terminal:
    """Return what is known of a process that is not at a terminal, but for some facts."""
    usual = {"output": False, "errors": False, "input": False, "styled": False, "workflow": False}
    return Terminal(**{**usual, "width": 80, "height": 24, **facts})  # type: ignore[arg-type]


def session(directory: Path, environ: Mapping[str, str] | None = None, **facts: bool) -> Session:
    """Return a session at such a terminal."""
    return Session(directory=directory, terminal=terminal(**facts), environ=environ or {})


@pytest.fixture
def output(tmp_path: Path) -> Callable[..., Output]:
    """Makes an output of a session that is not at a terminal, but for some facts."""

    def make(format: str = "table", *, quiet: bool = False, **facts: bool) -> Output:
        return Output(
            session=session(tmp_path, **facts),
            format=format,  # type: ignore[arg-type]
            quiet=quiet,
        )

    return make


@pytest.fixture
def closed_pipe() -> Iterator[int]:
    """The writing end of a pipe that nobody reads."""
    reader, writer = os.pipe()
    os.close(reader)
    yield writer
    os.close(writer)


DEFINITION = """\
format: 1

id: bot

parameters:
  temperature:
    type: number
    default: 0.5
    minimum: 0
    maximum: 2
  prompt:
    type: text
    default: Be kind.
  stop:
    type: list
    default: []
  api_key:
    type: secret
    default: BOT_KEY

environments:
  staging: {}
  production: {}
"""


def git(*arguments: str, directory: Path | None = None) -> str:
    """Return what Git prints."""
    done = subprocess.run(
        ["git", *arguments],
        cwd=directory,
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=True,
    )
    return done.stdout


_PLAIN = ("--quiet", "--initial-branch=main", "--template=")
"""Without Git's samples of hooks, which are half of the files of a new repository."""


@pytest.fixture(scope="session")
def made_project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of a project and its remote, which are only ever copied."""
    place = tmp_path_factory.mktemp("project")
    directory, remote = place / "work", place / "remote.git"
    directory.mkdir()
    (directory / "gitexp.yaml").write_text(DEFINITION)
    with pytest.MonkeyPatch.context() as patch:
        _set_up(_make_home(place), patch)
        git("init", *_PLAIN, directory=directory)
        git("add", "gitexp.yaml", directory=directory)
        git("commit", "--quiet", "--message=project", directory=directory)
        git("init", *_PLAIN, "--bare", str(remote))
        git("remote", "add", "origin", str(remote), directory=directory)
        git("push", "--quiet", "origin", "main", directory=directory)
    return place


@pytest.fixture(scope="session")
def made_tone(made_project: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with the experiment `tone`."""
    place = tmp_path_factory.mktemp("tone")
    _copy(made_project, place)
    with pytest.MonkeyPatch.context() as patch:
        _set_up(_make_home(place), patch)
        patch.chdir(place / "work")
        for arguments in (
            ("experiment", "create", "tone", "--description", "How it sounds", "-q"),
            ("commit", "tone", "--set", "temperature=0.7", "-m", "Warmer", "-q"),
            ("commit", "tone", "--set", "temperature=0.9", "-m", "Hot", "-q"),
        ):
            subprocess.run([sys.executable, "-m", "gitexp", *arguments], check=True, timeout=60)
    return place


def _copy(made: Path, place: Path) -> None:
    """Put a copy of a project and its remote into another directory."""
    for name in ("work", "remote.git"):
        shutil.copytree(made / name, place / name, symlinks=True, dirs_exist_ok=True)
    config = place / "work" / ".git" / "config"
    config.write_text(config.read_text().replace(str(made), str(place)))


@pytest.fixture
def project(request: pytest.FixtureRequest, directory: Path) -> Path:
    """A project with slots, two environments and a shared remote; with `tone` where it is asked."""
    made = "made_tone" if "tone" in request.fixturenames else "made_project"
    _copy(request.getfixturevalue(made), directory.parent)
    return directory


@pytest.fixture(scope="session")
def made_versions(made_tone: Path) -> list[str]:
    """The ids of the versions of `tone`, oldest first."""
    return git("rev-parse", "exp/bot/tone~1", "exp/bot/tone", directory=made_tone / "work").split()


@pytest.fixture
def tone(project: Path, made_versions: list[str]) -> list[str]:
    """An experiment with two versions; their ids, oldest first."""
    return list(made_versions)
