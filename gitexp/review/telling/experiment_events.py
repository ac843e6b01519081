"""What happened to one experiment: its saves, its header, its life, and what was pushed of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from gitexp.documents import layout
from gitexp.errors import InvalidInput, NotFound
from gitexp.experiments.homes import Home
from gitexp.experiments.lineage import HeaderChange, Lineage, lineage
from gitexp.experiments.versions import Version, versions_of
from gitexp.ids import Name, ObjectId
from gitexp.project.reading import read_document
from gitexp.project.workspace import Workspace
from gitexp.review.telling.events import Event
from gitexp.store.model import Commit
from gitexp.store.ref_moves import moves_of
from gitexp.store.trees import read_commit

_LIFE = {
    ("active", "archived"): "archive",
    ("archived", "active"): "unarchive",
    ("deleted", "active"): "restore",
}
"""What moves of the lifecycle are called; any that ends in `deleted` is a deletion."""


@dataclass(frozen=True, kw_only=True)
class ExperimentStory:
    """The events of one experiment.

    Attributes:
        saves: saves and what was written in headers, oldest first.
        pushes: what was pushed of it from this clone, oldest first.
        versions: the commits of its versions.
        names: the names that it has or had.
        cut: whether history is cut off before it begins.
    """

    saves: tuple[Event, ...]
    pushes: tuple[Event, ...]
    versions: frozenset[ObjectId]
    names: frozenset[str]
    cut: bool


def story_of(workspace: Workspace, home: Home) -> ExperimentStory:
    """Return the events of an experiment, as far as this clone knows them.

    What follows from commits alone is kept by the tip.
    """
    cache = workspace.cache
    start = f"story/1/{workspace.root}/{home.name}"
    known = cache.get(f"{start}/{home.tip}")
    found = _Written.from_json(known) if known is not None else _written(workspace, home)
    if known is None and not found.cut:
        if (last := cache.get(f"{start}-tip")) is not None:
            cache.drop(f"{start}/{last}")
        cache.put(f"{start}/{home.tip}", found.to_json())
        cache.put(f"{start}-tip", home.tip)
    return ExperimentStory(
        saves=found.events,
        pushes=tuple(_pushes(workspace, home)),
        versions=found.versions,
        names=found.names,
        cut=found.cut,
    )


@dataclass(frozen=True, kw_only=True)
class _Written:
    """What the commits of an experiment say."""

    events: tuple[Event, ...]
    versions: frozenset[ObjectId]
    names: frozenset[str]
    cut: bool = False

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> _Written:
        """Return what `to_json` gave."""
        return cls(
            events=tuple(map(Event.from_dict, data["events"])),
            versions=frozenset(data["versions"]),
            names=frozenset(data["names"]),
        )

    def to_json(self) -> dict[str, Any]:
        """Return a JSON value for the cache."""
        return {
            "events": [event.to_dict() for event in self.events],
            "versions": sorted(self.versions),
            "names": sorted(self.names),
        }


def _written(workspace: Workspace, home: Home) -> _Written:
    """Return what the commits of an experiment say."""
    line = lineage(workspace, home.tip, home.name, tolerate_shallow=True)
    versions = versions_of(workspace, line)
    found = {version.version: [_save(home, version)] for version in versions}
    for change in _told_headers(line):
        found.setdefault(change.commit, [])[:0] = _header_events(workspace, home, change)
    events = (event for commit in line.order for event in found.get(commit, ()))
    return _Written(
        events=tuple(events),
        versions=frozenset(version.version for version in versions),
        names=frozenset([home.name, *(change.name for change in line.headers)]),
        cut=line.cut,
    )


def _save(home: Home, version: Version) -> Event:
    details: dict[str, Any] = {"parent_version": version.parent_version}
    if version.aliases:
        details["aliases"] = list(version.aliases)
    if version.problem:
        details["problem"] = version.problem
    return Event(
        kind="save",
        action="save",
        at=version.created_at,
        by=version.author,
        text=version.message,
        experiment=home.name,
        version=version.version,
        digest=version.digest,
        commit=version.version,
        details=details,
    )


# --- headers --------------------------------------------------------------------------------


def _told_headers(line: Lineage) -> Iterator[HeaderChange]:
    """Yield what wrote a header; of several beginnings, such as a squash, the first alone."""
    begun = False
    for change in line.headers:
        if change.before is not None or not begun:
            yield change
        begun = begun or change.before is None


def _header_events(workspace: Workspace, home: Home, change: HeaderChange) -> list[Event]:
    """Return what a commit did to a header; of one that cannot be read, that it was written."""
    commit = read_commit(workspace.store, change.commit)
    after = _header(workspace, commit, change.name)
    before = _header_before(workspace, commit, change)
    if after is None or (change.before is not None and before is None):
        return [_header_event(home, commit, "header", "describe", {})]
    if before is None:
        created = {"name": change.name} | _owner(after)
        return [_header_event(home, commit, "lifecycle", "create", created)]
    return list(_differences(home, commit, before, after))


def _owner(header: Mapping[str, Any]) -> dict[str, Any]:
    return {"group": header["group"]} if "group" in header else {}


def _differences(
    home: Home, commit: Commit, before: Mapping[str, Any], after: Mapping[str, Any]
) -> Iterator[Event]:
    if before["name"] != after["name"]:
        names = {"from": before["name"], "to": after["name"]}
        yield _header_event(home, commit, "lifecycle", "rename", names)
    old, new = (header.get("lifecycle", "active") for header in (before, after))
    if old != new:
        action = "delete" if new == "deleted" else _LIFE.get((old, new), str(new))
        yield _header_event(home, commit, "lifecycle", action, {"from": old, "to": new})
    keys = sorted(({*before, *after}) - {"name", "lifecycle"})
    changed = {k: {"before": before.get(k), "after": after.get(k)} for k in keys}
    differing = {key: sides for key, sides in changed.items() if sides["before"] != sides["after"]}
    if differing:
        yield _header_event(home, commit, "header", "describe", {"changes": differing})


def _header_event(
    home: Home, commit: Commit, kind: Any, action: str, details: Mapping[str, Any]
) -> Event:
    return Event(
        kind=kind,
        action=action,
        at=commit.author.when,
        by=str(commit.author),
        text=commit.message.strip(),
        experiment=home.name,
        commit=commit.id,
        details=details,
    )


def _header(workspace: Workspace, commit: Commit, name: str) -> Mapping[str, Any] | None:
    path = layout.header_path(workspace.root, Name(name))
    try:
        found: Mapping[str, Any] | None = read_document(workspace, commit.tree, path, "experiment")
    except (InvalidInput, NotFound):
        return None
    return found


def _header_before(
    workspace: Workspace, commit: Commit, change: HeaderChange
) -> Mapping[str, Any] | None:
    """Return the header that a change replaced; None where there was none that can be read."""
    if change.before is None:
        return None
    from gitexp.documents import schemas

    key = f"experiment-blob/1/{change.before}"
    known = workspace.cache.get(key)
    if known is None:
        try:
            data = workspace.store.read(change.before).data
            known = schemas.load("experiment", data, file=layout.HEADER_FILE)
        except InvalidInput:
            return None
        workspace.cache.put(key, known)
    found: Mapping[str, Any] = known
    return found


# --- sharing --------------------------------------------------------------------------------


def _pushes(workspace: Workspace, home: Home) -> Iterator[Event]:
    """Yield what was pushed of the experiment's branch from this clone."""
    for move in moves_of(workspace.store, workspace.tracking(home.branch)):
        if move.message != "update by push" or move.new is None:
            continue
        action = "share" if move.old is None else "push"
        yield Event(
            kind="share",
            action=action,
            at=move.at,
            by=move.by,
            text=f"{layout.branch_name(home.branch)} on {workspace.remote_name}",
            experiment=home.name,
            commit=move.new,
            details={"from": move.old},
        )
