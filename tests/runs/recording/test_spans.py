"""Files of spans: what a journal kept, in few lines, and read again."""

from __future__ import annotations

import json

import pytest

from gitexp.errors import StoreError
from gitexp.runs.recording.spans import HEAD, span_lines, spans_in


def head(name: str) -> bytes:
    return HEAD + (
        f'[{{"resource":{{"name":"{name}"}},"scopeSpans":[{{"scope":{{}},"spans":['.encode()
    )


def span(number: int, size: int = 0) -> bytes:
    return f'{{"traceId":"{number:032x}","spanId":"1","name":"{"x" * size}"}}'.encode()


def read(lines: list[bytes]) -> list[tuple[str, int]]:
    return [
        (resource.get("name", ""), int(one["traceId"], 16))
        for line in lines
        for one, resource in spans_in(line)
    ]


def test_traces_of_one_process_stand_together() -> None:
    lines = list(span_lines([head("a"), span(1), span(2) + b"," + span(3)]))
    assert len(lines) == 1
    assert read(lines) == [("a", 1), ("a", 2), ("a", 3)]


def test_every_process_has_a_head_of_its_own() -> None:
    lines = list(span_lines([head("a"), span(1), head("b"), span(2), head("c")]))
    assert read(lines) == [("a", 1), ("b", 2)]
    assert [json.loads(line)["resourceSpans"][0]["resource"]["name"] for line in lines] == [
        "a",
        "b",
    ]


def test_lines_have_a_moderate_length() -> None:
    lines = list(span_lines([head("a"), *(span(number, 1000) for number in range(1000))]))
    assert [number for _, number in read(lines)] == list(range(1000))
    assert len(lines) == 5
    assert max(map(len, lines)) < 300_000


def test_spans_whose_head_was_lost_are_kept() -> None:
    assert read(list(span_lines([span(1)]))) == [("", 1)]


def test_what_is_no_span_is_passed_over() -> None:
    kept = [head("a"), b'{"checkpoint":"x"}', span(1), b'{"checkpoint":"y"}']
    assert read(list(span_lines(kept))) == [("a", 1)]
    assert list(span_lines([head("a"), b'{"checkpoint":"x"}'])) == []


@pytest.mark.parametrize("line", [b"", b"[]", b"{", b'{"resourceSpans":[{}]}', b"\xff"])
def test_a_damaged_line_is_refused(line: bytes) -> None:
    with pytest.raises(StoreError, match="a line of spans is damaged"):
        list(spans_in(line))
