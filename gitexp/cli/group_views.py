"""How groups and their members are shown."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

from gitexp.cli.tables import Column, Table

if TYPE_CHECKING:
    from gitexp.project.groups import Group
    from gitexp.review.groups.collection import Standing

_LIST_COLUMNS = (
    Column(key="name", title="group", kind="code"),
    Column(key="size", title="members", kind="number"),
    Column(key="admins", title="admins", kind="names", spare=2),
    Column(key="pending", title="note", optional=True),
    Column(key="description", title="description", spare=1),
)
_MEMBER_COLUMNS = (
    Column(key="identity", title="member", kind="code"),
    Column(key="name", title="name", spare=2),
    Column(key="roles", title="roles", kind="names"),
    Column(key="usernames", title="user names", kind="names", optional=True, spare=1),
)
_STANDING_COLUMNS = (
    Column(key="group", title="group", kind="code"),
    Column(key="roles", title="roles", kind="names"),
)


def group_table(groups: Sequence[Group], unshared: Collection[str], trunk: str) -> Table:
    """Return a row for each group; those that are not on the shared trunk are marked."""
    pending = f"counts once {trunk} is pushed"
    rows = [
        group.to_dict()
        | {
            "size": len(group.members),
            "admins": [member.identity for member in group.having("admin")],
            "pending": pending if group.name in unshared else None,
        }
        for group in groups
    ]
    note = "" if rows else "no groups: everybody may do everything; see `gitexp group create`"
    return Table(columns=_LIST_COLUMNS, rows=rows, note=note)


def member_table(group: Group) -> Table:
    """Return a row for each member of a group."""
    rows = [member.to_dict() for member in group.members.values()]
    note = "" if rows else f"nobody is in it; see `gitexp group add-member {group.name}`"
    return Table(columns=_MEMBER_COLUMNS, rows=rows, note=note)


def standing_items(standing: Standing) -> list[dict[str, Any]]:
    """Return a group of somebody and the roles there, for each."""
    data = standing.to_dict()
    return [{"group": name, "roles": roles} for name, roles in data["groups"].items()]


def standing_table(standing: Standing) -> Table:
    """Return a row for each group that somebody is in."""
    note = ""
    if not standing.restricted:
        note = "the project has no groups: everybody may do everything"
    elif not standing.roles:
        note = f"{standing.actor.identity} is in no group"
    return Table(columns=_STANDING_COLUMNS, rows=standing_items(standing), note=note)
