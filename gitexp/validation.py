"""Validating a whole repository, a set of files, or any revision without checking it out.

Every document is held to its schema; then the documents are held to each other: values to the
slots of the project, a header's name to its directory, an id to one experiment alone.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from gitexp.documents import layout
from gitexp.documents.kinds import DocumentKind
from gitexp.documents.layout import Place
from gitexp.documents.parsed import ParsedDocument
from gitexp.documents.problems import Problem
from gitexp.errors import InvalidDocuments, InvalidInput, NotFound
from gitexp.ids import Name, ObjectId
from gitexp.opening import open_workspace
from gitexp.project.definition import Project
from gitexp.project.workspace import Workspace
from gitexp.store.model import TreeEntry, TreeId
from gitexp.store.protocol import MAX_DOCUMENT_BYTES
from gitexp.store.revisions import resolve_revision
from gitexp.store.trees import blob_at, entry_at, tree_of, walk_files
from gitexp.surroundings import Surroundings

_TABLES: frozenset[DocumentKind] = frozenset(["sample", "result"])

MAX_TABLE_BYTES = 256 * 2**20
"""The largest dataset or results file that is validated."""


@dataclass(frozen=True, kw_only=True)
class ValidationReport:
    """Everything that is wrong, and how many documents were looked at."""

    problems: tuple[Problem, ...]
    files: int

    @property
    def valid(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems


@dataclass(frozen=True, kw_only=True)
class _Source:
    """Where documents come from: the working tree or a tree of a revision.

    Attributes:
        place: what kind of branch it is.
        paths: the documents to check, by path in the project.
        read: returns a document's bytes; raises InvalidInput for what is no regular file.
        shown: turns a path in the project into the one that problems name.
    """

    place: Place
    paths: Sequence[str]
    read: Callable[[str], bytes | None]
    shown: Callable[[str], str]


def validate(
    workspace: Workspace, paths: Sequence[str | Path] = (), *, revision: str | None = None
) -> ValidationReport:
    """Return everything that is wrong with files of the working tree or of a revision.

    Raises:
        NotFound: a path or the revision does not exist.
        InvalidInput: there is no working tree and no revision was given, or a path is outside
            the project.
    """
    if revision is not None:
        source = _revision_source(workspace, revision, _in_project(workspace, paths))
    else:
        source = _working_source(workspace, paths)
    problems = [problem for path in source.paths for problem in _check_file(source, path)]
    if source.place == "project":
        problems += _cross_check(workspace, source)
    return ValidationReport(problems=tuple(_in_order(problems)), files=len(source.paths))


def validate_directory(
    directory: Path,
    paths: Sequence[str | Path] = (),
    *,
    revision: str | None = None,
    surroundings: Surroundings,
) -> ValidationReport:
    """Return what `validate` finds in the project around a directory.

    Unlike everything else, it also opens a project whose definition is not valid.
    """
    workspace = open_workspace(directory, project=None, surroundings=surroundings, lenient=True)
    return validate(workspace, paths, revision=revision)


def _in_order(problems: Sequence[Problem]) -> list[Problem]:
    unique = dict.fromkeys(problems)
    return sorted(unique, key=lambda p: (p.file, p.line or 0, p.column or 0, p.place))


# --- where documents come from --------------------------------------------------------------


def _working_source(workspace: Workspace, paths: Sequence[str | Path]) -> _Source:
    top = workspace.directory
    if top is None:
        raise InvalidInput(
            "this repository has no working tree",
            hint="Name what to check: `gitexp validate --revision HEAD`.",
        )
    around = workspace.surroundings.directory
    starts = [_inside(top, around / path) for path in paths] or [top]
    place: Place = "project"
    found = sorted({inside for start in starts for inside in _documents_below(top, start)})

    def read(path: str) -> bytes | None:
        file = top / path
        if any(part.is_symlink() for part in (file, *file.parents) if top in part.parents):
            raise InvalidInput(f"{path} is a symbolic link, and links are never followed")
        return file.read_bytes() if file.is_file() else None

    return _Source(place=place, paths=found, read=read, shown=lambda path: path)


def _inside(top: Path, path: Path) -> Path:
    absolute = Path(path if path.is_absolute() else path.absolute())
    if not absolute.exists() and not absolute.is_symlink():
        raise NotFound(f"{path} does not exist")
    resolved = absolute.parent.resolve() / absolute.name
    if resolved != top and top not in resolved.parents:
        raise InvalidInput(f"{path} is outside the project in {top}")
    return resolved


def _documents_below(top: Path, start: Path) -> Iterator[str]:
    """Yield the documents at or below a path; only the project's own directories are searched."""
    if start.is_file() or start.is_symlink():
        inside = start.relative_to(top).as_posix()
        if layout.kind_of(inside) is not None:
            yield inside
        return
    for folder in _OWN_FOLDERS:
        own = top / folder
        search = start if own in (start, *start.parents) else own
        if start == top or own in (start, *start.parents):
            yield from _listed(top, search, folder)
    if start == top:
        yield from (f for f in (layout.PROJECT_FILE, layout.LOCK_FILE) if (top / f).exists())


