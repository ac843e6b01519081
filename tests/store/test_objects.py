"""Objects between bytes and values."""

from __future__ import annotations

import os
import subprocess
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitexp.errors import DamagedObject, InvalidInput, StoreError
from gitexp.ids import ObjectId
from gitexp.store.model import (
    MODE_FILE,
    MODE_TREE,
    Commit,
    RawObject,
    Signature,
    TreeEntry,
    TreeId,
)
from gitexp.store.objects import (
    check_identity,
    commit_links,
    encode_commit,
    make_object,
    parse_commit,
    tag_target,
)
from gitexp.store.treebytes import encode_tree
from tests.builders import MOMENT, SIGNATURE

TREE = TreeId("4b825dc642cb6eb9a060e54bf8d69288fbee4904")
PARENT = ObjectId("11" * 20)
BLOB = ObjectId("ce013625030ba8dba906f756967f9e9ca394464a")


def commit_object(data: bytes) -> RawObject:
    return make_object("commit", data)


def encoded(
    *,
    author: Signature = SIGNATURE,
    message: str = "first\n",
    parents: tuple[ObjectId, ...] = (),
) -> bytes:
    return encode_commit(
        tree=TREE, parents=parents, author=author, committer=SIGNATURE, message=message
    )


def entry(name: str, mode: int = MODE_FILE, object_id: ObjectId = BLOB) -> TreeEntry:
    return TreeEntry(name=name, mode=mode, id=object_id)


# --- ids ------------------------------------------------------------------------------------


def test_ids_are_those_of_git() -> None:
    assert make_object("blob", b"hello\n").id == BLOB
    assert make_object("tree", b"").id == ObjectId(TREE)


def test_ids_of_a_sha256_repository_are_those_of_git() -> None:
    expected = "6ef19b41225c5369f1c104d45d8d85efa9b057b53b14b4b9b939dd74decc5321"
    assert make_object("tree", b"", hash_length=64).id == expected


# --- commits --------------------------------------------------------------------------------


def test_a_commit_is_written_as_git_writes_it() -> None:
    assert encoded(parents=(PARENT,), message="first") == (
        b"tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904\n"
        b"parent 1111111111111111111111111111111111111111\n"
        b"author Ada Example <ada@example.org> 1767323045 +0000\n"
        b"committer Ada Example <ada@example.org> 1767323045 +0000\n"
        b"\n"
        b"first\n"
    )


def test_a_commit_survives_the_round_trip() -> None:
    when = MOMENT.astimezone(timezone(timedelta(hours=-9, minutes=-30)))
    author = Signature(name="Zoë Ünï", email="zoë@example.org", when=when)
    raw = commit_object(encoded(author=author, parents=(PARENT, ObjectId("22" * 20))))
    assert parse_commit(raw) == Commit(
        id=raw.id,
        tree=TREE,
        parents=(PARENT, ObjectId("22" * 20)),
        author=author,
        committer=SIGNATURE,
        message="first\n",
    )
    assert parse_commit(raw).author.when.utcoffset() == timedelta(hours=-9, minutes=-30)


def test_an_empty_message_stays_empty() -> None:
    assert parse_commit(commit_object(encoded(message=""))).message == ""


def test_parts_of_a_second_are_left_out() -> None:
    author = replace(SIGNATURE, when=MOMENT.replace(microsecond=999_999))
    assert parse_commit(commit_object(encoded(author=author))).author.when == MOMENT


@pytest.mark.parametrize("field", ["name", "email"])
@pytest.mark.parametrize("text", ["a<b", "a>b", "a\nb", "a\0b"])
def test_an_identity_that_would_break_the_header_is_refused(field: str, text: str) -> None:
    author = replace(SIGNATURE, **{field: text})  # type: ignore[arg-type]
    what = "name" if field == "name" else "e-mail address"
    with pytest.raises(InvalidInput) as caught:
        encoded(author=author)
    assert str(caught.value) == (
        f"{text!r} is not a usable {what} for a commit: it contains '<', '>', a line break or NUL"
    )


