"""Commands with examples, and groups that import a command only when it is asked for."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

_CONTEXT_SETTINGS = {"max_content_width": 88}
_help_option = click.help_option("-h", "--help", help="Show this message and exit")

_NO_LIST = ("-h", "--help", "--")

G = TypeVar("G", bound="LazyGroup")


class UsageFault(click.UsageError):
    """A usage error that says what to do instead."""

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint


class Command(click.Command):
    """A command whose help ends with examples."""

    examples: Sequence[str] = ()

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse; an error that click raises without a command is one of this command."""
        try:
            return super().parse_args(ctx, args)
        except click.UsageError as error:
            error.ctx = error.ctx or ctx
            raise

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples, each on its own line."""
        if self.examples:
            with formatter.section("Examples"):
                for example in self.examples:
                    formatter.write(f"{'':>{formatter.current_indent}}{example}\n")


@dataclass(frozen=True, kw_only=True)
class Entry:
    """Where a command is defined, as `module:attribute`, and its line in the list of commands."""

    target: str
    help: str


class LazyGroup(click.Group):
    """A group that knows names and one-line helps, and imports a command when it is needed.

    Attributes:
        sections: titles with the commands below them, in the order of the help page.
    """

    sections: Mapping[str, Mapping[str, Entry]] = {}

    @property
    def entries(self) -> dict[str, Entry]:
        """Every command by name."""
        return {name: e for section in self.sections.values() for name, e in section.items()}

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order of the help page."""
        return list(self.entries)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the command, imported now, or None when there is none of that name."""
        entry = self.entries.get(cmd_name)
        if entry is None:
            return None
        module, _, attribute = entry.target.partition(":")
        command = getattr(import_module(module), attribute)
        assert isinstance(command, click.Command)
        return command

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Take options without a verb as those of the list, where the bare noun lists."""
        if "list" in self.entries and args and args[0].startswith("-") and args[0] not in _NO_LIST:
            args = ["list", *args]
        return super().parse_args(ctx, args)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return name, command and remaining arguments; an unknown name gets a suggestion."""
        if args[0] not in self.entries and not ctx.resilient_parsing:
            close = difflib.get_close_matches(args[0], self.entries, n=1)
            hint = f"Did you mean {close[0]!r}?" if close else f"Run `{ctx.command_path} --help`."
            raise UsageFault(f"no such command {args[0]!r}", hint=hint)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands under the titles of their sections."""
        widest = max(map(len, self.entries))
        for title, entries in self.sections.items():
            with formatter.section(title):
                formatter.write_dl(
                    [(f"{name:<{widest}}", entry.help) for name, entry in entries.items()]
                )

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Return the commands and options that begin like this, without importing a command."""
        from click.shell_completion import CompletionItem

        commands = [
            CompletionItem(name, help=entry.help)
            for name, entry in self.entries.items()
            if name.startswith(incomplete)
        ]
        return commands + click.Command.shell_complete(self, ctx, incomplete)


def command(
    name: str | None = None, *, examples: Sequence[str]
) -> Callable[[Callable[..., None]], Command]:
    """Return a decorator that makes a function a command; its docstring is the help."""

    def decorate(function: Callable[..., None]) -> Command:
        made = click.command(
            name=name, cls=Command, context_settings=_CONTEXT_SETTINGS, **_help_of(function)
        )(function)
        made.examples = tuple(examples)
        return _help_option(made)

    return decorate


def group(
    name: str, *, sections: Mapping[str, Mapping[str, Entry]], cls: type[G]
) -> Callable[[Callable[..., None]], G]:
    """Return a decorator that makes a function a group; its docstring is the help."""

    def decorate(function: Callable[..., None]) -> G:
        made = click.group(
            name=name,
            cls=cls,
            context_settings=_CONTEXT_SETTINGS,
            invoke_without_command=True,
            subcommand_metavar="[COMMAND] [ARGS]...",
            **_help_of(function),
        )(function)
        made.sections = sections
        return _help_option(made)

    return decorate


def _help_of(function: Callable[..., None]) -> dict[str, Any]:
    text = inspect.getdoc(function) or ""
    return {"help": text, "short_help": text.split("\n", 1)[0]}


def entries(module: str, **helps: str) -> dict[str, Entry]:
    """Return the entries of commands that one module defines, each as `NAME_command`.

    A hyphen of a name is an underscore in the module.
    """
    return {
        name: Entry(
            target=f"gitexp.cli.commands.{module}:{name.replace('-', '_')}_command", help=text
        )
        for name, text in helps.items()
    }
