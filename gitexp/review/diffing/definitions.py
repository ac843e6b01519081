"""How the definition of a project differs: its slots, its environments, and the rest."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from gitexp.documents import layout
from gitexp.environments.binding import one_line
from gitexp.errors import InvalidInput
from gitexp.project.definition import Project
from gitexp.project.workspace import Workspace
from gitexp.review.diffing.contents import Contents, value_at
from gitexp.review.diffing.model import MASK, ChangeKind, EntryDiff, PathChange
from gitexp.review.diffing.paths import path_changes

_APART = ("parameters", "environments")
_OF_SECRETS = ("default", "options")


@dataclass(frozen=True, kw_only=True)
class Definition:
    """What `gitexp.yaml` says in one state, valid or not.

    Attributes:
        data: what it says; empty where it says nothing that can be read.
        project: None where it is not valid.
        problem: why it cannot be read, in one line.
        fault: why it is not valid, in one line.
    """

    data: Mapping[str, Any]
    project: Project | None = None
    problem: str | None = None
    fault: str | None = None

    @property
    def types(self) -> dict[str, str]:
        """The type of every slot, as far as it is known."""
        slots = _entries(self.data, "parameters")
        return {name: str(slot.get("type", "")) for name, slot in slots.items()}

    @property
    def defaults(self) -> dict[str, Any]:
        """The slots that have a default, with it."""
        slots = _entries(self.data, "parameters")
        return {name: slot["default"] for name, slot in slots.items() if "default" in slot}


def definition_in(workspace: Workspace, contents: Contents) -> Definition:
    """Return what the definition says in a state of the project."""
    value, problem = value_at(workspace, contents, layout.PROJECT_FILE)
    data = value if isinstance(value, Mapping) else {}
    if not data:
        return Definition(data=data, problem=problem)
    try:
        return Definition(data=data, project=Project.from_dict(data, file=layout.PROJECT_FILE))
    except InvalidInput as exc:
        return Definition(data=data, fault=one_line(exc))
    except (LookupError, TypeError, ValueError, AttributeError):
        # It breaks its schema, which is for validation to say; it is compared as it stands.
        return Definition(data=data, fault=f"{layout.PROJECT_FILE} breaks its schema")


@dataclass(frozen=True, kw_only=True)
class DefinitionDiff:
    """How two definitions differ."""

    settings: tuple[PathChange, ...]
    slots: tuple[EntryDiff, ...]
    environments: tuple[EntryDiff, ...]


def definition_diff(before: Definition, after: Definition) -> DefinitionDiff:
    """Return how two definitions differ; the defaults of secret slots are masked."""
    rest = [{key: value for key, value in side.data.items() if key not in _APART}
            for side in (before, after)]  # fmt: skip
    types = {**before.types, **after.types}
    slots = _entry_diffs(before.data, after.data, "parameters")
    return DefinitionDiff(
        settings=path_changes(rest[0], rest[1]),
        slots=tuple(_masked(slot) if types.get(slot.name) == "secret" else slot for slot in slots),
        environments=tuple(_entry_diffs(before.data, after.data, "environments")),
    )


def _entries(data: Mapping[str, Any], section: str) -> dict[str, Mapping[str, Any]]:
    found = data.get(section)
    entries = found if isinstance(found, Mapping) else {}
    return {name: entry if isinstance(entry, Mapping) else {} for name, entry in entries.items()}


def _entry_diffs(
    before: Mapping[str, Any], after: Mapping[str, Any], section: str
) -> Iterator[EntryDiff]:
    old, new = _entries(before, section), _entries(after, section)
    for name in dict.fromkeys([*old, *new]):
        changes = path_changes(old.get(name, {}), new.get(name, {}))
        kind: ChangeKind = "changed"
        if name not in old or name not in new:
            kind = "removed" if name not in new else "added"
        if kind != "changed" or changes:
            yield EntryDiff(name=name, kind=kind, changes=changes)


def _masked(slot: EntryDiff) -> EntryDiff:
    changes = (
        replace(
            change,
            before=None if change.before is None else MASK,
            after=None if change.after is None else MASK,
        )
        if change.place.startswith(_OF_SECRETS)
        else change
        for change in slot.changes
    )
    return replace(slot, changes=tuple(changes))
