"""`gitexp prompt` and the verbs that show and render prompts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from gitexp.cli.arguments import pairs, values_from
from gitexp.cli.catalogue import PROMPT_COMMANDS
from gitexp.cli.files import text_of
from gitexp.cli.groups import LazyGroup, command, group
from gitexp.cli.output import Output, output_options
from gitexp.cli.prompt_views import (
    prompt_entry,
    prompt_fields,
    prompt_table,
    rendered_table,
    rendered_text,
    version_table,
)

if TYPE_CHECKING:
    from gitexp.prompts.documents import Prompt

prompt_argument = click.argument("name", metavar="PROMPT")
version_option = click.option(
    "--version",
    default="latest",
    metavar="VERSION",
    help="Take this one: a number, a hash or a revision  [default: the latest]",
)


@group("prompt", sections=PROMPT_COMMANDS, cls=LazyGroup)
@click.pass_context
def prompt_command(context: click.Context) -> None:
    """List, render and compare versions of prompts

    A prompt is the file prompts/NAME.yaml on the trunk, and a version of it is a commit that
    changes this file. Without a command, prompts are listed.
    """
    if context.invoked_subcommand is None:
        context.invoke(list_command)


@command("list", examples=["gitexp prompt list", "gitexp prompt list --search reply"])
@click.option(
    "--search", default="", metavar="TEXT", help="Keep those with this in name or description"
)
@output_options
def list_command(output: Output, search: str) -> None:
    """List prompts"""
    found = output.session.repository.prompts.list(search=search)
    items = [item.to_dict() for item in found]
    output.listing(items, prompt_table(found), ids=[item.name for item in found])


@command(
    "show",
    examples=["gitexp prompt show reply", "gitexp prompt show reply --version 2 --format json"],
)
@prompt_argument
@version_option
@output_options
def show_command(output: Output, name: str, version: str) -> None:
    """Show a version of a prompt"""
    found = output.session.repository.prompts.version(name, version)
    output.entry(prompt_entry(found), prompt_fields(found), quiet=found.version)


@command("versions", examples=["gitexp prompt versions reply", "gitexp prompt versions reply -q"])
@prompt_argument
@output_options
def versions_command(output: Output, name: str) -> None:
    """List the versions of a prompt

    They are numbered from 1 in the order of the trunk's history, the oldest first.
    """
    found = output.session.repository.prompts.versions(name)
    items = [version.to_dict() for version in found]
    output.listing(items, version_table(found), ids=[version.version for version in found])


@command(
    "render",
    examples=[
        "gitexp prompt render reply --set name=Ada",
        "gitexp prompt render reply --values values.yaml --version 2 --format json",
    ],
)
@prompt_argument
@version_option
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="VARIABLE=VALUE",
    help="Give a value; may be repeated",
)
@click.option(
    "--set-file",
    "files",
    multiple=True,
    metavar="VARIABLE=PATH",
    help="Give the text in a file; may be repeated",
)
@click.option(
    "--values",
    "source",
    metavar="FILE",
    help="Take values from a YAML or JSON file, - for standard input",
)
@output_options
def render_command(
    output: Output,
    name: str,
    version: str,
    settings: tuple[str, ...],
    files: tuple[str, ...],
    source: str | None,
) -> None:
    """Print a prompt with values in it

    A value is never a template itself.
    """
    from gitexp.prompts.rendering import render

    session = output.session
    prompt = session.repository.prompts.get(name, version)
    given = values_from(session, source) if source else {}
    texts = dict(pairs(settings, "--set"))
    texts |= {key: text_of(session, path) for key, path in pairs(files, "--set-file")}
    rendered = render(prompt, {**given, **_values(prompt, texts)})
    text = rendered_text(rendered)
    output.entry(rendered.to_dict(), rendered_table(rendered), quiet=name, text=text)


def _values(prompt: Prompt, texts: Mapping[str, str]) -> dict[str, Any]:
    """Return values for texts; what is no text by the variable's type is read as YAML."""
    from gitexp.documents.yaml_reader import parse_yaml

    found: dict[str, Any] = {}
    for name, text in texts.items():
        variable = prompt.variables.get(name)
        is_text = variable is None or variable.type == "string"
        found[name] = text if is_text else parse_yaml(text, file=f"--set {name}").value
    return found
