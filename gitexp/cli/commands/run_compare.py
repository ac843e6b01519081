"""`gitexp run compare`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import click

from gitexp.cli.compare_views import (
    comparison_data,
    comparison_items,
    comparison_table,
    warnings,
)
from gitexp.cli.groups import command
from gitexp.cli.output import Output, output_options
from gitexp.cli.pairing_views import pairing_notes, pairing_table
from gitexp.cli.run_arguments import run_id_of
from gitexp.cli.session import Session

if TYPE_CHECKING:
    from gitexp.results.comparisons import Comparison
    from gitexp.results.pairings import Pairing
    from gitexp.runs.run import Run

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
@click.option(
    "--allow-different-datasets",
    is_flag=True,
    help="Pair the equal samples of different datasets",
)
@click.option("--all-params", is_flag=True, help="Show parameters that are the same as well")
@output_options
def compare_command(
    output: Output,
    runs: tuple[str, ...],
    baseline: str | None,
    metrics: tuple[str, ...],
    allow_different_datasets: bool,
    all_params: bool,
) -> None:
    """Compare runs side by side

    Shown are the parameters that differ, and the latest metrics, mean scores and pass rates with
    their change against the baseline. The best run of a metric is marked where `experiment.yaml`
    says in which direction it is better.

    Evaluations of the same dataset are also compared row by row, each sample with itself: the
    difference with its 95 % interval, the p-value, and the samples that got better and worse.
    """
    session = output.session
    comparison = session.repository.runs.compare(
        run_ids_of(session, runs), baseline=baseline and run_id_of(session, baseline)
    )
    pairings = _pairings(session, comparison, allow_different=allow_different_datasets)
    if metrics:
        comparison = comparison.only(metrics)
        pairings = [pairing.only(metrics) for pairing in pairings]
    if not all_params:
        comparison = comparison.differing()
    for warning in warnings(comparison):
        session.warn(warning)
    if output.format == "csv":
        table = comparison_data(comparison, pairings)
    else:
        narrow = output.format == "table" and session.terminal.output
        width = session.terminal.width if narrow else None
        table = comparison_table(comparison, width=width, in_words=output.format == "md")
    output.listing(
        comparison_items(comparison, pairings),
        table,
        ids=[run.id for run in comparison.runs],
        document={
            **comparison.to_dict(),
            "paired": [pairing.to_dict() for pairing in pairings],
        },
    )
    if not output.quiet and output.format in ("table", "md"):
        _show(output, [pairing for pairing in pairings if pairing.measures])


def _show(output: Output, pairings: Sequence[Pairing]) -> None:
    """Write how the runs compare row by row, below how they compare as a whole."""
    if not pairings:
        return
    output.text("\n")
    output.table(pairing_table(pairings))
    for note in pairing_notes(pairings):
        output.session.say(note)


def _pairings(session: Session, comparison: Comparison, *, allow_different: bool) -> list[Pairing]:
    """Return the evaluations among the runs, each paired with the baseline."""
    baseline = comparison.runs[comparison.baseline]
    if not _has_rows(baseline):
        return []
    runs = session.repository.runs
    return [
        runs.pair(baseline.id, run.id, allow_different_datasets=allow_different)
        for run in comparison.runs
        if run.id != baseline.id and _has_rows(run)
    ]


def _has_rows(run: Run) -> bool:
    return run.dataset is not None and run.stats.rows > 0


def run_ids_of(session: Session, texts: Iterable[str]) -> list[str]:
    """Return the full ids of runs that somebody named.

    Raises:
        NotFound: no run has one of the ids.
    """
    return [run_id_of(session, text) for text in texts]
