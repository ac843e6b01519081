"""The groups of a project as their users hold them: read, changed, and asked who somebody is."""

from __future__ import annotations

import builtins
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from gitexp.experiments.permissions import project_group
from gitexp.project.groups import ROLES, Actor, Group, Role, current_groups
from gitexp.project.workspace import Workspace
from gitexp.review.groups import administering


@dataclass(frozen=True, kw_only=True)
class Standing:
    """Who somebody is here, and what they may do.

    Attributes:
        actor: who it is.
        roles: the roles in each group that the person is in, by group.
        owner: the group that owns the project; empty where none does.
        restricted: whether the project has groups, so that roles count at all.
    """

    actor: Actor
    roles: Mapping[str, frozenset[Role]]
    owner: str
    restricted: bool

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON data."""
        return {
            "identity": self.actor.identity,
            "name": self.actor.name,
            "project_group": self.owner or None,
            "restricted": self.restricted,
            "groups": {g: [r for r in ROLES if r in roles] for g, roles in self.roles.items()},
        }


class ProjectGroups:
    """The groups of a project; changes are commits on the trunk and count once that is shared."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace

    def list(self) -> builtins.list[Group]:
        """Return all groups as the trunk here has them, by name."""
        found = administering.trunk_groups(self._workspace).by_name
        return [found[name] for name in sorted(found)]

    def get(self, name: str) -> Group:
        """Return a group as the trunk here has it.

        Raises:
            NotFound: there is none of that name.
        """
        return administering.get_group(self._workspace, name)

    def unshared(self) -> builtins.list[str]:
        """Return the names of the groups that the shared trunk has otherwise, as last fetched."""
        here = administering.trunk_groups(self._workspace).by_name
        there = current_groups(self._workspace).by_name
        return sorted(name for name in {*here, *there} if here.get(name) != there.get(name))

    def create(self, name: str, *, description: str = "") -> Group:
        """Return a new group, in which whoever makes it is admin.

        Raises:
            InvalidInput: the name is not usable.
            AlreadyExists: there is a group of that name.
            Forbidden: whoever asks is no admin of the project's group.
        """
        return administering.create_group(self._workspace, name, description=description)

    def add_member(
        self,
        group: str,
        identity: str,
        *,
        roles: Collection[str] = ("read",),
        name: str | None = None,
        usernames: Collection[str] | None = None,
    ) -> Group:
        """Return a group with one more member, or with other roles of one that it has.

        Args:
            identity: the address of the person's Git identity.
            roles: `read`, `write`, `approve` and `admin`.
            usernames: what servers call the person.

        Raises:
            NotFound: there is no such group.
            Forbidden: whoever asks is no admin of the project's group.
        """
        return administering.add_member(
            self._workspace, group, identity, roles=roles, name=name, usernames=usernames
        )

    def remove_member(self, group: str, identity: str) -> Group:
        """Return a group without a member.

        Raises:
            NotFound: there is no such group, or it has no such member.
            Forbidden: whoever asks is no admin of the project's group.
        """
        return administering.remove_member(self._workspace, group, identity)

    def whoami(self) -> Standing:
        """Return who acts now, and their roles as the shared trunk has them.

        Raises:
            InvalidInput: nobody is configured.
        """
        actor = Actor.of_signature(self._workspace.signature())
        groups = current_groups(self._workspace)
        names = groups.groups_of(actor.identity)
        return Standing(
            actor=actor,
            roles={name: groups.roles(actor.identity, name) for name in names},
            owner=project_group(self._workspace),
            restricted=bool(groups),
        )
