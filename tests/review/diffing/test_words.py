"""Texts compared word by word."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gitexp.review.diffing.words import word_diff, word_lines

TEXTS = st.lists(
    st.sampled_from(["be", "kind", " ", "  ", "\n", "\r\n", ".", "é", "\u2028", "strict", "-"]),
    max_size=12,
).map("".join)


def shown(before: str, after: str) -> list[str]:
    return [line.sign + line.text for line in word_lines(before, after)]


@given(TEXTS, TEXTS)
def test_the_pieces_make_up_both_texts(before: str, after: str) -> None:
    pieces = word_diff(before, after)
    assert "".join(p.text for p in pieces if p.kind != "added") == before
    assert "".join(p.text for p in pieces if p.kind != "removed") == after
    assert all(piece.text for piece in pieces)


@given(TEXTS)
def test_a_text_does_not_differ_from_itself(text: str) -> None:
    assert {piece.kind for piece in word_diff(text, text)} <= {"same"}
    assert word_lines(text, text) == []


@given(TEXTS, TEXTS)
def test_lines_are_shown_exactly_where_the_texts_differ(before: str, after: str) -> None:
    assert bool(word_lines(before, after)) == (before != after)


def test_words_that_changed_are_marked_in_their_line() -> None:
    assert shown("Be kind to people.\n", "Be strict with people.\n") == [
        "!Be [-kind to-]{+strict with+} people."
    ]


def test_whole_lines_have_a_sign_alone() -> None:
    assert shown("a\nb\n", "a\nnew\nb\n") == [" a", "+new", " b"]
    assert shown("a\nold\nb\n", "a\nb\n") == [" a", "-old", " b"]
    assert shown("one\nb", "one, changed\nnew\nb") == ["!one{+, changed+}", "+new", " b"]


def test_a_line_feed_that_comes_or_goes_is_seen() -> None:
    assert shown("Be kind.", "Be kind.\nBe brief.\n") == ["!Be kind.{+\\n+}", "+Be brief."]
    assert shown("end\n", "end") == ["!end[-\\n-]"]


def test_lines_that_changed_a_little_are_compared_each_with_its_own_earlier_version() -> None:
    before = "".join(f"Rule {n}: answer what was asked, in one line.\n" for n in range(3))
    after = before.replace("one line", "one short line").replace("Rule 1", "Point 1")
    assert shown(before, after) == [
        "!Rule 0: answer what was asked, in one {+short +}line.",
        "![-Rule-]{+Point+} 1: answer what was asked, in one {+short +}line.",
        "!Rule 2: answer what was asked, in one {+short +}line.",
    ]


def test_lines_far_from_a_change_are_left_out() -> None:
    before = "".join(f"line {number}\n" for number in range(1, 31))
    after = before.replace("line 4\n", "line four\n").replace("line 20\n", "")
    assert shown(before, after) == [
        *("@line 2", " line 2", " line 3", "!line [-4-]{+four+}", " line 5", " line 6"),
        *("@line 18", " line 18", " line 19", "-line 20", " line 21", " line 22"),
    ]


def test_long_stretches_of_the_same_words_are_not_looked_into() -> None:
    before = " ".join(["be", "kind"] * 5000)
    after = " ".join(["kind", "be", "so"] * 5000)
    kinds = [piece.kind for piece in word_diff(before, after)]
    assert kinds == ["removed", "added"]


def test_many_words_that_differ_are_told_apart_quickly() -> None:
    before = " ".join(f"word{number}" for number in range(5000))
    after = before.replace("word77 ", "other ").replace("word4321 ", "")
    changed = [(p.kind, p.text) for p in word_diff(before, after) if p.kind != "same"]
    assert changed == [("removed", "word77"), ("added", "other"), ("removed", "word4321 ")]
