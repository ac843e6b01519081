"""How the documents of two states of a project differ: of any kind, place by place."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from gitexp.documents import layout
from gitexp.project.workspace import Workspace
from gitexp.review.diffing.contents import TYPES, Contents, is_document, text_at, value_at
from gitexp.review.diffing.model import ChangeKind, DocumentDiff, FileDiff, PathChange
from gitexp.review.diffing.paths import path_changes

Changed = tuple[str, bool, bool]
"""The path of a file that differs, and whether each side has one there."""

_APART = (layout.EXPERIMENTS_DIR, layout.DATASETS_DIR)


def kind_of(before: bool, after: bool) -> ChangeKind:
    """Return what became of a file that is there before, after, or both."""
    if before and after:
        return "changed"
    return "added" if after else "removed"


def document_diffs(
    workspace: Workspace, before: Contents, after: Contents, changed: Iterable[Changed]
) -> Iterator[DocumentDiff]:
    """Yield how documents differ that have no section of their own.

    Documents that say the same in other words are left out. One that cannot be read is compared
    as a text.
    """
    for path, old, new in changed:
        if not is_document(path) or _is_apart(path):
            continue
        found = _document_diff(workspace, before, after, (path, old, new))
        if found is not None:
            yield found


def _is_apart(path: str) -> bool:
    """Return whether a document has a section of its own.

    The description of a dataset and the A/B test of an experiment have none.
    """
    if path.endswith((layout.DESCRIPTION_SUFFIX, f"/{layout.AB_TEST_FILE}")):
        return False
    return path == layout.PROJECT_FILE or path.partition("/")[0] in _APART


def _document_diff(
    workspace: Workspace, before: Contents, after: Contents, file: Changed
) -> DocumentDiff | None:
    path, old, new = file
    changes, problem = compared(workspace, before, after, path)
    kind = kind_of(old, new)
    if kind == "changed" and not changes and problem is None:
        return None
    type, name = _type_and_name(path)
    return DocumentDiff(
        type=type, name=name, path=path, kind=kind, changes=changes, problem=problem
    )


def _type_and_name(path: str) -> tuple[str, str]:
    folder, _, rest = path.partition("/")
    if path.endswith(f"/{layout.AB_TEST_FILE}"):
        return "ab-test", rest.removesuffix(f"/{layout.AB_TEST_FILE}")
    found = TYPES.get(folder) or ("lock" if path == layout.LOCK_FILE else "signers")
    return found, rest.removesuffix(".yaml").removesuffix(".dataset") or path


def compared(
    workspace: Workspace, before: Contents, after: Contents, path: str
) -> tuple[tuple[PathChange, ...], str | None]:
    """Return how a file differs, and why it is compared as a text; None where it is not."""
    if not path.endswith((".yaml", layout.LOCK_FILE)):
        return _as_text(before, after, path), None
    sides: list[Any] = []
    for contents in (before, after):
        value, problem = value_at(workspace, contents, path)
        if problem is not None:
            return _as_text(before, after, path), problem
        sides.append({} if value is None else value)
    return path_changes(sides[0], sides[1]), None


def _as_text(before: Contents, after: Contents, path: str) -> tuple[PathChange, ...]:
    old = text_at(before, path) if before.id(path) is not None else None
    new = text_at(after, path) if after.id(path) is not None else None
    if old == new:
        return ()
    return (PathChange(place="", kind=kind_of(old is not None, new is not None), before=old,
                       after=new),)  # fmt: skip


def file_diffs(changed: Iterable[Changed]) -> Iterator[FileDiff]:
    """Yield the files that differ and that gitexp gives no meaning."""
    for path, old, new in changed:
        if not is_document(path):
            yield FileDiff(path=path, kind=kind_of(old, new))
