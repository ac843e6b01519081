"""The command reference: `python -m gitexp.cli.reference` prints it as Markdown."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator

import click

from gitexp.cli.groups import Command, LazyGroup
from gitexp.cli.main import cli
from gitexp.cli.terminal import prepare_streams, write_out

_COMMON = (
    "Every command takes `-h`. Commands that print a result also take `--format "
    "table|json|jsonl|csv|md`, `-q` / `--quiet` to print ids only, and `--no-pager`.\n"
)


def reference() -> str:
    """Return a section for each command: usage, description, options and examples."""
    root = click.Context(cli, info_name="gitexp")
    return "\n".join([_COMMON, *_section(cli, root)]).rstrip("\n") + "\n"


def _section(command: click.Command, context: click.Context) -> Iterator[str]:
    if isinstance(command, LazyGroup):
        yield from _group_section(command, context)
    else:
        yield f"### `{context.command_path}`\n"
        yield from _page(command, context)


def _group_section(group: LazyGroup, context: click.Context) -> Iterator[str]:
    yield f"### `{context.command_path}`\n"
    yield from _page(group, context)
    for title, entries in group.sections.items():
        if context.parent is None:
            yield f"**{title}**\n"
        yield from (f"- `{context.command_path} {n}`: {e.help}" for n, e in entries.items())
        yield ""
    for name in group.entries:
        command = group.get_command(context, name)
        assert command is not None
        yield from _section(command, click.Context(command, info_name=name, parent=context))


def _page(command: click.Command, context: click.Context) -> Iterator[str]:
    yield inspect.cleandoc(command.help or "") + "\n"
    pieces = " ".join(command.collect_usage_pieces(context))
    yield f"```\n{context.command_path} {pieces}\n```\n"
    yield from _options(command, context)
    if isinstance(command, Command) and command.examples:
        yield "Examples:\n\n```console\n" + "\n".join(command.examples) + "\n```\n"


def _options(command: click.Command, context: click.Context) -> Iterator[str]:
    records = [
        record
        for parameter in command.params
        if isinstance(parameter, click.Option)
        and not _is_common(command, parameter)
        and (record := parameter.get_help_record(context))
    ]
    if records:
        yield "| option | what it does |\n|---|---|"
        yield from (f"| `{_cell(names)}` | {_cell(text)} |" for names, text in records)
        yield ""


def _is_common(command: click.Command, option: click.Option) -> bool:
    """Return whether an option is one of those that are described once for all commands."""
    shared = {"output_format", "quiet", "pager"} if takes_output(command) else set()
    return option.name in shared | {"help"}


def takes_output(command: click.Command) -> bool:
    """Return whether a command has the common output options."""
    return any(parameter.name == "output_format" for parameter in command.params)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("  [", " [")


if __name__ == "__main__":
    prepare_streams()
    write_out(reference())
    sys.exit(0)
