"""What happened on the trunk: its definition, policies, groups and signers, and what was merged."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from gitexp.clock import iso, parse_iso
from gitexp.documents import layout
from gitexp.errors import InvalidInput
from gitexp.ids import ObjectId
from gitexp.project.reading import read_document
from gitexp.project.workspace import Workspace
from gitexp.review.telling.events import Event
from gitexp.store.history import History
from gitexp.store.model import Commit, TreeId
from gitexp.store.trees import entry_at, read_tree

_FILES = {
    layout.PROJECT_FILE: "definition",
    layout.GROUPS_DIR: "groups",
    layout.SIGNERS_FILE: "signers",
    layout.REVOKED_FILE: "signers",
    layout.GPG_KEYS_FILE: "signers",
}
"""What is followed on the trunk, and what a change of it is called."""

MOST_COMMITS = 50_000
"""How many commits of the trunk are looked at: what is older is not told."""

Entries = Mapping[str, ObjectId]


@dataclass(frozen=True, kw_only=True)
class TrunkStory:
    """The events of the trunk.

    Attributes:
        events: oldest first.
        cut: whether its history is cut off in this clone.
        capped: whether it has more commits than are looked at.
    """

    events: tuple[Event, ...]
    cut: bool = False
    capped: bool = False


def trunk_story(workspace: Workspace, *, versions: Collection[ObjectId]) -> TrunkStory:
    """Return what happened on the trunk along its first parents.

    Args:
        versions: commits that are versions; merging one is no event beside its save.
    """
    tip = workspace.trunk_tip()
    if tip is None:
        return TrunkStory(events=())
    seen = _seen(workspace, tip)
    records = reversed(seen.records)
    events = (e for record in records for e in _events(workspace, record, versions))
    return TrunkStory(events=tuple(events), cut=seen.cut, capped=seen.capped)


def _events(
    workspace: Workspace, record: Mapping[str, Any], versions: Collection[ObjectId]
) -> Iterator[Event]:
    shared = {"at": parse_iso(record["at"]), "by": record["by"], "commit": record["commit"]}
    for action in record["actions"]:
        yield Event(kind="project", action=action, text=record["text"], **shared)
    if record["commit"] not in versions:
        for name in record["experiments"]:
            yield Event(
                kind="share",
                action="merge",
                text=f"into {workspace.trunk}: {record['text']}",
                experiment=name,
                **shared,
            )


@dataclass(frozen=True, kw_only=True)
class _Seen:
    """What each commit of interest did, newest first, and what was not looked at."""

    records: list[dict[str, Any]]
    cut: bool = False
    capped: bool = False


def _seen(workspace: Workspace, tip: ObjectId) -> _Seen:
    """Return what commits of the trunk did.

    What was found is kept by the tip; a later tip is walked only down to it.
    """
    cache = workspace.cache
    start = f"trunk-story/2/{workspace.root}"
    known = cache.get(f"{start}/{tip}")
    if known is not None:
        return _Seen(records=known["records"], capped=known["capped"])
    last = cache.get(f"{start}-tip")
    older = cache.get(f"{start}/{last}") if last else None
    walk = _Walk(workspace, stop=last if older is not None else None)
    found, capped = list(walk.run(tip)), walk.capped
    if walk.reached_stop and older is not None:
        found, capped = [*found, *older["records"]], older["capped"]
        cache.drop(f"{start}/{last}")
    if not walk.cut:
        cache.put(f"{start}/{tip}", {"records": found, "capped": capped})
        cache.put(f"{start}-tip", tip)
    return _Seen(records=found, cut=walk.cut, capped=capped)


class _Walk:
    """One walk along the first parents of the trunk, newest first."""

    def __init__(self, workspace: Workspace, *, stop: ObjectId | None) -> None:
        self._workspace = workspace
        self._store = workspace.store
        self._stop = stop
        self._history = History(workspace.store, tolerate_shallow=True)
        self._seen: dict[TreeId, Entries] = {}
        self.reached_stop = False
        self.capped = False

    @property
    def cut(self) -> bool:
        """Whether history was cut off."""
        return bool(self._history.cut)

    def run(self, tip: ObjectId) -> Iterator[dict[str, Any]]:
        """Yield a record of every commit that changed something of interest."""
        later: Commit | None = None
        for number, commit in enumerate(self._history.first_parent(tip)):
            if later is not None and (record := self._record(later, commit)):
                yield record
            if commit.id == self._stop:
                self.reached_stop = True
                return
            if number == MOST_COMMITS:
                self.capped = True
                return
            later = commit
        if later is not None and not self.cut and (record := self._record(later, None)):
            yield record

    def _record(self, commit: Commit, parent: Commit | None) -> dict[str, Any] | None:
        if parent is not None and parent.tree == commit.tree:
            return None
        before = self._entries(parent.tree) if parent is not None else {}
        after = self._entries(commit.tree)
        if before == after:
            return None
        old = parent.tree if parent is not None else None
        actions = self._actions(before, after, old, commit.tree)
        experiments = self._merged(before, after)
        if not actions and not experiments:
            return None
        return {
            "commit": commit.id,
            "at": iso(commit.author.when),
            "by": str(commit.author),
            "text": commit.message.strip(),
            "actions": actions,
            "experiments": experiments,
        }

    def _entries(self, tree: TreeId) -> Entries:
        """Return what of interest stands in the project's directory."""
        if tree not in self._seen:
            wanted = {*_FILES, layout.EXPERIMENTS_DIR}
            folder = entry_at(self._store, tree, self._workspace.root)
            inside = folder is not None and folder.is_tree
            listed = read_tree(self._store, TreeId(folder.id)) if inside and folder else []
            self._seen = {
                **self._latest(),
                tree: {e.name: e.id for e in listed if e.name in wanted},
            }
        return self._seen[tree]

    def _latest(self) -> dict[TreeId, Entries]:
        """Return the last tree that was looked at; neighbours are compared, so it is enough."""
        return dict(list(self._seen.items())[-1:])

    def _actions(
        self, before: Entries, after: Entries, old: TreeId | None, new: TreeId
    ) -> list[str]:
        changed = [_FILES[f] for f in _FILES if before.get(f) != after.get(f)]
        actions = list(dict.fromkeys(changed))
        if "definition" in actions and self._policies(old) != self._policies(new):
            actions.append("policies")
        return actions

    def _policies(self, tree: TreeId | None) -> Any:
        """Return the policies of all environments; nothing where they cannot be read."""
        path = layout.project_path(self._workspace.root)
        try:
            data = read_document(self._workspace, tree, path, "project") if tree else None
        except InvalidInput:
            return None
        declared = (data or {}).get("environments", {})
        found = {name: (e or {}).get("policies") for name, e in declared.items()}
        return {name: policies for name, policies in found.items() if policies}

    def _merged(self, before: Entries, after: Entries) -> list[str]:
        """Return the names of the experiments whose values a commit of the trunk changed."""
        folder = layout.EXPERIMENTS_DIR
        if before.get(folder) == after.get(folder) or folder not in after:
            return []
        old = self._directories(before.get(folder))
        new = self._directories(after[folder])
        changed = [name for name, tree in new.items() if old.get(name) != tree]
        return sorted(n for n in changed if self._values(old.get(n)) != self._values(new[n]))

    def _directories(self, tree: ObjectId | None) -> Entries:
        listed = read_tree(self._store, TreeId(tree)) if tree else []
        return {entry.name: entry.id for entry in listed if entry.is_tree}

    def _values(self, directory: ObjectId | None) -> ObjectId | None:
        """Return the blob of an experiment's values."""
        if directory is None:
            return None
        entry = entry_at(self._store, TreeId(directory), layout.PARAMETERS_FILE)
        return entry.id if entry else None
