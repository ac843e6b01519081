"""`gitexp run EXPERIMENT`: an evaluation."""

from __future__ import annotations

from typing import Any

import click

from gitexp.cli.arguments import experiment_argument, versionless
from gitexp.cli.detaching import detached
from gitexp.cli.evaluating import evaluated, shown
from gitexp.cli.evaluation_arguments import asked_for, evaluation_options
from gitexp.cli.files import text_of
from gitexp.cli.groups import command
from gitexp.cli.output import Output, output_options
from gitexp.cli.run_arguments import push_option


@command(
    "evaluate",
    examples=[
        "gitexp run tone --dataset questions --endpoint bot",
        "gitexp run tone --dataset questions --endpoint bot --version latest~1",
        "gitexp run tone --dataset questions --endpoint bot --set temperature=0.9 --limit 20",
        "gitexp run tone --dataset questions --workflow answer-and-check --repeats 3 --detach",
        "gitexp run --request request.json",
    ],
)
@experiment_argument(required=False, callback=versionless)
@evaluation_options
@click.option(
    "--request",
    type=click.Path(dir_okay=False, allow_dash=True),
    metavar="FILE",
    help="Take all of it from a YAML or JSON file, - for standard input",
)
@click.option("--detach", is_flag=True, help="Print the run's id and go on in the background")
@click.option("--run-id", metavar="ID", help="Give the run an id that is known already")
@push_option
@output_options
def evaluate_command(
    output: Output,
    experiment: str | None,
    request: str | None,
    detach: bool,
    run_id: str | None,
    push: bool,
    **chosen: Any,
) -> None:
    """Run an endpoint or a workflow over a dataset with a version's values

    The code of the working tree is executed. The run is recorded in Git, and its id is all that
    is printed. Ctrl-C finishes what is in flight and records what is done; `gitexp run resume`
    goes on with it.
    """
    session = output.session
    asked = asked_for(session, experiment, request and text_of(session, request), chosen)
    if detach:
        shown(output, detached(session, asked, push=push))
        return
    evaluated(output, asked, run_id=run_id, push=push)
