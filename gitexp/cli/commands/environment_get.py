"""`gitexp env get` and `gitexp env resolve`: values, and where they come from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import click

from gitexp.cli.arguments import environment_argument
from gitexp.cli.completing import complete_experiments
from gitexp.cli.dotenv import check_prefix, dotenv_text, shell_text
from gitexp.cli.groups import UsageFault, command
from gitexp.cli.output import Output, one_row, output_options
from gitexp.cli.plain import json_text, plain
from gitexp.cli.safety import visible
from gitexp.cli.session import Session
from gitexp.cli.tables import columns
from gitexp.cli.terminal import write_out
from gitexp.errors import InvalidInput

if TYPE_CHECKING:
    from gitexp.environments.parameters import Parameters

VALUE_FORMATS = ("json", "yaml", "dotenv", "shell")


def _yaml(values: Mapping[str, Any]) -> str:
    from gitexp.documents.yaml_writer import dump_yaml

    return dump_yaml(values).decode("utf-8")


def _written(values: Mapping[str, Any], form: str, prefix: str) -> str:
    if form in ("dotenv", "shell"):
        return (dotenv_text if form == "dotenv" else shell_text)(values, prefix=prefix)
    return _yaml(values) if form == "yaml" else json_text(values)


def _checked_prefix(_: click.Context, __: click.Parameter, prefix: str) -> str:
    try:
        check_prefix(prefix)
    except InvalidInput as exc:
        raise UsageFault(exc.message, hint=exc.hint) from exc
    return prefix


def source_options(function: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options that say which values are meant and where they are read."""
    for option in reversed(_SOURCE_OPTIONS):
        function = option(function)
    return function


_SOURCE_OPTIONS = (
    environment_argument(required=False, metavar="[ENVIRONMENT]"),
    click.option("--repo", metavar="URL", help="Read from this repository, without a clone"),
    click.option("--project", metavar="ID", help="Name the project, where there are several"),
    click.option("--at", metavar="COMMIT", help="Read the environment as of this commit of it"),
    click.option("--locked", is_flag=True, help="Read what gitexp.lock pins, and verify it"),
    click.option("--offline", is_flag=True, help="Use what is here and ask no remote"),
    click.option(
        "--experiment",
        metavar="NAME",
        shell_complete=complete_experiments,
        help="Read an experiment's version instead",
    ),
    click.option("--version", metavar="REVISION", help="Read this version instead"),
)


@command(
    "get",
    examples=[
        "gitexp env get production",
        "gitexp env get production --format dotenv > .env",
        'eval "$(gitexp env get production --format shell --prefix BOT_)"',
        "gitexp env get production --repo https://example.org/team/bot.git --project bot",
        "gitexp env get production --locked",
    ],
)
@source_options
@click.option(
    "--format",
    "form",
    type=click.Choice(VALUE_FORMATS),
    default="json",
    metavar="|".join(VALUE_FORMATS),
    help="Choose the form of the values  [default: json]",
)
@click.option(
    "--prefix",
    default="",
    metavar="TEXT",
    callback=_checked_prefix,
    help="Begin the variables of dotenv and shell with this",
)
@click.option("--only", multiple=True, metavar="SLOT", help="Print this value; may be repeated")
@click.option(
    "--resolve-secrets", is_flag=True, help="Print secrets instead of the names of their variables"
)
@click.pass_obj
def get_command(
    session: Session,
    /,
    form: str,
    prefix: str,
    only: tuple[str, ...],
    resolve_secrets: bool,
    **source: Any,
) -> None:
    """Print the values that are live in an environment

    Without ENVIRONMENT, GITEXP_ENVIRONMENT names it, or else it is `default`. Only values go to
    standard output. dotenv and shell name the variables by the slots in capitals, after the
    prefix, lists and objects as JSON. Names that programs obey, such as PATH, are refused.
    """
    if prefix and form not in ("dotenv", "shell"):
        raise UsageFault(
            f"--prefix does not go together with --format {form}",
            hint="Only dotenv and shell name variables.",
        )
    parameters = read_parameters(session, **source)
    values = _selected(parameters, only)
    if resolve_secrets:
        secrets = [name for name in values if parameters.types.get(name) == "secret"]
        values |= {name: parameters.secret(name) for name in secrets}
    text = _written(values, form, prefix)
    write_out(visible(text, keep="\n\t\r") if session.terminal.output else text)


@command(
    "resolve",
    examples=["gitexp env resolve", "gitexp env resolve production --format json"],
)
@source_options
@output_options
def resolve_command(output: Output, **source: Any) -> None:
    """Show where the values come from

    Takes the same options as `gitexp env get`, and shows experiment, version and environment
    commit instead of the values.
    """
    provenance = plain(read_parameters(output.session, **source).provenance)
    fields = columns(
        environment="code",
        experiment="code",
        version="hash",
        digest="digest",
        environment_commit="hash",
        source="text",
        stale="flag",
    )
    output.entry(provenance, one_row(provenance, fields), quiet=provenance["version"] or "")


def read_parameters(
    session: Session,
    *,
    environment: str | None,
    repo: str | None,
    project: str | None,
    at: str | None,
    locked: bool,
    offline: bool,
    experiment: str | None,
    version: str | None,
) -> Parameters:
    """Return the parameters that the options ask for, after a warning where they are stale."""
    if repo is None:
        selectors = {"experiment": experiment, "version": version, "at": at, "locked": locked}
        parameters = _read_here(session, project, offline, environment=environment, **selectors)
    else:
        _refuse_beside_url(experiment=experiment, version=version, locked=locked)
        parameters = _read_from_url(session, repo, environment, project, at, offline)
    if parameters.provenance.stale:
        session.warn("the remote cannot be reached; these values were read from it earlier")
    return parameters


def _read_here(
    session: Session, project: str | None, offline: bool, **selectors: Any
) -> Parameters:
    # Straight to what reads, since importing the whole repository takes longer than the answer.
    from gitexp.environments.resolving import Selectors
    from gitexp.serving import read_here

    session.refuse_another_repository(session.directory)
    return read_here(
        session.directory,
        Selectors(**selectors),
        project=project,
        offline=offline,
        surroundings=session.surroundings,
    )


def _refuse_beside_url(**options: Any) -> None:
    for name, value in options.items():
        if value:
            raise UsageFault(
                f"--{name} does not go together with --repo",
                hint="Read an environment from the address, or clone the repository.",
            )


def _read_from_url(
    session: Session,
    url: str,
    environment: str | None,
    project: str | None,
    at: str | None,
    offline: bool,
) -> Parameters:
    from gitexp.environments.reading import read_from_url
    from gitexp.environments.resolving import chosen_environment

    return read_from_url(
        url,
        chosen_environment(environment, session.environ),
        project=project,
        at=at,
        offline=offline,
        surroundings=session.surroundings,
    )


def _selected(parameters: Mapping[str, Any], only: tuple[str, ...]) -> dict[str, Any]:
    """Return the values to print.

    Raises:
        UsageFault: a name that was asked for is none of the parameters.
    """
    values = {name: plain(parameters[name]) for name in parameters}
    for name in only:
        if name not in values:
            raise UsageFault(
                f"no parameter {name!r}", hint=f"There are: {', '.join(values) or 'none'}."
            )
    return {name: values[name] for name in only} if only else values
