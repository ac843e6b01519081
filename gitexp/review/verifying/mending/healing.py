"""Getting lost objects again: from the files of the working tree, or from the shared remote."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gitexp.errors import (
    DamagedObject,
    GitexpError,
    InvalidInput,
    MissingObject,
    NotFound,
    StoreError,
)
from gitexp.ids import ObjectId
from gitexp.project.workspace import Workspace
from gitexp.store.disk import DiskStore
from gitexp.store.gitindex import Index
from gitexp.store.mending import set_aside, write_object
from gitexp.store.model import MODE_GITLINK, RawObject
from gitexp.store.objectfiles import loose_path
from gitexp.store.objects import make_object, tree_and_parents
from gitexp.store.remotes import open_remote
from gitexp.store.treebytes import parse_tree

_EVERYTHING = ("+refs/heads/*:refs/heads/*", "+refs/gitexp/*:refs/gitexp/*")
_LARGEST = 64 * 2**20


class Healer:
    """Gets objects again; the shared remote is asked at most once, and only when it must be.

    Attributes:
        refusal: why the shared remote could not be asked; empty as long as it could.
    """

    def __init__(self, workspace: Workspace, store: DiskStore, scratch: Path) -> None:
        self._workspace = workspace
        self._store = store
        self._scratch = scratch
        self._mirror: DiskStore | None = None
        self._files: dict[ObjectId, Path] | None = None
        self.refusal = ""

    def heal(self, object_id: ObjectId) -> str:
        """Return from where an object was got again, with all that it needs and that is lost too.

        Raises:
            MissingObject: nobody has it.
        """
        waiting, sources = [object_id], list[str]()
        while waiting:
            lost = waiting.pop()
            if self._is_whole(lost):
                continue
            raw, source = self._found(lost)
            path = Path(loose_path(str(self._store.common_dir / "objects"), lost))
            if path.exists():
                set_aside(self._store, path)
            write_object(self._store, raw)
            self._store.close()
            sources.append(source)
            waiting += [needed for needed in _needs(raw) if not self._store.has(needed)]
        return f"got again from {sources[0]}" if sources else "another copy of it is whole"

    def _is_whole(self, object_id: ObjectId) -> bool:
        try:
            self._store.pieces(object_id)
        except (MissingObject, DamagedObject, StoreError):
            return False
        return True

    def _found(self, object_id: ObjectId) -> tuple[RawObject, str]:
        path = self._working_files().get(object_id)
        raw = self._from_file(object_id, path) if path is not None else None
        if raw is not None:
            return raw, "the working tree"
        mirror = self._mirrored()
        if mirror is not None:
            try:
                return mirror.read(object_id), f"remote {self._workspace.remote_name!r}"
            except (MissingObject, DamagedObject):
                pass
        because = f"; {self.refusal}" if self.refusal else ""
        raise MissingObject(f"nobody who was asked has object {object_id}{because}")

    # The working tree.

    def _working_files(self) -> dict[ObjectId, Path]:
        """Return the files of the working tree by the object that the index has for them."""
        if self._files is None:
            self._files = dict(self._indexed())
        return self._files

    def _indexed(self) -> Iterator[tuple[ObjectId, Path]]:
        top, path = self._store.worktree, self._store.git_dir / "index"
        if top is None or not path.is_file():
            return
        try:
            index = Index.parse(
                path.read_bytes(), hash_length=self._store.hash_length, path=str(path)
            )
        except (StoreError, OSError):
            return
        for (name, _), entry in index.entries.items():
            yield entry.id, top / os.fsdecode(name)

    def _from_file(self, object_id: ObjectId, path: Path) -> RawObject | None:
        try:
            if path.is_symlink() or path.stat().st_size > _LARGEST:
                return None
            raw = make_object("blob", path.read_bytes(), hash_length=self._store.hash_length)
        except OSError:
            return None
        return raw if raw.id == object_id else None

    # The shared remote.

    def _mirrored(self) -> DiskStore | None:
        """Return everything that the shared remote has, in a repository of its own."""
        if self._mirror is None and not self.refusal:
            try:
                self._mirror = self._fetched()
            except GitexpError as exc:
                self.refusal = exc.message
        return self._mirror

    def _fetched(self) -> DiskStore:
        workspace = self._workspace
        url = workspace.store.config(f"remote.{workspace.remote_name}.url")
        if url is None:
            raise NotFound(f"the shared remote {workspace.remote_name!r} is not configured")
        around = workspace.surroundings
        mirror = self._empty_mirror()
        remote = open_remote(
            mirror, self._absolute(url), environ=around.environ, interactive=around.interactive
        )
        remote.fetch(_EVERYTHING)
        return mirror

    def _empty_mirror(self) -> DiskStore:
        path = self._scratch / "mirror"
        DiskStore.init(path, bare=True, environ=self._workspace.surroundings.environ).close()
        if self._store.hash_length == 64:
            config = path / "config"
            text = config.read_text().replace("formatversion = 0", "formatversion = 1")
            config.write_text(f"{text}[extensions]\n\tobjectformat = sha256\n")
        return DiskStore.open(path, environ=self._workspace.surroundings.environ)

    def _absolute(self, url: str) -> str:
        """Return an address that means the same from anywhere."""
        if "://" in url or (":" in url.split("/")[0] and os.name != "nt"):
            return url
        return str((self._store.worktree or self._store.common_dir) / url)

    def close(self) -> None:
        """Let go of what was fetched."""
        if self._mirror is not None:
            self._mirror.close()


@contextmanager
def healing(workspace: Workspace, store: DiskStore) -> Iterator[Healer]:
    """Give a healer; what it fetched goes with it."""
    with tempfile.TemporaryDirectory(prefix="gitexp-doctor-") as scratch:
        healer = Healer(workspace, store, Path(scratch))
        try:
            yield healer
        finally:
            healer.close()


def _needs(raw: RawObject) -> list[ObjectId]:
    """Return what an object names."""
    try:
        if raw.kind == "commit":
            links = tree_and_parents(raw)
            return [ObjectId(links.tree), *links.parents]
        if raw.kind == "tree":
            return [entry.id for entry in parse_tree(raw) if entry.mode != MODE_GITLINK]
    except (StoreError, InvalidInput):
        pass
    return []
