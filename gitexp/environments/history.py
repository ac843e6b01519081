"""The history of an environment: who moved it when, what changed by that, and why."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

from gitexp.environments.binding import Binding, Snapshot, environment_at
from gitexp.environments.branches import environment_name, fetch_branch, tip_of
from gitexp.errors import InvalidDocuments, InvalidInput, MissingObject, NotBound, NotFound
from gitexp.experiments.changes import ValueChange, value_changes
from gitexp.ids import Name, ObjectId
from gitexp.project.reading import current_project
from gitexp.project.workspace import Workspace
from gitexp.store.history import first_parent
from gitexp.store.protocol import Store

_FEWEST_DIGITS = 4


@dataclass(frozen=True, kw_only=True)
class HistoryEntry:
    """One move of an environment.

    Attributes:
        binding: what the environment says since then, by whom, when and why.
        commit: the commit of the environment's branch.
        changes: the parameters that differ from the entry before.
    """

    binding: Binding
    commit: ObjectId
    changes: tuple[ValueChange, ...]


def history(
    workspace: Workspace, environment: str, *, limit: int | None = None
) -> list[HistoryEntry]:
    """Return the moves of an environment, newest first, at most `limit`.

    In a shallow clone, the branch's history is fetched first.

    Raises:
        NotFound: there is no such environment.
        InvalidDocuments: a commit of the branch cannot be read as a binding.
        MissingObject: the history is cut off and could not be fetched.
    """
    name = environment_name(environment)
    if tip_of(workspace, name) is None:
        current_project(workspace).environment(name)
        return []
    if limit is not None and limit < 1:
        raise InvalidInput(f"{limit} is not a number of entries", hint="Ask for 1 or more.")
    wanted = None if limit is None else limit + 1  # the last one is compared with its predecessor
    taken = _with_history(workspace, name, wanted)
    older = [*taken[1:], None]
    return [_entry(new, old) for new, old in zip(taken, older, strict=True)][:limit]


def _entry(new: Snapshot, old: Snapshot | None) -> HistoryEntry:
    types = {**(old.binding.types if old else {}), **new.binding.types}
    changes = value_changes(old.values if old else {}, new.values, types)
    return HistoryEntry(binding=new.binding, commit=new.commit, changes=changes)


def _with_history(workspace: Workspace, name: Name, count: int | None) -> list[Snapshot]:
    """Return the newest moves; where history is cut off, after fetching it."""
    try:
        return list(islice(moves(workspace, name), count))
    except MissingObject:
        if not (workspace.store.is_shallow() and workspace.has_remote):
            raise
    fetch_branch(workspace, name, whole=True)
    return list(islice(moves(workspace, name), count))


def bring_history(workspace: Workspace, environment: Name) -> None:
    """Make sure that all of an environment's history is here.

    Raises:
        MissingObject: it is cut off and could not be fetched.
    """
    if workspace.store.is_shallow():
        fetch_branch(workspace, environment, whole=True)


def moves(
    workspace: Workspace, environment: Name, *, reader: Store | None = None
) -> Iterator[Snapshot]:
    """Return the snapshots along an environment's branch, newest first, by first parents.

    Commits that repeat what the one before says are left out.

    Raises:
        InvalidDocuments: a commit cannot be read as a binding.
        MissingObject: history is cut off.
    """
    later: Snapshot | None = None
    for snapshot in line(workspace, environment, reader=reader):
        if later is not None and not _repeats(later, snapshot):
            yield later
        later = snapshot
    if later is not None:
        yield later


def _repeats(later: Snapshot, earlier: Snapshot) -> bool:
    return later.binding.to_dict() == earlier.binding.to_dict() and later.values == earlier.values


def line(
    workspace: Workspace,
    environment: Name,
    *,
    reader: Store | None = None,
    skip_broken: bool = False,
) -> Iterator[Snapshot]:
    """Return the snapshot of every commit along an environment's branch, newest first.

    Args:
        skip_broken: leave out commits that cannot be read as a binding, instead of raising.

    Raises:
        InvalidDocuments: a commit cannot be read as a binding.
        MissingObject: history is cut off.
    """
    store = reader or workspace.store
    tip = tip_of(workspace, environment, reader=store)
    for commit in first_parent(store, tip) if tip else ():
        try:
            yield environment_at(
                store,
                commit.id,
                environment=environment,
                project=workspace.project_id,
                cache=workspace.cache,
            )
        except InvalidDocuments:
            if not skip_broken:
                raise


def rollback_target(workspace: Workspace, environment: Name, reader: Store) -> Snapshot:
    """Return the binding that a rollback restores: the one below the live one on the pile.

    Where nothing is bound now, it is the one that was live last.

    Raises:
        NotBound: nothing was ever bound.
        NotFound: there is no earlier binding.
    """
    snapshots = list(line(workspace, environment, reader=reader, skip_broken=True))
    pile = piled(reversed(snapshots))
    if not pile:
        raise NotBound(
            f"no version was ever bound to environment {environment!r}",
            hint=f"Bind one with `gitexp promote EXPERIMENT {environment}`.",
        )
    if snapshots[0].binding.bound:
        pile.pop()
    if not pile:
        raise NotFound(
            f"environment {environment!r} has no binding before {snapshots[0].binding.label}",
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
    snapshots = line(workspace, environment, reader=reader, skip_broken=True)
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
