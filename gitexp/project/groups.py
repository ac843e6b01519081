"""Groups: the people of a project, what each may do, and who somebody is.

A group is a file `groups/NAME.yaml`. Its members are named by their identity, which is the
address of their Git identity; servers that know people by other names have those as `usernames`.
Groups count as they stand on the trunk of the shared remote, whatever a branch says.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

from gitexp.documents import layout
from gitexp.errors import InvalidInput
from gitexp.ids import Name, ObjectId, name_fault
from gitexp.project.workspace import Workspace
from gitexp.store.model import Signature, TreeId
from gitexp.store.protocol import Store
from gitexp.store.trees import entry_at, list_dir, tree_of

Role = Literal["read", "write", "approve", "admin"]
Source = Literal["git", "variable", "certificate", "signature", "forced-command"]

ROLES: tuple[Role, ...] = ("read", "write", "approve", "admin")
"""Every role, from the least to the most."""

_IMPLIED: Mapping[Role, frozenset[Role]] = {
    "read": frozenset(["read"]),
    "write": frozenset(["read", "write"]),
    "approve": frozenset(["read", "approve"]),
    "admin": frozenset(ROLES),
}


@dataclass(frozen=True, kw_only=True)
class Actor:
    """Who does something, and how that is known.

    Attributes:
        identity: the address of the person's Git identity, or the name that a server has for
            somebody in no group.
        name: the person's name for people; may be empty.
        source: where the identity was taken from.
    """

    identity: str
    name: str = ""
    source: Source = "git"

    @classmethod
    def of_signature(cls, signature: Signature) -> Actor:
        """Return who a Git identity names."""
        return cls(identity=signature.email, name=signature.name, source="git")

    def __str__(self) -> str:
        return f"{self.name} <{self.identity}>" if self.name else self.identity


def identity_key(identity: str) -> str:
    """Return what two identities have in common when they are one person's.

    The domain of an address is compared without regard to case, all else exactly.
    """
    local, at, domain = identity.strip().rpartition("@")
    return f"{local}{at}{domain.lower()}" if at else domain


def address_of(person: str) -> str:
    """Return the address in `Name <address>`; a text without brackets is an address itself."""
    _, bracket, rest = person.partition("<")
    return rest.rpartition(">")[0].strip() if bracket else person.strip()


def same_person(one: str, other: str) -> bool:
    """Return whether two identities are one person's."""
    return identity_key(one) == identity_key(other)


@dataclass(frozen=True, kw_only=True)
class Member:
    """One person in one group.

    Attributes:
        identity: the address of the person's Git identity, as the file has it.
        roles: the roles with those that they imply.
        usernames: what servers call the person.
    """

    identity: str
    name: str = ""
    roles: frozenset[Role] = frozenset()
    usernames: tuple[str, ...] = ()

    @classmethod
    def from_dict(cls, identity: str, data: Mapping[str, Any]) -> Member:
        """Return the member that a checked document describes."""
        return cls(
            identity=identity,
            name=data.get("name", ""),
            roles=with_implied(data.get("roles", ())),
            usernames=tuple(data.get("usernames", ())),
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the member as JSON data, its roles from the least to the most."""
        return {
            "identity": self.identity,
            "name": self.name,
            "roles": [role for role in ROLES if role in self.roles],
            "usernames": list(self.usernames),
        }


def with_implied(roles: Iterable[Role]) -> frozenset[Role]:
    """Return roles with those that they imply."""
    return frozenset().union(*(_IMPLIED[role] for role in roles))


@dataclass(frozen=True, kw_only=True)
class Group:
    """A group: its members by identity, in the order of its file."""

    name: str
    description: str = ""
    members: Mapping[str, Member] = field(default_factory=dict)

    @classmethod
    def from_dict(cls, name: str, data: Mapping[str, Any]) -> Group:
        """Return the group that a checked document describes."""
        members = (Member.from_dict(key, m) for key, m in data.get("members", {}).items())
        return cls(
            name=name,
            description=data.get("description", ""),
            members={identity_key(member.identity): member for member in members},
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the group as JSON data."""
        return {
            "name": self.name,
            "description": self.description,
            "members": [member.to_dict() for member in self.members.values()],
        }

    def member(self, identity: str) -> Member | None:
        """Return the member that an identity is, None where it is nobody's."""
        return self.members.get(identity_key(identity))

    def having(self, role: Role) -> tuple[Member, ...]:
        """Return the members that have a role, in the order of the file."""
        return tuple(member for member in self.members.values() if role in member.roles)


@dataclass(frozen=True)
class Groups:
    """All groups of a project, by name. Without any, everybody may do everything."""

    by_name: Mapping[str, Group] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.by_name)

    def group(self, name: str) -> Group | None:
        """Return a group, None where there is none of that name."""
        return self.by_name.get(name)

    def member(self, identity: str) -> Member | None:
        """Return a person with the roles of all groups together; None for somebody in none."""
        found = [m for group in self.by_name.values() if (m := group.member(identity))]
        if not found:
            return None
        return Member(
            identity=found[0].identity,
            name=next((m.name for m in found if m.name), ""),
            roles=frozenset().union(*(m.roles for m in found)),
            usernames=tuple(dict.fromkeys(name for m in found for name in m.usernames)),
        )

    def of(self, username: str) -> str:
        """Return the identity that a server's user name stands for.

        A name that no member has, or that members of different identities have, is its own
        identity: a name that is not certain gives nobody's rights.
        """
        claimed = self._by_username.get(username, frozenset())
        return next(iter(claimed)) if len(claimed) == 1 else username

    @cached_property
    def _by_username(self) -> Mapping[str, frozenset[str]]:
        found: dict[str, dict[str, str]] = {}
        for group in self.by_name.values():
            for key, member in group.members.items():
                for username in member.usernames:
                    found.setdefault(username, {}).setdefault(key, member.identity)
        return {username: frozenset(them.values()) for username, them in found.items()}

    def roles(self, identity: str, group: str) -> frozenset[Role]:
        """Return what somebody may do in a group; nothing where the group is not there."""
        there = self.by_name.get(group)
        member = there.member(identity) if there else None
        return member.roles if member else frozenset()

    def may(self, identity: str, role: Role, group: str | None) -> bool:
        """Return whether somebody may do what takes a role with what a group owns.

        Everybody may with what no group owns, and where the project has no groups at all.
        """
        return not group or not self.by_name or role in self.roles(identity, group)

    def groups_of(self, identity: str) -> tuple[str, ...]:
        """Return the names of the groups that somebody is in, sorted."""
        return tuple(sorted(n for n, group in self.by_name.items() if group.member(identity)))

    def people(
        self, groups: Iterable[str] = (), users: Iterable[str] = (), *, role: Role = "approve"
    ) -> tuple[str, ...]:
        """Return the identities of users and of those who have a role in some groups, each once."""
        members = (m for name in groups if (g := self.by_name.get(name)) for m in g.having(role))
        found: dict[str, str] = {}
        for identity in (*users, *(member.identity for member in members)):
            found.setdefault(identity_key(identity), identity)
        return tuple(found.values())

    def is_among(
        self,
        identity: str,
        groups: Iterable[str] = (),
        users: Iterable[str] = (),
        *,
        role: Role = "approve",
    ) -> bool:
        """Return whether somebody is one of the users or has a role in one of the groups."""
        return any(same_person(identity, user) for user in users) or any(
            role in self.roles(identity, group) for group in groups
        )

    def unknown(self, names: Collection[str]) -> tuple[str, ...]:
        """Return the names of which there is no group, in their order."""
        return tuple(name for name in names if name not in self.by_name)


