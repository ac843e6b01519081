"""The files of a project in one state: a commit, or the working tree."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from gitexp.documents import layout
from gitexp.documents.limits import MAX_YAML_BYTES
from gitexp.errors import InvalidDocuments, InvalidInput
from gitexp.ids import ObjectId
from gitexp.project.sources import Source, working_source
from gitexp.project.workspace import Workspace
from gitexp.store.model import TreeEntry, TreeId
from gitexp.store.objects import hash_object, hash_pieces
from gitexp.store.trees import blob_at, changed_paths, entry_at, list_dir, tree_of, walk_files

MAX_ROWS_BYTES = 256 * 2**20
"""The largest dataset whose samples are compared."""

_PIECE = 2**20
_SIGNERS = ("allowed_signers", "revoked_keys", "allowed_keys.asc")
_READING = "1"
"""Changes when the same bytes may be read as something else, and so makes old entries unused."""


@dataclass(frozen=True, kw_only=True)
class TreeContents:
    """The files of a project in a commit."""

    workspace: Workspace
    commit: ObjectId

    @cached_property
    def tree(self) -> TreeId | None:
        """The tree of the project's directory; None where the commit has none."""
        whole = tree_of(self.workspace.store, self.commit)
        entry = entry_at(self.workspace.store, whole, self.workspace.root)
        return TreeId(entry.id) if entry is not None and entry.is_tree else None

    def id(self, path: str) -> str | None:
        """Return the id of a file's blob."""
        if self.tree is None:
            return None
        entry = entry_at(self.workspace.store, self.tree, path)
        return entry.id if entry is not None and not entry.is_tree else None

    def read(self, path: str, *, limit: int = MAX_YAML_BYTES) -> bytes | None:
        """Return the bytes of a file of the commit."""
        if self.tree is None:
            return None
        return blob_at(self.workspace.store, self.tree, path, limit=limit)

    def names(self, folder: str) -> list[str]:
        """Return the names of what stands in a directory of the commit."""
        if self.tree is None:
            return []
        return sorted(entry.name for entry in list_dir(self.workspace.store, self.tree, folder))

    def paths(self) -> Iterator[str]:
        """Yield the paths of all files among which documents are."""
        yield from self.names("")
        for folder in (layout.EXPERIMENTS_DIR, *TYPES):
            if self.tree is not None:
                found = walk_files(self.workspace.store, self.tree, folder)
                yield from (path for path, _ in found)


@dataclass(frozen=True, kw_only=True)
class WorkingContents:
    """The documents of a project as they stand in the working tree, committed or not."""

    workspace: Workspace

    @cached_property
    def _source(self) -> Source:
        return working_source(self.workspace, ())

    @cached_property
    def _paths(self) -> tuple[str, ...]:
        signers = [name for name in _SIGNERS if self._file(name).is_file()]
        return (*self._source.paths, *signers)

    def id(self, path: str) -> str | None:
        """Return the id that a blob of a file's bytes has; of a link, one that no blob has."""
        length = self.workspace.store.hash_length
        try:
            data = self.read(path, limit=MAX_ROWS_BYTES)
        except InvalidInput as exc:
            file = self._file(path)
            if file.is_symlink() or not file.is_file():
                return f"unreadable:{exc.message}"
            with open(file, "rb") as stream:
                pieces = iter(partial(stream.read, _PIECE), b"")
                return hash_pieces("blob", file.stat().st_size, pieces, hash_length=length)
        return None if data is None else hash_object("blob", data, hash_length=length)

    def _file(self, path: str) -> Path:
        directory = self.workspace.directory
        assert directory is not None
        return directory / path

    def read(self, path: str, *, limit: int = MAX_YAML_BYTES) -> bytes | None:
        """Return the bytes of a file of the working tree."""
        file = self._file(path)
        if file.is_file() and file.stat().st_size > limit:
            raise InvalidInput(f"{path} is larger than {limit} bytes")
        return self._source.read(path)

    def names(self, folder: str) -> list[str]:
        """Return the names of what stands in a directory of the working tree."""
        inside = (path.split("/") for path in self._paths if path.startswith(f"{folder}/"))
        return sorted({parts[1] for parts in inside})

    def paths(self) -> Iterator[str]:
        """Yield the paths of all documents."""
        yield from self._paths


Contents = TreeContents | WorkingContents
"""The files of a project in one state."""


def changed_files(before: Contents, after: Contents) -> Iterator[tuple[str, bool, bool]]:
    """Yield the paths of files that differ, sorted, and whether each side has one there.

    With the working tree on a side, only documents are looked at.
    """
    if isinstance(before, TreeContents) and isinstance(after, TreeContents):
        yield from _changed_in_trees(before, after)
        return
    paths = {*before.paths(), *after.paths()}
    for path in sorted(path for path in paths if is_document(path)):
        old, new = before.id(path), after.id(path)
        if old != new:
            yield path, old is not None, new is not None


def _changed_in_trees(
    before: TreeContents, after: TreeContents
) -> Iterator[tuple[str, bool, bool]]:
    store = before.workspace.store
    entries: dict[str, list[TreeEntry | None]] = {}
    for path, old, new in changed_paths(store, before.tree, after.tree):
        found = entries.setdefault(path, [None, None])
        found[0], found[1] = old or found[0], new or found[1]
    for path in sorted(entries):
        old, new = entries[path]
        yield path, old is not None, new is not None


def is_document(path: str) -> bool:
    """Return whether a file of a project means something to gitexp."""
    if path in _SIGNERS or layout.kind_of(path) is not None:
        return True
    folder, _, rest = path.partition("/")
    return folder in ("flags", "prompts") and "/" not in rest and rest.endswith(".yaml")


TYPES = {
    layout.DATASETS_DIR: "dataset",
    layout.ENDPOINTS_DIR: "endpoint",
    layout.EVALUATORS_DIR: "evaluator",
    layout.WORKFLOWS_DIR: "workflow",
    layout.ENTRYPOINTS_DIR: "entrypoint",
    layout.GROUPS_DIR: "group",
    "flags": "flag",
    "prompts": "prompt",
}
"""What the documents of each directory are."""


def value_at(workspace: Workspace, contents: Contents, path: str) -> tuple[Any, str | None]:
    """Return what a YAML document says, and why it cannot be read; None for each there is not.

    Documents of commits are parsed once for each distinct content.

    Raises:
        MissingObject, DamagedObject: it cannot be brought into memory.
    """
    blob = contents.id(path) if isinstance(contents, TreeContents) else None
    key = f"value/{_READING}/{blob}"
    known = workspace.cache.get(key) if blob else None
    if known is None:
        known = _parsed(contents, path)
        if blob and known[1] is None:
            workspace.cache.put(key, known)
    return known[0], known[1]


def _parsed(contents: Contents, path: str) -> list[Any]:
    from gitexp.documents.yaml_reader import parse_yaml

    try:
        data = contents.read(path)
        return [None if data is None else parse_yaml(data, file=path).value, None]
    except InvalidDocuments as exc:
        more = len(exc.problems) - 1
        return [None, str(exc.problems[0]) + (f" (and {more} more)" if more else "")]
    except InvalidInput as exc:
        return [None, f"{path}: {exc.message}" if path not in exc.message else exc.message]


def text_at(contents: Contents, path: str) -> str:
    """Return the text of a file, as well as it can be read; empty where there is none."""
    try:
        data = contents.read(path)
    except InvalidInput:
        return ""
    return (data or b"").decode("utf-8", "replace")
