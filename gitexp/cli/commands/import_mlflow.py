"""`gitexp import` and its verbs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import click

from gitexp.cli.failures import FAILED
from gitexp.cli.groups import Entry, LazyGroup, command, entries, group
from gitexp.cli.output import Output, one_row, output_options
from gitexp.cli.tables import Column

if TYPE_CHECKING:
    from gitexp.integrations.mlflow.importing import ImportReport

IMPORT_COMMANDS: Mapping[str, Mapping[str, Entry]] = {
    "Commands": {
        **entries("import_mlflow", mlflow="Bring in a tracking directory or database of MLflow"),
    }
}

_COLUMNS = (
    Column(key="experiments", title="experiments", kind="names"),
    Column(key="created", title="new", kind="names", optional=True),
    Column(key="added", title="runs added", kind="number"),
    Column(key="changed", title="runs changed", kind="number"),
    Column(key="unchanged", title="runs unchanged", kind="number"),
    Column(key="artifacts", title="artifacts", kind="number"),
)
_MOST_TOLD = 20


@group("import", sections=IMPORT_COMMANDS, cls=LazyGroup)
@click.pass_context
def import_command(context: click.Context) -> None:
    """Bring runs in from another tracker"""
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


@command(
    "mlflow",
    examples=[
        "gitexp import mlflow mlruns",
        "gitexp import mlflow sqlite:///mlflow.db --no-artifacts",
    ],
)
@click.argument("source", metavar="PATH_OR_URI")
@click.option(
    "--artifacts/--no-artifacts",
    default=True,
    help="Copy artifacts that can be read here into the project  [default: artifacts]",
)
@output_options
def mlflow_command(output: Output, source: str, artifacts: bool) -> None:
    """Bring in a tracking directory or database of MLflow

    Experiments, runs with their metrics, params, tags, datasets and logged models, and artifacts
    become runs of this project; deleted ones stay deleted. It can be done again at any time: a
    run that is here already is not added twice, and what changed of it since is recorded.
    """
    from gitexp.integrations.mlflow.importing import import_mlflow

    session = output.session
    report = import_mlflow(
        session.repository.workspace, source, base=session.directory, artifacts=artifacts
    )
    session.repository.flush()
    if output.quiet:
        output.lines(report.experiments)
    else:
        output.entry(report.to_dict(), one_row(report.to_dict(), _COLUMNS), quiet="")
    _tell_rest(output, report)


def _tell_rest(output: Output, report: ImportReport) -> None:
    """Say what was left out; with something that could not be brought in, fail."""
    if report.elsewhere:
        output.session.warn(
            f"artifacts of runs stand elsewhere ({report.elsewhere}): the tag "
            "`mlflow.artifactUri` of each says where"
        )
    for what, count in sorted(report.left_out.items()):
        output.session.warn(f"{what} were left out ({count}): gitexp has no place for them")
    for problem in report.problems[:_MOST_TOLD]:
        output.session.warn(f"not brought in: {problem}")
    if len(report.problems) > _MOST_TOLD:
        more = len(report.problems) - _MOST_TOLD
        output.session.warn(f"and {more} more; `--format json` lists all of them")
    if report.problems:
        click.get_current_context().exit(FAILED)
