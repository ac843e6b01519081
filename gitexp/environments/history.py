"""The history of an environment: who moved it when, what changed by that, and why."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from gitexp.environments.binding import (
    UNREADABLE,
    Binding,
    Snapshot,
    environment_at,
    one_line,
    snapshot_at,
)
from gitexp.environments.branches import environment_name, fetch_branch, tip_of
from gitexp.environments.live import live_since
from gitexp.environments.published import FlagChanges, flag_changes
from gitexp.errors import (
    DamagedObject,
    GitexpError,
    InvalidInput,
    MissingObject,
    NotBound,
    NotFound,
)
from gitexp.experiments.changes import ValueChange, value_changes
from gitexp.ids import Digest, Name, ObjectId
from gitexp.project.reading import current_project
from gitexp.project.workspace import Workspace
from gitexp.store.history import History
from gitexp.store.model import Commit
from gitexp.store.protocol import Store

_FEWEST_DIGITS = 4
_BROKEN = (InvalidInput, DamagedObject)


@dataclass(frozen=True, kw_only=True)
class HistoryEntry:
    """One move of an environment.

    Attributes:
        binding: what the environment says since then, by whom, when and why.
        commit: the commit of the environment's branch.
        since: since when the environment says so; see `live_since`.
        changes: the parameters that differ from the newest entry before that can be read.
        flags: the flags that differ from there, by key, with their digests; None for one that
            was taken away.
        problem: why the commit cannot be read as a binding, in one line; None when it can. With
            one, the binding's action is `unreadable`, its author and moment are the commit's,
            and no version is named.
    """

    binding: Binding
    commit: ObjectId
    since: datetime
    changes: tuple[ValueChange, ...]
    problem: str | None = None
    flags: FlagChanges = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Unreadable:
    """A commit of an environment's branch that cannot be read as a binding, and why."""

    commit: Commit
    problem: str


def history(
    workspace: Workspace, environment: str, *, limit: int | None = None
) -> list[HistoryEntry]:
    """Return the moves of an environment, newest first, at most `limit`.

    In a shallow clone, the branch's history is fetched first. A commit that cannot be read as a
    binding is an entry with a `problem`.

    Raises:
        NotFound: there is no such environment.
        MissingObject, DamagedObject: the history is cut off and could not be fetched.
    """
    name = environment_name(environment)
    if tip_of(workspace, name) is None:
        current_project(workspace).environment(name)
        return []
    if limit is not None and limit < 1:
        raise InvalidInput(f"{limit} is not a number of entries", hint="Ask for 1 or more.")
    return _entries(workspace, name, _with_history(workspace, name, limit))[:limit]


def _entries(
    workspace: Workspace, name: Name, newest_first: Sequence[Snapshot | Unreadable]
) -> list[HistoryEntry]:
    found: list[HistoryEntry] = []
    before: Snapshot | None = None
    for move in reversed(newest_first):
        if isinstance(move, Unreadable):
            found.append(_unreadable_entry(workspace, name, move))
        else:
            found.append(_entry(workspace.store, move, before))
            before = move
    return found[::-1]


def _unreadable_entry(workspace: Workspace, name: Name, move: Unreadable) -> HistoryEntry:
    commit = move.commit
    binding = Binding(
        project=workspace.project_id,
        environment=name,
        action="unreadable",
        by=str(commit.author),
        at=commit.author.when,
        commit=commit.id,
    )
    return HistoryEntry(
        binding=binding,
        commit=commit.id,
        since=commit.committer.when,
        changes=(),
        problem=move.problem,
    )


def _entry(store: Store, new: Snapshot, old: Snapshot | None) -> HistoryEntry:
    types = {**(old.binding.types if old else {}), **new.binding.types}
    changes = value_changes(old.values if old else {}, new.values, types)
    flags = flag_changes(old.binding.flags if old else {}, new.binding.flags)
    return HistoryEntry(
        binding=new.binding,
        commit=new.commit,
        since=live_since(store, new),
        changes=changes,
        flags=flags,
    )


def _with_history(
    workspace: Workspace, name: Name, count: int | None
) -> list[Snapshot | Unreadable]:
    """Return the newest moves; where history is cut off, after fetching it."""
    try:
        return _newest(moves(workspace, name), count)
    except MissingObject:
        if not (workspace.store.is_shallow() and workspace.has_remote):
            raise
    fetch_branch(workspace, name, whole=True)
    return _newest(moves(workspace, name), count)


