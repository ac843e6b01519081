"""What is wrong between groups and what names them: unknown groups, shared user names, no admin."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from gitexp.documents import layout
from gitexp.documents.kinds import DocumentKind
from gitexp.documents.parsed import ParsedDocument
from gitexp.documents.problems import Problem, shown
from gitexp.documents.values import Path as Place
from gitexp.errors import InvalidInput
from gitexp.ids import Name, name_fault
from gitexp.project.groups import Group, identity_key
from gitexp.project.sources import Source

_LOCKED = "nobody may change policies, groups or signers"

Valid = Callable[[str, DocumentKind], "ParsedDocument | None"]
"""Returns the document at a path when it is a valid one of a kind, else None."""


def group_problems(
    source: Source, headers: Mapping[str, ParsedDocument], valid: Valid
) -> list[Problem]:
    """Return what is wrong with the groups of a project's files, and with what names groups.

    Args:
        headers: the valid headers of experiments among the files, by path.
    """
    named = dict(headers)
    if layout.PROJECT_FILE in source.paths and (it := valid(layout.PROJECT_FILE, "project")):
        named[layout.PROJECT_FILE] = it
    problems = [p for path, d in named.items() for p in _naming_problems(source, path, d)]
    problems += _username_problems(source, valid)
    if _touches_admins(source):
        problems += _admin_problems(source, valid)
    return problems


def _touches_admins(source: Source) -> bool:
    return any(p == layout.PROJECT_FILE or layout.kind_of(p) == "group" for p in source.paths)


def _naming_problems(source: Source, path: str, document: ParsedDocument) -> Iterator[Problem]:
    """Yield the problems of groups that a definition or a header names and nobody made."""
    for place, name, is_owner in _named(document.value):
        if _is_missing(source, name, is_owner=is_owner):
            message = f"there is no group {shown(name)}: {_path(name)} is missing"
            yield document.problem(source.shown(path), place, message)


def _named(value: Mapping[str, Any]) -> Iterator[tuple[Place, str, bool]]:
    """Yield every place that names a group, the name, and whether it names an owner."""
    if value.get("group"):
        yield ("group",), value["group"], True
    for environment, declared in value.get("environments", {}).items():
        for number, policy in enumerate((declared or {}).get("policies", ())):
            start = ("environments", environment, "policies", number)
            for part in ("approvals", "signed", "bypass"):
                people = policy.get(part)
                named = people.get("groups", ()) if isinstance(people, Mapping) else ()
                for position, name in enumerate(named):
                    yield (*start, part, "groups", position), name, False


def _is_missing(source: Source, name: str, *, is_owner: bool) -> bool:
    """Return whether a group is not there; an owner may be a mere word while there are none."""
    if is_owner and not _is_there(source, layout.GROUPS_DIR):
        return False
    return bool(name_fault(name)) or not _is_there(source, _path(name))


def _path(name: str) -> str:
    return layout.group_path("", Name(name))


def _is_there(source: Source, path: str) -> bool:
    try:
        return source.read(path) is not None
    except InvalidInput:
        return True


def _username_problems(source: Source, valid: Valid) -> Iterator[Problem]:
    """Yield the problems of user names that members of different identities have."""
    claimed: dict[str, tuple[str, str]] = {}
    for path in source.paths:
        document = valid(path, "group")
        for place, username, identity in _usernames(document):
            first, where = claimed.setdefault(username, (identity, path))
            if identity_key(first) != identity_key(identity) and document is not None:
                message = (
                    f"{shown(username)} is a user name of {shown(first)} in {where} too; "
                    "whoever comes with it is taken for neither"
                )
                yield document.problem(source.shown(path), place, message)


def _usernames(document: ParsedDocument | None) -> Iterator[tuple[Place, str, str]]:
    members = document.value["members"] if document is not None else {}
    for identity, member in members.items():
        for position, username in enumerate(member.get("usernames", ())):
            yield ("members", identity, "usernames", position), username, identity


def _admin_problems(source: Source, valid: Valid) -> Iterator[Problem]:
    """Yield the problem of a project whose groups nobody may change any more."""
    definition = valid(layout.PROJECT_FILE, "project")
    owner = definition.value.get("group", "") if definition is not None else ""
    if not owner or name_fault(owner):
        return
    path = _path(owner)
    document = valid(path, "group")
    if document is not None and not Group.from_dict(owner, document.value).having("admin"):
        message = f"{shown(owner)} owns the project and has no admin, so {_LOCKED}"
        yield document.problem(source.shown(path), ("members",), message)
    elif layout.PROJECT_FILE not in source.paths and not _is_there(source, path):
        message = f"the file is missing, and {shown(owner)} owns the project, so {_LOCKED}"
        yield Problem(file=source.shown(path), message=message)
