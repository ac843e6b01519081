"""The code that a run uses: which commit is checked out, and how the files differ from it.

Asking Git costs 5 to 30 ms, so an answer is used again for as long as it is known to be right: what
`lstat` says of a thousand paths is compared in 2 ms. In a larger working tree that would cost as
much as Git does, so there Git is asked each time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gitexp.project.workspace import Workspace
from gitexp.runs.references import CodeReference
from gitexp.runs.texts import digest_of_text
from gitexp.store.inspecting import WorktreeState, inspect_worktree
from gitexp.store.locations import Location, locate
from gitexp.store.model import Head
from gitexp.store.unchanged import Sight, now, sight_of

MOST_UNTRACKED = 1000
"""How many new files a run names; where there are more, directories stand for what is in them."""


@dataclass(frozen=True, kw_only=True)
class CodeState:
    """The code that a run uses.

    Attributes:
        reference: what the run's record says of it.
        diff: the text that `reference.diff` is the digest of; empty where there is none.
    """

    reference: CodeReference
    diff: bytes = b""


def code_state(workspace: Workspace) -> CodeState:
    """Return the commit that is checked out, and how the files of the working tree differ from it.

    The whole repository counts, not the project alone. Without a working tree, without the `git`
    program and where that fails, only commit and branch are known.
    """
    if workspace.directory is None:
        return CodeState(reference=_without_files(workspace.store.head()))
    top = _top(workspace.directory, workspace.root)
    looker = workspace.cache.memo(f"code-state/{top}", lambda: _Looker(top))
    return looker.look(workspace)


def _top(directory: Path, root: str) -> Path:
    """Return the root of the working tree in which a project's directory is."""
    return directory.parents[root.count("/")] if root else directory


def _without_files(head: Head) -> CodeReference:
    return CodeReference(commit=head.commit, branch=head.branch)


@dataclass(frozen=True, kw_only=True)
class _Look:
    """What was found, and what tells whether it is still so."""

    code: CodeState
    head: Head
    sight: Sight

    def holds(self, head: Head) -> bool:
        """Return whether it may be used again."""
        return head == self.head and self.sight.holds()


class _Looker:
    """Looks at one working tree, and remembers the last look.

    Threads that look at once may ask Git more than once, and wait for nobody.
    """

    def __init__(self, top: Path) -> None:
        self._top = top
        self._last: _Look | None = None

    def look(self, workspace: Workspace) -> CodeState:
        """Return the code as it is now."""
        head, last = workspace.store.head(), self._last
        if last is not None and last.holds(head):
            return last.code
        began = now()
        state = inspect_worktree(self._top, workspace.surroundings.environ)
        if state is None:
            return CodeState(reference=_without_files(head))
        code = _told(state)
        self._last = _look(self._top, code, head, state, began)
        return code


def _look(top: Path, code: CodeState, head: Head, state: WorktreeState, began: int) -> _Look | None:
    skipped = {path.rstrip("/") for path in (*state.ignored, *state.untracked)}
    skipped = {path for path in skipped if path.rpartition("/")[2] != ".gitignore"}
    sight = sight_of(str(top), skipped=skipped, more=_deciding_files(locate(top)), since=began)
    return None if sight is None else _Look(code=code, head=head, sight=sight)


def _deciding_files(location: Location) -> list[str]:
    """Return the files of the repository that say what is tracked and what is ignored."""
    shared = [str(location.common_dir / name) for name in ("config", "info/exclude")]
    return [str(location.git_dir / "index"), *shared]


def _told(state: WorktreeState) -> CodeState:
    diff = state.diff or b""
    reference = CodeReference(
        commit=state.commit,
        dirty=state.dirty if state.commit else None,
        branch=state.branch,
        diff=digest_of_text(diff) if diff else None,
        untracked=_shortened(state.untracked),
    )
    return CodeState(reference=reference, diff=diff)


def _shortened(paths: Sequence[str]) -> tuple[str, ...]:
    """Return sorted paths, few enough: the deepest give way to their directories first."""
    found = set(paths)
    depth = max((path.rstrip("/").count("/") for path in found), default=0)
    while len(found) > MOST_UNTRACKED and depth >= 0:
        found = {_cut(path, depth) for path in found}
        depth -= 1
    return tuple(sorted(found))


def _cut(path: str, depth: int) -> str:
    """Return a path with at most `depth` directories; `./` is the directory of those at the top."""
    names = path.rstrip("/").split("/")
    if len(names) <= depth:
        return path
    return "/".join(names[:depth]) + "/" if depth else "./"
