"""The `git` program in tests, with a home of its own and a fixed identity."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

_IDENTITY = {
    "GIT_AUTHOR_NAME": "Grace Example",
    "GIT_AUTHOR_EMAIL": "grace@example.org",
    "GIT_COMMITTER_NAME": "Grace Example",
    "GIT_COMMITTER_EMAIL": "grace@example.org",
}


class Git:
    """Runs `git` in one directory.

    Attributes:
        path: that directory.
        environ: what `git` gets as its environment.
    """

    def __init__(self, path: Path, *, environ: Mapping[str, str] | None = None) -> None:
        self.path = path
        inherited = {key: os.environ[key] for key in ("PATH", "TMPDIR") if key in os.environ}
        self.environ = {
            **inherited,
            **_IDENTITY,
            "HOME": str(path.parent),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_TEMPLATE_DIR": "",  # nor copies of Git's samples of hooks
            "GIT_TERMINAL_PROMPT": "0",
            "LC_ALL": "C",
            **(environ or {}),
        }

    def __call__(self, *arguments: str | Path, text: str | None = None) -> str:
        """Return what a command prints, without the last line break; it must succeed."""
        return self.raw(*arguments, data=None if text is None else text.encode()).decode().rstrip()

    def raw(self, *arguments: str | Path, data: bytes | None = None) -> bytes:
        """Return the bytes that a command prints; it must succeed."""
        done = self.attempt(*arguments, data=data)
        assert done.returncode == 0, f"git {arguments}: {done.stderr.decode()}"
        return done.stdout

    def attempt(
        self, *arguments: str | Path, data: bytes | None = None
    ) -> subprocess.CompletedProcess[bytes]:
        """Return the outcome of a command, whatever it is."""
        return subprocess.run(
            ["git", *map(str, arguments)],
            cwd=self.path,
            env=self.environ,
            input=data if data is not None else b"",
            capture_output=True,
            check=False,
        )

    def commit(self, files: Mapping[str, str | None], message: str = "by git") -> str:
        """Return a new commit, made in the working tree, that changes these files."""
        for name, content in files.items():
            path = self.path / name
            if content is None:
                path.unlink()
            else:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content.encode())
        self("add", "--all", "--", *files)
        self("commit", "--quiet", "--allow-empty", "--message", message)
        return self("rev-parse", "HEAD")

    def check(self) -> None:
        """Require that the repository is sound, down to every object."""
        done = self.attempt("fsck", "--strict", "--full", "--no-dangling")
        said = [line for line in done.stderr.splitlines() if not line.startswith(b"notice: ")]
        assert (done.returncode, done.stdout, said) == (0, b"", []), done

    def status(self) -> str:
        """Return what `git status` reports, one path a line, empty when all is committed."""
        return self.raw("status", "--porcelain=v1", "--untracked-files=all").decode().rstrip("\n")


def new_repository(path: Path, *options: str) -> Git:
    """Return a new repository at a path, made by git."""
    path.mkdir(parents=True, exist_ok=True)
    git = Git(path)
    git("init", "--quiet", "--initial-branch=main", *options)
    return git
