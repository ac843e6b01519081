"""Documents merged as texts: comments stay, and markers stand around the keys that clash."""

from __future__ import annotations

import pytest

from gitexp.errors import InvalidDocuments, InvalidInput
from gitexp.review.merging.documents import merge_documents, told
from gitexp.review.merging.values import Grain, grain_of

BASE = b"""\
# How it answers.
temperature: 0.5

# From the shop's style guide.
prompt: |
  Be kind.
  Be brief.

model: small
"""


def merged(ours: bytes, theirs: bytes, base: bytes = BASE, grain: Grain = "key") -> str:
    return merge_documents(base, ours, theirs, path="p.yaml", grain=grain).text.decode()


def test_different_parameters_never_conflict_and_comments_stay() -> None:
    ours = BASE.replace(b"0.5", b"0.7  # warmer")
    theirs = BASE.replace(b"Be brief.", b"Be exact.").replace(b"small", b"large")
    assert merged(ours, theirs) == (
        BASE.decode()
        .replace("0.5", "0.7  # warmer")
        .replace("Be brief.", "Be exact.")
        .replace("small", "large")
    )


def test_neighbouring_lines_do_not_conflict() -> None:
    base = b"a: 1\nb: 2\nc: 3\n"
    assert merged(b"a: 9\nb: 2\nc: 3\n", b"a: 1\nb: 8\nc: 7\n", base) == "a: 9\nb: 8\nc: 7\n"


def test_the_same_parameter_conflicts_around_its_key_alone() -> None:
    found = merge_documents(
        BASE,
        BASE.replace(b"0.5", b"0.7").replace(b"small", b"tiny"),
        BASE.replace(b"0.5", b"0.9"),
        path="p.yaml",
        grain="key",
    )
    assert found.places == ("temperature",)
    assert [told(clash) for clash in found.clashes] == [
        "temperature (base 0.5, ours 0.7, theirs 0.9)"
    ]
    assert found.text.decode() == (
        "# How it answers.\n"
        "<<<<<<< ours\n"
        "temperature: 0.7\n"
        "=======\n"
        "temperature: 0.9\n"
        ">>>>>>> theirs\n"
        "\n"
        "# From the shop's style guide.\n"
        "prompt: |\n"
        "  Be kind.\n"
        "  Be brief.\n"
        "\n"
        "model: tiny\n"
    )


def test_texts_of_which_both_sides_changed_other_lines_conflict_all_the_same() -> None:
    ours, theirs = BASE.replace(b"kind", b"warm"), BASE.replace(b"brief", b"exact")
    text = merged(ours, theirs)
    assert "Be warm.\n  Be exact.\n" not in text
    assert text.count("<<<<<<< ours\n") == 1
    assert "  Be warm.\n  Be brief.\n=======\n  Be kind.\n  Be exact.\n>>>>>>> theirs\n" in text


def test_an_edit_and_a_removal_conflict() -> None:
    found = merge_documents(
        BASE,
        BASE.replace(b"\nmodel: small\n", b""),
        BASE.replace(b"small", b"large"),
        path="p.yaml",
        grain="key",
    )
    assert [told(clash) for clash in found.clashes] == [
        'model (base "small", ours nothing, theirs "large")'
    ]
    assert found.text.decode().endswith(
        "  Be brief.\n<<<<<<< ours\n=======\n\nmodel: large\n>>>>>>> theirs\n"
    )


def test_keys_that_both_sides_added_are_compared() -> None:
    assert merged(BASE + b"\nseed: 7\n", BASE + b"\nseed: 7\n") == BASE.decode() + "\nseed: 7\n"
    assert "seed: 7\n=======\nseed: 8\n" in merged(BASE + b"\nseed: 7\n", BASE + b"\nseed: 8\n")
    both = merged(BASE + b"\nseed: 7\n", BASE + b"\ntop_k: 8\n")
    assert both == BASE.decode() + "\nseed: 7\n\ntop_k: 8\n"


def test_keys_on_one_line_share_their_markers() -> None:
    base = b"tags: {a: 1, b: 2, c: 3}\n"
    text = merged(
        b"tags: {a: 4, b: 5, c: 3}\n", b"tags: {a: 6, b: 7, c: 9}\n", base, grain="nested"
    )
    assert text == (
        "<<<<<<< ours\n"
        "tags: {a: 4, b: 5, c: 9}\n"
        "=======\n"
        "tags: {a: 6, b: 7, c: 9}\n"
        ">>>>>>> theirs\n"
    )


def test_entries_of_a_definition_are_merged_at_every_depth() -> None:
    base = b"parameters:\n  a: {type: number}\nenvironments:\n  live: {}\n"
    ours = base.replace(b"live: {}", b"live:\n    description: Shop")
    theirs = base.replace(b"live: {}", b"live:\n    policies: []") + b"trunk: main\n"
    text = merged(ours, theirs, base, grain="nested")
    assert text == (
        "parameters:\n  a: {type: number}\nenvironments:\n"
        "  live:\n    description: Shop\n    policies: []\n\ntrunk: main\n"
    )


def test_a_binding_is_one_thing() -> None:
    base = b"version: a\ndigest: b\nreason: one\n"
    found = merge_documents(
        base,
        base.replace(b"version: a", b"version: c"),
        base.replace(b"reason: one", b"reason: two"),
        path="environment.yaml",
        grain="whole",
    )
    assert found.places == ("version", "reason")
    assert merged(base, base.replace(b"one", b"two"), base, "whole") == (
        base.decode().replace("one", "two")
    )


def test_a_merge_by_line_is_taken_only_where_it_says_the_same() -> None:
    ours, theirs = BASE.replace(b"0.5", b"0.7"), BASE.replace(b"# From", b"# Taken from")
    lines = ours.replace(b"# From", b"# Taken from")
    found = merge_documents(BASE, ours, theirs, path="p.yaml", grain="key", lines=lines)
    assert found.text == lines
    wrong = merge_documents(BASE, ours, theirs, path="p.yaml", grain="key", lines=b"temperature: 1")
    assert wrong.text == ours


def test_line_ends_and_the_size_of_markers_are_kept() -> None:
    base = BASE.replace(b"\n", b"\r\n")
    found = merge_documents(
        base,
        base.replace(b"0.5", b"0.7"),
        base.replace(b"0.5", b"0.9"),
        path="p.yaml",
        grain="key",
        marker_size=9,
    )
    assert b"<<<<<<<<< ours\r\ntemperature: 0.7\r\n=========\r\ntemperature: 0.9\r\n" in found.text


@pytest.mark.parametrize("text", [b"a: [\n", b"- 1\n", b"a: 1\na: 2\n"])
def test_what_cannot_be_read_as_a_mapping_is_an_error(text: bytes) -> None:
    with pytest.raises((InvalidDocuments, InvalidInput)):
        merge_documents(b"a: 1\n", text, b"a: 2\n", path="p.yaml", grain="key")


@pytest.mark.parametrize(
    "path, of_environment, grain",
    [
        ("experiments/tone/parameters.yaml", False, "key"),
        ("apps/bot/experiments/tone/parameters.yaml", False, "key"),
        ("experiments/tone/experiment.yaml", False, "nested"),
        ("gitexp.yaml", False, "nested"),
        ("parameters.yaml", True, "whole"),
        ("environment.yaml", True, "whole"),
        ("environment.yaml", False, "nested"),
    ],
)
def test_what_is_one_thing_follows_from_the_path(
    path: str, of_environment: bool, grain: Grain
) -> None:
    assert grain_of(path, of_environment=of_environment) == grain
