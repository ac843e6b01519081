"""`gitexp run artifacts` and `gitexp run download`."""

from __future__ import annotations

import click

from gitexp.cli.groups import command
from gitexp.cli.output import Output, output_options
from gitexp.cli.run_arguments import run_argument, run_id_of
from gitexp.cli.tables import Column, Table, columns

_COLUMNS = (
    Column(key="path", title="path", kind="code"),
    Column(key="size", title="size", kind="number"),
    Column(key="digest", title="digest", kind="digest", spare=2),
    Column(key="stored", title="stored", spare=1),
    Column(key="location", title="location", optional=True, spare=3),
)


@command(
    "artifacts",
    examples=["gitexp run artifacts RUN", "gitexp run artifacts RUN plots --format json"],
)
@run_argument()
@click.argument("path", required=False, metavar="[PATH]")
@output_options
def artifacts_command(output: Output, run: str, path: str | None) -> None:
    """List the artifacts of a run

    With PATH, only that one, or those below it.
    """
    from gitexp.runs.artifacts.kept import list_artifacts

    session = output.session
    found = session.repository.runs.get(run_id_of(session, run))
    items = [artifact.to_dict() for artifact in list_artifacts(found, path)]
    note = "" if items else f"run {found.id} has no artifacts"
    table = Table(columns=_COLUMNS, rows=items, note=note)
    output.listing(items, table, ids=[item["path"] for item in items])


@command(
    "download",
    examples=["gitexp run download RUN", "gitexp run download RUN plots/loss.png --to /tmp/loss"],
)
@run_argument()
@click.argument("path", required=False, metavar="[PATH]")
@click.option("--to", metavar="DIR", help="Write below this directory  [default: the run's id]")
@output_options
def download_command(output: Output, run: str, path: str | None, to: str | None) -> None:
    """Copy artifacts out of the repository

    With PATH, only that one, or those below it. Every byte is checked against the digest that
    the run recorded, and nothing that is there is overwritten.
    """
    from gitexp.runs.artifacts.kept import download

    session = output.session
    repository = session.repository
    found = repository.runs.get(run_id_of(session, run))
    files = download(repository.workspace, found, path, session.directory / (to or found.id))
    items = [{"file": str(file)} for file in files]
    note = "" if items else f"run {found.id} has no artifacts"
    table = Table(columns=columns(file="code"), rows=items, note=note)
    output.listing(items, table, ids=[item["file"] for item in items])
