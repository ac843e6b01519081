"""`gitexp completion`."""

from __future__ import annotations

import click

from gitexp.cli.completing import SHELLS, script
from gitexp.cli.groups import command
from gitexp.cli.terminal import write_out


@command(
    "completion",
    examples=[
        "gitexp completion bash > ~/.local/share/bash-completion/completions/gitexp",
        "gitexp completion zsh > ~/.zfunc/_gitexp",
        "gitexp completion fish > ~/.config/fish/completions/gitexp.fish",
    ],
)
@click.argument("shell", type=click.Choice(SHELLS), metavar="bash|zsh|fish")
@click.pass_context
def completion_command(context: click.Context, shell: str) -> None:
    """Print a completion script for a shell

    The script completes gitexp and git exp: commands, options, experiments and environments.
    """
    write_out(script(shell, context.find_root().command))
