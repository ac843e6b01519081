"""Files as canonical text: comments, order and layout leave no trace, broken files stay."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given

from gitexp.documents.yaml_writer import dump_yaml
from gitexp.experiments.changes import same_value
from gitexp.review.diffing.textconv import readable
from gitexp.store.lfs.pointers import Pointer
from tests.property.strategies import mappings


def text(data: bytes, name: str = "parameters.yaml") -> str:
    return readable(data, name).decode()


def test_a_document_has_a_line_for_each_value() -> None:
    assert text(
        b"# warm\ntools:\n  - name: search\n    limit: 5\n  - {name: mail}\n"
        b'prompt: |\n  Be kind.\n\n  "Be" brief.\nmodel: "large"\nnone: null\nempty: {}\nstop: []\n'
    ) == (
        "empty: {}\n"
        "model: large\n"
        "none: null\n"
        "prompt: |\n"
        "    Be kind.\n"
        "    \n"
        '    "Be" brief.\n'
        "stop: []\n"
        "tools[0].limit: 5\n"
        "tools[0].name: search\n"
        "tools[1].name: mail\n"
    )


def test_layout_leaves_no_trace() -> None:
    one = b'# c\nb: "x"\na: 5e-1\n'
    other = b"a:   0.5\n\n\nb: x # why\n"
    assert text(one) == text(other) == "a: 0.5\nb: x\n"


@given(mappings(), mappings())
def test_two_texts_are_the_same_only_for_the_same_values(one: Any, other: Any) -> None:
    texts = [readable(dump_yaml(value), "x.yaml") for value in (one, other)]
    assert texts[0] == readable(dump_yaml(one), "x.yaml")
    if texts[0] == texts[1]:
        assert same_value(one, other)


def test_samples_have_their_ids_above_them() -> None:
    rows = b'{"input": "x", "id": "a", "metadata": {"lang": "de"}}\n\n{"input": "y"}\n[1, 2]\n'
    assert text(rows, "golden.jsonl") == (
        '- id: a\n  input: x\n  metadata.lang: de\n- sample s4f6af3d5ff94\n  input: "y"\n- [1,2]\n'
    ).replace("s4f6af3d5ff94", text(b'{"input": "y"}', "g.jsonl").split()[2])


def test_a_table_reads_like_other_samples() -> None:
    assert text(b"id,input\na,x\n", "golden.csv") == "- id: a\n  input: x\n"
    assert text(b"- id: a\n  input: x\n", "golden.yaml") == "- id: a\n  input: x\n"


def test_a_record_of_a_run_is_read_as_json() -> None:
    record = json.dumps({"id": "r", "stats": {"total": 2}}).encode()
    assert text(record, "20261121T131502-k3f9q2x7.json") == "id: r\nstats.total: 2\n"


@pytest.mark.parametrize(
    "data, name",
    [
        (b"a: [\n", "parameters.yaml"),
        (b"a: 1\na: 2\n", "parameters.yaml"),
        (b"<<<<<<< ours\na: 1\n=======\na: 2\n>>>>>>> theirs\n", "parameters.yaml"),
        (b"\xff\xfe\x00", "parameters.yaml"),
        (b"", "parameters.yaml"),
        (b"just text\n", "parameters.yaml"),
        (b"[" * 5000, "parameters.yaml"),
        (b'{"a": 1}\n{broken\n', "golden.jsonl"),
        (b"\x80\x81", "golden.csv"),
        (b"PAR1 not really", "golden.parquet"),
        (b"{", "run.json"),
        (Pointer(oid="1" * 64, size=3).to_bytes(), "golden.jsonl"),
        (b"name: conda\ndependencies: [python]\n", "environment.yaml"),
    ],
)
def test_what_cannot_be_read_is_given_as_it_is(data: bytes, name: str) -> None:
    assert readable(data, name) == data


def test_a_binding_is_read_also_under_the_name_that_git_gives_it() -> None:
    data = b"project: bot\nenvironment: live\naction: unbind\nversion: null\n"
    for name in ("environment.yaml", "Ab3xYz_environment.yaml"):
        assert text(data, name).startswith("action: unbind\n")


def test_nothing_in_it_is_obeyed_by_a_terminal() -> None:
    row = json.dumps({"id": "a\x1b[2J", "input": "x\n\x1b]0;title\x07\u202e"}).encode()
    shown = text(row, "golden.jsonl")
    assert "\x1b" not in shown
    assert "\u202e" not in shown
