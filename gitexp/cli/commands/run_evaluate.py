"""`gitexp run EXPERIMENT`: an evaluation."""

from __future__ import annotations

import sys
from contextlib import redirect_stdout

import click

from gitexp.cli.arguments import (
    experiment_argument,
    patch_of,
    set_file_option,
    tags_of,
    version_option,
)
from gitexp.cli.groups import command
from gitexp.cli.output import Output, output_options
from gitexp.cli.progress import progress_bar
from gitexp.cli.run_arguments import description_option, name_option, override_option
from gitexp.cli.run_views import error_summary, run_summary, run_table

_CONCURRENCY = 15


@command(
    "evaluate",
    examples=[
        "gitexp run tone --dataset questions --endpoint bot",
        "gitexp run tone --dataset questions --endpoint bot --version latest~1",
        "gitexp run tone --dataset questions --endpoint bot --set temperature=0.9 --limit 20",
    ],
)
@experiment_argument()
@click.option("--dataset", required=True, metavar="NAME", help="Take the samples of this dataset")
@click.option("--endpoint", required=True, metavar="NAME", help="Ask this system under test")
@click.option(
    "--evaluator",
    "evaluators",
    multiple=True,
    metavar="NAME",
    help="Score with this evaluator; may be repeated  [default: the experiment's]",
)
@version_option
@override_option
@set_file_option
@name_option
@description_option
@click.option("--tag", "tags", multiple=True, metavar="NAME=VALUE", help="Tag the run")
@click.option(
    "--concurrency",
    type=click.IntRange(min=1),
    default=_CONCURRENCY,
    metavar="N",
    help=f"Ask for N samples at a time  [default: {_CONCURRENCY}]",
)
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Take the first N samples")
@click.option("--push", is_flag=True, help="Send the run to the shared remote")
@output_options
def evaluate_command(
    output: Output,
    experiment: str,
    dataset: str,
    endpoint: str,
    evaluators: tuple[str, ...],
    version: str | None,
    settings: tuple[str, ...],
    files: tuple[str, ...],
    name: str | None,
    description: str | None,
    tags: tuple[str, ...],
    concurrency: int,
    limit: int | None,
    push: bool,
) -> None:
    """Run an endpoint over a dataset with a version's values

    The code of the working tree is executed. The run is recorded in Git, and its id is all that
    is printed.
    """
    session = output.session
    target = session.experiment(experiment)
    parameters = patch_of(session, settings, files)
    # What the system under test prints is talk; standard output is for the run's id.
    talk = redirect_stdout(sys.stderr)
    with talk, progress_bar(session, f"{experiment} over {dataset}") as progress:
        run = target.run(
            dataset,
            endpoint,
            parameters=parameters,
            evaluators=evaluators,
            version=version or "latest",
            name=name,
            description=description,
            tags=tags_of(tags),
            concurrency=concurrency,
            limit=limit,
            progress=progress,
            push=push,
        )
    session.say(run_summary(run))
    if run.stats.errors:
        from gitexp.runs.recording.results import rows_of

        session.say(error_summary(rows_of(session.repository.workspace, run.id)))
    output.entry(run, run_table([run.to_dict()]), quiet=run.id, text=f"{run.id}\n")