def test_an_author_without_a_name_is_refused() -> None:
    with pytest.raises(InvalidInput, match="the name of a commit's author is empty"):
        check_identity(replace(SIGNATURE, name=" "))


def test_a_moment_that_git_cannot_store_is_refused() -> None:
    with pytest.raises(InvalidInput, match="before 1970"):
        encoded(author=replace(SIGNATURE, when=MOMENT.replace(year=1969)))
    with pytest.raises(InvalidInput, match="no offset from UTC"):
        encoded(author=replace(SIGNATURE, when=MOMENT.replace(tzinfo=None)))


def test_a_message_with_nul_is_refused() -> None:
    with pytest.raises(InvalidInput, match="a commit message cannot contain a NUL character"):
        encoded(message="a\0b")


def test_a_message_that_is_no_text_is_refused() -> None:
    with pytest.raises(InvalidInput, match="is not valid text"):
        encoded(message="a\ud800b")


HEAD = b"tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904\n"
ADA = b"Ada Example <ada@example.org> 1767323045 +0000\n"


def test_a_signed_commit_is_read_without_its_signature() -> None:
    raw = commit_object(
        HEAD
        + b"author "
        + ADA
        + b"committer "
        + ADA
        + b"gpgsig -----BEGIN PGP SIGNATURE-----\n \n iQEzBAABCAAdFiEE\n author Eve <e@x> 1 +0000\n"
        + b" -----END PGP SIGNATURE-----\n"
        + b"\nsigned\n"
    )
    commit = parse_commit(raw)
    assert (commit.author, commit.message) == (SIGNATURE, "signed\n")


def test_a_merge_of_a_tag_is_read() -> None:
    raw = commit_object(
        HEAD
        + b"parent " + PARENT.encode() + b"\n"
        + b"author " + ADA + b"committer " + ADA
        + b"mergetag object " + PARENT.encode() + b"\n type commit\n tag v1\n \n release\n"
        + b"\nmerge\n"
    )  # fmt: skip
    commit = parse_commit(raw)
    assert (commit.parents, commit.message) == ((PARENT,), "merge\n")


def test_the_encoding_of_a_commit_is_followed() -> None:
    raw = commit_object(
        HEAD
        + "author Zoë <z@example.org> 0 +0000\ncommitter Zoë <z@example.org> 0 +0000\n"
        "encoding ISO-8859-1\n\ngrüße\n".encode("latin-1")
    )
    commit = parse_commit(raw)
    assert (commit.author.name, commit.message) == ("Zoë", "grüße\n")


@pytest.mark.parametrize("encoding", [b"no-such-code", b"hex", b"undefined", b"\xff\xff", b""])
def test_an_unknown_encoding_is_read_as_utf8(encoding: bytes) -> None:
    raw = commit_object(
        HEAD + b"author " + ADA + b"committer " + ADA + b"encoding " + encoding + b"\n\nok \xff\n"
    )
    assert parse_commit(raw).message == "ok �\n"


EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    "line, name, email, when",
    [
        (b"Ada <ada@x> 5 +0100", "Ada", "ada@x", EPOCH + timedelta(seconds=5)),
        (b"Ada <ada@x> -5 +0000", "Ada", "ada@x", EPOCH - timedelta(seconds=5)),
        (b"Ada <ada@x>", "Ada", "ada@x", EPOCH),
        (b"Ada <ada@x> soon", "Ada", "ada@x", EPOCH),
        (b"Ada <ada@x> 5", "Ada", "ada@x", EPOCH + timedelta(seconds=5)),
        (b"Ada ada@x", "Ada ada@x", "", EPOCH),
        (b"<ada@x> 5 +0000", "", "ada@x", EPOCH + timedelta(seconds=5)),
        (b"A <b <c@x> d> 5 +0000", "A", "b <c@x", EPOCH + timedelta(seconds=5)),
        (b"Ada <ada@x> 5 +9999", "Ada", "ada@x", EPOCH + timedelta(seconds=5)),
        (b"Ada <ada@x> 5 -123456", "Ada", "ada@x", EPOCH + timedelta(seconds=5)),
        (b"", "", "", EPOCH),
    ],
)
def test_an_odd_identity_is_read(line: bytes, name: str, email: str, when: datetime) -> None:
    raw = commit_object(HEAD + b"author " + line + b"\ncommitter " + line + b"\n\nm\n")
    author = parse_commit(raw).author
    assert (author.name, author.email, author.when) == (name, email, when)


