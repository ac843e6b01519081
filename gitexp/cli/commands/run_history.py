"""`gitexp run history`."""

from __future__ import annotations

import click

from gitexp.cli.groups import command
from gitexp.cli.output import Output, output_options
from gitexp.cli.run_arguments import run_argument, run_id_of
from gitexp.cli.tables import Column, Table

_COLUMNS = (
    Column(key="step", title="step", kind="number"),
    Column(key="value", title="value", kind="number"),
    Column(key="timestamp", title="timestamp", kind="number"),
)


@command("history", examples=["gitexp run history RUN loss --format csv"])
@run_argument()
@click.argument("metric", metavar="METRIC")
@output_options
def history_command(output: Output, run: str, metric: str) -> None:
    """List the points of a metric

    By step, then time, in milliseconds since 1970 in UTC.
    """
    runs = output.session.repository.runs
    run_id = run_id_of(output.session, run)
    items = [point.to_dict() for point in runs.metric_history(run_id, metric)]
    known = ", ".join(sorted(runs.get(run_id).metrics)) or "none"
    note = "" if items else f"run {run_id} has no metric {metric!r}; its metrics: {known}"
    table = Table(columns=_COLUMNS, rows=items, note=note)
    output.listing(items, table, ids=[str(item["value"]) for item in items])
