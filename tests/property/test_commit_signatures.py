"""Laws of signatures in commits: they come out as they went in, and change nothing else."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gitexp.store.objects import encode_commit, make_object, parse_commit
from gitexp.store.signing import taken_apart, with_signature
from tests.builders import signature

LINES = st.lists(
    st.text(st.characters(blacklist_characters="\r\n\0", blacklist_categories=("Cs",))),
    min_size=1,
    max_size=6,
)
MESSAGES = st.text(st.characters(blacklist_characters="\0", blacklist_categories=("Cs",)))
TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"


def commit(message: str, parents: int) -> bytes:
    who = signature()
    return encode_commit(
        tree=TREE,  # type: ignore[arg-type]
        parents=[f"{number:040x}" for number in range(parents)],  # type: ignore[misc]
        author=who,
        committer=who,
        message=message,
    )


@given(MESSAGES, st.integers(0, 3), LINES)
def test_a_signature_comes_out_as_it_went_in(message: str, parents: int, lines: list[str]) -> None:
    plain = commit(message, parents)
    armor = "\n".join(["-----BEGIN", *lines, "END-----"]).encode() + b"\n"
    signed = make_object("commit", with_signature(plain, armor))
    assert taken_apart(signed) == (plain, (armor,))
    before, after = parse_commit(make_object("commit", plain)), parse_commit(signed)
    assert (after.tree, after.parents, after.message) == (
        before.tree,
        before.parents,
        before.message,
    )
