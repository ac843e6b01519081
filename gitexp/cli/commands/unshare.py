"""`gitexp unshare`."""

from __future__ import annotations

from gitexp.cli.arguments import experiment_argument, yes_option
from gitexp.cli.groups import command
from gitexp.cli.output import Output, output_options
from gitexp.cli.views import show_experiment


@command("unshare", examples=["gitexp unshare tone", "gitexp unshare tone --yes"])
@experiment_argument()
@yes_option
@output_options
def unshare_command(output: Output, experiment: str, yes: bool) -> None:
    """Take an experiment back from the shared remote

    Its branch is deleted there and stays here. Refused while an environment is bound to it.
    """
    session = output.session
    private = session.experiment(experiment)
    session.confirm(f"Delete the branch of {private.name} on the shared remote?", yes=yes)
    private.unshare()
    show_experiment(output, private)
