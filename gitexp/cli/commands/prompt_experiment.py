"""`gitexp prompt experiment`, `evaluate` and `templates`: versions of a prompt compared."""

from __future__ import annotations

import sys
from contextlib import redirect_stdout
from typing import Any

import click

from gitexp.cli.ab_views import show_ab
from gitexp.cli.arguments import experiment_argument
from gitexp.cli.commands.prompt import prompt_argument
from gitexp.cli.evaluation_arguments import sparing, sparing_options
from gitexp.cli.groups import UsageFault, command
from gitexp.cli.output import Output, output_options
from gitexp.cli.pairing_views import pairing_notes, pairing_table
from gitexp.cli.prompt_views import template_table

_TEMPLATES = ("cost", "latency", "eval_pass_rate")


@command("templates", examples=["gitexp prompt templates", "gitexp prompt templates --format json"])
@output_options
def templates_command(output: Output) -> None:
    """List what metrics can be made of"""
    from gitexp.abtests.from_prompts import prompt_templates

    found = prompt_templates()
    output.listing(found, template_table(found), ids=[template["key"] for template in found])


@command(
    "experiment",
    examples=[
        "gitexp prompt experiment reply --versions 2,4 --template cost",
        "gitexp prompt experiment reply --versions 1,2,3 --template latency --flag short-replies",
    ],
)
@prompt_argument
@click.option(
    "--versions",
    required=True,
    metavar="N,N...",
    help="Compare these versions, 2 to 10, that of the control first",
)
@click.option(
    "--template",
    "templates",
    multiple=True,
    required=True,
    type=click.Choice(_TEMPLATES),
    metavar="|".join(_TEMPLATES),
    help="Make a metric of this; may be repeated",
)
@click.option(
    "--experiment", metavar="NAME", help="Call the experiment so  [default: made of the title]"
)
@click.option("--title", metavar="TEXT", help="Give it a name for people")
@click.option(
    "--flag", metavar="KEY", help="Make a flag with this key  [default: made of the title]"
)
@click.option("--description", metavar="TEXT", help="Say what it is about")
@output_options
def experiment_command(
    output: Output,
    name: str,
    versions: str,
    templates: tuple[str, ...],
    experiment: str | None,
    title: str | None,
    flag: str | None,
    description: str | None,
) -> None:
    """Compare versions of a prompt in an A/B test

    A draft is made, with a variant for each version and a metric for each template. Its flag, off
    until the launch, hands out the number of the version.
    """
    made = output.session.repository.experiments.create_from_prompt(
        name,
        _numbers(versions),
        templates,
        name=title,
        feature_flag_key=flag,
        description=description,
        experiment=experiment,
    )
    show_ab(output, made.ab_test)


def _numbers(text: str) -> list[int]:
    try:
        return [int(part.strip().removeprefix("v")) for part in text.split(",")]
    except ValueError:
        raise UsageFault(
            f"--versions {text!r} is no list of numbers", hint="Write it as --versions 2,4."
        ) from None


@command(
    "evaluate",
    examples=[
        "gitexp prompt evaluate reply-v2-v4-cost --dataset questions --endpoint bot",
        "gitexp prompt evaluate reply-v2-v4-cost --dataset questions --endpoint bot --slot prompt",
    ],
)
@experiment_argument()
@click.option("--dataset", required=True, metavar="NAME", help="Run over this dataset")
@click.option("--endpoint", required=True, metavar="NAME", help="Ask this endpoint")
@click.option(
    "--slot",
    default="",
    metavar="SLOT",
    help="Put the prompt's text into this slot, instead of rendering it for each sample",
)
@click.option(
    "--evaluator",
    "evaluators",
    multiple=True,
    metavar="NAME",
    help="Score with it; may be repeated",
)
@sparing_options
@output_options
def evaluate_command(
    output: Output,
    experiment: str,
    dataset: str,
    endpoint: str,
    slot: str,
    evaluators: tuple[str, ...],
    **chosen: Any,
) -> None:
    """Run each version over a dataset, and pair them

    Each variant becomes a run of the experiment, and each treatment is compared with the control
    sample by sample. A limit is one of each run. The code of the working tree is executed.
    """
    session = output.session
    with redirect_stdout(sys.stderr):
        found = session.experiment(experiment).ab_test.evaluate(
            dataset, endpoint, slot=slot, evaluators=evaluators, **sparing(chosen)
        )
    for key, run in found.runs.items():
        session.say(f"{key}: run {run.id}, {run.name}")
    pairings = list(found.pairings.values())
    items = [{"variant": key, **one.to_dict()} for key, one in found.pairings.items()]
    ids = [run.id for run in found.runs.values()]
    output.listing(items, pairing_table(pairings), ids=ids, document=found.to_dict())
    for line in pairing_notes(pairings):
        session.say(line)
    for name in found.without_slot:
        session.warn(f"the project has no slot {name!r}, so that setting of the prompt is not used")
