"""Help pages: golden files, one wording, examples that parse, and a reference made from them.

`GITEXP_UPDATE_GOLDEN=1` writes the golden files anew.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from gitexp.cli.groups import Command, LazyGroup
from gitexp.cli.main import cli
from gitexp.cli.reference import reference

GOLDEN = Path(__file__).parents[1] / "golden" / "help"
UPDATE = os.environ.get("GITEXP_UPDATE_GOLDEN") == "1"

Page = tuple[str, click.Command, click.Context]


def pages(command: click.Command = cli, context: click.Context | None = None) -> Iterator[Page]:
    context = context or click.Context(cli, info_name="gitexp", terminal_width=80)
    yield context.command_path, command, context
    if isinstance(command, LazyGroup):
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            assert inner is not None
            yield from pages(
                inner,
                click.Context(inner, info_name=name, parent=context, terminal_width=80),
            )


PAGES = list(pages())
COMMANDS = [page for page in PAGES if isinstance(page[1], Command)]
names = [page[0] for page in PAGES]


@pytest.mark.parametrize(("path", "command", "context"), PAGES, ids=names)
def test_a_help_page_is_as_recorded(
    path: str, command: click.Command, context: click.Context
) -> None:
    file = GOLDEN / f"{path.replace(' ', '-')}.txt"
    page = command.get_help(context) + "\n"
    if UPDATE:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(page, encoding="utf-8")
    assert page == file.read_text(encoding="utf-8")


def test_every_recorded_page_is_of_a_command() -> None:
    assert {file.stem for file in GOLDEN.glob("*.txt")} == {n.replace(" ", "-") for n in names}


@pytest.mark.parametrize(("path", "command", "context"), PAGES, ids=names)
def test_the_list_of_commands_says_what_the_commands_say(
    path: str, command: click.Command, context: click.Context
) -> None:
    if isinstance(command, LazyGroup):
        for name, entry in command.entries.items():
            inner = command.get_command(context, name)
            assert inner is not None
            assert (inner.name, inner.short_help) == (name, entry.help)


@pytest.mark.parametrize(("path", "command", "context"), PAGES, ids=names)
def test_help_is_worded_in_one_way(
    path: str, command: click.Command, context: click.Context
) -> None:
    lines = [command.short_help or ""]
    lines += [o.help or "" for o in command.params if isinstance(o, click.Option)]
    for line in lines:
        assert re.match(r"[A-Z]", line), line
        assert not line.endswith("."), line


@pytest.mark.parametrize(("path", "command", "context"), COMMANDS, ids=[c[0] for c in COMMANDS])
def test_every_command_has_examples_that_parse(
    path: str, command: Command, context: click.Context
) -> None:
    assert command.examples
    for example in command.examples:
        words = shlex.split(re.sub(r'^(?:eval "|\w+=)\$\((.*)\)"?$', r"\1", example))
        words = words[words.index("|") + 1 :] if "|" in words else words
        words = words[: words.index(">")] if ">" in words else words
        known = path.replace("run evaluate", "run").split()  # what `gitexp run` does without a verb
        assert words[: len(known)] == known, example
        command.make_context(path, words[len(known) :], parent=context.parent)


def test_options_mean_the_same_everywhere() -> None:
    meanings: dict[str, set[str | None]] = {}
    for _, command, _ in PAGES:
        for option in command.params:
            if isinstance(option, click.Option) and option.name in (
                "quiet",
                "output_format",
                "yes",
            ):
                meanings.setdefault(option.name, set()).add(option.help)
    assert {name: len(found) for name, found in meanings.items()} == {
        "output_format": 1,
        "quiet": 2,
        "yes": 1,
    }


def test_the_reference_names_every_command_and_option() -> None:
    text = reference()
    for path, command, _ in PAGES:
        assert f"### `{path}`\n" in text
        section = text.split(f"### `{path}`\n", 1)[1].split("\n### ", 1)[0]
        for option in command.params:
            if isinstance(option, click.Option) and option.name not in (
                "help",
                "output_format",
                "quiet",
                "pager",
            ):
                assert option.opts[-1] in section, (path, option.opts)


def test_the_reference_is_well_formed_markdown() -> None:
    text = reference()
    assert text.count("```") % 2 == 0
    for line in text.splitlines():
        if line.startswith("| "):
            assert len(re.findall(r"(?<!\\)\|", line)) == 3, line