def test_a_moment_beyond_the_calendar_is_brought_inside() -> None:
    raw = commit_object(HEAD + b"author A <a@x> 999999999999999999 +1400\n\nm\n")
    assert parse_commit(raw).author.when.year == 9999


def test_a_commit_without_author_or_message_is_read() -> None:
    commit = parse_commit(commit_object(HEAD))
    assert (commit.author.name, commit.author.when, commit.message) == ("", EPOCH, "")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"tree\n",
        b"tree 1234\n",
        b"tree " + b"z" * 40,
        HEAD + b"parent 12\n",
        HEAD + b"parent x y\n",
    ],
)
def test_a_commit_without_usable_links_is_damaged(data: bytes) -> None:
    raw = commit_object(data)
    with pytest.raises(DamagedObject, match=raw.id):
        parse_commit(raw)


def test_another_object_is_no_commit() -> None:
    with pytest.raises(StoreError, match=f"object {BLOB} is a blob, not a commit"):
        parse_commit(make_object("blob", b"hello\n"))


def test_the_links_of_a_commit_are_those_of_the_parsed_one() -> None:
    raw = commit_object(encoded(parents=(PARENT,)))
    assert commit_links(raw) == ((PARENT,), 1767323045)
    assert commit_links(commit_object(HEAD)) == ((), 0)


def test_a_tag_leads_to_its_object() -> None:
    tag = make_object("tag", b"object " + PARENT.encode() + b"\ntype commit\ntag v1\n\nm\n")
    assert tag_target(tag) == PARENT
    with pytest.raises(DamagedObject, match="names no usable object"):
        tag_target(make_object("tag", b"nothing\n"))


@given(st.binary(max_size=200))
def test_any_bytes_after_the_tree_are_read_or_refused_as_damaged(data: bytes) -> None:
    try:
        parse_commit(commit_object(HEAD + data))
    except DamagedObject:
        assert b"parent " in data


# --- beside git -----------------------------------------------------------------------------


def run_git(directory: Path, *arguments: str, data: bytes = b"") -> bytes:
    command = ["git", "-C", str(directory), *arguments]
    environment = {"PATH": os.environ["PATH"], "HOME": str(directory), "LC_ALL": "C"}
    done = subprocess.run(command, input=data, capture_output=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def test_git_accepts_what_is_written(tmp_path: Path) -> None:
    run_git(tmp_path, "init", "-q")
    blob = ObjectId(run_git(tmp_path, "hash-object", "-w", "--stdin", data=b"x").decode().strip())
    empty = ObjectId(run_git(tmp_path, "mktree").decode().strip())
    names = ["b", "a.txt", "ünï", "-x"]
    tree = make_object(
        "tree",
        encode_tree([*(entry(n, object_id=blob) for n in names), entry("a", MODE_TREE, empty)]),
    )
    commit = commit_object(
        encode_commit(
            tree=TreeId(tree.id),
            parents=[],
            author=replace(SIGNATURE, name="Zoë"),
            committer=SIGNATURE,
            message="first",
        )
    )
    for raw in (tree, commit):
        arguments = ("hash-object", "-t", raw.kind, "-w", "--stdin")
        assert run_git(tmp_path, *arguments, data=raw.data).decode().strip() == raw.id
    run_git(tmp_path, "update-ref", "refs/heads/x", commit.id)
    run_git(tmp_path, "fsck", "--strict")
