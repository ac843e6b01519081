"""The verbs of `gitexp ab` that take a step in the life of an A/B test, and nothing else."""

from __future__ import annotations

import click

from gitexp.cli.ab_views import show_step
from gitexp.cli.arguments import experiment_argument
from gitexp.cli.groups import command
from gitexp.cli.output import Output, output_options


@command("launch", examples=["gitexp ab launch tone", "gitexp ab launch tone --fit-flag"])
@experiment_argument()
@click.option(
    "--fit-flag",
    is_flag=True,
    help="Give the flag the variants and splits of the test, and make it where there is none",
)
@output_options
def launch_command(output: Output, experiment: str, fit_flag: bool) -> None:
    """Launch a draft, which locks its variants

    The flag is turned on in the same commit. Applications see it once it is published to their
    environment, which is a step of its own: `gitexp flag publish`.
    """
    show_step(output, output.session.experiment(experiment).ab_test.launch(fit_flag=fit_flag))


@command("pause", examples=["gitexp ab pause tone"])
@experiment_argument()
@output_options
def pause_command(output: Output, experiment: str) -> None:
    """Pause an A/B test: its flag is off"""
    show_step(output, output.session.experiment(experiment).ab_test.pause())


@command("resume", examples=["gitexp ab resume tone"])
@experiment_argument()
@output_options
def resume_command(output: Output, experiment: str) -> None:
    """Resume a paused A/B test"""
    show_step(output, output.session.experiment(experiment).ab_test.resume())


@command("freeze", examples=["gitexp ab freeze tone"])
@experiment_argument()
@output_options
def freeze_command(output: Output, experiment: str) -> None:
    """Take in nobody new, while metrics go on"""
    show_step(output, output.session.experiment(experiment).ab_test.freeze_exposure())


@command("unfreeze", examples=["gitexp ab unfreeze tone"])
@experiment_argument()
@output_options
def unfreeze_command(output: Output, experiment: str) -> None:
    """Take in new units again"""
    show_step(output, output.session.experiment(experiment).ab_test.unfreeze_exposure())


@command("reset", examples=["gitexp ab reset tone"])
@experiment_argument()
@output_options
def reset_command(output: Output, experiment: str) -> None:
    """Make an A/B test a draft again

    It forgets its launch, its end and its conclusion, which Git's history keeps; the flag stays
    as it is.
    """
    show_step(output, output.session.experiment(experiment).ab_test.reset())


@command("archive", examples=["gitexp ab archive tone"])
@experiment_argument()
@output_options
def archive_command(output: Output, experiment: str) -> None:
    """Hide an A/B test that is over in listings"""
    show_step(output, output.session.experiment(experiment).ab_test.archive())


@command("unarchive", examples=["gitexp ab unarchive tone"])
@experiment_argument()
@output_options
def unarchive_command(output: Output, experiment: str) -> None:
    """Show an archived A/B test again"""
    show_step(output, output.session.experiment(experiment).ab_test.unarchive())
