"""What a store holds: objects, commits, tree entries, references, and updates of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, NewType, Protocol

from gitexp.ids import ObjectId

TreeId = NewType("TreeId", str)

ObjectKind = Literal["blob", "tree", "commit", "tag"]

MODE_FILE = 0o100644
MODE_EXECUTABLE = 0o100755
MODE_LINK = 0o120000
MODE_GITLINK = 0o160000
MODE_TREE = 0o040000


@dataclass(frozen=True, kw_only=True)
class RawObject:
    """An object as Git hashes it: its kind and its bytes without the header."""

    id: ObjectId
    kind: ObjectKind
    data: bytes

    @property
    def size(self) -> int:
        """How many bytes there are."""
        return len(self.data)

    def pieces(self) -> Iterator[bytes]:
        """Yield the bytes."""
        yield self.data


class NewObject(Protocol):
    """An object to be written; its bytes may be made piece by piece."""

    @property
    def id(self) -> ObjectId:
        """Its id."""
        ...

    @property
    def kind(self) -> ObjectKind:
        """Its kind."""
        ...

    @property
    def size(self) -> int:
        """How many bytes there are."""
        ...

    @property
    def data(self) -> bytes:
        """All bytes together."""
        ...

    def pieces(self) -> Iterator[bytes]:
        """Yield the bytes; the same ones each time."""
        ...


@dataclass(frozen=True, kw_only=True)
class Signature:
    """Who did something, and when (an aware moment; its offset is kept)."""

    name: str
    email: str
    when: datetime

    def __str__(self) -> str:
        return f"{self.name} <{self.email}>"


@dataclass(frozen=True, kw_only=True)
class Commit:
    """A commit, parsed."""

    id: ObjectId
    tree: TreeId
    parents: tuple[ObjectId, ...]
    author: Signature
    committer: Signature
    message: str

    @property
    def subject(self) -> str:
        """The first line of the message."""
        return self.message.split("\n", 1)[0]


@dataclass(frozen=True, kw_only=True)
class TreeEntry:
    """One entry of a tree."""

    name: str
    mode: int
    id: ObjectId

    @property
    def is_tree(self) -> bool:
        return self.mode == MODE_TREE

    @property
    def is_file(self) -> bool:
        """Whether it is a regular file: neither a directory, a symbolic link nor a submodule."""
        return self.mode in (MODE_FILE, MODE_EXECUTABLE, 0o100664)


@dataclass(frozen=True, kw_only=True)
class RefUpdate:
    """A compare-and-swap of one reference.

    Attributes:
        ref: the full name, such as `refs/heads/main`.
        old: the value that must stand there now; None means that it must not exist.
        new: the value to write; None deletes the reference.
        message: the line for the reflog.
    """

    ref: str
    old: ObjectId | None
    new: ObjectId | None
    message: str = ""


@dataclass(frozen=True, kw_only=True)
class Head:
    """Where HEAD points: a branch, which may not exist yet, or a commit when detached."""

    branch: str | None
    commit: ObjectId | None


@dataclass(frozen=True, kw_only=True)
class PushUpdate:
    """One reference to move on a remote, by compare-and-swap.

    Attributes:
        ref: the full name on the remote.
        old: the value that must stand there now; None means that it must not exist there.
        new: the local object to put there; None deletes the reference there.
    """

    ref: str
    old: ObjectId | None
    new: ObjectId | None


@dataclass(frozen=True, kw_only=True)
class MergedTree:
    """The outcome of a three-way merge of trees.

    Attributes:
        tree: the merged tree, or None when there are conflicts.
        conflicts: the paths that both sides changed differently, sorted.
    """

    tree: TreeId | None
    conflicts: Sequence[str] = ()
