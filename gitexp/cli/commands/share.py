"""`gitexp share`."""

from __future__ import annotations

from gitexp.cli.arguments import experiment_argument
from gitexp.cli.groups import command
from gitexp.cli.output import Output, output_options
from gitexp.cli.views import show_experiment


@command("share", examples=["gitexp share tone"])
@experiment_argument()
@output_options
def share_command(output: Output, experiment: str) -> None:
    """Send an experiment to the shared remote

    Its branch is pushed, so everybody with access to the remote sees all of its versions. Sharing
    an experiment that is shared already sends what is new.
    """
    shared = output.session.experiment(experiment)
    shared.share()
    show_experiment(output, shared)
