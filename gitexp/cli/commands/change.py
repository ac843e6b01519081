"""`gitexp change` and the verbs that ask for and show change requests."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import click

from gitexp.cli.arguments import (
    environment_argument,
    environment_option,
    reason_option,
    version_option,
)
from gitexp.cli.catalogue import CHANGE_COMMANDS
from gitexp.cli.change_views import (
    change_argument,
    change_entry,
    change_table,
    show_change,
    tell_state,
)
from gitexp.cli.completing import complete_experiments
from gitexp.cli.failures import AnswerIsNo
from gitexp.cli.groups import LazyGroup, UsageFault, command, group
from gitexp.cli.output import Output, output_options

if TYPE_CHECKING:
    from gitexp.review.changes.states import State

_STATES = (
    "pending",
    "approved",
    "stale",
    "applied",
    "rejected",
    "cancelled",
    "expired",
    "failed",
)


@group("change", sections=CHANGE_COMMANDS, cls=LazyGroup)
@click.pass_context
def change_command(context: click.Context) -> None:
    """Ask for moves of environments, approve, reject and apply them

    A change request is a branch `change/PROJECT/ID`, one commit ahead of the environment's, and
    what was said about it on the branch `changes/PROJECT`. A forge shows the branch as a pull
    request and may merge it by any method; on any other remote the commands here do. Without a
    command, the open ones are listed.
    """
    if context.invoked_subcommand is None:
        context.invoke(list_command)


@command(
    "list",
    examples=[
        "gitexp change list",
        "gitexp change list --waiting-for-me",
        "gitexp change list --environment production --state applied --state rejected",
        "gitexp change list --missing --quiet",
    ],
)
@click.option(
    "--state",
    "states",
    multiple=True,
    type=click.Choice(_STATES),
    help="Only those in this state; may be repeated  [default: the open ones]",
)
@click.option("--all", "everything", is_flag=True, help="Those that are over too")
@environment_option("Only those of this environment")
@click.option("--mine", is_flag=True, help="Only those that you asked for")
@click.option("--waiting-for-me", is_flag=True, help="Only those that wait for your vote")
@click.option(
    "--missing",
    is_flag=True,
    help="Only those that lack something; the exit code is 3 when there are any",
)
@output_options
def list_command(
    output: Output,
    states: tuple[str, ...],
    everything: bool,
    environment: str | None,
    mine: bool,
    waiting_for_me: bool,
    missing: bool,
) -> None:
    """List change requests

    The newest come first, as last fetched: `gitexp fetch` brings over those of others.
    """
    if everything and states:
        raise UsageFault("--all and --state contradict each other", hint="Give one of them.")
    changes = output.session.repository.changes
    found = changes.list(
        states=cast("tuple[State, ...]", _STATES if everything else states) or None,
        environment=environment,
        mine=mine,
        waiting_for_me=waiting_for_me,
    )
    if missing:
        found = [change for change in found if changes.get(change.id).missing]
    items = [change_entry(change) for change in found]
    output.listing(items, change_table(found), ids=[change.id for change in found])
    for name, problem in changes.problems().items():
        output.session.warn(f"change request {name!r} cannot be read: {problem}")
    if missing and found:
        raise AnswerIsNo


@command(
    "show",
    examples=["gitexp change show 20260131-k3fgq2x7", "gitexp change show k3fgq2x7 --format json"],
)
@change_argument
@output_options
def show_command(output: Output, change: str) -> None:
    """Show what a change request asks, and what is missing

    It is named by its id, or by the beginning or the last part of it.
    """
    show_change(output, output.session.repository.changes.get(change))


@command(
    "open",
    examples=[
        "gitexp change open production tone -m 'Calmer answers'",
        "gitexp change open production tone --version 3f2a91c",
        "gitexp change open production --rollback -m 'Answers got too short'",
        "gitexp change open staging --unbind",
    ],
)
@environment_argument()
@click.argument(
    "experiment", metavar="[EXPERIMENT]", required=False, shell_complete=complete_experiments
)
@version_option
@click.option("--rollback", is_flag=True, help="Ask to make the previous version live again")
@click.option("--to", metavar="COMMIT", help="With --rollback: to this commit of the environment")
@click.option("--unbind", is_flag=True, help="Ask to take the environment out of use")
@reason_option
@output_options
def open_command(
    output: Output,
    environment: str,
    experiment: str | None,
    version: str | None,
    rollback: bool,
    to: str | None,
    unbind: bool,
    reason: str | None,
) -> None:
    """Ask for a move of an environment

    `gitexp promote`, `gitexp env rollback` and `gitexp env unbind` do this by themselves where
    policies ask for approval; this does it where they do not, too. The id is all that is printed.
    What is asked for already is not asked for twice.
    """
    if (experiment is not None) + rollback + unbind != 1 or (to and not rollback):
        raise UsageFault(
            "say what to ask for: an experiment, --rollback or --unbind",
            hint="Give one of them; --to goes with --rollback.",
        )
    changes = output.session.repository.changes
    opened = changes.open(
        environment,
        experiment,
        action="rollback" if rollback else "unbind" if unbind else "promote",
        version=version,
        to=to,
        reason=reason,
    )
    tell_state(output, opened)
    output.entry(
        change_entry(opened), change_table([opened]), quiet=opened.id, text=f"{opened.id}\n"
    )
