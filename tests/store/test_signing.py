"""Signatures in commits stand where Git puts them, and sign what Git says."""

from __future__ import annotations

import pytest

from gitexp.errors import InvalidInput
from gitexp.store.objects import make_object, parse_commit
from gitexp.store.signing import taken_apart, with_signature

PLAIN = (
    b"tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904\n"
    b"author A <a@x> 1 +0000\ncommitter A <a@x> 1 +0000\n\nsubject\n\nbody\n"
)
ARMOR = b"-----BEGIN PGP SIGNATURE-----\n\nabc\n-----END PGP SIGNATURE-----\n"


@pytest.mark.parametrize("length", [40, 64])
def test_a_signature_that_was_put_in_comes_out_with_what_it_signs(length: int) -> None:
    data = with_signature(PLAIN, ARMOR, hash_length=length)
    found = taken_apart(make_object("commit", data, hash_length=length))
    assert found == (PLAIN, (ARMOR,))


def test_a_signed_commit_reads_as_before() -> None:
    plain, signed = (
        parse_commit(make_object("commit", d)) for d in (PLAIN, with_signature(PLAIN, ARMOR))
    )
    assert (signed.author, signed.message, signed.tree) == (plain.author, plain.message, plain.tree)


def test_the_signature_for_the_other_kind_of_ids_is_neither_signed_nor_taken() -> None:
    data = with_signature(PLAIN, ARMOR, hash_length=64)
    assert taken_apart(make_object("commit", data)) == (PLAIN, ())
    both = with_signature(data, ARMOR)
    assert taken_apart(make_object("commit", both)) == (PLAIN, (ARMOR,))


def test_every_signature_is_told() -> None:
    twice = with_signature(with_signature(PLAIN, ARMOR), b"second\n")
    assert taken_apart(make_object("commit", twice)) == (PLAIN, (ARMOR, b"second\n"))


def test_words_of_the_message_are_no_signature() -> None:
    data = PLAIN + b"\ngpgsig -----BEGIN SSH SIGNATURE-----\n"
    assert taken_apart(make_object("commit", data)) == (data, ())


def test_an_empty_message_stays_empty() -> None:
    bare = PLAIN.partition(b"\n\n")[0] + b"\n\n"
    data = with_signature(bare, ARMOR)
    assert taken_apart(make_object("commit", data)) == (bare, (ARMOR,))


@pytest.mark.parametrize("signature", [b"", b"\n\n", b"a\0b"])
def test_what_is_no_signature_is_refused(signature: bytes) -> None:
    with pytest.raises(InvalidInput, match="cannot stand in a commit"):
        with_signature(PLAIN, signature)
