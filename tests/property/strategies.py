"""Values that documents hold, with the texts and numbers on which YAML readers disagree."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from gitexp.documents.limits import forbidden

TRICKY = [
    *("", " ", "\n", "\n\n", " \n", "\t", "~", "null", "Null", "true", "False", "no", "Yes"),
    *("on", "y", "N", "off", "=", "<<", "-", "--", "---", "...", "- a", "? a", ": a", "a: b"),
    *("a:", "a #b", "#", "# c", "012", "0o17", "0x1F", "1_000", "1e3", "1e-5", "1.0e+5", ".5"),
    *("5.", ".inf", "-.INF", ".nan", "2024-01-01", "12:30:45", "1:30", "+1", "-1", "0b11", "@a"),
    *("`a`", "%a", "&a", "*a", "!a", "!!int 3", "[a]", "{a: b}", "a, b", "'a'", '"a"', "a'b"),
    *("|", ">", "|-", "a\nb", "a\nb\n", "a\nb\n\n", "\na", " a\nb", "\ta\nb", "a\n b"),
    *("a\n\n\nb", "a \nb ", "a\n ", "a\n  \nb", "  \na", "a\n---\nb", "a\n# b\n", "a\r\nb"),
    *("a\rb", "\u2028", "a\u2028b\nc", "\ufeff", "\u202eabc", "é", "日本語 text", "😀\n😀"),
    *("x" * 81, "x " * 60, " " + "x" * 90, "a\tb", "a\n\tb", "\u00a0a", "a\u3000", "C:\\x"),
    *("http://x/y#z", "a\u200db", "\ud7ff\ue000", "k" * 1100, "trailing ", " leading", "a  b"),
    *("a\\nb", "\\", '"', "a\n" + "b" * 200),
]


def texts() -> st.SearchStrategy[str]:
    """Return texts that a YAML document may hold, the tricky ones often."""
    free = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
    lines = st.lists(st.sampled_from(TRICKY), max_size=4).map("\n".join)
    return st.one_of(st.sampled_from(TRICKY), free, lines).filter(lambda text: not forbidden(text))


def scalars() -> st.SearchStrategy[Any]:
    """Return texts, numbers, booleans and null."""
    return st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(allow_nan=False, allow_infinity=False),
        st.sampled_from([0.0, -0.0, 1e16, 1e-5, 5e-324, 1e300, 10**30, -1]),
        texts(),
    )


def values() -> st.SearchStrategy[Any]:
    """Return any value of a document."""
    return st.recursive(
        scalars(),
        lambda inner: st.one_of(
            st.lists(inner, max_size=4), st.dictionaries(texts(), inner, max_size=4)
        ),
        max_leaves=12,
    )


def mappings() -> st.SearchStrategy[dict[str, Any]]:
    """Return roots of documents."""
    return st.dictionaries(texts(), values(), max_size=5)
