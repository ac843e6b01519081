"""Changing groups: each change is one commit on the trunk, and counts once that is shared."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

from gitexp.documents import layout
from gitexp.errors import AlreadyExists, InvalidInput, NotAllowed, NotFound
from gitexp.experiments.permissions import forbidden, project_group
from gitexp.ids import Name, parse_name
from gitexp.project.groups import (
    ROLES,
    Actor,
    Group,
    Groups,
    Role,
    current_groups,
    groups_at,
    identity_key,
)
from gitexp.project.reading import current_project, read_document
from gitexp.project.workspace import Workspace
from gitexp.store.protocol import Store
from gitexp.store.transaction import Transaction, transact
from gitexp.store.trees import blob_at, tree_of

Document = dict[str, Any]
Edit = Callable[[Document], Document]


def trunk_groups(workspace: Workspace, *, reader: Store | None = None) -> Groups:
    """Return the groups as the trunk here has them, what was not shared yet included."""
    store = reader or workspace.store
    tip = workspace.trunk_tip(store)
    return groups_at(workspace, tree_of(store, tip) if tip else None, reader=store)


def get_group(workspace: Workspace, name: str, *, reader: Store | None = None) -> Group:
    """Return a group as the trunk here has it.

    Raises:
        NotFound: there is none of that name.
    """
    group = trunk_groups(workspace, reader=reader).group(name)
    if group is None:
        raise NotFound(
            f"no group {name!r} in project {workspace.project_id!r}",
            hint=f"Make it with `gitexp group create {name}`, or list groups with `gitexp group`.",
        )
    return group


def create_group(workspace: Workspace, name: str, *, description: str = "") -> Group:
    """Return a new group, in which whoever makes it is admin.

    Raises:
        InvalidInput: the name is not usable.
        AlreadyExists: there is a group of that name.
        Forbidden: whoever asks is no admin of the project's group.
    """
    checked = parse_name(name, "group name")
    signature = workspace.signature()
    member: Document = {"name": signature.name, "roles": ["admin"]}
    document: Document = {"members": {signature.email: member}}
    if description:
        document = {"description": description} | document

    def edit(before: Document) -> Document:
        if before:
            raise AlreadyExists(
                f"group {name!r} exists already", hint=f"See `gitexp group show {name}`."
            )
        return document

    return _write(workspace, checked, edit, doing=f"create group {name!r}", message="new group")


def add_member(
    workspace: Workspace,
    group: str,
    identity: str,
    *,
    roles: Collection[str],
    name: str | None = None,
    usernames: Collection[str] | None = None,
) -> Group:
    """Return a group with one more member, or with other roles of one that it has.

    Args:
        name: the person's name; what the file has by default.
        usernames: what servers call the person; what the file has by default.

    Raises:
        NotFound: there is no such group.
        InvalidInput: the identity cannot be one, or a role is unknown.
        Forbidden: whoever asks is no admin of the project's group.
    """
    chosen = _checked_roles(roles)
    new = {"name": name, "roles": list(chosen), "usernames": sorted(usernames or ()) or None}
    given = {key: value for key, value in new.items() if value is not None}

    def edit(before: Document) -> Document:
        members = dict(before["members"])
        known = _key_of(members, identity)
        members[known] = {**members.get(known, {}), **given}
        return {**before, "members": members}

    get_group(workspace, group)
    message = f"{identity}: {', '.join(chosen)}"
    return _write(workspace, Name(group), edit, doing=f"change group {group!r}", message=message)


def remove_member(workspace: Workspace, group: str, identity: str) -> Group:
    """Return a group without a member.

    Raises:
        NotFound: there is no such group, or it has no such member.
        NotAllowed: it owns the project, and this was its last admin.
        Forbidden: whoever asks is no admin of the project's group.
    """

    def edit(before: Document) -> Document:
        known = _key_of(before["members"], identity)
        if known not in before["members"]:
            raise NotFound(
                f"{identity} is no member of group {group!r}",
                hint=f"See who is with `gitexp group show {group}`.",
            )
        kept = {key: member for key, member in before["members"].items() if key != known}
        return {**before, "members": kept}

    get_group(workspace, group)
    message = f"without {identity}"
    return _write(workspace, Name(group), edit, doing=f"change group {group!r}", message=message)


def _checked_roles(roles: Collection[str]) -> tuple[Role, ...]:
    unknown = [role for role in roles if role not in ROLES]
    if unknown or not roles:
        raise InvalidInput(
            f"{unknown[0]!r} is no role" if unknown else "a member without a role",
            hint=f"Roles are {', '.join(ROLES)}.",
        )
    return tuple(role for role in ROLES if role in roles)


def _key_of(members: Mapping[str, Any], identity: str) -> str:
    """Return the identity as the file has it, where it has it."""
    same = (known for known in members if identity_key(known) == identity_key(identity))
    return next(same, identity)


def _write(workspace: Workspace, name: Name, edit: Edit, *, doing: str, message: str) -> Group:
    """Change a group's file in one commit on the trunk; without a difference, in none."""
    signature = workspace.signature()

    def work(tx: Transaction) -> Group:
        require_project_admin(workspace, doing, reader=tx)
        owner = current_project(workspace, reader=tx).group
        tip = workspace.trunk_tip(tx)
        assert tip is not None  # it holds the definition
        tree = tree_of(tx, tip)
        path = layout.group_path(workspace.root, name)
        before = read_document(workspace, tree, path, "group", reader=tx) or {}
        after = edit(before)
        _refuse_without_admin(owner, name, after)
        if after != before:
            changed = tx.tree(tree, {path: _content(blob_at(tx, tree, path), after, path)})
            commit = tx.commit(
                tree=changed,
                parents=[tip],
                message=f"group {name}: {message}\n",
                author=signature,
                sign=workspace.commit_sign(),
            )
            old = tx.ref(workspace.trunk_ref)
            tx.set_ref(workspace.trunk_ref, old=old, new=commit, message=f"gitexp group: {name}")
        return Group.from_dict(name, after)

    return transact(workspace.store, work)


def _refuse_without_admin(owner: str, name: Name, after: Document) -> None:
    """Raise NotAllowed when the group that owns the project would have no admin any more."""
    if name == owner and not Group.from_dict(name, after).having("admin"):
        raise NotAllowed(
            f"group {name!r} owns the project and would have no admin",
            hint="Make somebody else admin first: "
            f"`gitexp group add-member {name} ADDRESS --role admin`.",
        )


def _content(before: bytes | None, after: Document, path: str) -> bytes:
    """Return the bytes of a group's file; comments and order of the one before stay."""
    from gitexp.documents import schemas
    from gitexp.documents.yaml_editor import edit_yaml
    from gitexp.documents.yaml_writer import dump_yaml

    content = edit_yaml(before, after, file=path) if before else dump_yaml(after, schema="group")
    schemas.load("group", content, file=path)  # what cannot be read again is not written
    return content


def require_project_admin(workspace: Workspace, doing: str, *, reader: Store | None = None) -> None:
    """Check that whoever writes now may change policies, groups and signers.

    Everybody may while the project has no group, or there are no groups.

    Raises:
        Forbidden: they may not.
    """
    groups = current_groups(workspace, reader=reader)
    owner = project_group(workspace, reader=reader) if groups else ""
    actor = Actor.of_signature(workspace.signature())
    if not groups.may(actor.identity, "admin", owner):
        raise forbidden(workspace, groups, actor, "admin", owner, doing)
