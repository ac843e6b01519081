"""`gitexp policy` and its verbs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from gitexp.cli.arguments import environment_argument
from gitexp.cli.catalogue import POLICY_COMMANDS
from gitexp.cli.completing import complete_either
from gitexp.cli.failures import AnswerIsNo
from gitexp.cli.groups import LazyGroup, UsageFault, command, group
from gitexp.cli.output import Output, output_options
from gitexp.cli.policy_views import judgement_items, judgement_table, policy_items, policy_table

if TYPE_CHECKING:
    from gitexp.environments.orders import Asked


@group("policy", sections=POLICY_COMMANDS, cls=LazyGroup)
@click.pass_context
def policy_command(context: click.Context) -> None:
    """Show what environments ask before they are moved

    Without a command, the policies of all environments are listed. They count as they stand on
    the trunk of the shared remote, below `environments` in gitexp.yaml.
    """
    if context.invoked_subcommand is None:
        context.invoke(list_command)


@command("list", examples=["gitexp policy list", "gitexp policy list --format json"])
@output_options
def list_command(output: Output) -> None:
    """List the policies of all environments"""
    environments = output.session.repository.environments
    names = [state.name for state in environments.list()]
    items = [item for name in names for item in policy_items(name, environments.policies(name))]
    output.listing(items, policy_table(items), ids=[item["name"] for item in items])


@command("show", examples=["gitexp policy show production"])
@environment_argument()
@output_options
def show_command(output: Output, environment: str) -> None:
    """Show the policies of an environment"""
    found = output.session.repository.environments.policies(environment)
    items = policy_items(environment, found)
    output.listing(items, policy_table(items), ids=[item["name"] for item in items])


@command(
    "check",
    examples=[
        "gitexp policy check production tone@latest",
        "gitexp policy check production tone --format json",
        "gitexp policy check production --action unbind",
    ],
)
@environment_argument()
@click.argument(
    "what", metavar="[EXPERIMENT[@REVISION]]", required=False, shell_complete=complete_either
)
@click.option(
    "--action",
    type=click.Choice(["promote", "rollback", "unbind"]),
    default="promote",
    help="Ask about this move",
    show_default=True,
)
@click.option("--to", metavar="COMMIT", help="Ask about a rollback to this commit")
@output_options
def check_command(
    output: Output, environment: str, what: str | None, action: Asked, to: str | None
) -> None:
    """Show what a move of an environment would take

    Nothing is changed. Without EXPERIMENT, it is about the latest version of the experiment that
    is live there. The exit code is 0 where the move is allowed now, and 3 where it is not.
    """
    if action != "promote" and what:
        raise UsageFault(f"--action {action} takes no experiment", hint="Leave it out.")
    if to and action != "rollback":
        raise UsageFault("--to is for --action rollback", hint="Leave it out.")
    experiment, _, version = (what or "").partition("@")
    found = output.session.repository.environments.check(
        environment, experiment or None, version=version or "latest", action=action, to=to
    )
    items = judgement_items(found)
    output.listing(
        items,
        judgement_table(found),
        ids=[f"{item['policy']}:{item['kind']}" for item in items],
        document=found.to_dict() if found is not None else None,
    )
    if found is not None and found.verdict != "allowed":
        raise AnswerIsNo
