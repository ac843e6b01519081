"""Arguments and options that several commands share, defined once."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gitexp.cli.completing import complete_either, complete_environments, complete_experiments
from gitexp.cli.groups import UsageFault
from gitexp.cli.session import Session
from gitexp.documents.problems import ProblemCollector
from gitexp.errors import GitexpError, InvalidInput

if TYPE_CHECKING:
    from gitexp.project.definition import Project

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


def experiment_argument(name: str = "experiment", **attributes: Any) -> Decorator:
    """Return an argument that names an experiment."""
    return click.argument(
        name,
        metavar=attributes.pop("metavar", name.upper()),
        shell_complete=complete_experiments,
        **attributes,
    )


def environment_argument(name: str = "environment", **attributes: Any) -> Decorator:
    """Return an argument that names an environment."""
    return click.argument(
        name,
        metavar=attributes.pop("metavar", name.upper()),
        shell_complete=complete_environments,
        **attributes,
    )


def side_argument(name: str) -> Decorator:
    """Return an argument that names one side of a comparison."""
    return click.argument(name, metavar=name.upper(), shell_complete=complete_either)


set_option = click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="SLOT=VALUE",
    help="Change a value of the latest version; may be repeated",
)
set_file_option = click.option(
    "--set-file",
    "files",
    multiple=True,
    metavar="SLOT=PATH",
    help="Change a value to the text in a file; may be repeated",
)
version_option = click.option(
    "--version", metavar="REVISION", help="Take this version  [default: the latest]"
)
message_option = click.option("-m", "--message", metavar="TEXT", help="Say what changed and why")
reason_option = click.option("-m", "--reason", metavar="TEXT", help="Say why")
yes_option = click.option("-y", "--yes", is_flag=True, help="Go ahead without asking")


def pairs(texts: Iterable[str], option: str) -> list[tuple[str, str]]:
    """Return the name and the rest of every `NAME=REST`.

    Raises:
        UsageFault: one of the texts has no `=`, or a name is given twice.
    """
    found = [(name, rest) for name, equals, rest in (t.partition("=") for t in texts) if equals]
    if wrong := next((text for text in texts if "=" not in text), None):
        raise UsageFault(f"{option} {wrong!r} has no '='", hint=f"Write it as {option} NAME=VALUE.")
    names = [name for name, _ in found]
    if again := next((name for name in names if names.count(name) > 1), None):
        raise UsageFault(f"{option} names {again!r} twice", hint="Give each name once.")
    return found


def patch_of(
    session: Session, settings: Iterable[str], files: Iterable[str] = ()
) -> dict[str, Any]:
    """Return the values that `--set` and `--set-file` give, read by the types of the slots.

    Raises:
        InvalidDocuments: every unknown name and every text that is no value of its slot.
        InvalidInput: a file cannot be read as text.
    """
    texts = pairs(settings, "--set")
    texts += [(name, _text_of(session, path)) for name, path in pairs(files, "--set-file")]
    return parse_values(session.repository.project, texts)


def parse_values(project: Project, texts: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """Return values for texts, each read by the type of its slot.

    Raises:
        InvalidDocuments: every unknown name and every text that is no value of its slot.
    """
    found, values, hints = ProblemCollector(), {}, []
    for name, text in texts:
        try:
            slot = project.slot(name)
            values[name] = slot.parse(text)
        except GitexpError as error:
            found.add("--set", "", error.message)
            hints.append(error.hint)
            continue
        for place, message in slot.faults(values[name]):
            found.add("--set", f"{name}.{place}" if place else name, message)
    found.raise_if_any(hint=next((hint for hint in hints if hint), None))
    return values


def values_from(session: Session, path: str) -> dict[str, Any]:
    """Return the mapping of values in a YAML or JSON file; `-` is standard input.

    Raises:
        InvalidDocuments: the text is no such document.
        InvalidInput: the document is no mapping.
    """
    from gitexp.documents.yaml_reader import parse_yaml

    name = "standard input" if path == "-" else path
    data = sys.stdin.buffer.read() if path == "-" else (session.directory / path).read_bytes()
    value = parse_yaml(data, file=name).value
    if not isinstance(value, Mapping):
        raise InvalidInput(
            f"{name}: not a mapping of parameter names to values",
            hint="Write a line `name: value` for each parameter.",
        )
    return dict(value)


def _text_of(session: Session, path: str) -> str:
    data = sys.stdin.buffer.read() if path == "-" else (session.directory / path).read_bytes()
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as exc:
        raise InvalidInput(f"{path} is not UTF-8 text", hint="Convert it to UTF-8.") from exc


def tags_of(texts: Iterable[str]) -> dict[str, str]:
    """Return the tags that `--tag NAME=VALUE` options give."""
    return dict(pairs(texts, "--tag"))


def existing_directory(session: Session, path: str | None) -> Path:
    """Return a directory given on the command line, from where the command works."""
    return session.directory / path if path else session.directory
