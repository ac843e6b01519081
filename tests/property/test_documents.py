"""Laws of the codecs: what is written reads back, equal values are equal bytes."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from gitexp.documents.canonical import canonical_json, digest_of
from gitexp.documents.json_codec import dump_json, dump_jsonl, parse_json, parse_jsonl
from gitexp.documents.values import require_plain, same
from gitexp.documents.yaml_reader import parse_yaml
from gitexp.documents.yaml_scalars import resolve_plain
from gitexp.documents.yaml_writer import dump_yaml, is_plain
from gitexp.errors import InvalidDocuments
from tests.property.strategies import mappings, texts, values


def parsed(data: bytes) -> Any:
    return parse_yaml(data, file="law.yaml").value


@given(mappings())
def test_yaml_reads_back_as_it_was_written(value: dict[str, Any]) -> None:
    assert same(parsed(dump_yaml(value)), value)


@given(mappings())
def test_yaml_is_written_alike_after_it_was_read(value: dict[str, Any]) -> None:
    data = dump_yaml(value)
    assert dump_yaml(parsed(data)) == data


@pytest.mark.parametrize("loader", [yaml.SafeLoader, yaml.CSafeLoader])
@given(value=mappings())
def test_readers_of_yaml_1_1_read_the_same_values(loader: Any, value: dict[str, Any]) -> None:
    assert same(yaml.load(dump_yaml(value), Loader=loader), value)


@given(mappings())
def test_every_part_of_a_document_has_a_place(value: dict[str, Any]) -> None:
    document = parse_yaml(dump_yaml(value), file="law.yaml")
    assert set(document.positions) == {(), *_paths(value)}
    lines = dump_yaml(value).split(b"\n")
    assert all(line <= len(lines) and column >= 1 for line, column in document.positions.values())


def _paths(value: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    children: Any = value.items() if isinstance(value, dict) else ()
    children = enumerate(value) if isinstance(value, list) else children
    return [
        inner
        for step, child in children
        for inner in [(*path, step), *_paths(child, (*path, step))]
    ]


@given(st.text(st.sampled_from("0123456789+-._:eExXobBaAfFnNiIyYTZ tru~=<"), max_size=8))
def test_unquoted_text_is_text_to_every_reader(text: str) -> None:
    if is_plain(text):
        assert resolve_plain(text) == text
        assert yaml.safe_load(text) == text


@pytest.mark.parametrize("read", [parse_yaml, parse_json])
@given(data=st.one_of(st.binary(max_size=200), texts().map(str.encode)))
def test_reading_anything_gives_a_value_or_problems(read: Any, data: bytes) -> None:
    try:
        value, problems = read(data, file="law").value, []
    except InvalidDocuments as exc:
        value, problems = None, list(exc.problems)
    require_plain(value)
    assert all(problem.file == "law" and problem.message for problem in problems)


@given(values())
def test_json_reads_back_as_it_was_written(value: Any) -> None:
    assert same(parse_json(dump_json(value), file="law.json").value, value)


@given(st.lists(values(), max_size=5))
def test_json_lines_read_back_as_they_were_written(rows: list[Any]) -> None:
    data = dump_jsonl(rows)
    assert data.count(b"\n") == len(rows)
    assert same(parse_jsonl(data, file="law.jsonl"), rows)


@given(values())
def test_every_part_of_a_json_text_has_a_place(value: Any) -> None:
    document = parse_json(dump_json(value), file="law.json")
    assert set(document.positions) == {(), *_paths(value)}


@given(values())
def test_canonical_json_is_canonical_again_after_it_was_read(value: Any) -> None:
    data = canonical_json(value)
    assert canonical_json(json.loads(data)) == data


@given(mappings(), st.randoms(use_true_random=False))
def test_the_order_of_keys_leaves_the_digest_alone(
    value: dict[str, Any], shuffle: random.Random
) -> None:
    items = list(value.items())
    shuffle.shuffle(items)
    assert digest_of(dict(items)) == digest_of(value)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_canonical_number_is_the_same_number(number: float) -> None:
    assert float(canonical_json(number)) == number
