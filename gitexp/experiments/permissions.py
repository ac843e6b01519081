"""Who may do what with an experiment: its group's members, each by their roles.

An experiment is owned by the `group` of its header, else by that of the project. Who owns it is
read where it is shared, and groups from the trunk of the shared remote, so nobody gives
themselves rights by editing a file. Where the project has no groups, nothing is looked at. The
rules here save people a refused push; it is the remote that enforces them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from gitexp.documents import layout
from gitexp.errors import Forbidden, InvalidInput, NotFound
from gitexp.experiments.headers import Header, header_at, listed_header
from gitexp.experiments.homes import Home, find_home, missing_experiment
from gitexp.experiments.namesakes import Known, known_experiments
from gitexp.ids import Name
from gitexp.project.groups import Actor, Groups, Role, current_groups, shared_trunk
from gitexp.project.reading import project_at
from gitexp.project.workspace import Workspace
from gitexp.store.protocol import Store
from gitexp.store.trees import tree_of

_ASKED = 3
"""How many people a refusal names."""


def needed_roles(before: str, after: str) -> tuple[tuple[Role, str], ...]:
    """Return the role that a write takes in each group, given who owned the thing and who will.

    Giving an experiment to another group takes `admin` where it was and `write` where it goes.
    """
    if before == after:
        return (("write", before),) if before else ()
    needed: list[tuple[Role, str]] = [("admin", before)] if before else []
    return (*needed, *([("write", after)] if after else ()))


def project_group(workspace: Workspace, *, reader: Store | None = None) -> str:
    """Return the group that owns the project, by the trunk of the shared remote; or nothing."""
    tip = shared_trunk(workspace, reader=reader)
    if tip is None:
        return ""
    try:
        return project_at(workspace, tree_of(reader or workspace.store, tip), reader=reader).group
    except NotFound:
        return ""


def owner_of(workspace: Workspace, home: Home, *, reader: Store | None = None) -> str:
    """Return the group that owns an experiment, as it is shared; empty where none does."""
    try:
        header = header_at(workspace, home.shared or home.tip, home.name, reader=reader)
    except NotFound:
        header = header_at(workspace, home.tip, home.name, reader=reader)
    return header.group or project_group(workspace, reader=reader)


def require_role(
    workspace: Workspace,
    home: Home,
    doing: str,
    *,
    role: Role = "write",
    reader: Store | None = None,
) -> None:
    """Check that whoever writes now has a role in the group that owns an experiment.

    Args:
        doing: what is wanted, for the refusal: `save`, `rename` ...

    Raises:
        Forbidden: they have not.
    """
    groups = current_groups(workspace, reader=reader)
    if groups:
        owner = owner_of(workspace, home, reader=reader)
        _require(workspace, groups, [(role, owner)], f"{doing} experiment {home.name!r}")


def require_roles_to_change(
    workspace: Workspace, home: Home, after: Header, doing: str, *, reader: Store | None = None
) -> None:
    """Check that whoever writes now may give an experiment another header.

    Raises:
        Forbidden: they may not.
    """
    groups = current_groups(workspace, reader=reader)
    if groups:
        before = owner_of(workspace, home, reader=reader)
        new = after.group or project_group(workspace, reader=reader)
        what = f"{doing} experiment {home.name!r}"
        _require(workspace, groups, needed_roles(before, new), what)


def require_role_to_create(
    workspace: Workspace, name: str, group: str, *, reader: Store | None = None
) -> None:
    """Check that whoever writes now may create an experiment that a group is to own.

    Args:
        group: the group of its header; empty for the project's.

    Raises:
        Forbidden: they may not.
    """
    groups = current_groups(workspace, reader=reader)
    if groups:
        owner = group or project_group(workspace, reader=reader)
        _require(workspace, groups, needed_roles(owner, owner), f"create experiment {name!r}")


def require_role_for(
    workspace: Workspace, experiment: str | None, doing: str, *, reader: Store | None = None
) -> None:
    """Check that whoever writes now may move what an environment says of an experiment.

    Of an experiment that is not here any more, the project's group decides.

    Raises:
        Forbidden: they may not.
    """
    groups = current_groups(workspace, reader=reader)
    if not groups:
        return
    home = find_home(workspace, experiment, reader=reader) if experiment else None
    owner = (
        owner_of(workspace, home, reader=reader)
        if home
        else project_group(workspace, reader=reader)
    )
    _require(workspace, groups, needed_roles(owner, owner), doing)


def _require(
    workspace: Workspace, groups: Groups, needed: Iterable[tuple[Role, str]], what: str
) -> None:
    actor = Actor.of_signature(workspace.signature())
    for role, group in needed:
        if not groups.may(actor.identity, role, group):
            raise forbidden(workspace, groups, actor, role, group, what)


def forbidden(
    workspace: Workspace, groups: Groups, actor: Actor, role: Role, group: str, what: str
) -> Forbidden:
    """Return the error for somebody who lacks a role: who, for what, and whom to ask."""
    message = f"{actor.identity} may not {what}: it takes the role {role} in group {group!r}"
    there = groups.group(group)
    if there is None:
        path = layout.group_path(workspace.root, Name(group))
        return Forbidden(
            f"{message}, which does not exist",
            hint=f"Somebody who may change {workspace.trunk} has to add {path} there.",
        )
    admins = [member.identity for member in there.having("admin")]
    admins = admins or list(groups.people([project_group(workspace)], role="admin"))
    named = ", ".join(admins[:_ASKED])
    hint = (
        f"Ask {named} for it."
        if named
        else f"The group has no admin: see `gitexp group show {group}`."
    )
    return Forbidden(message, hint=hint)


# --- reading --------------------------------------------------------------------------------


def identity_of(workspace: Workspace) -> str | None:
    """Return who reads now; None where nobody is configured, as in CI."""
    try:
        return workspace.signature().email
    except InvalidInput:
        return None


def readable(workspace: Workspace, *, reader: Store | None = None) -> Callable[[Home], bool]:
    """Return what tells whether an experiment is shown to whoever reads now.

    To nobody in particular everything is shown: what a clone holds it can read.
    """
    groups = current_groups(workspace, reader=reader)
    identity = identity_of(workspace) if groups else None
    if not groups or identity is None:
        return lambda home: True
    by_default = project_group(workspace, reader=reader)

    def is_readable(home: Home) -> bool:
        header = listed_header(workspace, home, reader=reader)
        return groups.may(identity, "read", header.group or by_default)

    return is_readable


def visible_experiments(workspace: Workspace, *, reader: Store | None = None) -> list[Known]:
    """Return home and header of every experiment that whoever reads now may read, by name."""
    is_readable = readable(workspace, reader=reader)
    return [k for k in known_experiments(workspace, reader=reader) if is_readable(k[0])]


def find_visible(workspace: Workspace, name: str, *, tolerate_shallow: bool = False) -> Home | None:
    """Return an experiment's home; None where there is none that whoever reads now may read."""
    home = find_home(workspace, name, tolerate_shallow=tolerate_shallow)
    return home if home and readable(workspace)(home) else None


def get_visible(workspace: Workspace, name: str, *, tolerate_shallow: bool = False) -> Home:
    """Return the home of an experiment that whoever reads now may read.

    Raises:
        NotFound: there is none of that name.
    """
    home = find_visible(workspace, name, tolerate_shallow=tolerate_shallow)
    if home is None:
        seen = [known.name for known, _ in visible_experiments(workspace)]
        raise missing_experiment(workspace, name, seen)
    return home
