"""Which commits are versions: those that change an experiment's `parameters.yaml`.

The commit graph alone decides, never a clock. A commit is a save when the file's blob differs
from that of every parent; the walk follows the experiment through renames by the id in its header,
and ends where the experiment was created. Lines of history that were joined are listed
first-parent line first.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from gitexp.documents import layout
from gitexp.errors import MissingObject
from gitexp.ids import Name, ObjectId
from gitexp.project.workspace import Workspace
from gitexp.store.model import TreeId
from gitexp.store.objects import CommitLinks, tree_and_parents
from gitexp.store.protocol import Store
from gitexp.store.trees import entry_at, list_dir, read_tree


@dataclass(frozen=True, kw_only=True)
class Save:
    """A commit that saved a version.

    Attributes:
        commit: its id.
        name: the experiment's name in that commit.
        blob: the blob of `parameters.yaml`.
        parent: the save before it, or None for the first.
        others: of a merge, the saves before it on the lines that it joined.
    """

    commit: ObjectId
    name: str
    blob: ObjectId
    parent: ObjectId | None
    others: tuple[ObjectId, ...] = ()


@dataclass(frozen=True, kw_only=True)
class HeaderChange:
    """A commit that wrote an experiment's header.

    Attributes:
        commit: its id.
        name: the experiment's name in that commit.
        blob: the blob of `experiment.yaml`.
        before: the blob that its first parent with the experiment has; None where none has it.
    """

    commit: ObjectId
    name: str
    blob: ObjectId
    before: ObjectId | None


@dataclass(frozen=True, kw_only=True)
class Lineage:
    """The saves that are reachable from a commit, ancestors before descendants.

    Attributes:
        saves: every save.
        latest: the save whose values the commit itself holds, or None before the first.
        joined: whether lines of history were merged, so that two saves may be one version.
        headers: every commit that wrote the header, in the same order.
        order: the commits of both, in the same order.
        cut: whether history is cut off before the experiment begins, and that was tolerated.
    """

    saves: tuple[Save, ...]
    latest: ObjectId | None
    joined: bool
    headers: tuple[HeaderChange, ...] = ()
    order: tuple[ObjectId, ...] = ()
    cut: bool = False

    @classmethod
    def from_json(cls, data: Any) -> Lineage:
        """Return what `to_json` wrote."""
        saves = tuple(
            Save(commit=c, name=n, blob=b, parent=p, others=tuple(o))
            for c, n, b, p, o in data["saves"]
        )
        headers = tuple(
            HeaderChange(commit=c, name=n, blob=b, before=p) for c, n, b, p in data["headers"]
        )
        return cls(
            saves=saves,
            latest=data["latest"],
            joined=data["joined"],
            headers=headers,
            order=tuple(data["order"]),
        )

    def to_json(self) -> Any:
        """Return a JSON value for the cache."""
        saves = [(s.commit, s.name, s.blob, s.parent, s.others) for s in self.saves]
        headers = [(h.commit, h.name, h.blob, h.before) for h in self.headers]
        return {
            "saves": saves,
            "latest": self.latest,
            "joined": self.joined,
            "headers": headers,
            "order": self.order,
        }


@dataclass(frozen=True)
class _State:
    """The experiment as one commit has it."""

    commit: CommitLinks
    name: str
    blob: ObjectId | None
    header: ObjectId | None


class _Directory(NamedTuple):
    """An experiment's directory: the blobs of its values and of its header."""

    parameters: ObjectId | None
    header: ObjectId | None


def lineage(
    workspace: Workspace,
    tip: ObjectId,
    name: str,
    *,
    reader: Store | None = None,
    tolerate_shallow: bool = False,
) -> Lineage:
    """Return the saves of an experiment that are reachable from a commit.

    What was found is cached by the commit's id, and a later tip is walked only down to it.

    Args:
        tolerate_shallow: where history is cut off, return what is known of the rest of it;
            `Lineage.cut` then says so.

    Raises:
        MissingObject: the clone is shallow and history is cut off before the experiment begins.
    """
    cache = workspace.cache
    key = _key(workspace, name, tip)
    known = cache.get(key)
    if known is not None:
        return Lineage.from_json(known)
    last_key = f"lineage-tip/{workspace.root}/{name}"
    last_tip = cache.get(last_key)
    base = cache.get(_key(workspace, name, last_tip)) if last_tip else None
    store = reader or workspace.store
    stop = last_tip if base else None
    walk = _Walk(workspace, store, stop=stop, tolerate_shallow=tolerate_shallow)
    found = walk.run(tip, name, Lineage.from_json(base) if base else None)
    if found.cut:
        return found
    if base and walk.reached_stop and last_tip:
        cache.drop(_key(workspace, name, last_tip))
    cache.put(key, found.to_json())
    cache.put(last_key, tip)
    return found


