"""Which objects another repository lacks: new commits and what their trees changed."""

from __future__ import annotations

import heapq
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field

from gitexp.errors import StoreError
from gitexp.ids import ObjectId
from gitexp.store.model import MODE_GITLINK, RawObject, TreeEntry
from gitexp.store.objects import commit_links, parse_commit, tag_target
from gitexp.store.protocol import Store
from gitexp.store.treebytes import parse_tree
from gitexp.store.trees import MAX_TREE_DEPTH, tree_of


def objects_to_send(
    store: Store,
    wants: Iterable[ObjectId],
    haves: Collection[ObjectId],
    *,
    shallow: Collection[ObjectId] = (),
) -> Iterator[RawObject]:
    """Return the objects behind `wants` that the owner of `haves` lacks, each after its parts.

    The cost follows what is new: history is walked back to the first known commits, and of each
    new commit only the directories are read in which it differs from its parents.

    Args:
        store: where the objects are read.
        wants: the objects to send with everything they need.
        haves: what the other side has with all its history; ids unknown here are welcome.
        shallow: commits of the other side whose parents it does not have.

    Raises:
        MissingObject: the history of a wanted object is not complete here.
    """
    sent: set[ObjectId] = set(haves)
    tips: list[ObjectId] = []
    rest: list[RawObject] = []
    for want in dict.fromkeys(wants):
        *tags, raw = _peeled(store, want)
        rest += tags
        if raw.kind == "commit":
            tips.append(raw.id)
        else:
            rest.append(raw)
    for commit_id in _new_commits(store, tips, haves, shallow):
        yield from _commit_objects(store, commit_id, sent)
    for raw in reversed(rest):
        yield from _other_objects(store, raw, sent)


def _peeled(store: Store, object_id: ObjectId) -> list[RawObject]:
    """Return an object and, behind a tag, what it names, down to what is no tag."""
    chain = [store.read(object_id)]
    while chain[-1].kind == "tag":
        chain.append(store.read(tag_target(chain[-1])))
    return chain


def _new_commits(
    store: Store,
    tips: Iterable[ObjectId],
    haves: Collection[ObjectId],
    shallow: Collection[ObjectId],
) -> list[ObjectId]:
    """Return the commits behind the tips that are not behind `haves`, parents first."""
    walk = _Walk(store=store, haves=frozenset(haves), shallow=frozenset(shallow))
    for tip in tips:
        walk.meet(tip, known=tip in walk.haves)
    for have in haves:
        if store.has(have) and store.read(have).kind == "commit":
            walk.meet(have, known=True)
    return walk.run()


@dataclass(kw_only=True)
class _Walk:
    """A walk from young to old that ends when nothing new is left to visit.

    Where clocks ran backwards a known commit may be met too late; it is then sent once more,
    which costs a little and breaks nothing.
    """

    store: Store
    haves: frozenset[ObjectId]
    shallow: frozenset[ObjectId]
    known: dict[ObjectId, bool] = field(default_factory=dict)
    parents: dict[ObjectId, tuple[ObjectId, ...]] = field(default_factory=dict)
    queue: list[tuple[int, ObjectId]] = field(default_factory=list)
    queued: set[ObjectId] = field(default_factory=set)
    new_in_queue: int = 0

    def meet(self, commit_id: ObjectId, *, known: bool) -> None:
        """Note that a commit is on the way, and whether the other side has it."""
        before = self.known.get(commit_id)
        if before is True or before is known:
            return
        self.known[commit_id] = known
        if commit_id in self.queued:
            self.new_in_queue -= 1
            return
        self.parents[commit_id], when = commit_links(self.store.read(commit_id))
        heapq.heappush(self.queue, (-when, commit_id))
        self.queued.add(commit_id)
        self.new_in_queue += not known

    def run(self) -> list[ObjectId]:
        """Return the commits that are new to the other side, parents before children."""
        while self.new_in_queue > 0:
            _, commit_id = heapq.heappop(self.queue)
            self.queued.discard(commit_id)
            self.new_in_queue -= not self.known[commit_id]
            self._meet_parents(commit_id, known=self.known[commit_id])
        return self._parents_first()

    def _meet_parents(self, commit_id: ObjectId, *, known: bool) -> None:
        if known and commit_id in self.shallow:
            return
        for parent in self.parents[commit_id]:
            # Behind what the other side has, history may end here, as it does in a shallow clone.
            if not (known or parent in self.haves) or self.store.has(parent):
                self.meet(parent, known=known)

    def _parents_first(self) -> list[ObjectId]:
        ordered: dict[ObjectId, None] = {}
        stack = [commit_id for commit_id, known in self.known.items() if not known]
        while stack:
            missing = [
                parent
                for parent in self.parents[stack[-1]]
                if self.known.get(parent) is False and parent not in ordered
            ]
            if missing:
                stack += missing
            else:
                ordered.setdefault(stack.pop())
        return list(ordered)


def _commit_objects(store: Store, commit_id: ObjectId, sent: set[ObjectId]) -> Iterator[RawObject]:
    if commit_id in sent:
        return
    raw = store.read(commit_id)
    parents, _ = commit_links(raw)
    bases = [ObjectId(tree_of(store, parent)) for parent in parents if store.has(parent)]
    yield from _tree_objects(store, ObjectId(parse_commit(raw).tree), bases, sent)
    sent.add(commit_id)
    yield raw


def _tree_objects(
    store: Store,
    tree: ObjectId,
    bases: Collection[ObjectId],
    sent: set[ObjectId],
    depth: int = 0,
) -> Iterator[RawObject]:
    """Yield what is in a tree and in none of the bases at the same path, parts first."""
    if tree in sent or tree in bases:
        return
    if depth > MAX_TREE_DEPTH:
        raise StoreError(f"tree {tree} is nested deeper than {MAX_TREE_DEPTH} directories")
    sent.add(tree)
    raw = store.read(tree)
    before = _by_name(store, bases)
    for entry in parse_tree(raw):
        yield from _entry_objects(store, entry, before.get(entry.name, ()), sent, depth)
    yield raw


def _by_name(store: Store, trees: Iterable[ObjectId]) -> dict[str, list[TreeEntry]]:
    entries: dict[str, list[TreeEntry]] = {}
    for tree in trees:
        if store.has(tree):
            for entry in parse_tree(store.read(tree)):
                entries.setdefault(entry.name, []).append(entry)
    return entries


def _entry_objects(
    store: Store,
    entry: TreeEntry,
    before: Collection[TreeEntry],
    sent: set[ObjectId],
    depth: int,
) -> Iterator[RawObject]:
    if entry.mode == MODE_GITLINK or entry.id in sent or any(b.id == entry.id for b in before):
        return
    if entry.is_tree:
        bases = [old.id for old in before if old.is_tree]
        yield from _tree_objects(store, entry.id, bases, sent, depth + 1)
    else:
        sent.add(entry.id)
        yield store.read(entry.id)


def _other_objects(store: Store, raw: RawObject, sent: set[ObjectId]) -> Iterator[RawObject]:
    if raw.kind == "tree":
        yield from _tree_objects(store, raw.id, (), sent)
    elif raw.id not in sent:
        sent.add(raw.id)
        yield raw
