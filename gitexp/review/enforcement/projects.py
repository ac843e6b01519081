"""What a push to a trunk may make of its projects: rules that can be read, and that people keep."""

from __future__ import annotations

from collections.abc import Callable

from gitexp.documents import layout
from gitexp.errors import GitexpError, InvalidInput, NotAllowed, NotFound
from gitexp.ids import ObjectId
from gitexp.project.groups import Groups, groups_at
from gitexp.project.reading import project_at
from gitexp.project.workspace import Workspace
from gitexp.review.enforcement.moves import RefMove, is_own
from gitexp.store.trees import tree_of


def check_project(
    workspace: Workspace,
    move: RefMove,
    *,
    is_new: bool,
    after: Callable[[str], ObjectId | None],
) -> None:
    """See that a project which a trunk would hold keeps the repository and its people going.

    Args:
        workspace: the project as the push would leave it.
        is_new: whether the trunk did not hold it before. Then no rules of its own are asked yet.
        after: returns where a reference would stand.

    Raises:
        InvalidInput: its rules could not be read, or its trunk is no branch for one.
        NotAllowed: the group that owns it would be gone, or have no admin.
    """
    if is_own(workspace.trunk):
        raise InvalidInput(
            f"{workspace.trunk!r} cannot be the trunk of project {workspace.project_id!r}: it is "
            "a branch of gitexp's own",
            hint="Name the branch on which the project is developed.",
        )
    if is_new:
        _check_rules(workspace, move, after(workspace.trunk_ref))
    elif workspace.trunk_ref == move.ref:
        check_owner(workspace, move)


def _check_rules(workspace: Workspace, move: RefMove, trunk: ObjectId | None) -> None:
    """See that the rules of a new project can be read, on its own trunk as well.

    Raises:
        InvalidInput: they cannot, so nobody could push there any more.
    """
    for commit in {move.new, trunk} - {None}:
        assert commit is not None
        tree = tree_of(workspace.store, commit)
        try:
            found = project_at(workspace, tree)
            groups_at(workspace, tree)
        except GitexpError as exc:
            raise InvalidInput(
                f"the rules of project {workspace.project_id!r} cannot be read in "
                f"{commit[:10]}: {exc.message}",
                hint="Push its gitexp.yaml to its own trunk first, and correct it there.",
            ) from exc
        if found.id != workspace.project_id:
            raise InvalidInput(f"{workspace.trunk!r} is the trunk of project {found.id!r}")


def check_owner(workspace: Workspace, move: RefMove) -> None:
    """See that the group that owns a project is there, and somebody may change the rules.

    Without that group nobody could; without any group at all, everybody could do everything.
    What was so before is not held against a push.

    Raises:
        NotAllowed: it would be gone, or have no admin.
    """
    fault = _fault(workspace, move.new)
    if fault and (not _fault(workspace, move.old) or _begins_groups(workspace, move)):
        raise NotAllowed(
            fault,
            hint="Give the project to another group by `group` in its gitexp.yaml, or name an "
            "admin in the group's file.",
        )


def _begins_groups(workspace: Workspace, move: RefMove) -> bool:
    """Return whether a push brings the first groups, so that roles count from then on."""
    before, after = (
        groups_at(workspace, tree_of(workspace.store, commit) if commit is not None else None)
        for commit in (move.old, move.new)
    )
    return bool(after) and not before


def _fault(workspace: Workspace, commit: ObjectId | None) -> str:
    """Return why nobody, or everybody, could change the rules as they stand in a commit."""
    if commit is None:
        return ""
    tree = tree_of(workspace.store, commit)
    try:
        group = project_at(workspace, tree).group
    except NotFound:
        return ""
    groups = groups_at(workspace, tree)
    if not group or _has_admin(groups, group):
        return ""
    path = layout.join(workspace.root, layout.GROUPS_DIR, f"{group}.yaml")
    missing = f"{path} would not be there" if groups.group(group) is None else ""
    said = missing or f"{path} would name no admin"
    return f"group {group!r} owns project {workspace.project_id!r}, and {said}"


def _has_admin(groups: Groups, group: str) -> bool:
    there = groups.group(group)
    return there is not None and bool(there.having("admin"))
