"""`gitexp ab end`, `ship` and `conclude`: how A/B tests come to an end."""

from __future__ import annotations

import click

from gitexp.cli.ab_views import show_step
from gitexp.cli.arguments import experiment_argument
from gitexp.cli.groups import command
from gitexp.cli.output import Output, output_options

_CONCLUSIONS = ("won", "lost", "inconclusive", "stopped_early", "invalid")

conclusion_option = click.option(
    "--conclusion",
    type=click.Choice(_CONCLUSIONS),
    metavar="|".join(_CONCLUSIONS),
    help="Say what came out of it",
)
note_option = click.option("-m", "--note", metavar="TEXT", help="Say what people should know of it")


@command(
    "end",
    examples=["gitexp ab end tone", "gitexp ab end tone --conclusion lost -m 'No effect on sales'"],
)
@experiment_argument()
@conclusion_option
@note_option
@output_options
def end_command(output: Output, experiment: str, conclusion: str | None, note: str | None) -> None:
    """End an A/B test

    Its flag stays as it is, so everybody keeps the variant that they have.
    """
    found = output.session.experiment(experiment).ab_test
    show_step(output, found.end(conclusion=conclusion, note=note))


@command(
    "ship",
    examples=[
        "gitexp ab ship tone test --conclusion won",
        "gitexp ab ship tone test --to-everyone -m 'Better for all'",
    ],
)
@experiment_argument()
@click.argument("variant", metavar="VARIANT")
@click.option(
    "--to-everyone",
    is_flag=True,
    help="Let the flag reach everybody, whatever its rollout and conditions say",
)
@conclusion_option
@note_option
@output_options
def ship_command(
    output: Output,
    experiment: str,
    variant: str,
    to_everyone: bool,
    conclusion: str | None,
    note: str | None,
) -> None:
    """Give everybody one variant, and end the test

    The flag then gives this variant to all whom it reaches. Applications see that once the flag
    is published: `gitexp flag publish`.
    """
    found = output.session.experiment(experiment).ab_test
    show_step(
        output,
        found.ship_variant(variant, to_everyone=to_everyone, conclusion=conclusion, note=note),
    )


@command("conclude", examples=["gitexp ab conclude tone inconclusive -m 'Too few visitors'"])
@experiment_argument()
@click.argument("conclusion", type=click.Choice(_CONCLUSIONS), metavar="CONCLUSION")
@note_option
@output_options
def conclude_command(output: Output, experiment: str, conclusion: str, note: str | None) -> None:
    """Say what came out of a test that is over

    A conclusion is won, lost, inconclusive, stopped_early or invalid.
    """
    show_step(output, output.session.experiment(experiment).ab_test.conclude(conclusion, note=note))
