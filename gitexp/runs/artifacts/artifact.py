"""An artifact: a file that a run made, known by its path, size and digest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from gitexp.store.lfs.pointers import Pointer

Storage = Literal["git", "lfs", "location"]

_ALGORITHM = "sha256:"


@dataclass(frozen=True, kw_only=True)
class Artifact:
    """A file that a run made.

    Attributes:
        path: where it stands among the run's artifacts, with `/`.
        size: in bytes.
        digest: `sha256:` and the hexadecimal digest of its bytes.
        stored: in a Git blob, as a Git LFS object, or at the experiment's artifact location.
        location: the URL it was put at, where it is stored at a location.
    """

    path: str
    size: int
    digest: str
    stored: Storage = "git"
    location: str = ""

    @classmethod
    def of(
        cls, path: str, oid: str, size: int, stored: Storage = "git", *, location: str = ""
    ) -> Artifact:
        """Return an artifact by the SHA-256 of its bytes in hexadecimal."""
        digest = _ALGORITHM + oid
        return cls(path=path, size=size, digest=digest, stored=stored, location=location)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Artifact:
        """Return the artifact that a checked mapping describes."""
        return cls(
            path=data["path"],
            size=data["size"],
            digest=data["digest"],
            stored=data["stored"],
            location=data.get("location", ""),
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the mapping that `from_dict` reads."""
        data: dict[str, Any] = {
            "path": self.path,
            "size": self.size,
            "digest": self.digest,
            "stored": self.stored,
        }
        return data | ({"location": self.location} if self.location else {})

    @property
    def pointer(self) -> Pointer:
        """The digest and the size, as Git LFS has them."""
        return Pointer(oid=self.digest.removeprefix(_ALGORITHM), size=self.size)
