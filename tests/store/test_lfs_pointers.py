"""Pointer files: one encoding is written, what Git LFS reads is read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitexp.errors import InvalidInput
from gitexp.store.lfs.pointers import Pointer, check_oid, parse_pointer

OID = "4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393"
TEXT = f"version https://git-lfs.github.com/spec/v1\noid sha256:{OID}\nsize 12345\n"
POINTER = Pointer(oid=OID, size=12345)


def test_a_pointer_is_written_as_the_specification_shows_it() -> None:
    assert POINTER.to_bytes() == TEXT.encode()


@given(
    st.binary(min_size=32, max_size=32).map(bytes.hex), st.integers(min_value=0, max_value=2**62)
)
def test_a_pointer_that_was_written_reads_the_same(oid: str, size: int) -> None:
    pointer = Pointer(oid=oid, size=size)
    assert parse_pointer(pointer.to_bytes()) == pointer


@pytest.mark.parametrize(
    "text",
    [
        TEXT.replace("git-lfs", "hawser"),
        TEXT.replace("https://git-lfs.github.com/spec/v1", "http://git-media.io/v/2"),
        TEXT.replace("\noid", f"\next-0-foo sha256:{OID}\noid"),
        TEXT.replace("\n", "\r\n"),
        f"\n{TEXT}\n\n",
        TEXT.rstrip("\n"),
    ],
)
def test_what_git_lfs_takes_for_a_pointer_is_one(text: str) -> None:
    assert parse_pointer(text.encode()) == POINTER


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff\xfe",
        b"hello\n",
        TEXT.replace("sha256", "sha1").encode(),
        TEXT.replace(OID, OID[:-1]).encode(),
        TEXT.replace(OID, OID.upper()).encode(),
        TEXT.replace("12345", "-1").encode(),
        TEXT.replace("12345", "many").encode(),
        TEXT.replace("spec/v1", "spec/v9").encode(),
        TEXT.encode() + b"more 1\n",
        "\n".join(TEXT.splitlines()[::-1]).encode(),
        TEXT.encode() + b"\n" * 1024,
    ],
)
def test_anything_else_is_no_pointer(data: bytes) -> None:
    assert parse_pointer(data) is None


@given(st.binary(max_size=2000))
def test_no_bytes_make_the_parser_fail(data: bytes) -> None:
    parse_pointer(data)
    parse_pointer(TEXT.encode()[:60] + data)


@pytest.mark.parametrize("oid", ["", "../../../etc/passwd", OID.upper(), OID + "0"])
def test_only_an_id_becomes_a_path(oid: str) -> None:
    with pytest.raises(InvalidInput, match="is no id of a Git LFS object"):
        check_oid(oid)
