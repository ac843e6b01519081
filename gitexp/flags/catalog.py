"""The flags of a project as a commit holds them: listed, found, and who made them when."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from gitexp.clock import iso, parse_iso
from gitexp.documents import layout
from gitexp.documents.parsed import ParsedDocument
from gitexp.errors import InvalidDocuments, InvalidInput, NotFound
from gitexp.experiments.homes import branch_tips
from gitexp.flags.documents import Flag
from gitexp.flags.problems import problems_of
from gitexp.ids import Name, ObjectId, name_fault
from gitexp.project.reading import document_of, read_document
from gitexp.project.workspace import Workspace
from gitexp.store.history import History
from gitexp.store.model import TreeEntry, TreeId
from gitexp.store.objects import CommitLinks, tree_and_parents
from gitexp.store.protocol import Store
from gitexp.store.trees import entry_at, list_dir, read_commit, tree_of

Names = frozenset[str]


@dataclass(frozen=True, kw_only=True)
class Making:
    """The commit that brought a flag, who made it and when."""

    commit: ObjectId
    by: str
    at: datetime


@dataclass(frozen=True, kw_only=True)
class FlagEntry:
    """A flag in a list.

    Attributes:
        flag: what the file says; None where it is not valid.
        created_by: who made it, as the file says, else the address of who committed it first.
        created_at: when it was committed first; None where history is cut off.
        problem: why the file is not valid; None for a good one.
    """

    key: str
    flag: Flag | None
    created_by: str
    created_at: datetime | None
    problem: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the entry as JSON data."""
        flag = self.flag
        return {
            "key": self.key,
            "description": flag.description if flag else "",
            "active": flag.active if flag else None,
            "variants": [{"key": v.key, "weight": v.weight} for v in flag.variants] if flag else [],
            "rollout": flag.rollout if flag else None,
            "eligible": flag.eligible if flag else False,
            "created_by": self.created_by,
            "created_at": iso(self.created_at) if self.created_at else None,
            "tags": dict(flag.tags) if flag else {},
            "problem": self.problem,
        }


def flag_keys(workspace: Workspace, tree: TreeId | None, *, reader: Store) -> list[str]:
    """Return the keys of the flags in a tree, sorted."""
    return sorted(_entries(workspace, tree, reader=reader)) if tree is not None else []


def _entries(workspace: Workspace, tree: TreeId, *, reader: Store) -> dict[str, TreeEntry]:
    folder = layout.join(workspace.root, layout.FLAGS_DIR)
    files = {entry.name: entry for entry in list_dir(reader, tree, folder) if entry.is_file}
    return {key: files[f"{key}.yaml"] for key in _keys_in(iter(files))}


def _keys_in(files: Iterator[str]) -> Names:
    stems = (name.removesuffix(".yaml") for name in files if name.endswith(".yaml"))
    return frozenset(stem for stem in stems if not name_fault(stem))


def find_document(
    workspace: Workspace, tree: TreeId | None, key: str, *, reader: Store
) -> dict[str, Any] | None:
    """Return what the file of a flag says, None where there is none.

    Raises:
        InvalidDocuments: everything that is wrong with it.
    """
    if tree is None or name_fault(key):
        return None
    path = layout.flag_path(workspace.root, Name(key))
    document: dict[str, Any] | None = read_document(workspace, tree, path, "flag", reader=reader)
    if document is not None:
        refuse_wrong(document, path)
    return document


def find_documents(
    workspace: Workspace, tree: TreeId, keys: Iterable[str], *, reader: Store
) -> dict[str, dict[str, Any] | None]:
    """Return what the files of flags say, None where there is none; raises as `find_document`.

    Their directory is read once, and not for each of them.
    """
    files = _entries(workspace, tree, reader=reader)
    return {
        key: _document(workspace, key, files[key], reader=reader) if key in files else None
        for key in keys
    }


def _document(workspace: Workspace, key: str, file: TreeEntry, *, reader: Store) -> dict[str, Any]:
    path = layout.flag_path(workspace.root, Name(key))
    document: dict[str, Any] = document_of(reader, file, path, "flag", cache=workspace.cache)
    refuse_wrong(document, path)
    return document


def refuse_wrong(document: Mapping[str, Any], file: str) -> None:
    """Raise InvalidDocuments when a document whose schema is right is not."""
    problems = problems_of(ParsedDocument(value=dict(document)), file)
    if problems:
        raise InvalidDocuments(problems, hint="Correct what is named, then do it again.")


def get_flag(workspace: Workspace, key: str, *, tip: ObjectId | None = None) -> Flag:
    """Return a flag as a commit has it, by default the trunk's.

    Raises:
        NotFound: there is none of that key.
        InvalidDocuments: everything that is wrong with it.
    """
    store = workspace.store
    chosen = tip or workspace.trunk_tip(store)
    tree = tree_of(store, chosen) if chosen else None
    document = find_document(workspace, tree, key, reader=store)
    if document is None:
        if tip is None and (found := _on_a_branch(workspace, key)):
            raise found
        raise missing(key, flag_keys(workspace, tree, reader=store))
    return Flag.from_dict(key, document)