def _key(workspace: Workspace, name: str, tip: str) -> str:
    return f"lineage/2/{workspace.root}/{name}/{tip}"


class _Walk:
    """One walk over history; it remembers directories by tree id."""

    def __init__(
        self,
        workspace: Workspace,
        store: Store,
        *,
        stop: ObjectId | None,
        tolerate_shallow: bool = False,
    ) -> None:
        self.tolerate_shallow = tolerate_shallow
        self.cut: set[ObjectId] = set()
        self.root = workspace.root
        self.store = store
        self.stop = stop
        self.reached_stop = False
        self.joined = False
        self.states: dict[ObjectId, _State | None] = {}
        self.blobs: dict[tuple[ObjectId, str], _Directory | None] = {}

    def run(self, tip: ObjectId, name: str, base: Lineage | None) -> Lineage:
        """Return the lineage of a commit; `base` is that of the commit to stop at."""
        saves: dict[ObjectId, Save] = {}
        headers: dict[ObjectId, HeaderChange] = {}
        order: dict[ObjectId, None] = {}
        latest: dict[ObjectId, ObjectId | None] = {}
        for state in self._ancestors_first(tip, name):
            commit = state.commit.id
            if base is not None and self._stops_at(state, name):
                saves = {**saves, **{save.commit: save for save in base.saves}}
                headers = {**headers, **{change.commit: change for change in base.headers}}
                order |= dict.fromkeys(base.order)
                latest[commit] = base.latest
                self.reached_stop = True
                self.joined = self.joined or base.joined
                continue
            save = self._save(state, latest)
            latest[commit] = save.commit if save else self._inherited(state, latest)
            if save:
                saves.setdefault(commit, save)
            if change := self._header_change(state):
                headers.setdefault(commit, change)
            if commit in saves or commit in headers:
                order[commit] = None
        return Lineage(
            saves=tuple(saves.values()),
            latest=latest.get(tip),
            joined=self.joined,
            headers=tuple(headers.values()),
            order=tuple(order),
            cut=bool(self.cut),
        )

    def _stops_at(self, state: _State, name: str) -> bool:
        """Return whether all below a commit is known, under the name that it is known by."""
        return state.commit.id == self.stop and state.name == name

    def _save(self, state: _State, latest: dict[ObjectId, ObjectId | None]) -> Save | None:
        parents = self._parents(state)
        if state.blob is None or any(parent.blob == state.blob for parent in parents):
            return None
        if self.cut.intersection(state.commit.parents):
            return None  # a parent that is not here may hold the same
        before = [latest.get(p.commit.id) for p in parents if p.commit.id in latest]
        return Save(
            commit=state.commit.id,
            name=state.name,
            blob=state.blob,
            parent=before[0] if before else None,
            others=tuple(other for other in before[1:] if other),
        )

    def _header_change(self, state: _State) -> HeaderChange | None:
        parents = self._parents(state)
        header = state.header
        if header is None or any(parent.header == header for parent in parents):
            return None
        if self.cut.intersection(state.commit.parents):
            return None
        before = next((parent.header for parent in parents), None)
        return HeaderChange(commit=state.commit.id, name=state.name, blob=header, before=before)

    def _inherited(self, state: _State, latest: dict[ObjectId, ObjectId | None]) -> ObjectId | None:
        same = (p for p in self._parents(state) if p.blob == state.blob)
        return next((latest.get(parent.commit.id) for parent in same), None)

    def _parents(self, state: _State) -> list[_State]:
        return [s for p in state.commit.parents if (s := self.states.get(p)) is not None]

    def _ancestors_first(self, tip: ObjectId, name: str) -> Iterator[_State]:
        """Yield the states below a commit, parents before children, first parents first."""
        first = self._state(tip, name, None)
        stack: list[tuple[_State, int]] = [(first, 0)] if first else []
        done: set[ObjectId] = set()
        while stack:
            state, position = stack.pop()
            commit = state.commit
            if commit.id in done:
                continue
            if position < len(commit.parents) and not self._stops_at(state, name):
                stack.append((state, position + 1))
                parent = self._state(commit.parents[position], state.name, state)
                if parent and parent.commit.id not in done:
                    stack.append((parent, 0))
                continue
            done.add(commit.id)
            self.joined = self.joined or len(self._parents(state)) > 1
            yield state

    def _state(self, commit_id: ObjectId, name: str, child: _State | None) -> _State | None:
        """Return the experiment as a commit has it, or None where it is not there."""
        if commit_id not in self.states:
            self.states[commit_id] = self._read(commit_id, name, child)
        return self.states[commit_id]

    def _read(self, commit_id: ObjectId, name: str, child: _State | None) -> _State | None:
        commit = self._commit(commit_id)
        if commit is None:
            return None
        here = self._lookup(commit.tree, name)
        if here and (child is None or self._is_same(commit.tree, here, child)):
            return _State(commit, name, here.parameters, here.header)
        former = self._former_name(commit.tree, child) if child else None
        found = self._lookup(commit.tree, former) if former else None
        return _State(commit, former, found.parameters, found.header) if former and found else None

    def _is_same(self, tree: TreeId, here: _Directory, child: _State) -> bool:
        """Return whether a directory holds the child's experiment, and not a namesake."""
        if here.header == child.header or here.header is None or child.header is None:
            return True
        ours = self._experiment_id(child.commit.tree, child.name)
        theirs = self._experiment_id(tree, child.name)
        return ours is None or theirs is None or ours == theirs

    def _commit(self, commit_id: ObjectId) -> CommitLinks | None:
        """Return a commit; None where history is cut off and that is tolerated."""
        try:
            return tree_and_parents(self.store.read(commit_id))
        except MissingObject as exc:
            if not self.store.is_shallow():
                raise
            if self.tolerate_shallow:
                self.cut.add(commit_id)
                return None
            raise MissingObject(
                f"the history of this clone is cut off at {commit_id[:10]}, "
                "before the experiment begins",
                hint="Fetch the rest with `git fetch --unshallow`.",
            ) from exc

    def _lookup(self, tree: TreeId, name: str) -> _Directory | None:
        """Return what a tree holds of the experiment, or None where it is not there."""
        folder = entry_at(self.store, tree, layout.join(self.root, layout.EXPERIMENTS_DIR))
        if folder is None or not folder.is_tree:
            return None
        key = (folder.id, name)
        if key not in self.blobs:
            self.blobs[key] = self._look_inside(TreeId(folder.id), name)
        return self.blobs[key]

    def _look_inside(self, experiments: TreeId, name: str) -> _Directory | None:
        directory = entry_at(self.store, experiments, name)
        if directory is None or not directory.is_tree:
            return None
        files = {entry.name: entry.id for entry in read_tree(self.store, TreeId(directory.id))}
        return _Directory(files.get(layout.PARAMETERS_FILE), files.get(layout.HEADER_FILE))

    def _former_name(self, tree: TreeId, child: _State) -> str | None:
        """Return the name under which a renamed experiment stood in a parent's tree."""
        folder = layout.join(self.root, layout.EXPERIMENTS_DIR)
        before = list_dir(self.store, tree, folder)
        here = {entry.name for entry in list_dir(self.store, child.commit.tree, folder)}
        gone = [entry.name for entry in before if entry.name not in here]
        wanted = self._experiment_id(child.commit.tree, child.name) if gone else None
        if wanted is None:
            return None
        return next((n for n in gone if self._experiment_id(tree, n) == wanted), None)

    def _experiment_id(self, tree: TreeId, name: str) -> str | None:
        from gitexp.documents import schemas
        from gitexp.errors import InvalidInput
        from gitexp.store.trees import blob_at

        path = layout.header_path(self.root, Name(name))
        try:
            data = blob_at(self.store, tree, path)
            header = schemas.load("experiment", data, file=path) if data is not None else {}
        except InvalidInput:
            return None
        found = header.get("id")
        return found if isinstance(found, str) else None
