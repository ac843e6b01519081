"""Laws of merging: symmetric, inventing nothing, and never silent about what clashes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from hypothesis import assume, given
from hypothesis import strategies as st

from gitexp.documents.problems import place_of
from gitexp.documents.values import Path
from gitexp.documents.yaml_reader import parse_yaml
from gitexp.documents.yaml_writer import dump_yaml
from gitexp.experiments.changes import same_value
from gitexp.review.merging.documents import merge_documents
from gitexp.review.merging.values import ABSENT, Grain, merge_mappings

# Few keys and values, so that both sides often touch the same one.
KEYS = st.sampled_from(["a", "b", "c", "d e", "f.g"])
LEAVES: st.SearchStrategy[Any] = st.sampled_from(
    [0, 1, "x", "line\nline\n", "one\ntwo\n\n", None, [1], [1, 2], {}, "# no"]
)
VALUES = st.recursive(LEAVES, lambda inner: st.dictionaries(KEYS, inner, max_size=3), max_leaves=6)
MAPPINGS = st.dictionaries(KEYS, VALUES, max_size=4)
GRAINS = st.sampled_from(["whole", "key", "nested"])

Values = Mapping[str, Any]


def parts(value: Any) -> Iterator[Any]:
    """Yield every mapping-free part of a value."""
    if isinstance(value, Mapping):
        for inner in value.values():
            yield from parts(inner)
    else:
        yield value


@given(MAPPINGS, MAPPINGS, MAPPINGS, GRAINS)
def test_a_merge_does_not_depend_on_the_side(
    base: Values, ours: Values, theirs: Values, grain: Grain
) -> None:
    one = merge_mappings(base, ours, theirs, grain=grain)
    other = merge_mappings(base, theirs, ours, grain=grain)
    assert {place_of(c.path) for c in one.clashes} == {place_of(c.path) for c in other.clashes}
    if not one.clashes:
        assert same_value(one.value, other.value)


@given(MAPPINGS, MAPPINGS, GRAINS)
def test_what_one_side_changed_is_what_comes_of_it(
    base: Values, ours: Values, grain: Grain
) -> None:
    for left, right in ((ours, base), (base, ours), (ours, ours)):
        merged = merge_mappings(base, left, right, grain=grain)
        assert merged.clashes == ()
        assert same_value(merged.value, dict(ours))


@given(MAPPINGS, MAPPINGS, MAPPINGS, GRAINS)
def test_a_merge_invents_nothing(base: Values, ours: Values, theirs: Values, grain: Grain) -> None:
    merged = merge_mappings(base, ours, theirs, grain=grain)
    known = [*parts(ours), *parts(theirs)]
    assert all(any(same_value(part, one) for one in known) for part in parts(merged.value))
    if grain == "key":
        for name, value in merged.value.items():
            sides = [side[name] for side in (ours, theirs) if name in side]
            assert any(same_value(value, side) for side in sides)
    if grain == "whole" and not merged.clashes:
        assert any(same_value(merged.value, dict(side)) for side in (ours, theirs))


@given(MAPPINGS, MAPPINGS, MAPPINGS)
def test_different_keys_never_clash(base: Values, ours: Values, theirs: Values) -> None:
    merged = merge_mappings(base, ours, theirs, grain="key")
    for clash in merged.clashes:
        [name] = clash.path
        three = [side.get(str(name), ABSENT) for side in (base, ours, theirs)]
        assert not any(same(three[i], three[j]) for i, j in ((0, 1), (0, 2), (1, 2)))


def same(one: Any, other: Any) -> bool:
    if one is ABSENT or other is ABSENT:
        return one is other
    return same_value(one, other)


def resolved(text: bytes, side: str) -> bytes:
    """Return a text with all of its conflicts decided for a side, as a person would."""
    kept, inside = [], ""
    for line in text.splitlines(keepends=True):
        if line.startswith(b"<<<<<<< ours"):
            inside = "ours"
        elif line.startswith(b"=======") and inside:
            inside = "theirs"
        elif line.startswith(b">>>>>>> theirs"):
            inside = ""
        elif inside in ("", side):
            kept.append(line)
    return b"".join(kept)


@given(MAPPINGS, MAPPINGS, MAPPINGS, GRAINS)
def test_a_text_says_what_was_merged_whichever_side_its_conflicts_are_decided_for(
    base: Values, ours: Values, theirs: Values, grain: Grain
) -> None:
    assume(ours and theirs)
    texts = [dump_yaml(side) for side in (base, ours, theirs)]
    merged = merge_mappings(base, ours, theirs, grain=grain)
    found = merge_documents(*texts, path="x.yaml", grain=grain)
    assert found.clashes == merged.clashes
    assert (b"<<<<<<<" in found.text) == bool(merged.clashes)
    mine = parse_yaml(resolved(found.text, "ours"), file="").value or {}
    assert same_value(mine, merged.value)
    other = parse_yaml(resolved(found.text, "theirs"), file="").value or {}
    for clash in merged.clashes:
        assert same(at(other, clash.path), clash.theirs)


def at(value: Any, path: Path) -> Any:
    for key in path:
        value = value.get(key, ABSENT) if isinstance(value, Mapping) else ABSENT
    return value
