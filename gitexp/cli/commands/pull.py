"""`gitexp pull`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import click

from gitexp.cli.arguments import experiment_argument, patch_of, set_option
from gitexp.cli.groups import UsageFault, command
from gitexp.cli.output import Output, output_options
from gitexp.cli.session import Session
from gitexp.cli.views import experiment_table


@command(
    "pull",
    examples=[
        "gitexp pull",
        "gitexp pull tone --take theirs",
        "gitexp pull tone --set temperature=0.5",
    ],
)
@experiment_argument("experiments", nargs=-1, metavar="[EXPERIMENT]...")
@click.option(
    "--take",
    type=click.Choice(["ours", "theirs"]),
    metavar="ours|theirs",
    help="Settle parameters that both sides changed",
)
@set_option
@output_options
def pull_command(
    output: Output,
    experiments: tuple[str, ...],
    take: Literal["ours", "theirs"] | None,
    settings: tuple[str, ...],
) -> None:
    """Join others' versions into yours

    Values are merged one by one. A parameter that both sides changed stops the pull and is named;
    --take settles all of them, --set gives single ones a value. Without EXPERIMENT, everything
    that is behind or has diverged is pulled.
    """
    session = output.session
    if settings and len(experiments) != 1:
        raise UsageFault("--set needs one experiment", hint="Name the experiment to pull.")
    values = patch_of(session, settings) if settings else None
    session.repository.fetch()
    names = experiments or _in_need(session)
    pulled = [session.experiment(name).join(take=take, values=values) for name in names]
    items = [experiment.to_dict() for experiment in pulled]
    table = experiment_table(items, note="" if items else "nothing to pull")
    output.listing(items, table, ids=[experiment.name for experiment in pulled])


def _in_need(session: Session) -> Sequence[str]:
    """Return the experiments that others have saved, as last fetched."""
    experiments = session.repository.status().experiments
    return [found.name for found in experiments if found.sharing in ("behind", "diverged")]