NO_GROUPS = Groups()
"""The groups of a project that has none."""


def groups_at(workspace: Workspace, tree: TreeId | None, *, reader: Store | None = None) -> Groups:
    """Return the groups of a tree of the project's trunk; of no tree, none.

    Read once for each content of the directory.

    Raises:
        InvalidDocuments: a group's file breaks its schema. Nobody's rights are guessed.
        InvalidInput: a symbolic link stands in the place of the directory or of a file.
    """
    store = reader or workspace.store
    directory = layout.join(workspace.root, layout.GROUPS_DIR)
    entry = entry_at(store, tree, directory) if tree is not None else None
    if tree is None or entry is None:
        return NO_GROUPS
    if not entry.is_tree:
        raise InvalidInput(
            f"{directory} is no directory, so nobody's rights are known",
            hint="Put a directory with a file for each group there, on the trunk.",
        )
    return workspace.cache.memo(
        f"groups/{directory}/{entry.id}", lambda: _read(workspace, tree, store, directory)
    )


def _read(workspace: Workspace, tree: TreeId, store: Store, directory: str) -> Groups:
    """Return the groups whose files stand in a directory of a tree."""
    files = (entry.name for entry in list_dir(store, tree, directory))
    names = (file.removesuffix(".yaml") for file in files if file.endswith(".yaml"))
    return Groups({n: _read_one(workspace, tree, store, n) for n in names if not name_fault(n)})


def _read_one(workspace: Workspace, tree: TreeId, store: Store, name: str) -> Group:
    from gitexp.project.reading import read_document

    path = layout.group_path(workspace.root, Name(name))
    data = read_document(workspace, tree, path, "group", reader=store)
    return Group.from_dict(name, data or {})


def shared_trunk(workspace: Workspace, *, reader: Store | None = None) -> ObjectId | None:
    """Return the trunk's tip on the shared remote, as last fetched; None where it is not known.

    A repository that has no shared remote, as the shared one itself, stands for it.
    """
    store = reader or workspace.store
    tracked = store.ref(workspace.tracking(workspace.trunk_ref))
    if tracked is None and not workspace.has_remote:
        return store.ref(workspace.trunk_ref)
    return tracked


def current_groups(workspace: Workspace, *, reader: Store | None = None) -> Groups:
    """Return the groups as they stand on the trunk of the shared remote.

    Raises:
        InvalidDocuments: a group's file breaks its schema.
    """
    store = reader or workspace.store
    tip = shared_trunk(workspace, reader=store)
    if tip is None:
        return NO_GROUPS
    return workspace.cache.memo(
        f"current-groups/{workspace.root}/{tip}",
        lambda: groups_at(workspace, tree_of(store, tip), reader=store),
    )
