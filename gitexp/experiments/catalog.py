"""The experiments of a project: listing with search, filters and paging."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from gitexp.clock import iso, parse_iso
from gitexp.experiments.headers import Header, listed_header
from gitexp.experiments.homes import Home, all_homes, find_home
from gitexp.experiments.sharing import SharingState, Visibility, sharing_of
from gitexp.experiments.versions import count_versions, latest_at
from gitexp.ids import VersionId
from gitexp.project.workspace import Workspace
from gitexp.store.history import is_ancestor

LifecycleFilter = Literal["active", "archived", "deleted", "all"]


@dataclass(frozen=True, kw_only=True)
class ExperimentSummary:
    """One line of the list of experiments."""

    name: str
    id: str
    description: str
    visibility: Visibility
    sharing: SharingState
    lifecycle: str
    versions_count: int
    latest_version: VersionId | None
    latest_at: datetime | None
    latest_message: str | None
    environments: tuple[str, ...]
    tags: Mapping[str, str]

    def to_dict(self) -> dict[str, Any]:
        """Return the summary as JSON data."""
        data = dict(vars(self))
        data["latest_at"] = iso(self.latest_at) if self.latest_at else None
        return data | {"environments": list(self.environments), "tags": dict(self.tags)}


@dataclass(frozen=True, kw_only=True)
class Page:
    """A part of a list, and how long the whole is."""

    items: tuple[ExperimentSummary, ...]
    total: int


@dataclass(frozen=True, kw_only=True)
class Selection:
    """Which experiments to list.

    Attributes:
        search: a text that name or description contain, in any case.
        visibility: only those; None takes both.
        tags: only those that carry every one of these tags.
    """

    search: str | None = None
    lifecycle: LifecycleFilter = "active"
    visibility: Visibility | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    limit: int = 100
    offset: int = 0

    def takes(self, header: Header) -> bool:
        """Return whether a header fits; visibility apart."""
        text = f"{header.name}\n{header.description}".casefold()
        return (
            self.lifecycle in ("all", header.lifecycle)
            and (self.search or "").casefold() in text
            and self.tags.items() <= header.tags.items()
        )


def known_experiments(workspace: Workspace) -> list[tuple[Home, Header]]:
    """Return every experiment's home and header, sorted by name.

    What stands under two names with one id was renamed: only the line of history that is ahead
    counts, and a branch before the trunk.
    """
    found: dict[str, tuple[Home, Header]] = {}
    for home in all_homes(workspace):
        header = listed_header(workspace, home)
        known = found.get(header.id)
        if known is None or _ahead_of(workspace, known[0], home):
            found[header.id] = (home, header)
    return sorted(found.values(), key=lambda pair: pair[0].name)


def _ahead_of(workspace: Workspace, known: Home, other: Home) -> bool:
    return (
        other.kind != "trunk"
        and known.tip != other.tip
        and is_ancestor(workspace.store, known.tip, other.tip)
    )


def list_experiments(
    workspace: Workspace, selection: Selection, *, bound: Mapping[str, tuple[str, ...]]
) -> Page:
    """Return one page of the experiments that fit, sorted by name.

    Args:
        bound: the environments that each experiment, by id, is live in.
    """
    fitting = [
        (home, header)
        for home, header in known_experiments(workspace)
        if selection.takes(header)
        and (
            selection.visibility is None
            or selection.visibility == sharing_of(workspace, home).visibility
        )
    ]
    part = fitting[selection.offset : selection.offset + selection.limit]
    items = tuple(summary(workspace, home, header, bound) for home, header in part)
    return Page(items=items, total=len(fitting))


def summary(
    workspace: Workspace, home: Home, header: Header, bound: Mapping[str, tuple[str, ...]]
) -> ExperimentSummary:
    """Return the line of one experiment."""
    versions = _NO_VERSIONS if header.problem else _versions_in_brief(workspace, home)
    sharing = sharing_of(workspace, home)
    return ExperimentSummary(
        name=home.name,
        id=header.id,
        description=f"cannot be read: {header.problem}" if header.problem else header.description,
        visibility=sharing.visibility,
        sharing=sharing.state,
        lifecycle=header.lifecycle,
        versions_count=versions["count"],
        latest_version=versions["version"],
        latest_at=parse_iso(versions["at"]) if versions["at"] else None,
        latest_message=versions["message"],
        environments=bound.get(header.id, ()),
        tags=header.tags,
    )


_NO_VERSIONS: Mapping[str, Any] = {"count": 0, "version": None, "at": None, "message": None}


def superseding_name(workspace: Workspace, name: str) -> str | None:
    """Return the name that an experiment has now, where this one is its former; else None."""
    homes = known_experiments(workspace)
    if any(home.name == name for home, _ in homes):
        return None
    home = find_home(workspace, name)
    header = listed_header(workspace, home) if home else None
    return next((h.name for h, known in homes if header and known.id == header.id), None)


def _versions_in_brief(workspace: Workspace, home: Home) -> dict[str, Any]:
    """Return how many versions a tip has and what the latest is, as JSON data."""
    key = f"brief/1/{home.tip}/{workspace.root}/{home.name}"
    known = workspace.cache.get(key)
    if known is None:
        latest = latest_at(workspace, home.tip, home.name)
        known = {
            "count": count_versions(workspace, home),
            "version": latest.version if latest else None,
            "at": iso(latest.created_at) if latest else None,
            "message": latest.message.split("\n", 1)[0] if latest else None,
        }
        workspace.cache.put(key, known)
    brief: dict[str, Any] = known
    return brief
