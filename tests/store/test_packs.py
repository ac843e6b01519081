"""Packs and deltas: what is malformed is refused, and never read beyond its end."""

from __future__ import annotations

import contextlib
import random
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitexp.errors import DamagedObject
from gitexp.ids import ObjectId
from gitexp.store.deltas import apply_delta
from gitexp.store.packs import PackIndex


def varint(value: int) -> bytes:
    encoded = bytearray()
    while value >= 0x80:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*encoded, value])


def copy_of(start: int, length: int) -> bytes:
    """Return the instruction that copies a range of the base, in its longest form."""
    numbers = start.to_bytes(4, "little") + length.to_bytes(3, "little")
    return b"\xff" + numbers


def delta(base: bytes, result: bytes, *instructions: bytes) -> bytes:
    return varint(len(base)) + varint(len(result)) + b"".join(instructions)


@given(st.binary(max_size=300), st.lists(st.tuples(st.integers(0, 300), st.integers(1, 300))))
def test_copies_and_insertions_make_the_result(base: bytes, ranges: list[tuple[int, int]]) -> None:
    parts, instructions = [], []
    for start, length in ranges:
        part = base[start : start + length]
        if part:
            parts.append(part)
            instructions.append(copy_of(start, len(part)))
        parts.append(b"+" * (length % 127 + 1))
        instructions.append(bytes([length % 127 + 1]) + parts[-1])
    result = b"".join(parts)
    assert apply_delta(base, delta(base, result, *instructions)) == result


def test_a_copy_without_a_length_is_of_64_kibibytes() -> None:
    base = random.Random(1).randbytes(0x10000)
    assert apply_delta(base, delta(base, base, b"\x80")) == base


@pytest.mark.parametrize(
    "instructions",
    [b"", b"\x00", b"\x05ab", b"\x91\x00", b"\x91\x01\x04", b"\x91\x00\x05", b"\x03abc"],
)
def test_a_malformed_delta_is_refused(instructions: bytes) -> None:
    with pytest.raises(DamagedObject):
        apply_delta(b"base", delta(b"base", b"1234", instructions))


def test_a_delta_for_another_base_is_refused() -> None:
    with pytest.raises(DamagedObject, match="is for 4 bytes and its base has 5"):
        apply_delta(b"other", delta(b"base", b"base", copy_of(0, 4)))


@given(st.binary(max_size=80))
def test_no_bytes_at_all_crash_it(data: bytes) -> None:
    with contextlib.suppress(DamagedObject):
        apply_delta(b"a base of some length", data)


def index_of(path: Path, names: list[bytes]) -> Path:
    """Write an index of version 2 for these names, with their positions as offsets."""
    names = sorted(names)
    fanout = [sum(name[0] <= byte for name in names) for byte in range(256)]
    path.write_bytes(
        b"\377tOc\0\0\0\2"
        + struct.pack(">256I", *fanout)
        + b"".join(names)
        + bytes(4 * len(names))
        + b"".join(struct.pack(">I", n) for n in range(len(names)))
        + bytes(40)
    )
    return path


def test_every_name_is_found_and_no_other(tmp_path: Path) -> None:
    draw = random.Random(3)
    names = sorted({draw.randbytes(20) for _ in range(500)} | {b"\0" * 20, b"\xff" * 20})
    index = PackIndex(str(index_of(tmp_path / "x.idx", names)), 20)
    assert [index.offset(name) for name in names] == list(range(len(names)))
    assert all(index.offset(draw.randbytes(20)) is None for _ in range(500))
    for name in names[::50]:
        prefix = name.hex()[:5]
        expected = [ObjectId(n.hex()) for n in names if n.hex().startswith(prefix)]
        assert index.with_prefix(prefix) == expected
    index.close()


def test_an_empty_pack_holds_nothing(tmp_path: Path) -> None:
    index = PackIndex(str(index_of(tmp_path / "x.idx", [])), 20)
    assert index.offset(b"\0" * 20) is None
    assert index.with_prefix("0000") == []
    index.close()


@pytest.mark.parametrize("length", [0, 8, 1032, 1071, 1100])
def test_an_index_that_is_cut_short_is_refused(tmp_path: Path, length: int) -> None:
    path = index_of(tmp_path / "x.idx", [bytes([n]) * 20 for n in range(10)])
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(DamagedObject, match="the pack index"):
        PackIndex(str(path), 20)


def test_an_index_whose_counts_go_down_is_refused(tmp_path: Path) -> None:
    path = index_of(tmp_path / "x.idx", [bytes([n]) * 20 for n in range(10)])
    data = bytearray(path.read_bytes())
    data[8:12] = b"\xff\xff\xff\xff"
    path.write_bytes(data)
    with pytest.raises(DamagedObject, match=r"the pack index .* is damaged"):
        PackIndex(str(path), 20)
