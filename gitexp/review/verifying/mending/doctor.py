"""The doctor's visit: everything that is wrong, and mending what is safe to mend."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from gitexp.errors import GitexpError
from gitexp.project.workspace import Workspace
from gitexp.review.verifying.examination import SEE_DOCTOR
from gitexp.review.verifying.findings import Check, Finding
from gitexp.review.verifying.mending import leftovers, locks, objects, references
from gitexp.review.verifying.mending.ailments import UNSEEN, Ailment, Diagnosis
from gitexp.review.verifying.mending.healing import Healer, healing
from gitexp.review.verifying.verification import verify
from gitexp.store.disk import DiskStore

_MOST_ROUNDS = 50
_CLAIMS: tuple[Check, ...] = ("documents", "versions", "environments", "runs", "changes")

_MEANINGS: dict[Check, tuple[str, str]] = {
    "documents": ("Whatever reads the file refuses it.", "Nothing: it can be corrected."),
    "versions": (
        "The version can be neither run nor promoted.",
        "Nothing: values that are right can be saved on top of it.",
    ),
    "environments": (
        "Somebody wrote to the branch by hand. Values that do not have their digest are not read.",
        "Nothing: earlier promotions are in the branch's history.",
    ),
    "runs": (
        "Results can no longer be trusted as they were recorded.",
        "Nothing, as long as the branch's history is there: it holds what was recorded first.",
    ),
    "changes": (
        "A fact about a change request was written by hand, and counts for nothing.",
        "Nothing, as long as the branch's history is there.",
    ),
}

Examine = Callable[[Workspace, DiskStore, Healer], Iterator[Ailment]]

_FILES: tuple[Examine, ...] = (
    lambda workspace, store, healer: locks.write_ailments(store),
    lambda workspace, store, healer: locks.lock_ailments(store),
    lambda workspace, store, healer: objects.pack_ailments(workspace, store),
    references.reference_ailments,
    objects.object_ailments,
    lambda workspace, store, healer: references.index_ailments(workspace, store),
    lambda workspace, store, healer: leftovers.cache_ailments(workspace),
    lambda workspace, store, healer: leftovers.configuration_ailments(workspace, store),
)
"""What is looked at in the files of a repository: what others need comes first."""

_BRANCHES: tuple[Callable[[Workspace], Iterator[Ailment]], ...] = (
    leftovers.run_ailments,
    leftovers.rename_ailments,
    leftovers.pin_ailments,
)


def diagnose(workspace: Workspace, *, fix: bool = False) -> Diagnosis:
    """Return what ails a repository, and with `fix`, what came of mending it.

    What is found only once something else is mended is looked for again. Nothing that was
    committed is changed, and no file of the working tree is touched.
    """
    visit = _Visit(workspace, fix)
    store = workspace.store
    if isinstance(store, DiskStore):
        with healing(workspace, store) as healer:
            for examine in _FILES:
                visit.until_nothing_new(partial(examine, workspace, store, healer))
        visit.note(leftovers.quarantined(store))
    for examine_branches in _BRANCHES:
        visit.until_nothing_new(partial(examine_branches, workspace))
    visit.until_nothing_new(partial(_claims, workspace))
    return Diagnosis(ailments=tuple(visit.found), fixed=fix, notes=tuple(visit.notes))


class _Visit:
    """What was found and mended so far."""

    def __init__(self, workspace: Workspace, fix: bool) -> None:
        self.found: list[Ailment] = []
        self.notes: list[str] = []
        self._workspace = workspace
        self._fix = fix

    def note(self, text: str) -> None:
        """Note what could not be looked at, or is worth knowing."""
        if text:
            self.notes.append(text)

    def until_nothing_new(self, examine: Callable[[], Iterator[Ailment]]) -> None:
        """Examine; with `fix`, mend and examine again, until that changes nothing any more."""
        seen: set[str] = set()
        for _ in range(_MOST_ROUNDS):
            new = [one for one in self._examined(examine) if one.what not in seen]
            seen.update(one.what for one in new)
            treated = [one.treated() for one in new] if self._fix else new
            self.found += treated
            if not any(one.state == "mended" for one in treated):
                return
            self._forget()

    def _examined(self, examine: Callable[[], Iterator[Ailment]]) -> list[Ailment]:
        try:
            return list(examine())
        except GitexpError as exc:
            self.note(f"{UNSEEN}: {exc.message}")
            return []

    def _forget(self) -> None:
        """Let go of what the store remembers of files that were changed."""
        if isinstance(self._workspace.store, DiskStore):
            self._workspace.store.close()


def _claims(workspace: Workspace) -> Iterator[Ailment]:
    """Yield what is wrong with what the branches say; putting that right takes a person."""
    for found in verify(workspace, _CLAIMS).problems:
        if found.advice != SEE_DOCTOR:  # what cannot be read is an ailment of its own
            yield _of_finding(found)


def _of_finding(found: Finding) -> Ailment:
    means, lost = _MEANINGS[found.check]
    return Ailment(kind="content", what=str(found), means=means, lost=lost, mend=found.advice)
