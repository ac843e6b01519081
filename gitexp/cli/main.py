"""The entry point of `gitexp` and `git exp`."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from pathlib import PurePath
from typing import Any, NoReturn

import click

from gitexp.cli.catalogue import COMMANDS
from gitexp.cli.failures import Terminated, report
from gitexp.cli.groups import LazyGroup, group
from gitexp.cli.session import Session
from gitexp.cli.terminal import OutputClosed, prepare_streams, write_out
from gitexp.errors import NotFound

COMPLETION_VARIABLE = "_GITEXP_COMPLETE"


class Root(LazyGroup):
    """The root command; it ends the process as `gitexp.cli.failures` describes."""

    def main(  # type: ignore[override]
        self, args: Sequence[str] | None = None, prog_name: str | None = None, **extra: Any
    ) -> NoReturn:
        """Run one command line and exit."""
        arguments = list(sys.argv[1:] if args is None else args)
        sys.exit(self.run(arguments, prog_name or program_name(sys.argv[0]), **extra))

    def run(self, arguments: Sequence[str], prog_name: str, **extra: Any) -> int:
        """Return the exit code of one command line."""
        extra.pop("standalone_mode", None)
        try:
            with self.make_context(prog_name, list(arguments), **extra) as context:
                self.invoke(context)
        except BaseException as error:
            return report(error)
        return 0


def _print_version(context: click.Context, parameter: click.Parameter, wanted: bool) -> None:
    if wanted and not context.resilient_parsing:
        from gitexp import __version__

        write_out(f"gitexp {__version__}\n")
        context.exit()


@group("gitexp", sections=COMMANDS, cls=Root)
@click.option("-C", "directory", metavar="DIR", help="Work as if started in this directory")
@click.option("--pager/--no-pager", default=True, help="Show long tables in a pager on a terminal")
@click.option(
    "--version",
    is_flag=True,
    expose_value=False,
    is_eager=True,
    callback=_print_version,
    help="Show the version and exit",
)
@click.pass_context
def cli(context: click.Context, directory: str | None, pager: bool) -> None:
    """Keep experiments, parameter versions, environments and runs in Git"""
    if directory is not None and not os.path.isdir(directory):
        raise NotFound(f"{directory!r} is no directory", hint="Name one that is there.")
    context.obj = Session.of_process(directory)
    context.obj.paging = pager
    if context.invoked_subcommand is None:
        write_out(context.get_help() + "\n")


def program_name(path: str) -> str:
    """Return how the person called the program: `gitexp`, or `git exp` as a part of Git."""
    return "git exp" if PurePath(path).stem == "git-exp" else "gitexp"


def main() -> int:
    """Run the command line of this process and return its exit code."""
    prepare_streams()
    if instruction := os.environ.get(COMPLETION_VARIABLE):
        from gitexp.cli.completing import complete

        return complete(cli, instruction)
    if hasattr(signal, "SIGTERM"):
        signal.signal(signal.SIGTERM, _terminate)
    return _flushed(cli.run(sys.argv[1:], program_name(sys.argv[0])))


def _terminate(number: int, frame: object) -> NoReturn:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    raise Terminated


def _flushed(code: int) -> int:
    """Return the exit code once everything is written; output that cannot be is a failure."""
    try:
        write_out("")
    except (OutputClosed, OSError) as error:
        # The interpreter flushes once more at its end, and would complain about the same thing.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return code or report(error)
    return code


if __name__ == "__main__":
    sys.exit(main())