_OWN_FOLDERS = (
    layout.EXPERIMENTS_DIR,
    layout.DATASETS_DIR,
    layout.ENDPOINTS_DIR,
    layout.EVALUATORS_DIR,
)


def _listed(top: Path, start: Path, folder: str) -> Iterator[str]:
    for path in sorted(start.rglob("*")):
        inside = path.relative_to(top).as_posix()
        if (path.is_file() or path.is_symlink()) and _is_document(inside, folder):
            yield inside


def _is_document(path: str, folder: str) -> bool:
    return layout.kind_of(path) is not None or _misplaced(path, folder) is not None


def _in_project(workspace: Workspace, paths: Sequence[str | Path]) -> list[str]:
    """Return paths, which need not exist in the working tree, as paths in the project."""
    top = workspace.directory
    if top is None:
        return [str(path) for path in paths]
    found = []
    for path in paths:
        absolute = Path(os.path.abspath(workspace.surroundings.directory / path))
        if absolute != top and top not in absolute.parents:
            raise InvalidInput(f"{path} is outside the project in {top}")
        found.append("" if absolute == top else absolute.relative_to(top).as_posix())
    return found


def _revision_source(workspace: Workspace, revision: str, paths: Sequence[str]) -> _Source:
    store = workspace.store
    commit = _commit_of(workspace, revision)
    whole = tree_of(store, commit)
    place = _place_of(workspace, whole)
    root = workspace.root if place == "project" else ""
    entry = entry_at(store, whole, root)
    tree = TreeId(entry.id) if entry is not None and entry.is_tree else None
    entries = dict(_tree_documents(workspace, tree, place)) if tree else {}
    chosen = [p for p in entries if not paths or any(_covers(start, p) for start in paths)]
    if paths and not chosen:
        raise NotFound(f"no document at {', '.join(paths)} in {revision}")

    def read(path: str) -> bytes | None:
        table = layout.kind_of(path, place=place) in _TABLES
        limit = MAX_TABLE_BYTES if table else MAX_DOCUMENT_BYTES
        return blob_at(store, tree, path, limit=limit) if tree else None

    return _Source(
        place=place,
        paths=sorted(chosen),
        read=read,
        shown=lambda path: f"{revision}:{layout.join(root, path)}",
    )


def _covers(start: str, path: str) -> bool:
    return start == "" or path == start.rstrip("/") or path.startswith(start.rstrip("/") + "/")


def _commit_of(workspace: Workspace, revision: str) -> ObjectId:
    if not revision.startswith("env:"):
        return resolve_revision(workspace.store, revision)
    environment = Name(revision.removeprefix("env:"))
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
    return "runs" if entry_at(store, tree, layout.RUNS_DIR) is not None else "project"


def _tree_documents(
    workspace: Workspace, tree: TreeId, place: Place
) -> Iterator[tuple[str, TreeEntry]]:
    for path, entry in walk_files(workspace.store, tree):
        folder = path.split("/", 1)[0]
        misplaced = place == "project" and _misplaced(path, folder) is not None
        if layout.kind_of(path, place=place) is not None or misplaced:
            yield path, entry


# --- checking one document ------------------------------------------------------------------


