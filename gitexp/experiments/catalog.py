"""The experiments of a project: listing with search, filters and paging."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from gitexp.clock import iso, parse_iso
from gitexp.experiments.headers import Header
from gitexp.experiments.homes import Home
from gitexp.experiments.namesakes import known_experiments as known_experiments
from gitexp.experiments.namesakes import superseding_name as superseding_name
from gitexp.experiments.permissions import visible_experiments as visible_experiments
from gitexp.experiments.sharing import SharingState, Visibility, sharing_of
from gitexp.experiments.versions import count_versions, latest_at
from gitexp.ids import VersionId
from gitexp.project.workspace import Workspace

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


def list_experiments(
    workspace: Workspace, selection: Selection, *, bound: Mapping[str, tuple[str, ...]]
) -> Page:
    """Return one page of the experiments that fit, sorted by name.

    Args:
        bound: the environments that each experiment, by id, is live in.
    """
    fitting = [
        (home, header)
        for home, header in visible_experiments(workspace)
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
        description=_described(header),
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


def _described(header: Header) -> str:
    """Return the description, or what is wrong, which whoever lists must see."""
    if header.problem:
        return f"cannot be read: {header.problem}"
    return (
        f"{header.note}. {header.description}".rstrip(". ") if header.note else header.description
    )


_NO_VERSIONS: Mapping[str, Any] = {"count": 0, "version": None, "at": None, "message": None}


def _versions_in_brief(workspace: Workspace, home: Home) -> dict[str, Any]:
    """Return how many versions a tip has and what the latest is, as JSON data."""
    key = f"brief/2/{home.tip}/{workspace.root}/{home.name}"
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
