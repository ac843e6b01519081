"""A bare repository with the hook, and people with clones of it."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from gitexp.repository import Repository
from gitexp.review.enforcement.identity import parse_source
from gitexp.review.enforcement.installing import install
from gitexp.surroundings import Surroundings
from tests.real_git import Git


@dataclass
class Person:
    """Somebody with a clone, whom the server knows by a name."""

    name: str
    git: Git

    @property
    def repository(self) -> Repository:
        """The clone as gitexp has it."""
        around = Surroundings(environ=self.git.environ, directory=self.git.path)
        return Repository.open(self.git.path, surroundings=around)

    def push(self, *arguments: str) -> subprocess.CompletedProcess[bytes]:
        """Return the outcome of a plain `git push`."""
        return self.git.attempt("push", "--quiet", "origin", *arguments)

    def refused(self, *arguments: str) -> str:
        """Return what a plain `git push` that is refused says; it must be."""
        done = self.push(*arguments)
        assert done.returncode != 0, f"git push {arguments} was taken"
        return done.stderr.decode()

    def takes(self, *arguments: str) -> None:
        """Push with plain git; it must be taken."""
        done = self.push(*arguments)
        assert done.returncode == 0, done.stderr.decode()


@dataclass
class Server:
    """A bare repository with the hook, and where clones of it go."""

    git: Git
    directory: Path
    people: dict[str, Person] = field(default_factory=dict)

    def person(self, name: str) -> Person:
        """Return somebody with a clone; the server knows them by their name."""
        if name not in self.people:
            self.people[name] = self._cloned(name)
        return self.people[name]

    def tip(self, branch: str) -> str | None:
        """Return where a branch stands on the server."""
        done = self.git.attempt("rev-parse", "--verify", "--quiet", f"refs/heads/{branch}")
        return done.stdout.decode().strip() or None

    def _cloned(self, name: str) -> Person:
        path = self.directory / name
        git = Git(self.directory, environ=environ_of(name))
        git("clone", "--quiet", self.git.path, path)
        return Person(name=name, git=Git(path, environ=environ_of(name)))


def environ_of(name: str) -> Mapping[str, str]:
    """Return what a person's processes get: who they are in Git, and what the server sets."""
    return {
        "GIT_AUTHOR_NAME": name.capitalize(),
        "GIT_AUTHOR_EMAIL": f"{name}@example.com",
        "GIT_COMMITTER_NAME": name.capitalize(),
        "GIT_COMMITTER_EMAIL": f"{name}@example.com",
        "GITEXP_USER": name,
    }


def make_server(
    directory: Path,
    files: Mapping[str, str],
    *,
    program: str,
    identity: str = "variable:GITEXP_USER",
) -> Server:
    """Return a server whose trunk holds some files."""
    path = directory / "server.git"
    outside = Git(directory, environ=environ_of("root"))
    outside("init", "--quiet", "--bare", "--initial-branch=main", path)
    work = Git(directory / "first", environ=environ_of("root"))
    outside("clone", "--quiet", path, work.path)
    work("switch", "--quiet", "--create", "main")
    work.commit(dict(files), "Define the project")
    work("push", "--quiet", "origin", "main")
    git = Git(path, environ=environ_of("root"))
    around = Surroundings(environ=git.environ, directory=path)
    install(path, parse_source(identity), around, program=f"'{program}' -I -m gitexp")
    return Server(git=git, directory=directory)
