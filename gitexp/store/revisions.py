"""Revisions: what a user types to name a commit, read as Git reads it and without running it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial

from gitexp.errors import InvalidInput, MissingObject, NotFound
from gitexp.ids import ObjectId, is_object_id
from gitexp.store.history import History
from gitexp.store.protocol import Store
from gitexp.store.refnames import ref_name_fault
from gitexp.store.trees import peel

_LONGEST = 1000
_SHOWN_CANDIDATES = 10
_SUFFIX = re.compile(r"\^\{commit\}|\^\{\}|([~^])(\d{0,9})(?!\{)")
_PREFIX = re.compile(r"[0-9a-f]{4,64}\Z")
_HINT = (
    "Name a commit by its id or at least 4 digits of it, or by a branch, a tag or HEAD, "
    "with ~2 or ^ behind it for what came before; `git log --oneline --all` lists commits."
)


def resolve_revision(store: Store, text: str) -> ObjectId:
    """Return the id of the commit that a revision names.

    It is a full id, a unique beginning of one of at least 4 digits, `HEAD` or `@`, or a branch,
    tag or remote-tracking branch in Git's order of precedence, followed by any number of `~n`,
    `^n` and `^{commit}`.

    Raises:
        InvalidInput: the text begins with '-' or cannot be a revision, or several commits begin
            with these digits.
        NotFound: nothing of that name is here, or it is no commit.
        MissingObject: it leads to a commit that a shallow clone does not hold.
    """
    name, steps = _parse(text)
    commit = _commit_named(store, name, text)
    history = History(store)
    for kind, count in steps:
        commit = _step(history, commit, kind, count, text)
    # A shallow clone knows the id of a parent that it does not hold.
    history.parents(commit)
    return commit


def _parse(text: str) -> tuple[str, list[tuple[str, int]]]:
    """Return the name and the steps behind it, each as `~` or `^` and a number."""
    if not text or text.startswith("-") or len(text) > _LONGEST:
        raise InvalidInput(f"{text[:80]!r} cannot be a revision", hint=_HINT)
    end = min(text.find(mark) if mark in text else len(text) for mark in "~^")
    return text[:end], list(_parse_steps(text, end))


def _parse_steps(text: str, position: int) -> Iterator[tuple[str, int]]:
    while position < len(text):
        found = _SUFFIX.match(text, position)
        if not found:
            raise _not_found(text, f"{text[position:]!r} cannot follow a name")
        if found[1]:
            yield found[1], int(found[2] or 1)
        position = found.end()


def _commit_named(store: Store, name: str, text: str) -> ObjectId:
    if is_object_id(name) and len(name) == store.hash_length:
        return _commit_with_id(store, ObjectId(name), text)
    for candidate in _meanings(name):
        if found := store.ref(candidate):
            return _commit_with_id(store, found, text)
    return _commit_with_prefix(store, name.lower(), text)


def _meanings(name: str) -> Iterator[str]:
    """Return the references that a name may mean, in Git's order."""
    if name in ("HEAD", "@"):
        yield "HEAD"
    patterns = ("{}", "refs/{}", "refs/tags/{}", "refs/heads/{}", "refs/remotes/{}")
    for pattern in (*patterns, "refs/remotes/{}/HEAD"):
        candidate = pattern.format(name)
        if not ref_name_fault(candidate):
            yield candidate


def _commit_with_id(store: Store, object_id: ObjectId, text: str) -> ObjectId:
    try:
        raw = peel(store, object_id)
    except MissingObject as exc:
        raise NotFound(
            f"there is no commit {object_id} in this repository",
            hint="Run `gitexp fetch` if somebody else made it.",
        ) from exc
    if raw.kind != "commit":
        raise _not_found(text, f"it names a {raw.kind}")
    return raw.id


def _commit_with_prefix(store: Store, prefix: str, text: str) -> ObjectId:
    found = store.find_prefix(prefix) if _PREFIX.match(prefix) else []
    commits = sorted({raw.id for raw in map(partial(peel, store), found) if raw.kind == "commit"})
    if len(commits) > 1:
        shown = ", ".join(commits[:_SHOWN_CANDIDATES])
        raise InvalidInput(
            f"{text!r} is ambiguous: the ids of {len(commits)} commits begin with {prefix}",
            hint=f"Type more digits of one of {shown}.",
        )
    if not commits:
        raise _not_found(text, "it names no commit" if found else "nothing has that name")
    return commits[0]


def _step(history: History, commit: ObjectId, kind: str, count: int, text: str) -> ObjectId:
    if kind == "^":
        return _parent(history, commit, count, text) if count else commit
    for _ in range(count):
        commit = _parent(history, commit, 1, text)
    return commit


def _parent(history: History, commit: ObjectId, number: int, text: str) -> ObjectId:
    parents = history.parents(commit)
    if len(parents) < number:
        raise _not_found(text, f"commit {commit} has {len(parents)} parents")
    return parents[number - 1]


def _not_found(text: str, reason: str) -> NotFound:
    return NotFound(f"there is no commit {text!r} in this repository: {reason}", hint=_HINT)
