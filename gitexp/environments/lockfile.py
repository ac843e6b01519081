"""The lock file: environments pinned to commits, in a file that is committed with the code."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gitexp.documents import layout
from gitexp.documents.canonical import digest_of
from gitexp.documents.problems import Problem
from gitexp.environments.binding import Snapshot
from gitexp.errors import InvalidDocuments, InvalidInput, NotFound, StoreError
from gitexp.ids import Digest, Name, ObjectId, VersionId
from gitexp.project.workspace import Workspace

_LARGEST = 2**20
_READING = "1"


@dataclass(frozen=True, kw_only=True)
class LockEntry:
    """What one environment is pinned to.

    Attributes:
        commit: the commit of the environment's branch.
        experiment: the name of the experiment that was live in it; None where nothing was, and
            then there is no version and no digest either.
        digest: of the values that were live.
        flags: what tells the flags that were published from any others; None where none were.
    """

    commit: ObjectId
    experiment: str | None = None
    version: VersionId | None = None
    digest: Digest | None = None
    flags: Digest | None = None

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> LockEntry:
        """Return the entry that a checked mapping describes."""
        return cls(**data)

    @classmethod
    def of(cls, snapshot: Snapshot) -> LockEntry:
        """Return the entry that pins what a snapshot says.

        Raises:
            NotBound: nothing was bound in it, and no flag was published.
        """
        published = snapshot.binding.flags
        subject = snapshot.binding.subject if published else snapshot.subject
        return cls(
            commit=snapshot.commit,
            experiment=subject.experiment if subject else None,
            version=subject.version if subject else None,
            digest=subject.digest if subject else None,
            flags=digest_of(dict(published)) if published else None,
        )

    def to_dict(self) -> dict[str, str]:
        """Return the mapping that `from_dict` reads; what there is none of is left out."""
        return {key: text for key, text in vars(self).items() if text is not None}


def read_lock(workspace: Workspace, *, committed: bool = True) -> dict[str, LockEntry]:
    """Return the pinned environments by name; none where there is no lock file.

    It is read from the working tree, and where it is not there, from HEAD if `committed`.

    Raises:
        InvalidDocuments: it is not valid, or is of another project.
    """
    data = _in_working_tree(workspace)
    if data is None and committed:
        data = _in_head(workspace)
    if data is None:
        return {}
    document = _parsed(workspace, data)
    if document["project"] != workspace.project_id:
        message = f"{document['project']!r} is not this project, {workspace.project_id!r}"
        raise InvalidDocuments(
            [Problem(file=layout.LOCK_FILE, place="project", message=message)],
            hint="Write it anew: delete it and run `gitexp env lock`.",
        )
    return {name: LockEntry.from_dict(e) for name, e in document["environments"].items()}


def lock_entry(workspace: Workspace, environment: Name) -> LockEntry:
    """Return what an environment is pinned to.

    Raises:
        NotFound: it is not pinned.
        InvalidDocuments: the lock file is not valid.
    """
    entries = read_lock(workspace)
    if environment not in entries:
        raise NotFound(
            f"environment {environment!r} is not in {layout.LOCK_FILE}",
            hint=f"Pin it with `gitexp env lock {environment}`, and commit the file.",
        )
    return entries[environment]


def encode_lock(workspace: Workspace, entries: Mapping[str, LockEntry]) -> bytes:
    """Return the canonical bytes of a lock file with these entries."""
    from gitexp.documents.yaml_writer import dump_yaml

    pinned = {name: entries[name].to_dict() for name in sorted(entries)}
    document = {"format": 1, "project": workspace.project_id, "environments": pinned}
    return dump_yaml(document, schema="lock")


def _parsed(workspace: Workspace, data: bytes) -> Any:
    key = f"lock/{_READING}/{hashlib.sha256(data).hexdigest()}"
    known = workspace.cache.get(key)
    if known is None:
        from gitexp.documents import schemas

        known = schemas.load("lock", data, file=layout.LOCK_FILE)
        workspace.cache.put(key, known)
    return known


def _in_working_tree(workspace: Workspace) -> bytes | None:
    if workspace.directory is None:
        return None
    path = workspace.directory / layout.LOCK_FILE
    if path.is_symlink():
        raise InvalidInput(
            f"{layout.LOCK_FILE} is a symbolic link, which is not followed",
            hint="Put a regular file there.",
        )
    data = _read(path)
    if data is not None and len(data) > _LARGEST:
        raise InvalidInput(
            f"{layout.LOCK_FILE} is larger than {_LARGEST} bytes",
            hint="Write it anew: delete it and run `gitexp env lock`.",
        )
    return data


def _read(path: Path) -> bytes | None:
    try:
        with path.open("rb") as file:
            return file.read(_LARGEST + 1)
    except FileNotFoundError:
        return None
    except OSError as exc:
        raise StoreError(
            f"{path.name} cannot be read: {exc.strerror}", hint="Check the file's permissions."
        ) from exc


def _in_head(workspace: Workspace) -> bytes | None:
    from gitexp.store.trees import blob_at, tree_of

    commit = workspace.store.head().commit
    if commit is None:
        return None
    tree = tree_of(workspace.store, commit)
    return blob_at(workspace.store, tree, layout.lock_path(workspace.root), limit=_LARGEST)
