"""`gitexp group` and its verbs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from gitexp.cli.catalogue import GROUP_COMMANDS
from gitexp.cli.group_views import group_table, member_table, standing_items, standing_table
from gitexp.cli.groups import LazyGroup, command, group
from gitexp.cli.output import Output, output_options
from gitexp.cli.session import Session

if TYPE_CHECKING:
    from gitexp.project.groups import Group

_ROLES = ("read", "write", "approve", "admin")
_group_argument = click.argument("name", metavar="GROUP")
_member_argument = click.argument("identity", metavar="ADDRESS")


@group("group", sections=GROUP_COMMANDS, cls=LazyGroup)
@click.pass_context
def group_command(context: click.Context) -> None:
    """Say who may read, write, approve and administer

    Without a command, the groups are listed. They count as they stand on the trunk of the
    shared remote.
    """
    if context.invoked_subcommand is None:
        context.invoke(list_command)


@command("list", examples=["gitexp group list", "gitexp group list --format json"])
@output_options
def list_command(output: Output) -> None:
    """List groups"""
    repository = output.session.repository
    found = repository.groups.list()
    table = group_table(found, repository.groups.unshared(), repository.workspace.trunk)
    output.listing([g.to_dict() for g in found], table, ids=[g.name for g in found])


@command("show", examples=["gitexp group show leads"])
@_group_argument
@output_options
def show_command(output: Output, name: str) -> None:
    """Show who is in a group"""
    _show(output, output.session.repository.groups.get(name))


@command(
    "create",
    examples=["gitexp group create leads --description 'Who approves changes of production'"],
)
@click.argument("name", metavar="NAME")
@click.option("--description", metavar="TEXT", default="", help="Say what it is for")
@output_options
def create_command(output: Output, name: str, description: str) -> None:
    """Make a group

    Whoever makes it is its first member, with the role admin. It is written to groups/NAME.yaml
    and committed on the trunk; it counts once that is pushed.
    """
    _show(output, output.session.repository.groups.create(name, description=description))
    _tell_to_push(output.session)


@command(
    "add-member",
    examples=[
        "gitexp group add-member leads bob@example.com --role approve --role write",
        "gitexp group add-member leads bob@example.com --role read --username bob",
    ],
)
@_group_argument
@_member_argument
@click.option(
    "--role",
    "roles",
    multiple=True,
    required=True,
    type=click.Choice(_ROLES),
    metavar="|".join(_ROLES),
    help="Give this role; may be repeated",
)
@click.option("--name", "person", metavar="TEXT", help="Say what the person is called")
@click.option(
    "--username",
    "usernames",
    multiple=True,
    metavar="NAME",
    help="Say what servers call the person; may be repeated",
)
@output_options
def add_member_command(
    output: Output,
    name: str,
    identity: str,
    roles: tuple[str, ...],
    person: str | None,
    usernames: tuple[str, ...],
) -> None:
    """Put somebody into a group, or change their roles

    ADDRESS is that of the person's Git identity. The roles replace those that the person has
    there. The change is committed on the trunk and counts once that is pushed.
    """
    groups = output.session.repository.groups
    changed = groups.add_member(
        name, identity, roles=roles, name=person, usernames=usernames or None
    )
    _show(output, changed)
    _tell_to_push(output.session)


@command("remove-member", examples=["gitexp group remove-member leads bob@example.com"])
@_group_argument
@_member_argument
@output_options
def remove_member_command(output: Output, name: str, identity: str) -> None:
    """Take somebody out of a group

    The change is committed on the trunk and counts once that is pushed.
    """
    _show(output, output.session.repository.groups.remove_member(name, identity))
    _tell_to_push(output.session)


@command("whoami", examples=["gitexp group whoami", "gitexp group whoami --format json"])
@output_options
def whoami_command(output: Output) -> None:
    """Show who you are here, and your roles

    Roles are those of the shared trunk, as last fetched.
    """
    standing = output.session.repository.groups.whoami()
    if output.format == "table" and not output.quiet:
        output.session.say(str(standing.actor))
    items, identity = standing_items(standing), standing.actor.identity
    table = standing_table(standing)
    output.listing(items, table, ids=[identity], document=standing.to_dict())


def _show(output: Output, shown: Group) -> None:
    members = [member.to_dict() for member in shown.members.values()]
    ids = [member["identity"] for member in members]
    output.listing(members, member_table(shown), ids=ids, document=shown.to_dict())


def _tell_to_push(session: Session) -> None:
    """Say what makes the change count, where it does not yet."""
    repository = session.repository
    if repository.groups.unshared() and repository.workspace.has_remote:
        remote, trunk = repository.workspace.remote_name, repository.workspace.trunk
        session.say(f"it counts once {trunk} is pushed: git push {remote} {trunk}")