def _newest(
    newest_first: Iterable[Snapshot | Unreadable], count: int | None
) -> list[Snapshot | Unreadable]:
    """Return that many moves, and on to the one that the last of them is compared with."""
    taken: list[Snapshot | Unreadable] = []
    for move in newest_first:
        taken.append(move)
        if count is not None and len(taken) > count and isinstance(move, Snapshot):
            break
    return taken


def bring_history(workspace: Workspace, environment: Name) -> None:
    """Make sure that all of an environment's history is here.

    Raises:
        MissingObject: it is cut off and could not be fetched.
    """
    if workspace.store.is_shallow():
        fetch_branch(workspace, environment, whole=True)


def moves(
    workspace: Workspace, environment: Name, *, reader: Store | None = None
) -> Iterator[Snapshot | Unreadable]:
    """Return what the commits of an environment's branch say, newest first.

    Commits that repeat what the one before says are left out.

    Raises:
        MissingObject, DamagedObject: history is cut off, behind the last one returned.
    """
    later: Snapshot | Unreadable | None = None
    try:
        for earlier in _commits(workspace, environment, reader, skipped=UNREADABLE):
            if later is not None and not _repeats(later, earlier):
                yield later
            later = earlier
    except (MissingObject, DamagedObject):
        if later is not None:
            yield later
        raise
    if later is not None:
        yield later


def _repeats(later: Snapshot | Unreadable, earlier: Snapshot | Unreadable) -> bool:
    if isinstance(later, Unreadable) or isinstance(earlier, Unreadable):
        return False
    return later.binding.to_dict() == earlier.binding.to_dict() and later.values == earlier.values


def line(
    workspace: Workspace,
    environment: Name,
    *,
    tip: ObjectId | None = None,
    reader: Store | None = None,
) -> Iterator[Snapshot]:
    """Return the snapshots along an environment's branch, newest first.

    Commits that do not hold a binding are left out.

    Args:
        tip: the commit to begin with; that of the branch by default.

    Raises:
        MissingObject: a commit or what it holds is not here. It may be brought over, so it is
            not passed over.
        DamagedObject: a commit is damaged, so what came before it is not known.
    """
    for found in _commits(workspace, environment, reader, tip=tip, skipped=_BROKEN):
        if isinstance(found, Snapshot):
            yield found


def _commits(
    workspace: Workspace,
    environment: Name,
    reader: Store | None,
    *,
    tip: ObjectId | None = None,
    skipped: tuple[type[GitexpError], ...],
) -> Iterator[Snapshot | Unreadable]:
    """Return every commit of the branch; those that raise a skipped error as unreadable."""
    store = reader or workspace.store
    tip = tip or tip_of(workspace, environment, reader=store)
    for commit in line_of_commits(workspace, tip, reader=store) if tip else ():
        try:
            yield environment_at(
                store,
                commit.id,
                environment=environment,
                project=workspace.project_id,
                cache=workspace.cache,
            )
        except skipped as exc:
            yield Unreadable(commit=commit, problem=one_line(exc))


def snapshot_before(
    workspace: Workspace, environment: Name, tip: ObjectId | None, *, reader: Store
) -> Snapshot | None:
    """Return the environment at a commit, or None; where that is broken, as it was before.

    Raises:
        MissingObject, DamagedObject: history is cut off.
    """
    if tip is None:
        return None
    return next(line(workspace, environment, tip=tip, reader=reader), None)


def digests_before(
    workspace: Workspace, environment: Name, tip: ObjectId | None, *, reader: Store
) -> Mapping[str, Digest]:
    """Return the digests of the flags in what `snapshot_before` returns; raises as it does."""
    found = snapshot_before(workspace, environment, tip, reader=reader)
    return found.binding.flags if found else {}


def line_of_commits(workspace: Workspace, tip: ObjectId, *, reader: Store) -> Iterator[Commit]:
    """Return the commits by which an environment's branch came to a commit, newest first.

    A merge follows the commit on which its binding says that it was made, so that no order of
    its parents hides what was live before; any other commit follows its first parent.

    Raises:
        MissingObject, DamagedObject: history is cut off.
    """
    history = History(reader)
    following: ObjectId | None = tip
    while following is not None:
        commit = next(history.first_parent(following, limit=1))
        yield commit
        following = _followed(workspace, commit, reader)


