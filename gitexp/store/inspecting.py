"""How the files of a working tree differ from its commit, asked of `git`.

Nothing that the repository names is run: no hooks, monitors, external differences, text
conversions or transports, and of the filters only those of the user's own configuration. Git
would run the filters of every repository, and those of its submodules, so a submodule is not left
to it but looked at in the same way.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from gitexp.documents.safe_paths import path_fault
from gitexp.errors import GitexpError, StoreError
from gitexp.ids import ObjectId
from gitexp.store.files import is_real_directory, read_file
from gitexp.store.git_program import GitProgram, find_git
from gitexp.store.gitconfig import GitConfig, Place, parse_config
from gitexp.store.locations import Location, locate

MAX_DIFF_BYTES = 10 * 2**20
"""The largest difference that is told in full; of a larger one only a part is, and it says so."""

_DEEPEST = 8
_LARGEST_FILES = 8 * MAX_DIFF_BYTES
_STATUS = (
    *("--no-optional-locks", "status", "--porcelain=v2", "--branch", "-z", "--no-renames"),
    *("--untracked-files=normal", "--ignored=matching", "--ignore-submodules=dirty"),
)
_DIFF = (
    *("--no-optional-locks", "diff", "HEAD", "--no-renames", "--no-color", "--no-ext-diff"),
    *("--no-textconv", "--submodule=short", "--ignore-submodules=dirty", f"-O{os.devnull}"),
)
_PATCH = ("--full-index", "--diff-algorithm=myers", "--unified=3", "--inter-hunk-context=0")
_FORMS: tuple[tuple[tuple[str, ...], bytes], ...] = (
    ((*_PATCH, "--binary"), b""),
    (_PATCH, b"# Too large to be told in full: without the content of binary files.\n"),
    (("--raw", "--no-abbrev"), b"# Too large to be told in full: only which files changed.\n"),
)
"""The forms of a difference, the fullest first, and what the text says first where it is partial.

