"""`gitexp run rows RUN`: what came of the samples."""

from __future__ import annotations

from typing import Any

import click

from gitexp.cli.groups import command
from gitexp.cli.output import Output, output_options
from gitexp.cli.plain import json_line
from gitexp.cli.run_arguments import run_argument, run_id_of
from gitexp.cli.tables import Column, Table, value_text
from gitexp.documents.problems import MISSING

_MOST_SHOWN = 100
_COLUMNS = (
    Column(key="sample", title="sample", kind="code"),
    Column(key="repeat", title="repeat", kind="number", optional=True),
    Column(key="status", title="status"),
    Column(key="short_output", title="output", data_key="output", kind="value"),
    Column(key="short_expected", title="expected", data_key="expected", kind="value", spare=4),
    Column(key="scores", title="scores", kind="value"),
    Column(key="short_error", title="error", data_key="error", optional=True),
    Column(key="duration_seconds", title="took", kind="latency", spare=6),
)


@command(
    "rows",
    examples=[
        "gitexp run rows 20261121T131502-k3f9q2x7 --status failed",
        "gitexp run rows 20261121T131502 --format jsonl",
    ],
)
@run_argument()
@click.option(
    "--status",
    "statuses",
    multiple=True,
    type=click.Choice(["passed", "failed", "error", "unscored"]),
    help="Only rows that ended so; may be repeated",
)
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Only the first N")
@output_options
def rows_command(output: Output, run: str, statuses: tuple[str, ...], limit: int | None) -> None:
    """List what came of the samples of a run

    Rows are in the order of the dataset; those of a run that goes on here are among them.
    """
    from itertools import islice

    session = output.session
    rows = islice(
        (
            row
            for row in session.repository.runs.rows(run_id_of(session, run))
            if not statuses or row.status in statuses
        ),
        limit,
    )
    if output.format == "jsonl" and not output.quiet:
        for row in rows:
            output.data(json_line(row.to_dict()) + "\n")
        return
    found = list(rows)
    output.listing(
        [row.to_dict() for row in found],
        Table(
            columns=_COLUMNS, rows=[_shown(row) for row in found], note="" if found else "no rows"
        ),
        ids=[row.sample for row in found],
    )


def _shown(row: Any) -> dict[str, Any]:
    values = {
        "output": None if row.output is MISSING else row.output,
        "expected": None if row.expected is MISSING else row.expected,
        "error": f"{row.error.type}: {row.error.message}" if row.error else None,
    }
    return {
        **values,
        **{f"short_{name}": _short(value) for name, value in values.items()},
        "sample": row.sample,
        "repeat": row.repeat or None,
        "status": row.status,
        "scores": {name: _score(score) for name, score in row.scores.items()} or None,
        "duration_seconds": row.duration_seconds,
    }


def _short(value: Any) -> str | None:
    """Return a value for a table, where the longest cell makes every line as long."""
    if value is None:
        return None
    text = value_text(value)
    return text if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]}…"


def _score(score: Any) -> Any:
    if score.error:
        return "error"
    return "unscored" if score.value is None and score.passed is None else score.value
