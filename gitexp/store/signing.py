"""Signatures of commits: where they stand in a commit, and what exactly they sign.

A signature is the header `gpgsig` (`gpgsig-sha256` where object ids are SHA-256), whatever made
it. What is signed are the bytes of the commit without any such header.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from gitexp.errors import InvalidInput
from gitexp.store.model import RawObject

Sign = Callable[[bytes], "bytes | None"]
"""Returns the armored signature of some bytes, None to leave them unsigned."""

_ALL = b"gpgsig"


class SignedCommit(NamedTuple):
    """A commit taken apart.

    Attributes:
        payload: the bytes that are signed.
        signatures: the armored signatures; none where the commit is not signed.
    """

    payload: bytes
    signatures: tuple[bytes, ...]


def with_signature(data: bytes, signature: bytes, *, hash_length: int = 40) -> bytes:
    """Return the bytes of a commit that carries a signature.

    Raises:
        InvalidInput: the signature is empty, or holds a blank line where a header would end.
    """
    text = signature.replace(b"\r\n", b"\n").rstrip(b"\n")
    if not text or b"\0" in text:
        raise InvalidInput("an empty or unreadable signature cannot stand in a commit")
    head, _, message = data.partition(b"\n\n")
    header = _header(hash_length) + b" " + text.replace(b"\n", b"\n ")
    return head + b"\n" + header + b"\n\n" + message


def taken_apart(raw: RawObject) -> SignedCommit:
    """Return what is signed in a commit, and the signatures of it."""
    head, blank, message = raw.data.partition(b"\n\n")
    wanted = _header(len(raw.id)) + b" "
    kept: list[bytes] = []
    signatures: list[list[bytes]] = []
    current: list[bytes] | None = None
    for line in head.split(b"\n"):
        if current is not None and line.startswith(b" "):
            current.append(line[1:])
        elif line.startswith(_ALL):
            # The signature for the other kind of ids is no part of what is signed either.
            current = [line[len(wanted) :]] if line.startswith(wanted) else []
            if line.startswith(wanted):
                signatures.append(current)
        else:
            current = None
            kept.append(line)
    return SignedCommit(
        payload=b"\n".join(kept) + blank + message,
        signatures=tuple(b"\n".join(lines) + b"\n" for lines in signatures),
    )


def _header(hash_length: int) -> bytes:
    return b"gpgsig-sha256" if hash_length == 64 else _ALL