`git apply` passes over such a line.
"""


@dataclass(frozen=True, kw_only=True)
class WorktreeState:
    """How the files of a working tree differ from the commit that is checked out.

    Attributes:
        commit: that commit; None before the first one.
        branch: the branch that is checked out, as people type it; None when HEAD is detached.
        changed: the tracked files that differ, submodules and files in them included.
        untracked: the new files that are not ignored; a new directory ends with `/`.
        ignored: the ignored files and directories, in the same form.
        diff: `git diff HEAD`, that of the submodules included; None when it cannot be told.
    """

    commit: ObjectId | None
    branch: str | None
    changed: tuple[str, ...] = ()
    untracked: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()
    diff: bytes | None = b""

    @property
    def dirty(self) -> bool:
        """Whether anything differs; new files count, because the code may have used them."""
        return bool(self.changed or self.untracked)


def inspect_worktree(top: Path, environ: Mapping[str, str]) -> WorktreeState | None:
    """Return the state of a working tree, or None when `git` is not there or cannot tell.

    Args:
        top: the root of the working tree.
        environ: the user's environment variables.
    """
    program = find_git(environ)
    if program is None:
        return None
    try:
        return _inspect(program, top, environ, prefix="", depth=0)
    except (GitexpError, OSError):
        return None


def _inspect(
    program: str, top: Path, environ: Mapping[str, str], *, prefix: str, depth: int
) -> WorktreeState | None:
    git = GitProgram(
        path=program,
        directory=top,
        environ=_harmless(locate(top), environ),
        settings=("core.quotePath=true", "diff.suppressBlankEmpty=false"),
    )
    status = git.run(*_STATUS)
    if status.code != 0:
        return None
    state = _parse(status.out)
    if state.changed and state.commit:
        state = replace(state, diff=_diff(git, state, prefix))
    for path in _submodules(top) if depth < _DEEPEST else ():
        inner = _inspect(program, top / path, environ, prefix=f"{prefix}{path}/", depth=depth + 1)
        state = _joined(state, inner, f"{path}/")
    return state


def _parse(out: str) -> WorktreeState:
    """Return the state that `git status --porcelain=v2 -z` describes, without the difference."""
    headers: dict[str, str] = {}
    found: dict[str, list[str]] = {"1": [], "?": [], "!": []}
    for line in out.split("\0"):
        kind, _, rest = line.partition(" ")
        if kind == "#":
            name, _, value = rest.partition(" ")
            headers[name] = value
        elif kind in ("?", "!"):
            found[kind].append(rest)
        elif kind in ("1", "u"):
            # Of an ordinary entry the path is the 8th field, of an unmerged one the 10th.
            found["1"].append(rest.split(" ", 7 if kind == "1" else 9)[-1])
    commit, branch = headers.get("branch.oid", "(initial)"), headers.get("branch.head")
    return WorktreeState(
        commit=None if commit == "(initial)" else ObjectId(commit),
        branch=None if branch == "(detached)" else branch,
        changed=tuple(found["1"]),
        untracked=tuple(found["?"]),
        ignored=tuple(found["!"]),
    )


def _diff(git: GitProgram, state: WorktreeState, prefix: str) -> bytes | None:
    """Return the difference in the fullest form that is small enough."""
    sizes = (_size(git.directory / path) for path in state.changed)
    forms = _FORMS[-1:] if sum(sizes) > _LARGEST_FILES else _FORMS
    with tempfile.TemporaryDirectory(prefix="gitexp-diff-") as directory:
        output = os.path.join(directory, "diff")
        for options, said in forms:
            # Into a file and not through the program's output, which is read as text.
            places = (f"--src-prefix=a/{prefix}", f"--dst-prefix=b/{prefix}", f"--output={output}")
            if git.run(*_DIFF, *options, *places).code != 0:
                return None
            if _size(Path(output)) <= MAX_DIFF_BYTES:
                return said + (read_file(output) or b"")
    return None


def _size(path: Path) -> int:
    try:
        return path.lstat().st_size
    except OSError:
        return 0


def _joined(state: WorktreeState, inner: WorktreeState | None, prefix: str) -> WorktreeState:
    """Return a state that tells of a submodule too; one that cannot be asked makes no difference.

    Its commit is compared with the one that the repository names by Git itself.
    """
    if inner is None:
        return state
    both = state.diff is not None and inner.diff is not None
    return replace(
        state,
        changed=state.changed + tuple(prefix + path for path in inner.changed),
        untracked=state.untracked + tuple(prefix + path for path in inner.untracked),
        ignored=state.ignored + tuple(prefix + path for path in inner.ignored),
        diff=(state.diff or b"") + (inner.diff or b"") if both else None,
    )


def _submodules(top: Path) -> Iterator[str]:
    """Yield the paths of the submodules that are checked out."""
    file = str(top / ".gitmodules")
    try:
        settings = list(parse_config((read_file(file) or b"").decode("utf-8", "replace"), file))
    except (StoreError, OSError):
        return
    for path in sorted({s.value for s in settings if _names_a_path(s.key)}):
        if path_fault(path) is None and _is_checked_out(top, path):
            yield path


def _names_a_path(key: str) -> bool:
    return key.startswith("submodule.") and key.endswith(".path")


def _is_checked_out(top: Path, path: str) -> bool:
    parts = path.split("/")
    ways = [os.path.join(top, *parts[:count]) for count in range(1, len(parts) + 1)]
    return all(map(is_real_directory, ways)) and os.path.lexists(os.path.join(ways[-1], ".git"))


# --- filters and transports -----------------------------------------------------------------


def _harmless(location: Location, environ: Mapping[str, str]) -> dict[str, str]:
    """Return an environment in which Git runs no filter but the user's own, and no transport."""
    usual = environ.get("GIT_CONFIG_COUNT", "")
    count = int(usual) if usual.isdigit() else 0
    settings = _without_filters(location, environ)
    added = {"GIT_ALLOW_PROTOCOL": "none", "GIT_NO_LAZY_FETCH": "1"}
    for number, (key, value) in enumerate(settings, start=count):
        added |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
    return {**environ, **added, "GIT_CONFIG_COUNT": str(count + len(settings))}


def _without_filters(location: Location, environ: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return settings that put the user's own in the place of the repository's filters."""

    def config_in(common_dir: str) -> GitConfig:
        place = Place(str(location.git_dir), common_dir, lambda: _branch(location))
        return GitConfig(place, environ)

    everything, own = config_in(str(location.common_dir)), config_in(os.devnull)
    keys = [setting.key for setting in everything.settings()]
    names = {key.rpartition(".")[0] for key in keys if key.startswith("filter.")}
    return [setting for name in sorted(names) for setting in _instead(name, everything, own)]


def _instead(name: str, everything: GitConfig, own: GitConfig) -> list[tuple[str, str]]:
    """Return the settings that undo what the repository says of one filter."""
    usual = {f"{name}.clean": "", f"{name}.process": "", f"{name}.required": "false"}
    changed = [key for key in usual if everything.get(key) != own.get(key)]
    process = f"{name}.process"
    if process in changed and own.get(process) is None:
        # Git takes an empty process for one, and asks the other programs no more.
        return list(usual.items())
    return [(key, own.get(key) or usual[key]) for key in changed]


def _branch(location: Location) -> str | None:
    """Return the branch that is checked out, on which parts of the configuration may depend."""
    head = (read_file(str(location.git_dir / "HEAD")) or b"").decode("utf-8", "replace").strip()
    _, found, branch = head.partition("ref: refs/heads/")
    return branch if found else None
