"""Laws of editing: exactly the values wanted, and nothing else touched."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from gitexp.documents.values import same
from gitexp.documents.yaml_editor import edit_yaml
from gitexp.documents.yaml_reader import parse_yaml
from gitexp.documents.yaml_writer import dump_yaml
from tests.property.strategies import mappings, scalars, values

KEYS = st.sampled_from(["a", "b", "c", "model", "prompt", "no", "x y"])


def nested() -> st.SearchStrategy[Any]:
    return st.recursive(
        scalars(),
        lambda inner: st.one_of(
            st.lists(inner, max_size=4), st.dictionaries(KEYS, inner, max_size=4)
        ),
        max_leaves=10,
    )


def documents() -> st.SearchStrategy[dict[str, Any]]:
    return st.dictionaries(KEYS, nested(), max_size=6)


@st.composite
def texts_by_people(draw: st.DrawFn) -> bytes:
    """Draw a document with comments, odd blank lines, and line ends of either kind."""
    value = draw(documents())
    lines = dump_yaml(value).decode().split("\n")
    written = ["# about all of it"] if draw(st.booleans()) else []
    for line in lines:
        if line[:1].isalpha() and draw(st.booleans()):
            written += [f"# about {line.partition(':')[0]}"]
        comment = draw(st.booleans()) and line[-1:].isdigit() and ": " in line
        written.append(line + "  # why" if comment and line[:1].isalpha() else line)
    text = "\n".join(written)
    text = text.replace("\n", "\r\n") if draw(st.booleans()) else text
    return text.encode()


@given(texts_by_people(), documents())
def test_an_edit_gives_exactly_the_values_wanted(old: bytes, new: dict[str, Any]) -> None:
    assert same(parse_yaml(edit_yaml(old, new, file="law.yaml"), file="law.yaml").value, new)


@given(texts_by_people())
def test_unchanged_values_are_unchanged_bytes(old: bytes) -> None:
    assert edit_yaml(old, parse_yaml(old, file="law.yaml").value, file="law.yaml") == old


@given(texts_by_people(), KEYS, nested())
def test_an_edit_of_one_key_leaves_the_lines_of_the_others(
    old: bytes, key: str, value: Any
) -> None:
    before = parse_yaml(old, file="law.yaml").value
    edited = edit_yaml(old, {**before, key: value}, file="law.yaml")
    comments = [line for line in old.splitlines() if line.startswith(b"# ")]
    assert [line for line in edited.splitlines() if line in comments] == comments


@given(mappings(), values())
def test_an_edit_of_canonical_text_is_canonical_but_for_the_order(
    value: dict[str, Any], other: Any
) -> None:
    new = {**value, "added": other}
    edited = edit_yaml(dump_yaml(value), new, file="law.yaml")
    assert same(parse_yaml(edited, file="law.yaml").value, new)
