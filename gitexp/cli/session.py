"""What one invocation knows: its surroundings, its terminal and, once asked for, the repository."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gitexp.cli.groups import UsageFault
from gitexp.cli.terminal import Terminal, write_error

if TYPE_CHECKING:
    from gitexp.experiment import Experiment
    from gitexp.repository import Repository
    from gitexp.surroundings import Surroundings


@dataclass(kw_only=True)
class Session:
    """One invocation of the command line.

    Attributes:
        directory: where it works: the current directory, or what `-C` says.
        paging: whether long tables may go through a pager.
    """

    directory: Path
    terminal: Terminal
    environ: Mapping[str, str] = field(repr=False)
    paging: bool = True

    @classmethod
    def of_process(cls, directory: str | None = None) -> Session:
        """Return the session of this process."""
        environ = dict(os.environ)
        return cls(
            directory=Path.cwd() / directory if directory else Path.cwd(),
            terminal=Terminal.of_process(environ),
            environ=environ,
        )

    @cached_property
    def surroundings(self) -> Surroundings:
        """What the library is told of this process."""
        from gitexp.surroundings import Surroundings

        return replace(Surroundings.of_process(), directory=self.directory, notice=self.warn)

    @cached_property
    def repository(self) -> Repository:
        """The repository that holds the directory."""
        return self.repository_at(".")

    def repository_at(self, directory: str) -> Repository:
        """Return the repository that holds another directory."""
        from gitexp.repository import Repository

        self.refuse_another_repository(self.directory / directory)
        return Repository.open(directory, surroundings=self.surroundings)

    def refuse_another_repository(self, directory: Path) -> None:
        """Refuse to work where Git, told by `GIT_DIR` or `GIT_WORK_TREE`, would work elsewhere.

        Git sets both for hooks and aliases; in their own repository they change nothing.

        Raises:
            NotAllowed: one of them names another repository than the directory is in.
        """
        if self.environ.get("GIT_DIR") or self.environ.get("GIT_WORK_TREE"):
            from gitexp.cli.overrides import refuse_overrides

            refuse_overrides(self.environ, directory)

    def experiment(self, name: str) -> Experiment:
        """Return an experiment of the repository."""
        return self.repository.experiments.get(name)

    def git_config(self, key: str) -> str | None:
        """Return a setting of the user's own Git configuration, or None.

        What a repository's configuration names is left out, since it may name a program.
        """
        from gitexp.store.gitconfig import GitConfig, Place

        nowhere = Place(git_dir=os.devnull, common_dir=os.devnull, branch=lambda: None)
        return GitConfig(nowhere, self.environ).get(key)

    def say(self, text: str) -> None:
        """Tell the person something on standard error."""
        write_error(self.terminal.text(text) + "\n")

    def warn(self, text: str) -> None:
        """Warn the person on standard error."""
        self.say(f"warning: {text}")

    def confirm(self, question: str, *, yes: bool, needs_answer: bool = False) -> None:
        """Go on only if the person agrees; without a terminal nobody is asked.

        Raises:
            UsageFault: there is no terminal and the step needs an answer.
            click.Abort: the person said no.
        """
        if yes:
            return
        if self.terminal.input and self.terminal.errors:
            click.confirm(self.terminal.line(question), abort=True, err=True)
        elif needs_answer:
            raise UsageFault("there is no terminal to ask on", hint="Add `--yes` to go ahead.")


def current_session() -> Session:
    """Return the session of the command that is running."""
    session = click.get_current_context().find_object(Session)
    assert session is not None, "the root command makes the session"
    return session