def _check_file(source: _Source, path: str) -> list[Problem]:
    kind = layout.kind_of(path, place=source.place)
    shown = source.shown(path)
    if kind is None:
        return [Problem(file=shown, message=_misplaced(path, path.split("/", 1)[0]) or "")]
    try:
        data = source.read(path)
        document = _parsed(kind, data or b"", shown)
    except InvalidDocuments as exc:
        return list(exc.problems)
    except InvalidInput as exc:
        return [Problem(file=shown, message=exc.message)]
    return [] if kind == "sample" else _schema_problems(kind, document, shown)


def _schema_problems(kind: DocumentKind, document: ParsedDocument, file: str) -> list[Problem]:
    from gitexp.documents.schemas import check

    return check(kind, document, file=file)


def _parsed(kind: DocumentKind, data: bytes, shown: str) -> ParsedDocument:
    from gitexp.documents import schemas

    if kind == "sample":
        from gitexp.evaluation.datasets import parse_rows

        return parse_rows(data, shown)
    return schemas.parse(data, file=shown)


def _misplaced(path: str, folder: str) -> str | None:
    """Return what is wrong with a file that looks like a document and has no meaning there."""
    parts = path.split("/")
    if folder == layout.EXPERIMENTS_DIR and len(parts) == 3:
        known = (layout.HEADER_FILE, layout.PARAMETERS_FILE)
        if parts[2] in known and layout.kind_of(path) is None:
            return f"{parts[1]!r} is not a usable experiment name; use [a-z0-9][a-z0-9._-]*"
        if parts[2].lower() in known and parts[2] not in known:
            return f"unknown file; did you mean {parts[2].lower()!r}?"
    return None


# --- holding documents to each other --------------------------------------------------------


def _cross_check(workspace: Workspace, source: _Source) -> list[Problem]:
    project = _project(source)
    headers = {p: d for p in source.paths if (d := _valid(source, p, "experiment")) is not None}
    problems = _name_problems(source, headers) + _id_problems(source, headers)
    if isinstance(project, Project):
        for path in source.paths:
            document = _valid(source, path, "parameters")
            if document is not None:
                problems += _value_problems(project, document, source.shown(path))
        return problems
    return problems + project


def _project(source: _Source) -> Project | list[Problem]:
    """Return the project definition, or what is wrong with it beyond its schema."""
    file = source.shown(layout.PROJECT_FILE)
    document = _valid(source, layout.PROJECT_FILE, "project")
    if document is None:
        return []
    try:
        return Project.from_dict(document.value, file=file)
    except InvalidDocuments as exc:
        return list(exc.problems)


def _valid(source: _Source, path: str, kind: DocumentKind) -> ParsedDocument | None:
    """Return a valid document of a kind, None for any other."""
    if layout.kind_of(path) != kind:
        return None
    try:
        data = source.read(path)
        document = _parsed(kind, data, path) if data is not None else None
    except InvalidInput:
        return None
    if document is None or _schema_problems(kind, document, path):
        return None
    return document


def _value_problems(project: Project, document: ParsedDocument, file: str) -> list[Problem]:
    """Return what is wrong with values, each with the line of its parameter."""
    problems = []
    for problem in project.problems_of(document.value or {}, file=file):
        position = document.position((re.split(r"[.[]", problem.place)[0],))
        line, column = position or (None, None)
        problems.append(replace(problem, line=line, column=column))
    return problems


def _name_problems(source: _Source, headers: Mapping[str, ParsedDocument]) -> list[Problem]:
    problems = []
    for path, header in headers.items():
        name, directory = header.value["name"], path.split("/")[-2]
        if name != directory:
            message = f"{name!r} is not the name of its directory, {directory!r}"
            problems.append(header.problem(source.shown(path), ("name",), message))
    return problems


def _id_problems(source: _Source, headers: Mapping[str, ParsedDocument]) -> list[Problem]:
    seen: dict[str, str] = {}
    problems = []
    for path, header in headers.items():
        identity = header.value["id"]
        first = seen.setdefault(identity, path)
        if first != path:
            message = f"{identity!r} is the id of {first} too; a copy needs one of its own"
            problems.append(header.problem(source.shown(path), ("id",), message))
    return problems
