"""Patterns are matched as Python's `re` matches them, but in time that grows with the text."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitexp.documents.patterns import matches, pattern_fault
from gitexp.errors import InvalidInput

TEXTS = ["", "a", "b", "ab", "ba", "aab", "abab", "a b", "a\nb", "\n", "1a", "_", "Éa", "aB1 -.x"]
PATTERNS = [
    "",
    "a",
    "^a",
    "a$",
    "^a$",
    r"\Aa\Z",
    "a|b",
    "^(a|b)*$",
    "^(?:ab)+$",
    "a?b",
    "a*?b",
    "^a{2}b$",
    "^a{1,2}b",
    "^a{,2}$",
    "a{2,}",
    "[ab]b",
    "[^ab]",
    r"[\w-]\s",
    r"\d\w",
    r"^\W|\D$",
    ".b",
    "(?s)a.b",
    "(?m)^b$",
    "(?i)^AB$",
    "(?i:A)b",
    "(?a)\\w",
    "é",
    "(?i)É",
    r"\bb",
    r"a\B",
    r"\b\w\b",
    "(?=a)ab",
    "^(?!.*b).",
    "(?<=a)b",
    "(?<!a)b",
    "^(?=.*[A-Z])(?=.*\\d).{3,}$",
    "(?!)",
    "()*a",
    "(a*)*b",
    "(^a|b$)",
    r"\.x",
    "(?x) a  b # two",
]


@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_pattern_means_what_it_means_to_python(pattern: str) -> None:
    expected = [bool(re.search(_with_strict_end(pattern), text)) for text in TEXTS]
    assert [matches(pattern, text) for text in TEXTS] == expected


def _with_strict_end(pattern: str) -> str:
    return pattern if "(?m)" in pattern else pattern.replace("$", r"\Z")


def _patterns() -> st.SearchStrategy[str]:
    leaf = st.sampled_from(["a", "b", ".", "[ab]", "[^a]", r"\w", r"\b", "^", "$", "", "(?i:A)"])
    return st.recursive(
        leaf,
        lambda inner: st.one_of(
            st.lists(inner, min_size=2, max_size=3).map("".join),
            st.lists(inner, min_size=2, max_size=3).map(lambda parts: f"(?:{'|'.join(parts)})"),
            st.tuples(inner, st.sampled_from(["*", "+", "?", "{2}", "{1,3}", "*?"])).map(
                lambda pair: f"(?:{pair[0]}){pair[1]}"
            ),
            st.tuples(st.sampled_from(["?=", "?!"]), inner).map(lambda p: f"({p[0]}{p[1]})"),
        ),
        max_leaves=8,
    )


@given(_patterns(), st.text("abA ", max_size=8))
def test_any_pattern_means_what_it_means_to_python(pattern: str, text: str) -> None:
    assert matches(pattern, text) == bool(re.search(_with_strict_end(pattern), text))


@pytest.mark.parametrize(
    "pattern",
    [
        "^(a+)+$",
        "^(a|a)*$",
        "^(a|aa)+$",
        r"(\w+\s?)*!$",
        "a*a*a*a*a*a*c",
        "(.*)*(.*)*c",
        "(a?){200}c",
    ],
)
def test_no_pattern_back_tracks(pattern: str) -> None:
    assert not matches(pattern, "a" * 20_000 + "?")


def test_a_line_feed_at_the_end_is_not_passed_over() -> None:
    assert not matches("^a$", "a\n")


@pytest.mark.parametrize(
    ("pattern", "fault"),
    [
        ("(a)\\1", "cannot be matched in bounded time: it refers back to a group"),
        (
            "(?P<x>a)(?(x)b|c)",
            "cannot be matched in bounded time: it depends on whether a group matched",
        ),
        ("(?<=a*)b", "looks behind for texts of different lengths"),
        ("(((a{99}){99}){99}){99}", "has more than 20000 states once it is written out"),
        ("a{99999999999}", "is not a regular expression: the repetition number is too large"),
        ("(", "is not a regular expression: missing ), unterminated subpattern at position 0"),
        ("(" * 990 + ")" * 990, "is nested too deeply"),
        ("a" * 2001, "is longer than 2000 characters"),
    ],
)
def test_what_cannot_be_matched_safely_is_no_pattern(pattern: str, fault: str) -> None:
    assert (pattern_fault(pattern) or "").endswith(fault)
    with pytest.raises(InvalidInput, match="the pattern "):
        matches(pattern, "a")


@pytest.mark.parametrize(
    ("pattern", "text"), [("a", "a" * 200_001), ("(?:(?=a*b)a)+c", "a" * 9_000)]
)
def test_what_would_take_too_long_is_refused(pattern: str, text: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        matches(pattern, text)
    assert str(caught.value) == (
        f'text of {len(text)} characters is too long to be matched with "{pattern}"'
    )
