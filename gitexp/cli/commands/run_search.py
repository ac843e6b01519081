"""`gitexp run search`."""

from __future__ import annotations

from typing import Any

import click

from gitexp.cli.completing import complete_experiments
from gitexp.cli.groups import command
from gitexp.cli.output import Output, output_options
from gitexp.cli.run_listing import Listing, listing_options, show_runs


@command(
    "search",
    examples=[
        "gitexp run search 'metrics.loss < 0.3 AND params.lr > 0.01'",
        "gitexp run search \"tags.team = 'chat' OR NOT status = 'finished'\" --format json",
        "gitexp run search \"created_at >= 2026-11-21\" --order-by 'metrics.loss DESC'",
        "gitexp run search 'stats.pass_rate BETWEEN 0.5 AND 0.8' --experiment tone",
        "gitexp run search '' --output runs.csv",
    ],
)
@click.argument("filter", metavar="EXPR")
@click.option(
    "--experiment",
    "experiments",
    multiple=True,
    metavar="NAME",
    shell_complete=complete_experiments,
    help="Look only at this experiment; may be repeated",
)
@listing_options
@output_options
def search_command(
    output: Output, filter: str, experiments: tuple[str, ...], **chosen: Any
) -> None:
    """Find runs by their metrics, params and tags

    EXPR compares fields with values: = != < <= > >=, IN (...), LIKE, ILIKE, BETWEEN ... AND ...,
    IS NULL, joined by AND, OR, NOT and parentheses. Fields are metrics.NAME, params.NAME,
    tags.NAME, scores.EVALUATOR, stats.pass_rate, datasets.name, and attributes such as status,
    name, version, created_at or duration; a name with odd characters is put in back-ticks. Texts
    stand in single quotes, numbers do not. What a run does not have fits no comparison but
    IS NULL.
    """
    for name in experiments:
        output.session.experiment(name)
    show_runs(output, Listing(filter=filter, experiments=experiments, **chosen))
