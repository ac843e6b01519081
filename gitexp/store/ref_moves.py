"""Reading reflogs: how a reference of this clone moved, as far as anybody wrote it down."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from datetime import datetime, timezone

from gitexp.ids import ObjectId
from gitexp.store.disk import DiskStore
from gitexp.store.protocol import Store

_MOST_BYTES = 4 * 2**20
_LINE = re.compile(r"([0-9a-f]{40,64}) ([0-9a-f]{40,64}) (.*<[^<>]*>) (\d{1,12}) [+-]\d{4}\t?(.*)")


@dataclass(frozen=True, kw_only=True)
class RefMove:
    """One move of a reference.

    Attributes:
        old: where it stood; None when it did not exist.
        new: where it stood then; None when it was deleted.
        by: who moved it here, as `Name <address>`.
        message: why, in Git's or gitexp's words.
    """

    old: ObjectId | None
    new: ObjectId | None
    by: str
    at: datetime
    message: str


def moves_of(store: Store, ref: str) -> list[RefMove]:
    """Return how a reference moved in this clone, oldest first; nothing where that was not kept.

    Of a very long reflog only the newest part is read.
    """
    if not isinstance(store, DiskStore):
        return []
    path = os.path.join(str(store.common_dir), "logs", *ref.split("/"))
    try:
        with open(path, "rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - _MOST_BYTES))
            text = file.read(_MOST_BYTES).decode("utf-8", "replace")
    except OSError:
        return []
    return [move for line in text.split("\n") if (move := _parsed(line))]


def _parsed(line: str) -> RefMove | None:
    match = _LINE.fullmatch(line)
    if match is None:
        return None
    old, new, by, seconds, message = match.groups()
    return RefMove(
        old=_object_id(old),
        new=_object_id(new),
        by=by,
        at=datetime.fromtimestamp(int(seconds), timezone.utc),
        message=message,
    )


def _object_id(text: str) -> ObjectId | None:
    return ObjectId(text) if text.strip("0") else None
