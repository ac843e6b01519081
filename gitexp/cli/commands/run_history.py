"""`gitexp run history`."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import click

from gitexp.cli.groups import command
from gitexp.cli.output import Output, output_options
from gitexp.cli.run_arguments import run_argument, run_id_of
from gitexp.cli.tables import Column, Table

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_COLUMNS = (
    Column(key="step", title="step", kind="number"),
    Column(key="value", title="value", kind="number"),
    Column(key="moment", title="time", data_key="timestamp"),
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
    known = runs.get(run_id).metrics if not items else (metric,)
    if metric not in known:
        from gitexp.results.comparisons import missing_measure

        raise missing_measure(metric, sorted(known))
    rows = [item | {"moment": _moment(item["timestamp"])} for item in items]
    table = Table(columns=_COLUMNS, rows=rows, note="" if rows else "its points are not kept")
    output.listing(items, table, ids=[str(item["value"]) for item in items])


def _moment(millis: int) -> str:
    """Return a time as people read it; one beyond the calendar stays a number."""
    try:
        moment = _EPOCH + timedelta(milliseconds=millis)
    except OverflowError:
        return str(millis)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
