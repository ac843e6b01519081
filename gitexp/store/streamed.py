"""Blobs that are written without ever being held together in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from gitexp.errors import DamagedObject
from gitexp.ids import ObjectId
from gitexp.store.model import ObjectKind
from gitexp.store.objects import hash_pieces, hasher_of


class StreamedBlob:
    """A blob whose bytes are made anew whenever they are asked for.

    Attributes:
        size: how many bytes there are.

    Args:
        make: yields the bytes, the same ones each time.
        hash_length: that of the store that the blob is for.
    """

    kind: ObjectKind = "blob"

    def __init__(self, make: Callable[[], Iterable[bytes]], *, hash_length: int = 40) -> None:
        self._make = make
        self.size = sum(len(piece) for piece in make())
        self.id: ObjectId = hash_pieces("blob", self.size, make(), hash_length=hash_length)

    def __len__(self) -> int:
        return self.size

    @property
    def data(self) -> bytes:
        """All bytes together."""
        return b"".join(self.pieces())

    def pieces(self) -> Iterator[bytes]:
        """Yield the bytes.

        Raises:
            DamagedObject: they are not those that they were; it comes behind the last one.
        """
        hasher = hasher_of("blob", self.size, hash_length=len(self.id))
        for piece in self._make():
            hasher.update(piece)
            yield piece
        if hasher.hexdigest() != self.id:
            raise DamagedObject(f"the bytes of object {self.id} changed while they were read")
