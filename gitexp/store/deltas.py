"""Deltas: what `gitformat-pack(5)` says of objects that are stored as a difference to another."""

from __future__ import annotations

from gitexp.errors import DamagedObject


def apply_delta(base: bytes, delta: bytes) -> bytes:
    """Return what a delta makes of its base.

    Raises:
        DamagedObject: the delta is malformed, or made for another base.
    """
    try:
        return _apply_delta(base, delta)
    except IndexError as exc:
        raise DamagedObject("a delta ends in the middle of an instruction") from exc


def _apply_delta(base: bytes, delta: bytes) -> bytes:
    base_size, at = varint(delta, 0)
    size, at = varint(delta, at)
    if base_size != len(base):
        raise DamagedObject(f"a delta is for {base_size} bytes and its base has {len(base)}")
    parts: list[bytes] = []
    made = 0
    while at < len(delta):
        code = delta[at]
        at += 1
        if code & 0x80:
            start, length, at = _copy_range(delta, at, code)
            part = base[start : start + length]
        elif code:
            length = code
            part = delta[at : at + length]
            at += length
        else:
            raise DamagedObject("a delta has an instruction that is reserved")
        made += len(part)
        if len(part) != length or made > size:
            raise DamagedObject("a delta reaches beyond its base or its size")
        parts.append(part)
    if made != size:
        raise DamagedObject(f"a delta makes {made} bytes and states {size}")
    return b"".join(parts)


def _copy_range(delta: bytes, at: int, code: int) -> tuple[int, int, int]:
    """Return start, length and the position after them: the bits of the code say which bytes."""
    start = length = 0
    for bit in range(4):
        if code & 1 << bit:
            start |= delta[at] << 8 * bit
            at += 1
    for bit in range(3):
        if code & 0x10 << bit:
            length |= delta[at] << 8 * bit
            at += 1
    return start, length or 0x10000, at


def varint(data: bytes, at: int) -> tuple[int, int]:
    """Return a number, seven bits a byte and the least first, and the position after it."""
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, at
