"""Whole repositories from elsewhere: a clone to work in, and a small cache to read one ref from."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from gitexp.errors import (
    AlreadyExists,
    InvalidInput,
    NotFound,
    RemoteUnavailable,
    RepositoryBusy,
    StoreError,
)
from gitexp.ids import ObjectId
from gitexp.store.files import replace_file, write_errors
from gitexp.store.git_failures import Trouble, diagnose
from gitexp.store.git_program import GitProgram, find_git
from gitexp.store.locks import RepositoryLock
from gitexp.store.model import RefUpdate
from gitexp.store.protocol import MAX_DOCUMENT_BYTES, Remote
from gitexp.store.pushes import unanswered
from gitexp.store.refnames import ref_name_fault
from gitexp.store.refspecs import not_there, parse_refspec
from gitexp.store.remotes import Implementation, absolute, open_remote
from gitexp.store.shallow import shallow_is_intact
from gitexp.store.trees import read_tree, tree_of
from gitexp.store.urls import cache_key, check_url, redact, sanitize
from gitexp.store.watching import PATIENCE, Watch, patience_for

if TYPE_CHECKING:
    from gitexp.store.disk import DiskStore

CACHE_WAIT = 120.0
"""Seconds to wait for another process that fills the same cache entry."""

CACHE_PATIENCE = 20.0
"""Seconds without a sign of life after which a stale copy may serve."""

_ORIGIN = '[remote "origin"]\n\turl = {url}\n\tfetch = {refspec}\n'
_UPSTREAM = "[branch {branch}]\n\tremote = origin\n\tmerge = {ref}\n"


@dataclass(frozen=True, kw_only=True)
class CloneOrder:
    """What to clone.

    Attributes:
        url: the checked address.
        directory: where to.
        depth: how many commits of each branch, or None for all.
        branch: the branch to check out, or None for the remote's own.
        patience: seconds to wait for the first answer.
    """

    url: str
    directory: Path
    depth: int | None
    branch: str | None
    patience: float = PATIENCE

    @property
    def title(self) -> str:
        """How messages call the remote."""
        return f"'{redact(self.url)}'"


def clone(
    url: str,
    directory: Path,
    *,
    environ: Mapping[str, str],
    depth: int | None = None,
    branch: str | None = None,
    interactive: bool = False,
    prefer: Implementation | None = None,
    patience: float = PATIENCE,
) -> None:
    """Clone a repository into a directory that is absent or empty.

    A remote that says nothing for `patience` seconds is given up.
    When that fails, or is broken off, what was made so far is removed again.

    Raises:
        InvalidInput: the address or the branch has a form that is not allowed.
        AlreadyExists: the directory holds something.
        RemoteUnavailable: the remote cannot be reached, or refused the credentials.
        NotFound: the branch is not there.
    """
    order = CloneOrder(
        url=absolute(check_url(url)),
        directory=directory.absolute(),
        depth=depth,
        branch=branch,
        patience=patience,
    )
    if branch is not None and (fault := ref_name_fault(f"refs/heads/{branch}")):
        raise InvalidInput(f"{sanitize(branch)!r} is not a branch name: {fault}")
    git = None if prefer == "dulwich" else find_git(environ)
    with _new_directory(order.directory):
        if git is not None:
            _clone_with_git(order, git, environ, interactive)
        else:
            _clone_with_dulwich(order, environ, interactive)


def fetch_into_cache(
    url: str,
    cache_root: Path,
    refspecs: Sequence[str],
    *,
    environ: Mapping[str, str],
    depth: int | None = 1,
    interactive: bool = False,
    prefer: Implementation | None = None,
    patience: float = CACHE_PATIENCE,
) -> DiskStore:
    """Return a small bare repository into which references of an address were just fetched.

    It lies below `cache_root`, readable by its owner alone, one for each address. Processes may
    ask for the same one at once. A damaged one is made anew. A remote that says nothing for
    `patience` seconds is given up.

    Raises:
        RemoteUnavailable: the remote cannot be reached; what `cached` returns may still serve.
        NotFound: a reference that was named exactly is not there.
        RepositoryBusy: another process has been filling the same entry for too long.
    """
    entry = _entry(url, cache_root)
    with write_errors("nothing was fetched"):
        _make_private(cache_root)
        _make_private(entry)
    with RepositoryLock(entry, wait=CACHE_WAIT).hold():

        def fill(store: DiskStore) -> None:
            remote = open_remote(
                store,
                absolute(check_url(url)),
                environ=environ,
                interactive=interactive,
                prefer=prefer,
                may_cut_history=True,
                patience=patience,
            )
            _fill(store, remote, refspecs, depth)

        return _filled(entry, fill)


def cached(url: str, cache_root: Path) -> DiskStore | None:
    """Return the cache of an address as it was left by the last fetch, or None.

    Raises:
        InvalidInput: the address has a form that is not allowed.
    """
    from gitexp.store.disk import DiskStore

    try:
        return DiskStore.open(_repository(_entry(url, cache_root)))
    except (StoreError, NotFound):
        return None


def _clone_with_git(
    order: CloneOrder, git: str, environ: Mapping[str, str], interactive: bool
) -> None:
    program = GitProgram(
        path=git, directory=order.directory.parent, environ=environ, interactive=interactive
    )
    patience = patience_for(order.patience, interactive=interactive)
    done = program.run(
        "clone",
        "--quiet",
        "--progress",
        "--no-local",
        "--no-recurse-submodules",
        *([] if order.depth is None else [f"--depth={int(order.depth)}"]),
        *([] if order.branch is None else [f"--branch={order.branch}"]),
        "--end-of-options",
        order.url,
        str(order.directory),
        watch=Watch(patience=patience, until_heard=True),
    )
    if done.gave_up:
        raise unanswered(order.title, None, patience)
    if done.code != 0:
        where = Trouble(title=order.title, name=None, directory=order.directory)
        raise diagnose(done.errors, where)


def _clone_with_dulwich(order: CloneOrder, environ: Mapping[str, str], interactive: bool) -> None:
    from gitexp.store.disk import DiskStore
    from gitexp.store.dulwich_remote import DulwichRemote

    with DiskStore.init(order.directory, branch="main") as store:
        _configure(store, _ORIGIN, url=order.url, refspec=_refspec(order))
        remote = open_remote(
            store,
            "origin",
            environ=environ,
            interactive=interactive,
            prefer="dulwich",
            may_cut_history=True,
            patience=order.patience,
        )
        assert isinstance(remote, DulwichRemote)
        branch = order.branch or remote.default_branch() or "main"
        single = order.depth is not None or order.branch is not None
        wanted = f"refs/heads/{branch}" if single else "refs/heads/*"
        target = wanted.replace("refs/heads/", "refs/remotes/origin/", 1)
        remote.fetch([f"+{wanted}:{target}"], depth=order.depth)
        _check_out(store, branch, required=order.branch is not None, title=order.title)


def _check_out(store: DiskStore, branch: str, *, required: bool, title: str) -> None:
    """Open the branch where the remote has it; index and working tree follow."""
    tip = store.ref(f"refs/remotes/origin/{branch}")
    if tip is None and required:
        raise not_there(f"refs/heads/{branch}", title)
    with write_errors("the clone was not finished"):
        (store.git_dir / "HEAD").write_text(f"ref: refs/heads/{branch}\n", encoding="utf-8")
    if tip is None:
        return
    with store.exclusive():
        ref = f"refs/heads/{branch}"
        store.apply([], [RefUpdate(ref=ref, old=None, new=tip, message=f"clone: from {title}")])
    _configure(store, _UPSTREAM, branch=branch, ref=f"refs/heads/{branch}")


def _refspec(order: CloneOrder) -> str:
    if order.depth is None or order.branch is None:
        return "+refs/heads/*:refs/remotes/origin/*"
    return f"+refs/heads/{order.branch}:refs/remotes/origin/{order.branch}"


def _configure(store: DiskStore, template: str, **values: str) -> None:
    text = template.format(**{name: _quoted(value) for name, value in values.items()})
    with (
        write_errors("the clone was not finished"),
        open(store.common_dir / "config", "a", encoding="utf-8") as file,
    ):
        file.write(text)


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


@contextmanager
def _new_directory(directory: Path) -> Iterator[None]:
    """Make sure that a directory can be filled, and take away what a failure left in it."""
    was_there = directory.is_dir()
    if os.path.lexists(directory) and (not was_there or any(directory.iterdir())):
        raise AlreadyExists(
            f"{directory} exists and is not empty",
            hint="Name another directory, or go there and run `git fetch`.",
        )
    with write_errors("nothing was cloned"):
        directory.parent.mkdir(parents=True, exist_ok=True)
    try:
        yield
    except BaseException:
        _empty(directory, keep=was_there)
        raise


def _empty(directory: Path, *, keep: bool) -> None:
    shutil.rmtree(directory, ignore_errors=True)
    if keep:
        directory.mkdir(exist_ok=True)


def _entry(url: str, cache_root: Path) -> Path:
    return cache_root / cache_key(url)


def _repository(entry: Path) -> Path:
    return entry / "repository.git"


def _make_private(directory: Path) -> None:
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    directory.chmod(0o700)


def _filled(entry: Path, fill: Callable[[DiskStore], None]) -> DiskStore:
    """Return the filled cache; one that is damaged is replaced by a new one."""
    from gitexp.store.disk import DiskStore

    repository = _repository(entry)
    if repository.exists():
        try:
            return _opened_and_filled(repository, fill)
        except RepositoryBusy:
            raise
        except (RemoteUnavailable, NotFound, StoreError):
            if _is_sound(repository):
                raise
    fresh = entry / "fresh.git"
    shutil.rmtree(fresh, ignore_errors=True)
    try:
        DiskStore.init(fresh, bare=True).close()
        _opened_and_filled(fresh, fill).close()
        with write_errors("nothing was fetched"):
            shutil.rmtree(repository, ignore_errors=True)
            replace_file(str(fresh), str(repository))
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return DiskStore.open(repository)


def _opened_and_filled(repository: Path, fill: Callable[[DiskStore], None]) -> DiskStore:
    from gitexp.store.disk import DiskStore

    store = DiskStore.open(repository)
    try:
        fill(store)
    except BaseException:
        store.close()
        raise
    return store


def _fill(store: DiskStore, remote: Remote, refspecs: Sequence[str], depth: int | None) -> None:
    remote.fetch(refspecs, depth=depth)
    for refspec in map(parse_refspec, refspecs):
        tip = None if refspec.target is None else store.ref(refspec.target)
        if tip is not None:
            _read_top(store, tip)


def _is_sound(repository: Path) -> bool:
    """Return whether what the references of a cache name can be read."""
    from gitexp.store.disk import DiskStore

    try:
        with DiskStore.open(repository) as store:
            for tip in store.refs("refs/").values():
                _read_top(store, tip)
            return store.head().branch is not None and shallow_is_intact(store.common_dir)
    except (StoreError, NotFound):
        return False


def _read_top(store: DiskStore, tip: ObjectId) -> None:
    """Read a commit and the files at its top, which is all that an environment's branch holds.

    Raises:
        MissingObject, DamagedObject: one of them cannot be read.
    """
    for entry in read_tree(store, tree_of(store, tip)):
        if entry.is_file:
            with contextlib.suppress(InvalidInput):
                store.read(entry.id, limit=MAX_DOCUMENT_BYTES)
