"""`gitexp run list`."""

from __future__ import annotations

from typing import Any

import click

from gitexp.cli.arguments import experiment_argument
from gitexp.cli.groups import command
from gitexp.cli.output import Output, output_options
from gitexp.cli.run_listing import Listing, listing_options, show_runs

filter_option = click.option(
    "--filter",
    default="",
    metavar="EXPR",
    help="Show only runs that fit; `gitexp run search --help` shows how",
)


@command(
    "list",
    examples=[
        "gitexp run list tone",
        "gitexp run list tone --filter \"status = 'finished'\" --order-by 'metrics.loss ASC'",
        "gitexp run list tone --columns run_id,metrics.loss,params.lr --format csv",
        "gitexp run list tone --output runs.csv",
    ],
)
@experiment_argument(required=False, metavar="[EXPERIMENT]")
@filter_option
@listing_options
@output_options
def list_command(output: Output, experiment: str | None, **chosen: Any) -> None:
    """List runs

    Newest first, those that go on on this machine among them; without EXPERIMENT, the runs of
    all experiments.
    """
    if experiment is not None:
        output.session.experiment(experiment)
    show_runs(output, Listing(experiments=(experiment,) if experiment else (), **chosen))
