"""`gitexp commit`."""

from __future__ import annotations

import click

from gitexp.cli.arguments import (
    experiment_argument,
    message_option,
    patch_of,
    set_file_option,
    set_option,
    values_from,
)
from gitexp.cli.groups import UsageFault, command
from gitexp.cli.output import Output, output_options
from gitexp.cli.views import saved_fields


@command(
    "commit",
    examples=[
        "gitexp commit tone --set temperature=0.4 -m 'Calmer answers'",
        "gitexp commit tone --set-file prompt=prompt.txt --unset seed",
        "gitexp commit tone --values values.yaml --parent 3f2a91c",
        "gitexp commit tone",
    ],
)
@experiment_argument()
@set_option
@set_file_option
@click.option("--unset", multiple=True, metavar="SLOT", help="Go back to a slot's default")
@click.option(
    "--values",
    "source",
    metavar="FILE",
    help="Replace all values by those in a YAML or JSON file; - reads standard input",
)
@message_option
@click.option("--parent", metavar="VERSION", help="Refuse if this is no longer the latest version")
@output_options
def commit_command(
    output: Output,
    experiment: str,
    settings: tuple[str, ...],
    files: tuple[str, ...],
    unset: tuple[str, ...],
    source: str | None,
    message: str | None,
    parent: str | None,
) -> None:
    """Save a version of an experiment's parameters

    Without values, the edited parameters.yaml is saved, where the experiment's branch is checked
    out. Values equal to the latest version make no commit.
    """
    session = output.session
    if source and (settings or files or unset):
        raise UsageFault(
            "--values replaces all values", hint="Use it without --set, --set-file and --unset."
        )
    target = session.experiment(experiment)
    version = target.commit(
        values_from(session, source) if source else None,
        patch=patch_of(session, settings, files) if settings or files else None,
        unset=unset,
        message=message,
        parent_version=parent,
    )
    if not version.created:
        session.say("no change: these are the values of the latest version")
    output.entry(version, saved_fields(target, version), quiet=version.version)
