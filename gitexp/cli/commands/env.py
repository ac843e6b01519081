"""`gitexp env`: the group alone, so that reading an environment starts without the other verbs."""

from __future__ import annotations

import click

from gitexp.cli.catalogue import ENVIRONMENT_COMMANDS
from gitexp.cli.groups import LazyGroup, group


@group("env", sections=ENVIRONMENT_COMMANDS, cls=LazyGroup)
@click.pass_context
def env_command(context: click.Context) -> None:
    """Create, read and move environments

    Without a command, the environments are listed.
    """
    if context.invoked_subcommand is None:
        from gitexp.cli.commands.environment import list_command

        context.invoke(list_command)
