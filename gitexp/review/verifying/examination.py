"""One examination of a repository: what is found, and what need not be looked at again.

A branch that was in order up to a commit is looked at from there on the next time. A check says
so only of a branch in which it found nothing at all, so what is wrong is found every time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar

from gitexp.documents import layout
from gitexp.documents.problems import shell_word
from gitexp.errors import DamagedObject, GitexpError, InvalidInput, MissingObject, StoreError
from gitexp.ids import ObjectId
from gitexp.project.workspace import Workspace
from gitexp.review.verifying.findings import Check, Finding, Severity
from gitexp.store.history import History
from gitexp.store.protocol import Store

T = TypeVar("T")

_READING = "1"
"""Changes when a check looks at more than before, and so makes earlier outcomes unused."""

_MOST_TIPS = 7
"""How many commits are remembered up to which a branch was in order: here, there, and before."""

SEE_DOCTOR = "See what can be done with `gitexp doctor`."

READ_ERRORS = (StoreError, InvalidInput)
"""The errors that say that something of a repository cannot be read."""


@dataclass(frozen=True, kw_only=True)
class Branch:
    """A branch to look at: the full name of its reference, and where it stands."""

    ref: str
    tip: ObjectId

    @property
    def name(self) -> str:
        """The branch as people type it, with the remote's name for a tracking reference."""
        return self.ref.removeprefix(layout.BRANCHES).removeprefix("refs/remotes/")


@dataclass(kw_only=True)
class Examination:
    """What one examination works on, and what it found so far.

    Attributes:
        full: whether everything is looked at again, whatever was found in order before.
    """

    workspace: Workspace
    full: bool = False
    findings: list[Finding] = field(default_factory=list)
    looked_at: Counter[str] = field(default_factory=Counter)
    _known: dict[str, Any] = field(default_factory=dict, init=False)

    @property
    def store(self) -> Store:
        """The objects and references."""
        return self.workspace.store

    @cached_property
    def history(self) -> History:
        """The ancestry of commits; in a shallow clone it begins where history was cut off."""
        return History(self.store, tolerate_shallow=True)

    def once(self, key: str, make: Callable[[], T]) -> T:
        """Return what `make` returned for a key in this examination."""
        if key not in self._known:
            self._known[key] = make()
        found: T = self._known[key]
        return found

    def add(
        self,
        check: Check,
        message: str,
        advice: str,
        *,
        severity: Severity = "problem",
        **where: Any,
    ) -> None:
        """Note what was found; `where` is the branch, commit, path and object of a `Finding`."""
        self.findings.append(
            Finding(check=check, message=message, advice=advice, severity=severity, **where)
        )

    @contextmanager
    def reading(self, check: Check, **where: Any) -> Iterator[None]:
        """Note what cannot be read, instead of failing."""
        try:
            yield
        except READ_ERRORS as exc:
            self.add(check, one_line(exc), _advice_for(exc), **where)

    def branches(self, *starts: str) -> list[Branch]:
        """Return the branches whose full names begin so, here and on the shared remote.

        Where both stand at the same commit, it is looked at once.
        """
        refs = self.store.refs
        return self._distinct(dict.fromkeys(starts, refs))

    def branch(self, ref: str) -> list[Branch]:
        """Return one branch by its full name, here and on the shared remote; each only once."""

        def alone(name: str) -> dict[str, ObjectId]:
            tip = self.store.ref(name)
            return {name: tip} if tip is not None else {}

        return self._distinct({ref: alone})

    def _distinct(self, found: Mapping[str, Callable[[str], dict[str, ObjectId]]]) -> list[Branch]:
        distinct: dict[tuple[str, ObjectId], Branch] = {}
        for start, refs in found.items():
            for prefix in (start, self.workspace.tracking(start)):
                for ref, tip in refs(prefix).items():
                    name = start + ref.removeprefix(prefix)
                    distinct.setdefault((name, tip), Branch(ref=ref, tip=tip))
        return list(distinct.values())

    # What was in order before.

    def since_then(
        self, check: Check, branch: Branch, look: Callable[[Branch, ObjectId | None], None]
    ) -> None:
        """Look at a branch from the commit on up to which it was found in order.

        Args:
            look: called with the branch and that commit, None where all of it is looked at.
        """
        cache, place = self.workspace.cache, f"{check}/{self.workspace.root}/{self._name(branch)}"
        key = f"verified/{_READING}/{place}"
        known: list[str] = [] if self.full else cache.get(key) or []
        if branch.tip in known:
            return
        look(branch, self._nearest(known, branch))
        # What is wrong with something that two branches share is found for one of them.
        if not any(found.check == check for found in self.findings):
            cache.put(key, [*(cache.get(key) or [])[-_MOST_TIPS:], branch.tip])

    def _name(self, branch: Branch) -> str:
        """Return a branch's own name, whichever side it is on."""
        return branch.name.removeprefix(f"{self.workspace.remote_name}/")

    def _nearest(self, known: Sequence[str], branch: Branch) -> ObjectId | None:
        """Return the commit among some that a branch holds, and that holds all others it holds."""
        nearest: ObjectId | None = None
        for text in known:
            commit = ObjectId(text)
            try:
                if self.history.is_ancestor(commit, branch.tip) and (
                    nearest is None or self.history.is_ancestor(nearest, commit)
                ):
                    nearest = commit
            except StoreError:
                continue  # it is not here any more
        return nearest

    def commits(self, branch: Branch, since: ObjectId | None) -> list[ObjectId]:
        """Return the commits of a branch that are not part of an earlier one, parents first.

        Raises:
            MissingObject, DamagedObject: history cannot be read.
        """
        found = self.history.ids_between(branch.tip, [since] if since else [])
        return found[::-1]

    def is_here(self, object_id: ObjectId) -> bool:
        """Return whether an object is in this repository; nothing is fetched for that."""
        return self.store.has(object_id)


def one_line(error: GitexpError) -> str:
    """Return what an error says in one line: the first of its problems, and how many follow."""
    first, *others = error.message.splitlines()
    return f"{first} (and {len(others)} more)" if others else first


def _advice_for(error: GitexpError) -> str:
    if isinstance(error, (MissingObject, DamagedObject)):
        return SEE_DOCTOR
    return error.hint or SEE_DOCTOR


def shown_with_git(branch: str, path: str = "") -> str:
    """Return a command that shows who changed a branch, or a file of it."""
    file = f" -- {shell_word(path)}" if path else ""
    return f"`git log -p {shell_word(branch)}{file}`"
