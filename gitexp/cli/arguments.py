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
    from gitexp.project.slots import Slot

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


def experiment_argument(name: str = "experiment", **attributes: Any) -> Decorator:
    """Return an argument that names an experiment."""
    return click.argument(
        name,
        metavar=attributes.pop("metavar", name.upper()),
        shell_complete=complete_experiments,
        **attributes,
    )


def versionless(
    _context: click.Context, _parameter: click.Parameter, value: str | None
) -> str | None:
    """Return the name of an experiment, where an option beside it names the version.

    Raises:
        UsageFault: a version stands in the name.
    """
    name, at, revision = (value or "").partition("@")
    if at:
        raise UsageFault(
            f"{value!r} is a version, and the name of an experiment is asked for",
            hint=f"Name the version by the option: `{name} ... --version {revision or 'latest'}`.",
        )
    return value


def environment_argument(name: str = "environment", **attributes: Any) -> Decorator:
    """Return an argument that names an environment."""
    return click.argument(
        name,
        metavar=attributes.pop("metavar", name.upper()),
        shell_complete=complete_environments,
        **attributes,
    )


def environment_option(text: str) -> Decorator:
    """Return the option that names an environment; `text` is its help."""
    return click.option(
        "--env",
        "--environment",
        "environment",
        metavar="ENVIRONMENT",
        shell_complete=complete_environments,
        help=text,
    )


def side_argument(name: str, **attributes: Any) -> Decorator:
    """Return an argument that names one side of a comparison."""
    optional = f"[{name.upper()}]" if attributes.get("required") is False else name.upper()
    return click.argument(name, metavar=optional, shell_complete=complete_either, **attributes)


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


def _blank_is_none(
    context: click.Context, parameter: click.Parameter, text: str | None
) -> str | None:
    return text if text and text.strip() else None


message_option = click.option(
    "-m",
    "--message",
    metavar="TEXT",
    callback=_blank_is_none,
    help="Say what changed and why",
)
reason_option = click.option(
    "-m", "--reason", metavar="TEXT", callback=_blank_is_none, help="Say why"
)
bypass_option = click.option(
    "--bypass",
    metavar="REASON",
    help="Pass over policies that let you, for a reason that is recorded",
)
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
    from gitexp.project.slots import within

    found, values, hints = ProblemCollector(), {}, []
    for name, text in texts:
        try:
            slot = project.slot(name)
        except GitexpError as error:
            found.add("--set", "", error.message)
            hints.append(error.hint)
            continue
        try:
            values[name] = slot.parse(text)
        except GitexpError as error:
            found.add("--set", "", error.message)
            hints.append(error.hint or _slot_hint(slot))
            continue
        for place, message in _told_faults(slot, values[name]):
            found.add("--set", within(name, place), message)
            hints.append(_slot_hint(slot))
    found.raise_if_any(hint=next((hint for hint in hints if hint), None))
    return values


def _told_faults(slot: Slot, value: Any) -> list[tuple[str, str]]:
    """Return what is wrong with a value; a secret that was given by mistake is not repeated."""
    faults = slot.faults(value)
    return [("", _SECRET_FAULT)] if faults and slot.type == "secret" else faults


def _slot_hint(slot: Slot) -> str:
    if slot.type == "secret":
        return f"Give the name of a variable: `--set {slot.name}={slot.name.upper()}`."
    what = _NUMBER_HINTS.get(slot.type, "")
    return f"{what}`parameters.{slot.name}` in gitexp.yaml says what it may be."


_SECRET_FAULT = (
    "this is not the name of a variable that the slot allows "
    "(a secret slot holds a name, never a value)"
)
_NUMBER_HINTS = {
    "integer": "Write a whole number, such as 5; ",
    "number": "Write a number, such as 0.5; ",
}


def values_from(session: Session, path: str) -> dict[str, Any]:
    """Return the mapping of values in a YAML or JSON file; `-` is standard input.

    Raises:
        InvalidDocuments: the text is no such document.
        InvalidInput: the file cannot be read, or the document is no mapping.
    """
    from gitexp.documents.yaml_reader import parse_yaml

    name = "standard input" if path == "-" else path
    value = parse_yaml(_bytes_of(session, path), file=name).value
    if not isinstance(value, Mapping):
        raise InvalidInput(
            f"{name}: not a mapping of names to values",
            hint="Write a line `name: value` for each.",
        )
    return dict(value)


def _text_of(session: Session, path: str) -> str:
    data = _bytes_of(session, path)
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as exc:
        raise InvalidInput(f"{path} is not UTF-8 text", hint="Convert it to UTF-8.") from exc


def _bytes_of(session: Session, path: str) -> bytes:
    if path == "-":
        return _standard_input()
    try:
        return (session.directory / path).read_bytes()
    except OSError as exc:
        reason = (exc.strerror or str(exc)).lower()
        raise InvalidInput(
            f"{path} cannot be read: {reason}",
            hint=f"Name a file that can be read; a relative path starts from {session.directory}.",
        ) from exc


def _standard_input() -> bytes:
    if sys.stdin is None or sys.stdin.closed:
        raise InvalidInput(
            "standard input is closed, so nothing can be read from '-'",
            hint="Send text to it, as in `gitexp ... < FILE`, or name a file instead of `-`.",
        )
    return sys.stdin.buffer.read()


def tags_of(texts: Iterable[str]) -> dict[str, str]:
    """Return the tags that `--tag NAME=VALUE` options give."""
    return dict(pairs(texts, "--tag"))


def existing_directory(session: Session, path: str | None) -> Path:
    """Return a directory given on the command line, from where the command works."""
    return session.directory / path if path else session.directory
