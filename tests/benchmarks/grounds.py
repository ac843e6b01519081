"""Grounds: the repositories that benchmarks work on, with as much history as they ask for."""

from __future__ import annotations

import base64
import hashlib
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from tests.benchmarks.settings import Setting

PROJECT = "bot"
EXPERIMENT = "tuning"

DEFINITION = """\
format: 1

id: bot

parameters:
  temperature:
    type: number
    default: 0.5
    minimum: 0
  max_tokens:
    type: integer
    default: 400
  model:
    type: string
    default: small
  stop_words:
    type: list
    default: []
    items:
      type: string
  cite_sources:
    type: boolean
    default: false
  prompt:
    type: text
    default: ""

environments:
  staging: {}
  production: {}
"""

_PROMPT = "".join(f"  Rule {number}: answer what was asked, in one line.\n" for number in range(30))
_BEGIN = 1_767_000_000


def experiment_branch(name: str) -> str:
    """Return the branch of an experiment."""
    return f"exp/{PROJECT}/{name}"


def parameters_path(name: str) -> str:
    """Return the path of an experiment's values."""
    return f"experiments/{name}/parameters.yaml"


def header_text(name: str) -> str:
    """Return an experiment's header, with an id that follows from the name."""
    digest = hashlib.sha256(name.encode()).digest()
    return f"id: x{base64.b32encode(digest)[:16].decode().lower()}\n\nname: {name}\n"


def parameters_text(number: int) -> str:
    """Return values that differ for every number."""
    return (
        f"temperature: {number / 1000:.3f}1\n\nmax_tokens: 400\n\nmodel: small\n\n"
        f"stop_words: [stop, end]\n\ncite_sources: true\n\nprompt: |\n{_PROMPT}"
    )


def experiment_files(name: str, number: int) -> dict[str, str]:
    """Return the files of an experiment's first version."""
    return {
        f"experiments/{name}/experiment.yaml": header_text(name),
        parameters_path(name): parameters_text(number),
    }


@dataclass(kw_only=True)
class Import:
    """A history that `git fast-import` writes in one process.

    It waits in a file: what this process holds in memory would count as its children's peak.
    """

    _stream: IO[bytes] = field(default_factory=tempfile.TemporaryFile)
    _moment: int = _BEGIN

    def commit(
        self,
        branch: str,
        files: Mapping[str, str] | None = None,
        *,
        start: str = "",
        tree: str = "",
        message: str = "change",
    ) -> None:
        """Add a commit to a branch.

        Args:
            start: the commit that the branch continues from, when this is its first one here.
            tree: the tree that replaces what the branch holds.
        """
        self._line(f"commit refs/heads/{branch}")
        self._line(f"committer {self._signature()}")
        self._data(message)
        if start:
            self._line(f"from {start}")
        if tree:
            self._line(f'M 040000 {tree} ""')
        for path, text in (files or {}).items():
            self._line(f"M 100644 inline {path}")
            self._data(text)

    def tag(self, name: str, commit: str, message: str) -> None:
        """Add an annotated tag."""
        self._line(f"tag {name}")
        self._line(f"from {commit}")
        self._line(f"tagger {self._signature()}")
        self._data(message)

    def run(self, setting: Setting, repository: Path) -> None:
        """Write all of it into a repository; nothing can be added afterwards."""
        command = ["git", "fast-import", "--quiet", "--date-format=raw"]
        with self._stream:
            self._stream.seek(0)
            setting.call(repository, command, source=self._stream)

    def _line(self, text: str) -> None:
        self._stream.write(text.encode() + b"\n")

    def _data(self, text: str) -> None:
        data = text.encode()
        self._stream.write(b"data %d\n%s\n" % (len(data), data))

    def _signature(self) -> str:
        self._moment += 60
        return f"Ada Example <ada@example.org> {self._moment} +0000"


def new_project(
    setting: Setting, name: str = "project", files: Mapping[str, str] | None = None
) -> Path:
    """Return a clone of a new bare repository that holds a project, beside it in a directory.

    The address of the remote is relative, so that the directory can be copied.
    """
    around = setting.directory / name
    clone = around / "clone"
    clone.mkdir(parents=True)
    setting.git(around, "init", "--quiet", "--bare", "origin.git")
    setting.git(clone, "init", "--quiet")
    setting.git(clone, "remote", "add", "origin", "../origin.git")
    for path, text in {"gitexp.yaml": DEFINITION, **(files or {})}.items():
        target = clone / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
    setting.git(clone, "add", "--all")
    setting.git(clone, "commit", "--quiet", "-m", "A new project")
    setting.git(clone, "push", "--quiet", "-u", "origin", "main")
    return clone


def origin_of(clone: Path) -> Path:
    """Return the bare repository that a clone was made from."""
    return clone.parent / "origin.git"


def copied(clone: Path, name: str) -> Path:
    """Return a copy of a clone together with its bare repository, as it is now."""
    around = clone.parent.with_name(name)
    shutil.copytree(clone.parent, around, symlinks=True)
    return around / clone.name


def add_versions(setting: Setting, repository: Path, name: str, count: int) -> None:
    """Give an experiment a branch with so many versions, starting at the trunk."""
    history = Import()
    write_versions(history, name, count, start="refs/heads/main^0")
    history.run(setting, repository)


def write_versions(history: Import, name: str, count: int, *, start: str) -> None:
    """Add a branch with so many versions of an experiment to a history."""
    branch = experiment_branch(name)
    history.commit(branch, experiment_files(name, 0), start=start)
    for number in range(1, count):
        history.commit(branch, {parameters_path(name): parameters_text(number)})


def forget(clone: Path) -> None:
    """Delete what gitexp derived from a repository, as if it had just been cloned."""
    shutil.rmtree(clone / ".git" / "gitexp", ignore_errors=True)
