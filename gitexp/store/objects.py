"""Objects between bytes and values: hashing, commits and tags as Git writes them.

Reading is tolerant where history written by others must stay readable (odd identities, encodings,
signatures) and strict where a wrong reading would be dangerous. Writing only produces what
`git fsck --strict` accepts. The module `treebytes` does the same for trees.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta, timezone
from functools import lru_cache
from typing import NamedTuple

from gitexp.errors import DamagedObject, InvalidInput, StoreError
from gitexp.ids import ObjectId
from gitexp.store.model import Commit, ObjectKind, RawObject, Signature, TreeId

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_EARLIEST, _LATEST = -62135510400, 253402214400  # one day inside the years 1 and 9999
_LINKS = re.compile(rb"tree ([^\n]*)(?:\n|\Z)((?:parent [^\n]*(?:\n|\Z))*)")
_HEX = re.compile(rb"[0-9a-f]+")
_STAMP = re.compile(rb"\s*(-?\d{1,18})(?:\s+([+-]\d{4,5}))?")


def make_object(kind: ObjectKind, data: bytes, *, hash_length: int = 40) -> RawObject:
    """Return an object with the id that Git gives to these bytes."""
    return RawObject(id=hash_object(kind, data, hash_length=hash_length), kind=kind, data=data)


def hash_object(kind: ObjectKind, data: bytes, *, hash_length: int = 40) -> ObjectId:
    """Return the id that Git gives to an object of these bytes."""
    # Put together, header and data would stand in memory twice.
    return hash_pieces(kind, len(data), [data], hash_length=hash_length)


def hash_pieces(
    kind: ObjectKind, size: int, pieces: Iterable[bytes], *, hash_length: int = 40
) -> ObjectId:
    """Return the id that Git gives to an object of so many bytes."""
    hasher = hasher_of(kind, size, hash_length=hash_length)
    for piece in pieces:
        hasher.update(piece)
    return ObjectId(hasher.hexdigest())


def hasher_of(kind: ObjectKind, size: int, *, hash_length: int = 40) -> hashlib._Hash:
    """Return what makes the id of an object of so many bytes, once it was given these."""
    hasher = hashlib.sha256() if hash_length == 64 else hashlib.sha1(usedforsecurity=False)
    hasher.update(b"%s %d\0" % (kind.encode(), size))
    return hasher


# --- commits and tags -----------------------------------------------------------------------


def parse_commit(raw: RawObject) -> Commit:
    """Return a commit; what is odd in it is replaced rather than refused.

    Text in a wrong or unknown encoding gets replacement characters, an identity without a
    readable date gets the beginning of 1970, and headers such as signatures are left out. The
    message is kept as it is stored, final newline included.

    Raises:
        StoreError: the object is no commit.
        DamagedObject: it names no tree, or its tree or a parent is no object id.
    """
    tree, parents = _links(raw)
    headers, message = _headers(raw.data)
    encoding = headers.get(b"encoding", b"utf-8").decode("ascii", "replace")
    author = _parse_signature(headers.get(b"author", b""), encoding)
    return Commit(
        id=raw.id,
        tree=tree,
        parents=parents,
        author=author,
        committer=_parse_signature(headers.get(b"committer", b""), encoding),
        message=_decode(message, encoding),
    )


def commit_links(raw: RawObject) -> tuple[tuple[ObjectId, ...], int]:
    """Return the parents of a commit and its commit time in seconds since 1970.

    It is a small part of `parse_commit` at a small part of its cost, for walks over history.

    Raises:
        StoreError, DamagedObject: as for `parse_commit`.
    """
    _, parents = _links(raw)
    start = raw.data.find(b"\ncommitter ")
    line = raw.data[start + 11 : raw.data.find(b"\n", start + 11)] if start >= 0 else b""
    return parents, _seconds(line)


class CommitLinks(NamedTuple):
    """What a commit names: its tree and its parents."""

    id: ObjectId
    tree: TreeId
    parents: tuple[ObjectId, ...]


def tree_and_parents(raw: RawObject) -> CommitLinks:
    """Return what a commit names, at a small part of the cost of `parse_commit`.

    Raises:
        StoreError, DamagedObject: as for `parse_commit`.
    """
    tree, parents = _links(raw)
    return CommitLinks(raw.id, tree, parents)


def tag_target(raw: RawObject) -> ObjectId:
    """Return the id of the object that an annotated tag names.

    Raises:
        DamagedObject: the tag names no object.
    """
    first = raw.data.split(b"\n", 1)[0]
    return _object_id(first.removeprefix(b"object "), raw, "object")


def encode_commit(
    *,
    tree: TreeId,
    parents: Sequence[ObjectId],
    author: Signature,
    committer: Signature,
    message: str,
) -> bytes:
    """Return the bytes of a commit, its message ended by a newline.

    Raises:
        InvalidInput: an identity, a moment or the message cannot be stored in a commit.
    """
    lines = [f"tree {tree}", *(f"parent {parent}" for parent in parents)]
    lines += [f"author {_format_signature(author)}", f"committer {_format_signature(committer)}"]
    if "\0" in message:
        raise InvalidInput("a commit message cannot contain a NUL character")
    body = message if not message or message.endswith("\n") else message + "\n"
    return _utf8("\n".join(lines) + "\n\n" + body, "the identity or message of a commit")


def _links(raw: RawObject) -> tuple[TreeId, tuple[ObjectId, ...]]:
    if raw.kind != "commit":
        raise StoreError(f"object {raw.id} is a {raw.kind}, not a commit")
    found = _LINKS.match(raw.data)
    if found is None:
        raise DamagedObject(f"the commit {raw.id} names no tree")
    parents = [line[len(b"parent ") :] for line in found[2].split(b"\n") if line]
    return (
        TreeId(_object_id(found[1], raw, "tree")),
        tuple([_object_id(parent, raw, "parent") for parent in parents]),
    )


def _object_id(field: bytes, raw: RawObject, what: str) -> ObjectId:
    if len(field) != len(raw.id) or not _HEX.fullmatch(field):
        text = field[:80].decode("ascii", "replace")
        raise DamagedObject(f"the {raw.kind} {raw.id} names no usable {what}: {text!r}")
    return ObjectId(field.decode("ascii"))


def _headers(data: bytes) -> tuple[dict[bytes, bytes], bytes]:
    """Return the first value of each header, continued lines left out, and the message."""
    head, _, message = data.partition(b"\n\n")
    headers: dict[bytes, bytes] = {}
    for line in head.split(b"\n"):
        key, _, value = line.partition(b" ")
        if key:
            headers.setdefault(key, value)
    return headers, message


def _parse_signature(line: bytes, encoding: str) -> Signature:
    """Read an identity as Git does: e-mail from the first '<' on, date after the last '>'."""
    end = line.rfind(b">") + 1
    name, email = _parse_identity(line[:end] or line, encoding)
    stamp = _STAMP.match(line[end:])
    seconds = min(max(int(stamp[1]), _EARLIEST), _LATEST) if stamp else 0
    zone = _parse_offset(stamp[2]) if stamp else timezone.utc
    when = (_EPOCH + timedelta(seconds=seconds)).astimezone(zone)
    return Signature(name=name, email=email, when=when)


@lru_cache(maxsize=1024)
def _parse_identity(text: bytes, encoding: str) -> tuple[str, str]:
    name, _, rest = text.partition(b"<")
    email, _, _ = rest.partition(b">")
    return _decode(name, encoding).strip(), _decode(email, encoding).strip()


def _seconds(line: bytes) -> int:
    stamp = _STAMP.match(line[line.rfind(b">") + 1 :])
    return int(stamp[1]) if stamp else 0


@lru_cache(maxsize=256)
def _parse_offset(text: bytes | None) -> timezone:
    if text is None:
        return timezone.utc
    number = abs(int(text))
    minutes = min(number // 100 * 60 + number % 100, 24 * 60 - 1)
    return timezone(timedelta(minutes=-minutes if text.startswith(b"-") else minutes))


def _decode(data: bytes, encoding: str) -> str:
    try:
        return data.decode(encoding, "replace")
    except (LookupError, ValueError):
        return data.decode("utf-8", "replace")


def _format_signature(signature: Signature) -> str:
    check_identity(signature)
    offset = signature.when.utcoffset() or timedelta()
    seconds = int((signature.when - _EPOCH).total_seconds())
    minutes = int(offset.total_seconds()) // 60
    sign = "-" if minutes < 0 else "+"
    zone = f"{sign}{abs(minutes) // 60:02d}{abs(minutes) % 60:02d}"
    return f"{signature.name} <{signature.email}> {seconds} {zone}"


def check_identity(signature: Signature) -> None:
    """Check that a name, an e-mail address and a moment can stand in a commit.

    Raises:
        InvalidInput: one of them cannot; the message says which and why.
    """
    for what, text in (("name", signature.name), ("e-mail address", signature.email)):
        if any(c in text for c in "<>\n\0"):
            raise InvalidInput(
                f"{text!r} is not a usable {what} for a commit: it contains '<', '>', "
                "a line break or NUL",
                hint="Set a plain one with `git config user.name` and `git config user.email`.",
            )
    if not signature.name.strip():
        raise InvalidInput(
            "the name of a commit's author is empty",
            hint="Set it with `git config user.name 'Your Name'`.",
        )
    _check_moment(signature.when)


def _check_moment(when: datetime) -> None:
    if when.utcoffset() is None:
        raise InvalidInput(f"the moment {when.isoformat()} of a commit has no offset from UTC")
    if when < _EPOCH:
        raise InvalidInput(f"the moment {when.isoformat()} of a commit is before 1970")


def _utf8(text: str, what: str) -> bytes:
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError as exc:
        raise InvalidInput(f"{what} is not valid text: {exc.reason}") from exc
