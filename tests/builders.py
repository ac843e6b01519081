"""What tests are built from: a fixed identity, clock and randomness, and a history in one line."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta, timezone

from gitexp.ids import ObjectId, Randomness
from gitexp.store.model import Signature, TreeId
from gitexp.store.protocol import Store
from gitexp.store.transaction import Transaction, transact
from gitexp.store.trees import read_commit

MOMENT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc)
SIGNATURE = Signature(name="Ada Example", email="ada@example.org", when=MOMENT)

Files = Mapping[str, "bytes | None"]


class FixedClock:
    """A clock that begins at `MOMENT` and moves on by a second with every look at it."""

    def __init__(self, start: datetime = MOMENT, *, step: float = 1.0) -> None:
        self._next = start
        self._step = timedelta(seconds=step)
        self._elapsed = 0.0

    def now(self) -> datetime:
        """Return the present moment, then move on."""
        moment = self._next
        self._next += self._step
        return moment

    def monotonic(self) -> float:
        """Return seconds that grow by the step with every call."""
        self._elapsed += self._step.total_seconds()
        return self._elapsed


def seeded_bits(seed: int = 0) -> Randomness:
    """Return a source of random bits that always gives the same ones for a seed."""
    return random.Random(seed).getrandbits


def signature(seconds: int = 0) -> Signature:
    """Return Ada's signature, some seconds after `MOMENT`."""
    return replace(SIGNATURE, when=MOMENT + timedelta(seconds=seconds))


def make_tree(store: Store, files: Files) -> TreeId:
    """Return the tree of these files, written to the store."""
    return transact(store, lambda tx: tx.tree(None, files))


def commit_files(
    store: Store,
    files: Files,
    *,
    branch: str = "main",
    message: str = "change",
    at: int = 0,
) -> ObjectId:
    """Return a new commit on a branch that changes these files; the branch is opened if need be."""

    def work(tx: Transaction) -> ObjectId:
        ref = f"refs/heads/{branch}"
        tip = tx.ref(ref)
        base = read_commit(tx, tip).tree if tip else None
        commit = tx.commit(
            tree=tx.tree(base, files),
            parents=[tip] if tip else [],
            message=message,
            author=signature(at),
        )
        tx.set_ref(ref, old=tip, new=commit, message=message)
        return commit

    return transact(store, work)


def history(
    store: Store,
    line: str,
    *,
    files: Mapping[str, Files] | None = None,
    branch: str | None = "main",
) -> dict[str, ObjectId]:
    """Return the commits of a graph written in one line, by name.

    Commits are separated by spaces, parents before children. `b` follows the commit before it,
    `b:a` follows a, `m:b,c` is a merge, `r:` is a root, and `b@90` is made 90 seconds after
    `MOMENT` (the n-th commit otherwise n seconds after it). So `"a b c:a d:b,c"` is a diamond.

    Args:
        files: by commit, what it changes against its first parent; a commit that is not
            mentioned writes its own name into the file `file`.
        branch: the branch that is put at the last commit, from wherever it is; None for none.
    """

    def work(tx: Transaction) -> dict[str, ObjectId]:
        made: dict[str, ObjectId] = {}
        for number, word in enumerate(line.split()):
            name, parents, at = _parse_word(word, number, made)
            base = read_commit(tx, parents[0]).tree if parents else None
            changes = (files or {}).get(name, {"file": f"{name}\n".encode()})
            made[name] = tx.commit(
                tree=tx.tree(base, changes),
                parents=parents,
                message=name,
                author=signature(at),
            )
        if branch is not None:
            ref = f"refs/heads/{branch}"
            tx.set_ref(ref, old=tx.ref(ref), new=made[name])
        return made

    return transact(store, work)


def _parse_word(
    word: str, number: int, made: Mapping[str, ObjectId]
) -> tuple[str, list[ObjectId], int]:
    """Read `name[:parent,...][@seconds]`."""
    word, _, seconds = word.partition("@")
    name, colon, listed = word.partition(":")
    if colon:
        parents = [made[parent] for parent in listed.split(",") if parent]
    else:
        parents = list(made.values())[-1:]
    return name, parents, int(seconds or number)


def set_branch(store: Store, branch: str, commit: ObjectId | None) -> None:
    """Put a branch at a commit, from wherever it is; None deletes it."""
    ref = f"refs/heads/{branch}"
    transact(store, lambda tx: tx.set_ref(ref, old=tx.ref(ref), new=commit))
