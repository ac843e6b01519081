"""`gitexp publish`."""

from __future__ import annotations

import click

from gitexp.cli.arguments import (
    environment_option,
    experiment_argument,
    message_option,
    patch_of,
    set_file_option,
    set_option,
    values_from,
)
from gitexp.cli.groups import UsageFault, command
from gitexp.cli.output import Output, output_options
from gitexp.cli.views import show_experiment


@command(
    "publish",
    examples=[
        "gitexp publish tone --set temperature=0.4 --env staging -m 'Calmer answers'",
        "gitexp publish tone --values values.yaml",
    ],
)
@experiment_argument("name")
@set_option
@set_file_option
@click.option(
    "--values",
    "source",
    metavar="FILE",
    help="Take all values from a YAML or JSON file; - reads standard input",
)
@environment_option("Make the version live in this environment")
@click.option("--description", metavar="TEXT", help="Describe the experiment")
@message_option
@output_options
def publish_command(
    output: Output,
    name: str,
    settings: tuple[str, ...],
    files: tuple[str, ...],
    source: str | None,
    environment: str | None,
    description: str | None,
    message: str | None,
) -> None:
    """Save, share and promote in one step

    A new experiment is created; an existing one gets a version. The shared remote sees all of it
    or nothing.
    """
    from gitexp.experiment import Experiment

    session = output.session
    if source and (settings or files):
        raise UsageFault(
            "--values replaces all values", hint="Use it without --set and --set-file."
        )
    values = values_from(session, source) if source else patch_of(session, settings, files)
    published = Experiment.publish(
        name=name,
        values=values,
        patch=source is None,
        message=message,
        environment=environment,
        description=description,
        repository=session.repository,
    )
    show_experiment(output, published, quiet="latest_version")
