"""Settings: where a benchmark works, with which programs, and how large everything is."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from tests.benchmarks.measuring import CommandFailed, failure_text

_KEPT = ("PATH", "SYSTEMROOT", "TMPDIR", "TEMP", "TMP")

_GIT_CONFIG = """\
[user]
	name = Ada Example
	email = ada@example.org
[init]
	defaultBranch = main
[gc]
	auto = 0
[maintenance]
	auto = false
[advice]
	detachedHead = false
"""


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """How large everything is.

    Attributes:
        promotions: commits behind an environment with a long history.
        tags: tags in the repository that gto reads.
        behind: versions behind a save.
        saves: saves in one process.
        experiments: experiments to list.
        versions: versions of the experiment whose history is read.
        commits: commits of the repository in which it is read.
        rows: rows of the dataset of a run.
        many_rows: rows of a dataset that is too large for some.
        shared: experiments of the project that is fetched.
        runs: how many runs are recorded already: few, many and a great many.
        in_files: the most runs that MLflow's file store is asked about; it reads all of them.
        in_order: the most runs that MLflow's database is asked for in the order of a metric,
            which takes it a hundred times as long for ten times as many.
        metrics: calls that log a metric in one process.
        points: of the metric whose history is read.
        ended: runs that end one after the other in one process.
        commits_pushed: commits of one push to a server with the hook.
        reported: experiments that a change is about that is reported on.
        evaluations: of a feature flag in one process.
    """

    promotions: int = 1000
    tags: int = 100
    behind: int = 1000
    saves: int = 100
    experiments: int = 1000
    versions: int = 1000
    commits: int = 20000
    rows: int = 2000
    many_rows: int = 50_000
    shared: int = 100
    runs: tuple[int, int, int] = (1_000, 10_000, 100_000)
    in_files: int = 1_000
    in_order: int = 10_000
    metrics: int = 20_000
    points: int = 10_000
    ended: int = 20
    exposures: int = 10_000_000
    evaluations: int = 200_000
    commits_pushed: int = 1000
    reported: int = 50


FULL = Sizes()
QUICK = Sizes(
    promotions=20,
    tags=40,
    behind=20,
    saves=5,
    experiments=30,
    versions=25,
    commits=500,
    rows=100,
    many_rows=300,
    shared=10,
    runs=(20, 50, 100),
    in_files=20,
    in_order=50,
    metrics=100,
    points=100,
    ended=2,
    exposures=20_000,
    evaluations=2_000,
    commits_pushed=3,
    reported=2,
)


@dataclass(frozen=True, kw_only=True)
class Programs:
    """The programs that are measured; a peer that is not installed is None."""

    gitexp: Path
    python: Path
    dvc: Path | None = None
    gto: Path | None = None
    mlflow: Path | None = None
    inspect: Path | None = None
    promptfoo: Path | None = None


@dataclass(frozen=True, kw_only=True)
class Setting:
    """Where one benchmark works.

    Attributes:
        directory: a directory of its own.
        kept: a directory that the benchmarks of one call share, for what takes long to set up.
        environ: the environment of everything it starts.
        closing: what has to be ended when the benchmark is over.
    """

    directory: Path
    kept: Path
    environ: Mapping[str, str]
    programs: Programs
    sizes: Sizes
    closing: ExitStack = field(default_factory=ExitStack)

    def call(
        self, directory: Path, command: Sequence[str | Path], *, source: IO[bytes] | None = None
    ) -> str:
        """Return what a command of the set-up writes.

        Args:
            source: what it reads on its standard input.

        Raises:
            CommandFailed: it did not end with 0.
        """
        words = [str(word) for word in command]
        done = subprocess.run(
            words,
            cwd=directory,
            env=dict(self.environ),
            stdin=source or subprocess.DEVNULL,
            capture_output=True,
        )
        if done.returncode:
            errors = done.stderr.decode("utf-8", "replace")
            raise CommandFailed(failure_text(words, done.returncode, errors))
        return done.stdout.decode("utf-8", "replace")

    def git(self, directory: Path, *arguments: str | Path) -> str:
        """Return what `git` writes."""
        return self.call(directory, ["git", *arguments]).strip()

    def gitexp(self, directory: Path, *arguments: str | Path) -> str:
        """Return what `gitexp` writes."""
        return self.call(directory, [self.programs.gitexp, *arguments])


def installed_gitexp() -> Path:
    """Return the program beside this interpreter."""
    suffix = ".exe" if sys.platform == "win32" else ""
    return Path(sys.executable).with_name("gitexp" + suffix)


def environment(home: Path) -> dict[str, str]:
    """Return an environment without surprises: an identity, no upkeep by git, no reports home."""
    home.mkdir(parents=True, exist_ok=True)
    (home / ".gitconfig").write_text(_GIT_CONFIG)
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    return kept | {
        "HOME": str(home),
        "LC_ALL": "C.UTF-8",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GITEXP_CACHE": str(home / "gitexp-cache"),
        "DVC_NO_ANALYTICS": "1",
        "DVC_SITE_CACHE_DIR": str(home / "dvc-cache"),
        "ITERATIVE_DO_NOT_TRACK": "1",
        "DO_NOT_TRACK": "true",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_ALLOW_FILE_STORE": "true",
    }
