"""Where the documents of a project come from: its working tree, or the tree of a revision."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from gitexp.documents import layout
from gitexp.documents.layout import Place
from gitexp.documents.misplaced import FOLDERS, misplaced
from gitexp.errors import InvalidInput, NotFound
from gitexp.ids import ObjectId, parse_name
from gitexp.project.workspace import Workspace
from gitexp.store.model import MODE_LINK, TreeId
from gitexp.store.protocol import MAX_DOCUMENT_BYTES, Store
from gitexp.store.revisions import resolve_revision
from gitexp.store.trees import blob_at, entry_at, list_dir, tree_of, walk_files

MAX_TABLE_BYTES = 256 * 2**20
"""The largest dataset or results file that is validated."""

_TABLES = (".jsonl", ".csv", ".parquet")
_AT_THE_TOP = (layout.PROJECT_FILE, layout.LOCK_FILE)


@dataclass(frozen=True, kw_only=True)
class Source:
    """Where documents come from.

    Attributes:
        place: what kind of branch it is.
        commit: what it stands on; None in a repository without commits.
        paths: the documents to check, by path in the project, and what looks like one.
        links: those of them that are symbolic links.
        read: returns a document's bytes, None where there is none; raises InvalidInput for what
            is no regular file.
        shown: turns a path in the project into the one that problems name.
    """

    place: Place
    commit: ObjectId | None
    paths: Sequence[str]
    links: frozenset[str]
    read: Callable[[str], bytes | None]
    shown: Callable[[str], str]


def working_source(workspace: Workspace, paths: Sequence[str | Path]) -> Source:
    """Return the documents of the working tree at or below some paths; of no paths, all of them.

    Raises:
        InvalidInput: there is no working tree, or a path is outside the project.
        NotFound: a path does not exist, or there is no document at it or below.
    """
    top = workspace.directory
    if top is None:
        raise InvalidInput(
            "this repository has no working tree",
            hint="Name what to check: `gitexp validate --revision HEAD`.",
        )
    around = workspace.surroundings.directory
    for path in paths:
        if not os.path.lexists(around / path):
            raise NotFound(f"{path} does not exist", hint="Name files or directories, or nothing.")
    found = dict(_documents_in(top))
    chosen = _chosen(found, {str(path): _inside(top, around / path) for path in paths})
    return Source(
        place="project",
        commit=workspace.store.head().commit,
        paths=chosen,
        links=frozenset(path for path in chosen if found[path]),
        read=lambda path: _read(top, path),
        shown=lambda path: path,
    )


def revision_source(workspace: Workspace, revision: str, paths: Sequence[str | Path]) -> Source:
    """Return the documents of a revision at or below some paths; of no paths, all of them.

    Raises:
        InvalidInput: a path is outside the project.
        NotFound: there is no such revision, or no document at a path or below.
    """
    store, top = workspace.store, workspace.directory
    around = workspace.surroundings.directory
    commit = _commit_of(workspace, revision)
    whole = tree_of(store, commit)
    place = _place_of(workspace, whole)
    root = workspace.root if place == "project" else ""
    entry = entry_at(store, whole, root)
    tree = TreeId(entry.id) if entry is not None and entry.is_tree else None
    found = dict(_tree_documents(workspace, tree, place)) if tree else {}
    wanted = {str(p): _inside(top, around / p) if top else str(p) for p in paths}
    chosen = _chosen(found, wanted, f" in {revision}")

    return Source(
        place=place,
        commit=commit,
        paths=chosen,
        links=frozenset(path for path in chosen if found[path]),
        read=_reader(store, tree),
        shown=lambda path: f"{revision}:{layout.join(root, path)}",
    )


def tree_source(
    workspace: Workspace, commit: ObjectId, paths: Iterable[str], *, place: Place, label: str
) -> Source:
    """Return those of some files of a commit that are documents, or look like one.

    Unlike `revision_source` it reads no directory, so it costs as much as there are paths.

    Args:
        paths: in the project; those that are not in the commit are left out.
        label: what problems name the commit by.
    """
    store = workspace.store
    root = workspace.root if place == "project" else ""
    entry = entry_at(store, tree_of(store, commit), root)
    tree = TreeId(entry.id) if entry is not None and entry.is_tree else None
    there = {path: found for path in paths if tree and (found := entry_at(store, tree, path))}
    links = frozenset(path for path, found in there.items() if found.mode == MODE_LINK)
    return Source(
        place=place,
        commit=commit,
        paths=sorted(p for p in there if _is_document(p, place, is_link=p in links)),
        links=links,
        read=_reader(store, tree),
        shown=lambda path: f"{label}:{layout.join(root, path)}",
    )


def _reader(store: Store, tree: TreeId | None) -> Callable[[str], bytes | None]:
    def read(path: str) -> bytes | None:
        limit = MAX_TABLE_BYTES if path.endswith(_TABLES) else MAX_DOCUMENT_BYTES
        return blob_at(store, tree, path, limit=limit) if tree else None

    return read


def _chosen(found: Iterable[str], wanted: Mapping[str, str], where: str = "") -> list[str]:
    """Return the documents at or below the wanted paths, each of which must have one.

    Args:
        wanted: for each path as it was given, the path in the project.
    """
    if not wanted:
        return sorted(found)
    below = {given: [p for p in found if _covers(path, p)] for given, path in wanted.items()}
    for given, documents in below.items():
        if not documents:
            raise NotFound(
                f"no document at {given}{where}",
                hint=f"Documents are {layout.PROJECT_FILE} and what is in {', '.join(FOLDERS)}.",
            )
    return sorted({path for documents in below.values() for path in documents})


def _covers(start: str, path: str) -> bool:
    start = start.rstrip("/")
    return start in ("", path) or path.startswith(start + "/")


def _inside(top: Path, path: Path) -> str:
    """Return a path in the project; its last part is not followed where it is a link."""
    absolute = path.absolute()
    at_its_end = absolute.name in ("", "..")
    resolved = absolute.resolve() if at_its_end else absolute.parent.resolve() / absolute.name
    if resolved != top and top not in resolved.parents:
        raise InvalidInput(
            f"{path} is outside the project in {top}",
            hint="Go to the project that it belongs to, and validate there.",
        )
    return "" if resolved == top else resolved.relative_to(top).as_posix()


# --- the working tree -----------------------------------------------------------------------


def _documents_in(top: Path) -> Iterator[tuple[str, bool]]:
    """Yield the documents of a working tree, and what looks like one; True for links."""
    for file in _AT_THE_TOP:
        if os.path.lexists(top / file):
            yield file, (top / file).is_symlink()
    for folder in FOLDERS:
        for path in _entries(top, folder):
            is_link = (top / path).is_symlink()
            if _is_document(path, "project", is_link=is_link):
                yield path, is_link


def _entries(top: Path, folder: str) -> Iterator[str]:
    """Yield a folder that is a link, or what is in it; of experiments also what is in those."""
    if (top / folder).is_symlink():
        yield folder
    elif (top / folder).is_dir():
        for name in sorted(os.listdir(top / folder)):
            path = f"{folder}/{name}"
            yield path
            file = top / path
            if folder == layout.EXPERIMENTS_DIR and file.is_dir() and not file.is_symlink():
                yield from (f"{path}/{child}" for child in sorted(os.listdir(file)))


def _read(top: Path, path: str) -> bytes | None:
    file = top / path
    if any(part.is_symlink() for part in (file, *file.parents) if top in part.parents):
        raise InvalidInput("a symbolic link, and links are never followed")
    if file.is_dir():
        raise InvalidInput("a directory, not a file")
    try:
        return file.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as exc:
        raise InvalidInput(f"it cannot be read: {exc.strerror}") from exc


def _is_document(path: str, place: Place, *, is_link: bool) -> bool:
    """Return whether a path is that of a document, or looks like one in a project's files."""
    if layout.kind_of(path, place=place) is not None:
        return True
    if place != "project":
        return False
    instead = is_link and (path in FOLDERS or _is_experiment(path))
    return instead or misplaced(path) is not None