def _on_a_branch(workspace: Workspace, key: str) -> NotFound | None:
    """Return the error for a flag that the branch of an experiment has, as that of an A/B test."""
    if name_fault(key):
        return None
    store, path = workspace.store, layout.flag_path(workspace.root, Name(key))
    for name, commit in branch_tips(workspace):
        if entry_at(store, tree_of(store, commit), path):
            return NotFound(
                f"no flag {key!r} on {workspace.trunk}; experiment {name!r} has it",
                hint=f"Show it with `gitexp flag show {key} --revision {commit[:10]}`, or publish "
                f"it with `gitexp flag publish {key} ENVIRONMENT --experiment {name}`.",
            )
    return None


def missing(key: str, known: list[str]) -> NotFound:
    """Return the error for a flag that there is none of."""
    import difflib

    close = difflib.get_close_matches(key, known, n=1)
    return NotFound(
        f"no flag {key!r}",
        hint=f"Did you mean {close[0]!r}?" if close else "List them with `gitexp flag list`.",
    )


def list_flags(workspace: Workspace) -> list[FlagEntry]:
    """Return every flag of the trunk, sorted by key; those that are not valid with why."""
    store = workspace.store
    tip = workspace.trunk_tip(store)
    if tip is None:
        return []
    files, made = _entries(workspace, tree_of(store, tip), reader=store), makings(workspace, tip)
    return [_entry(workspace, key, files[key], made.get(key)) for key in sorted(files)]


def _entry(workspace: Workspace, key: str, file: TreeEntry, made: Making | None) -> FlagEntry:
    flag, problem = None, None
    try:
        flag = Flag.from_dict(key, _document(workspace, key, file, reader=workspace.store))
    except InvalidInput as exc:
        problem = exc.message.splitlines()[0]
    said = flag.created_by if flag else ""
    return FlagEntry(
        key=key,
        flag=flag,
        created_by=said or (made.by if made else ""),
        created_at=made.at if made else None,
        problem=problem,
    )


def entries_of(flags: Mapping[str, Flag]) -> list[FlagEntry]:
    """Return a line for each flag that was read elsewhere, such as from an environment."""
    return [
        FlagEntry(key=key, flag=flags[key], created_by=flags[key].created_by, created_at=None)
        for key in sorted(flags)
    ]


# --- who made them --------------------------------------------------------------------------


def makings(workspace: Workspace, tip: ObjectId) -> dict[str, Making]:
    """Return the commit that brought each flag that was ever there, by key.

    History is walked once, and from then on only what is new of it. Of a flag that was deleted
    and made again it is the second time.
    """
    cache, key = workspace.cache, f"flag-makings/2/{workspace.root}"
    last = cache.get(key) or {"tip": None, "made": {}}
    if last["tip"] != tip:
        last = {"tip": tip, "made": _walked(workspace, tip, last["tip"], last["made"])}
        if not workspace.store.is_shallow():
            cache.put(key, last)
    made = last["made"].items()
    return {key: Making(commit=c, by=by, at=parse_iso(at)) for key, (c, by, at) in made}


def _walked(
    workspace: Workspace, tip: ObjectId, last: ObjectId | None, base: Mapping[str, Any]
) -> dict[str, Any]:
    store = workspace.store
    known = last is not None and store.has(last)
    exclude = [last] if last is not None and known else []
    found = dict(base) if known else {}
    walk = _Walk(store, layout.join(workspace.root, layout.FLAGS_DIR))
    for commit in reversed(History(store, tolerate_shallow=True).ids_between(tip, exclude)):
        new = walk.new_in(commit)
        if new:
            author = read_commit(store, commit).author
            found |= {key: [commit, author.email, iso(author.when)] for key in new}
    return found


class _Walk:
    """Tells which flags a commit brought; most commits are told by a look at two trees."""

    def __init__(self, store: Store, folder: str) -> None:
        self._store, self._folder = store, folder
        self._trees: dict[TreeId, ObjectId | None] = {}
        self._names: dict[ObjectId, Names] = {}

    def new_in(self, commit: ObjectId) -> Names:
        """Return the keys of flags that a commit holds and none of its parents does."""
        links = tree_and_parents(self._store.read(commit))
        here = self._directory(links.tree)
        if here is None:
            return frozenset()
        parents = [p for p in links.parents if self._store.has(p)]
        if len(parents) < len(links.parents):
            return frozenset()  # what a shallow clone does not hold cannot be told from it
        before = [self._directory(self._links(parent).tree) for parent in parents]
        if here in before:
            return frozenset()
        return self._keys(here).difference(*(self._keys(d) for d in before if d is not None))

    def _links(self, commit: ObjectId) -> CommitLinks:
        return tree_and_parents(self._store.read(commit))

    def _directory(self, tree: TreeId) -> ObjectId | None:
        if tree not in self._trees:
            entry = entry_at(self._store, tree, self._folder)
            self._trees[tree] = entry.id if entry is not None and entry.is_tree else None
        return self._trees[tree]

    def _keys(self, directory: ObjectId) -> Names:
        if directory not in self._names:
            entries = list_dir(self._store, TreeId(directory), "")
            self._names[directory] = _keys_in(e.name for e in entries if e.is_file)
        return self._names[directory]
