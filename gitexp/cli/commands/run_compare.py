"""`gitexp run compare`."""

from __future__ import annotations

from collections.abc import Iterable

import click

from gitexp.cli.compare_views import (
    comparison_data,
    comparison_items,
    comparison_table,
    warnings,
)
from gitexp.cli.groups import command
from gitexp.cli.output import Output, output_options
from gitexp.cli.run_arguments import run_id_of
from gitexp.cli.session import Session

runs_argument = click.argument("runs", metavar="RUN...", nargs=-1, required=True)
baseline_option = click.option(
    "--baseline", metavar="RUN", help="Measure the others against this run  [default: the first]"
)
metrics_option = click.option(
    "--metric",
    "metrics",
    multiple=True,
    metavar="NAME",
    help="Show this metric or score alone; may be repeated",
)


@command(
    "compare",
    examples=[
        "gitexp run compare 20261121T1315 20261121T1402",
        "gitexp run compare 20261121T1315 20261121T1402 --metric loss",
        "gitexp run compare 20261121T1315 --baseline 20261121T1402",
    ],
)
@runs_argument
@baseline_option
@metrics_option
@click.option("--all-params", is_flag=True, help="Show parameters that are the same as well")
@output_options
def compare_command(
    output: Output,
    runs: tuple[str, ...],
    baseline: str | None,
    metrics: tuple[str, ...],
    all_params: bool,
) -> None:
    """Compare runs side by side

    Shown are the parameters that differ, and the latest metrics, mean scores and pass rates with
    their change against the baseline. The best run of a metric is marked where `experiment.yaml`
    says in which direction it is better.
    """
    session = output.session
    comparison = session.repository.runs.compare(
        run_ids_of(session, runs), baseline=baseline and run_id_of(session, baseline)
    )
    if metrics:
        comparison = comparison.only(metrics)
    if not all_params:
        comparison = comparison.differing()
    for warning in warnings(comparison):
        session.warn(warning)
    if output.format == "csv":
        table = comparison_data(comparison)
    else:
        narrow = output.format == "table" and session.terminal.output
        width = session.terminal.width if narrow else None
        table = comparison_table(comparison, width=width, in_words=output.format == "md")
    output.listing(
        comparison_items(comparison),
        table,
        ids=[run.id for run in comparison.runs],
        document=comparison,
    )


def run_ids_of(session: Session, texts: Iterable[str]) -> list[str]:
    """Return the full ids of runs that somebody named.

    Raises:
        NotFound: no run has one of the ids.
    """
    return [run_id_of(session, text) for text in texts]