def _is_experiment(path: str) -> bool:
    folder, _, name = path.partition("/")
    return folder == layout.EXPERIMENTS_DIR and bool(name) and "/" not in name


# --- a revision -----------------------------------------------------------------------------


def _commit_of(workspace: Workspace, revision: str) -> ObjectId:
    if not revision.startswith("env:"):
        return resolve_revision(workspace.store, revision)
    environment = parse_name(revision.removeprefix("env:"), "environment name")
    branch = layout.environment_branch(workspace.project_id, environment)
    tip = workspace.store.ref(workspace.tracking(branch)) or workspace.store.ref(branch)
    if tip is None:
        raise NotFound(
            f"environment {environment!r} has no branch here",
            hint="Bring it over with `gitexp fetch`.",
        )
    return tip


def _place_of(workspace: Workspace, tree: TreeId) -> Place:
    """Return what kind of branch a tree belongs to, by what stands in it."""
    store = workspace.store
    if entry_at(store, tree, layout.join(workspace.root, layout.PROJECT_FILE)) is not None:
        return "project"
    if entry_at(store, tree, layout.BINDING_FILE) is not None:
        return "environment"
    if entry_at(store, tree, layout.CHANGES_DIR) is not None:
        return "changes"
    return "runs" if entry_at(store, tree, layout.RUNS_DIR) is not None else "project"


def _tree_documents(workspace: Workspace, tree: TreeId, place: Place) -> Iterator[tuple[str, bool]]:
    """Yield the documents of a tree, and what looks like one; True for links."""
    store = workspace.store
    if place != "project":
        found = [(path, entry) for path, entry in walk_files(store, tree)]
    else:
        found = [(entry.name, entry) for entry in list_dir(store, tree, "")]
        found += [pair for folder in FOLDERS for pair in walk_files(store, tree, folder)]
    for path, entry in found:
        is_link = entry.mode == MODE_LINK
        if _is_document(path, place, is_link=is_link):
            yield path, is_link