def _followed(workspace: Workspace, commit: Commit, reader: Store) -> ObjectId | None:
    if len(commit.parents) > 1:
        try:
            found = snapshot_at(reader, commit.id, cache=workspace.cache)
        except UNREADABLE:
            found = None
        if found is not None and found.binding.previous in commit.parents:
            return found.binding.previous
    return next(iter(commit.parents), None)


def rollback_target(workspace: Workspace, environment: Name, reader: Store) -> Snapshot:
    """Return the binding that a rollback restores: the one below the live one on the pile.

    Where nothing is bound now, or the tip cannot be read as a binding, it is the one that was
    live last.

    Raises:
        NotBound: nothing was ever bound.
        NotFound: there is no earlier binding.
    """
    snapshots = list(line(workspace, environment, reader=reader))
    pile = piled(reversed(snapshots))
    if not pile:
        raise NotBound(
            f"no version was ever bound to environment {environment!r}",
            hint=f"Bind one with `gitexp promote EXPERIMENT {environment}`.",
        )
    newest = snapshots[0]
    if newest.binding.bound and newest.commit == tip_of(workspace, environment, reader=reader):
        pile.pop()
    if not pile:
        raise NotFound(
            f"environment {environment!r} has no binding before {newest.binding.label}",
            hint=f"See `gitexp env history {environment}`.",
        )
    return pile[-1]


def piled(oldest_first: Iterable[Snapshot]) -> list[Snapshot]:
    """Return the bindings that can still be rolled back to, the live or last live one on top.

    A promotion puts a binding on the pile, or in the place of the one on top when that is the
    same: the same experiment with the same values. A rollback takes off what lies above the
    binding that it restores, so rolling back twice goes further back, not back and forth; what
    was taken off can be named to come back. Unbinding leaves the pile as it is.
    """
    pile: list[Snapshot] = []
    for snapshot in oldest_first:
        if not snapshot.binding.bound:
            continue
        known = [identity(below.binding) for below in pile]
        wanted = identity(snapshot.binding)
        if snapshot.binding.action == "rollback" and wanted in known:
            while identity(pile[-1].binding) != wanted:
                pile.pop()
        elif known[-1:] == [wanted]:
            pile[-1] = snapshot  # the same values, perhaps under the hash of a later version
        else:
            pile.append(snapshot)
    return pile


def identity(binding: Binding) -> tuple[str | None, str | None]:
    """Return what makes two bindings the same for a rollback: the experiment and the values."""
    return binding.experiment_id, binding.digest


def chosen_target(workspace: Workspace, environment: Name, text: str, reader: Store) -> Snapshot:
    """Return the newest binding that a commit of the branch, or a version, names.

    Raises:
        NotFound: no binding of this environment fits.
        InvalidInput: the text is no hash, fits several bindings, or names an unbinding.
    """
    if len(text) < _FEWEST_DIGITS or not all(c in "0123456789abcdef" for c in text):
        raise InvalidInput(
            f"{text!r} is neither a commit of environment {environment!r} nor a version",
            hint=f"Give {_FEWEST_DIGITS} digits or more of one from "
            f"`gitexp env history {environment}`.",
        )
    snapshots = line(workspace, environment, reader=reader)
    fitting = [snapshot for snapshot in snapshots if _fits(snapshot, text)]
    if not fitting:
        raise NotFound(
            f"environment {environment!r} was never bound by or to {text!r}",
            hint=f"See `gitexp env history {environment}`.",
        )
    return _only(fitting, text)


def _fits(snapshot: Snapshot, text: str) -> bool:
    return any(
        known.startswith(text) for known in (snapshot.commit, snapshot.binding.version or "")
    )


def _only(fitting: Iterable[Snapshot], text: str) -> Snapshot:
    by_version: dict[str | None, Snapshot] = {}
    for snapshot in fitting:
        by_version.setdefault(snapshot.binding.version, snapshot)
    if len(by_version) > 1:
        labels = ", ".join(snapshot.binding.label for snapshot in by_version.values())
        raise InvalidInput(f"{text!r} fits several bindings: {labels}", hint="Give more digits.")
    (found,) = by_version.values()
    if not found.binding.bound:
        raise InvalidInput(
            f"nothing was bound in commit {found.commit[:10]}",
            hint=f"Use `gitexp env unbind {found.binding.environment}`.",
        )
    return found
