"""`gitexp runs`: `gitexp run list` by its short name."""

from __future__ import annotations

from typing import Any

from gitexp.cli.arguments import experiment_argument
from gitexp.cli.commands.run_list import filter_option
from gitexp.cli.groups import command
from gitexp.cli.output import Output, output_options
from gitexp.cli.run_listing import Listing, listing_options, show_runs


@command("runs", examples=["gitexp runs tone", "gitexp runs tone --limit 5 --format json"])
@experiment_argument()
@filter_option
@listing_options
@output_options
def runs_command(output: Output, experiment: str, **chosen: Any) -> None:
    """List the runs of an experiment

    The same as `gitexp run list EXPERIMENT`.
    """
    output.session.experiment(experiment)
    show_runs(output, Listing(experiments=(experiment,), **chosen))
