"""`gitexp hook` and its verbs."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import click

from gitexp.cli.failures import FAILED
from gitexp.cli.groups import Entry, LazyGroup, UsageFault, command, entries, group
from gitexp.cli.output import Output, one_row, output_options
from gitexp.cli.safety import visible
from gitexp.cli.session import Session
from gitexp.cli.tables import Column
from gitexp.cli.terminal import write_error
from gitexp.errors import InvalidInput

if TYPE_CHECKING:
    from gitexp.review.enforcement.moves import Refusal

HOOK_COMMANDS: Mapping[str, Mapping[str, Entry]] = {
    "Commands": {
        **entries("hook", install="Let a server enforce the rules of its projects"),
        **entries("hook", **{"pre-receive": "Judge a push, as the hook of a server does"}),
    }
}
_INSTALLED = (
    Column(key="hook", title="hook"),
    Column(key="identity", title="identity"),
    Column(key="created", title="new", kind="flag"),
)


@group("hook", sections=HOOK_COMMANDS, cls=LazyGroup)
def hook_command() -> None:
    """Enforce the rules where people push to

    On a bare repository, a pre-receive hook holds every push to the policies, groups and formats
    of its projects, whatever program it was made with.
    """


@command(
    "install",
    examples=[
        "gitexp hook install --server --identity variable:REMOTE_USER",
        "gitexp hook install --server --identity certificate",
        "gitexp hook install --server --identity signature",
    ],
)
@click.option("--server", is_flag=True, help="Install it in this bare repository")
@click.option(
    "--identity",
    metavar="variable:NAME|certificate|signature|claimed",
    help="Say what tells who pushes",
)
@click.option("--program", metavar="COMMAND", help="Call gitexp by this command from the hook")
@click.option("--force", is_flag=True, help="Replace another hook, which is kept beside it")
@output_options
def install_command(
    output: Output, server: bool, identity: str | None, program: str | None, force: bool
) -> None:
    """Let a server enforce the rules of its projects

    Identities come from the one source that is named here: a variable that this very server
    sets (REMOTE_USER of a web server, GL_USERNAME of GitLab, GITEA_PUSHER_NAME, GL_USER of
    Gitolite, GITHUB_USER_LOGIN, or what a forced command of sshd sets), the certificate of a
    signed push, or the signature of the pushed commit. With `claimed`, everybody is who their
    commits say, which is right only among people who trust each other.
    """
    from gitexp.review.enforcement.identity import parse_source
    from gitexp.review.enforcement.installing import install

    if not server:
        raise UsageFault(
            "only the hook of a server is installed",
            hint="Add --server; in a clone, use the pre-commit hooks of gitexp.",
        )
    if identity is None:
        raise UsageFault(
            "a server must know who pushes",
            hint="Add --identity variable:NAME, certificate, signature or claimed.",
        )
    session = output.session
    try:
        source = parse_source(identity)
    except InvalidInput:
        raise UsageFault(
            f"--identity {identity!r} names no source",
            hint="Use variable:NAME, certificate, signature or claimed.",
        ) from None
    done = install(
        session.directory, source, session.surroundings, program=program or "", force=force
    )
    item = {
        "hook": str(done.hook),
        "identity": done.identity,
        "created": done.created,
        "settings": dict(done.settings),
    }
    output.entry(item, one_row(item, _INSTALLED), quiet=str(done.hook))


@command("pre-receive", examples=["gitexp hook pre-receive"])
@click.pass_obj
def pre_receive_command(session: Session) -> None:
    """Judge a push, as the hook of a server does

    Reads `OLD NEW REF` lines and the variables that git sets for the hook. Exits with 1 and says
    why when the push breaks a rule; nothing of it is then taken.
    """
    from gitexp.review.enforcement.moves import parse_moves
    from gitexp.review.enforcement.patience import SETTING, OutOfTime, no_longer_than, patience
    from gitexp.review.enforcement.server import judge_push

    moves = parse_moves(sys.stdin)
    seconds = patience(session.directory, session.surroundings)
    try:
        with no_longer_than(seconds):
            refusals = judge_push(session.directory, moves, session.surroundings)
    except OutOfTime:
        write_error(
            f"error: judging this push took longer than {seconds} seconds\n"
            f"hint: Push less at once; the keeper of the server may set {SETTING}.\n"
        )
        raise click.exceptions.Exit(FAILED) from None
    if refusals:
        write_error(_told(refusals))
        raise click.exceptions.Exit(FAILED)


def _told(refusals: Sequence[Refusal]) -> str:
    """Return what whoever pushes reads, behind git's `remote: `."""
    lines = []
    for refusal in refusals:
        first, *others = refusal.message.split("\n")
        lines += [f"error: {refusal.ref}: {first}", *(f"  {line}" for line in others)]
        lines += [f"hint: {refusal.hint}"] if refusal.hint else []
    return "".join(f"{visible(line)}\n" for line in lines)
