"""Looking after the index: what it holds, building it again, and comparing it with a new one."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from gitexp.errors import RepositoryBusy
from gitexp.project.workspace import Workspace
from gitexp.runs.index.connections import ask, connected, discard, index_path, writing
from gitexp.runs.index.following import follow, seen_branches, tips_of
from gitexp.runs.index.schema import FORMAT, RUN_COLUMNS, SUBJECT_COLUMNS, create

if TYPE_CHECKING:
    import sqlite3

IndexState = Literal["current", "behind", "missing", "outdated", "damaged", "in memory"]
"""`behind` is one that has not seen all tips, `outdated` one of another gitexp; both are brought
up to date by the next question, and so is a missing or damaged one."""

_MOST_TRIES = 5
_MOST_TOLD = 20


@dataclass(frozen=True, kw_only=True)
class IndexStatus:
    """What is known of the index without bringing it up to date.

    Attributes:
        path: its file; None for a store in memory.
        bytes: the size of the file and of what SQLite keeps beside it.
        runs: how many runs it holds; None where that cannot be read.
        branches: the runs branches of the project; `behind`: those whose tips it has not seen.
        unreadable: how many runs cannot be read.
    """

    state: IndexState
    path: Path | None
    bytes: int = 0
    runs: int | None = None
    branches: int = 0
    behind: tuple[str, ...] = ()
    unreadable: int = 0


@dataclass(frozen=True, kw_only=True)
class Verification:
    """How the index compares with one that was built from scratch.

    Attributes:
        differences: what differs, a line each, at most a few of each table.
    """

    runs: int
    branches: int
    bytes: int
    differences: tuple[str, ...]


def status(workspace: Workspace) -> IndexStatus:
    """Return what the index holds, and whether it has seen the tips of all branches."""
    import sqlite3

    path, tips = index_path(workspace), tips_of(workspace)
    if path is None:
        return IndexStatus(state="in memory", path=None, branches=len(tips), behind=tuple(tips))
    known: dict[str, Any] = {"path": path, "bytes": _size_of(path), "branches": len(tips)}
    if not path.exists():
        return IndexStatus(state="missing", behind=tuple(tips), **known)
    try:
        with contextlib.closing(_as_it_is(path)) as connection:
            return _status_of(connection, known, tips)
    except (sqlite3.DatabaseError, UnicodeDecodeError):
        return IndexStatus(state="damaged", behind=tuple(tips), **known)


def _as_it_is(path: Path) -> sqlite3.Connection:
    import sqlite3

    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True)


def _status_of(
    connection: sqlite3.Connection, known: dict[str, Any], tips: dict[str, Any]
) -> IndexStatus:
    if connection.execute("PRAGMA user_version").fetchone()[0] != FORMAT:
        return IndexStatus(state="outdated", behind=tuple(tips), **known)
    seen = {ref: branch.tip for ref, branch in seen_branches(connection).items()}
    behind = sorted(ref for ref in {*seen, *tips} if seen.get(ref) != tips.get(ref))
    return IndexStatus(
        state="behind" if behind else "current",
        behind=tuple(behind),
        runs=_count(connection, "runs"),
        unreadable=_count(connection, "problems"),
        **known,
    )


def _count(connection: sqlite3.Connection, table: str) -> int:
    number: int = connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
    return number


def _size_of(path: Path) -> int:
    size = 0
    for suffix in ("", "-wal"):
        with contextlib.suppress(OSError):
            size += path.with_name(path.name + suffix).stat().st_size
    return size


def rebuild(workspace: Workspace) -> IndexStatus:
    """Return what the index holds, once it was built from nothing but the branches.

    Raises:
        MissingObject, DamagedObject: something of a branch is not here, or damaged.
    """
    import sqlite3

    path = index_path(workspace)
    if path is not None and path.exists():
        try:
            with contextlib.closing(connected(path)) as connection:
                with writing(connection):
                    create(connection)
                    follow(workspace, connection)
                connection.execute("VACUUM")
        except (sqlite3.DatabaseError, UnicodeDecodeError):
            discard(path)
    ask(workspace, lambda connection: None)
    return status(workspace)


# --- comparing ------------------------------------------------------------------------------


def verify(workspace: Workspace) -> Verification:
    """Return how the index, brought up to date, compares with one built from scratch.

    Raises:
        MissingObject, DamagedObject: something of a branch is not here, or damaged.
        RepositoryBusy: the branches moved whenever the two were compared.
    """
    for _ in range(_MOST_TRIES):
        found = ask(workspace, lambda connection: _verified(workspace, connection))
        if found is not None:
            return found
    raise RepositoryBusy(
        f"the runs branches moved during each of {_MOST_TRIES} comparisons",
        hint="Try again when fewer runs are being recorded.",
    )


def _verified(workspace: Workspace, connection: sqlite3.Connection) -> Verification | None:
    # The empty name is a database of SQLite's own, on disk where it grows.
    with contextlib.closing(connected("")) as scratch:
        with writing(scratch):
            follow(workspace, scratch)
        if _tips_in(scratch) != _tips_in(connection):
            return None
        path = index_path(workspace)
        return Verification(
            runs=_count(scratch, "runs"),
            branches=_count(scratch, "branches"),
            bytes=_size_of(path) if path is not None else 0,
            differences=tuple(_differences(connection, scratch)),
        )


def _tips_in(connection: sqlite3.Connection) -> dict[str, str]:
    return {ref: branch.tip for ref, branch in seen_branches(connection).items()}


_RUN = [f"r.{name}" for name in RUN_COLUMNS if name not in ("key", "subject")]
_DUMPS = {
    "branches": "SELECT ref, experiment, tip, tree FROM branches ORDER BY ref",
    "places": "SELECT p.run, b.ref, p.record, p.beside FROM places p"
    " JOIN branches b ON b.branch = p.branch ORDER BY p.run, b.ref",
    "problems": "SELECT run, experiment, kind, message, hint FROM problems ORDER BY 1, 2",
    "runs": f"SELECT r.id, {', '.join(_RUN)} FROM runs r ORDER BY r.id",
    "subjects": "SELECT r.id, "
    + ", ".join(f"s.{name}" for name in SUBJECT_COLUMNS)
    + " FROM runs r JOIN subjects s ON s.subject = r.subject ORDER BY r.id",
    "documents": "SELECT r.id, d.text, d.checksum FROM documents d"
    " JOIN runs r ON r.key = d.run ORDER BY r.id",
    "metrics": "SELECT r.id, k.kind, k.name, m.value FROM metrics m JOIN runs r ON r.key = m.run"
    " JOIN keys k ON k.key = m.key ORDER BY 1, 2, 3",
    "params": "SELECT r.id, k.name, p.text, p.number FROM params p JOIN runs r ON r.key = p.run"
    " JOIN keys k ON k.key = p.key ORDER BY 1, 2",
    "tags": "SELECT r.id, k.name, t.text FROM tags t JOIN runs r ON r.key = t.run"
    " JOIN keys k ON k.key = t.key ORDER BY 1, 2",
    "datasets": "SELECT r.id, d.position, d.name, d.digest, d.context FROM datasets d"
    " JOIN runs r ON r.key = d.run ORDER BY 1, 2",
}
"""What the tables say, with names in place of the numbers that an index gives them."""

_SIDES = ("places", "documents", "metrics", "params", "tags", "datasets")


def _differences(index: sqlite3.Connection, scratch: sqlite3.Connection) -> Iterator[str]:
    (state,) = index.execute("PRAGMA quick_check(1)").fetchone()
    if state != "ok":
        yield f"the file is damaged: {state}"
    for table, query in _DUMPS.items():
        found = _differing(index.execute(query), scratch.execute(query))
        yield from (f"{table}: {name}" for _, name in zip(range(_MOST_TOLD), found, strict=False))
    for table in _SIDES:
        if _count(index, table) != _count(scratch, table):
            yield f"{table}: it holds {_count(index, table)} rows, not {_count(scratch, table)}"
    for short, text in scratch.execute("SELECT short, text FROM texts"):
        if index.execute("SELECT text FROM texts WHERE short = ?", (short,)).fetchone() != (text,):
            yield f"texts: {short[:40]}"


def _differing(ours: Iterator[Any], theirs: Iterator[Any]) -> Iterator[str]:
    """Yield what each differing row is of, once; both are sorted by that."""
    told = None
    left, right = next(ours, None), next(theirs, None)
    while left is not None or right is not None:
        if left == right:
            left, right = next(ours, None), next(theirs, None)
            continue
        ours_first = right is None or (left is not None and left[0] <= right[0])
        theirs_first = left is None or (right is not None and right[0] <= left[0])
        name = (left if ours_first else right)[0]  # type: ignore[index]
        if name != told:
            told = name
            yield str(name)
        left = next(ours, None) if ours_first else left
        right = next(theirs, None) if theirs_first else right
