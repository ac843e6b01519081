"""`gitexp run`: the group alone; without a verb it evaluates."""

from __future__ import annotations

import click

from gitexp.cli.catalogue import RUN_COMMANDS
from gitexp.cli.groups import LazyGroup, group

_DEFAULT = "evaluate"


class RunGroup(LazyGroup):
    """The verbs of a run; anything else that comes first is an experiment to evaluate."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the verb; the one that evaluates where the first word is none."""
        if args[0] not in self.entries:
            args = [_DEFAULT, *args]
        return super().resolve_command(ctx, args)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Take options that come before the experiment as those of an evaluation."""
        if args and args[0].startswith("-") and args[0] not in ("-h", "--help", "--"):
            args = [_DEFAULT, *args]
        return super().parse_args(ctx, args)


@group("run", sections=RUN_COMMANDS, cls=RunGroup)
@click.pass_context
def run_command(context: click.Context) -> None:
    """Evaluate an experiment, or track and read runs

    `gitexp run EXPERIMENT --dataset NAME --endpoint NAME` evaluates; see `gitexp run evaluate
    --help` for its options. Without anything, the runs of the project are listed.
    """
    if context.invoked_subcommand is None:
        from gitexp.cli.commands.run_list import list_command

        context.invoke(list_command)
