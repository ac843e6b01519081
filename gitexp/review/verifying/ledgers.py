"""Branches to which files are only ever added: of runs, of analyses, and of change requests.

What is recorded there is written once, and lines of such a branch join by union. So in every
commit each file of every parent is there, unchanged; a file that is not was changed by hand.
"""

from __future__ import annotations

import re

from gitexp.documents import layout
from gitexp.documents.problems import shell_word
from gitexp.ids import RUN_ID_PATTERN, ObjectId
from gitexp.review.verifying.examination import Branch, Examination
from gitexp.review.verifying.findings import Check
from gitexp.store.model import TreeId
from gitexp.store.trees import changed_paths, entry_at, read_commit, tree_of

_GIT_FILES = (".gitattributes", ".github", ".gitlab", "CODEOWNERS")
"""What people and forges put beside the files of a branch."""

_RUN = re.compile(RUN_ID_PATTERN.strip("^$"))


def check_unchanged(
    look: Examination,
    check: Check,
    branch: Branch,
    since: ObjectId | None,
    *,
    joined: bool = False,
) -> None:
    """Note the files that a commit of a ledger changed or removed.

    Args:
        joined: whether a join may take the first parent's file where another has one of its own.
    """
    with look.reading(check, branch=branch.name):
        for commit in look.commits(branch, since):
            with look.reading(check, branch=branch.name, commit=commit):
                _check_commit(look, check, branch, commit, joined=joined)


def _check_commit(
    look: Examination, check: Check, branch: Branch, commit: ObjectId, *, joined: bool
) -> None:
    tree = tree_of(look.store, commit)
    first: TreeId | None = None
    for parent in look.history.parents(commit):
        before = tree_of(look.store, parent)
        first = first or before
        for path, old, new in changed_paths(look.store, before, tree):
            if old is None or path.split("/")[0] in _GIT_FILES:
                continue
            if joined and new is not None and entry_at(look.store, first, path) == new:
                continue
            _note(look, check, branch, commit, parent, path, gone=new is None)


def _note(
    look: Examination,
    check: Check,
    branch: Branch,
    commit: ObjectId,
    parent: ObjectId,
    path: str,
    *,
    gone: bool,
) -> None:
    by = read_commit(look.store, commit).author
    what = "removed" if gone else "changed"
    look.add(
        check,
        f"{_named(path)} was {what} by {by} after it was recorded",
        f"`git show {shell_word(f'{parent[:10]}:{path}')}` shows what it was; record the run "
        "again, or put that back on top of the branch."
        if check == "runs"
        else f"`git show {shell_word(f'{parent[:10]}:{path}')}` shows what it was.",
        branch=branch.name,
        commit=commit,
        path=path,
    )


def _named(path: str) -> str:
    run = _RUN.search(path.rpartition("/")[2] if path.endswith(".json") else path)
    if not path.startswith(f"{layout.RUNS_DIR}/") or run is None:
        return "a file"
    own = path.endswith(f"{run[0]}.json")
    return f"run {run[0]}" if own else f"what is recorded beside run {run[0]}"
