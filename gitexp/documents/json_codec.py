"""Strict JSON and JSON Lines: one meaning for each text, the same bytes for the same values."""

from __future__ import annotations

import json
import math
import re
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from gitexp.documents.json_places import json_places
from gitexp.documents.limits import (
    MAX_DEPTH,
    MAX_INTEGER_DIGITS,
    MAX_JSON_BYTES,
    MAX_PROBLEMS,
    without_invisible,
)
from gitexp.documents.parsed import LazyPositions, ParsedDocument
from gitexp.documents.problems import Problem
from gitexp.documents.texts import decode
from gitexp.documents.values import Path, require_plain
from gitexp.errors import InvalidDocuments

_STRINGS = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"')
_BRACKETS = re.compile(r"[\[\]{}]")
_SURROGATE_ESCAPE = re.compile(r"\\u[dD][89a-fA-F]")
_HINT = "Correct the file at the places named; `gitexp validate` checks it again."


def parse_json(
    data: bytes | str,
    *,
    file: str,
    max_bytes: int = MAX_JSON_BYTES,
    max_depth: int = MAX_DEPTH,
) -> ParsedDocument:
    """Return the value of a JSON document and the places of its parts.

    Raises:
        InvalidDocuments: every problem that could be found. Refused are other encodings than
            UTF-8, repeated keys, NaN and infinities, numbers that are too long or too large, half
            surrogate pairs, deep nesting and large files.
    """
    text = decode(data, file=file, max_bytes=max_bytes)
    value, problems = _read(text, file=file, max_depth=max_depth)
    if problems:
        raise InvalidDocuments(problems, hint=_HINT)
    return ParsedDocument(value=value, positions=LazyPositions(lambda: json_places(text).positions))


def parse_jsonl(data: bytes | str, *, file: str) -> list[Any]:
    """Return the values of JSON Lines: one value a line, blank lines left out.

    Raises:
        InvalidDocuments: every problem that could be found, each with its line.
    """
    value: list[Any] = parse_json_lines(data, file=file).value
    return value


def parse_json_lines(data: bytes | str, *, file: str) -> ParsedDocument:
    """Return the list of the values of JSON Lines, and the lines on which they stand.

    Only a single line is bounded: the whole is already in the caller's memory.

    Raises:
        InvalidDocuments: every problem that could be found, each with its line.
    """
    text = decode(data, file=file, max_bytes=max(len(data), 1))
    values: list[Any] = []
    lines: dict[tuple[str | int, ...], tuple[int, int]] = {}
    problems: list[Problem] = []
    for number, line in _filled_lines(text):
        value, found = _read_line(line, number, file)
        problems += found
        if len(problems) >= MAX_PROBLEMS:
            break
        lines[(len(values),)] = (number, 1)
        values.append(value)
    if problems:
        raise InvalidDocuments(problems[:MAX_PROBLEMS], hint=_HINT)
    return ParsedDocument(value=values, positions=lines)


def _filled_lines(text: str) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(text.split("\n"), start=1):
        if line and not line.isspace():
            yield number, line


def _read_line(line: str, number: int, file: str) -> tuple[Any, list[Problem]]:
    if len(line) > MAX_JSON_BYTES:
        message = f"{len(line)} characters are more than the {MAX_JSON_BYTES} of a line"
        return None, [Problem(file=file, message=message, line=number)]
    return _read(line, file=file, first_line=number)


def dump_json(value: Any) -> bytes:
    """Return a value as JSON in UTF-8: keys in their order, indented by 2, a newline at the end.

    Characters that show nothing or change the direction of writing are escaped.

    Raises:
        InvalidInput: a part has no JSON form: NaN, keys that are not text, other types.
    """
    return (_dumped(value, indent=2) + "\n").encode("utf-8")


def dump_jsonl(rows: Iterable[Any]) -> bytes:
    """Return values as JSON Lines in UTF-8, one value a line.

    Raises:
        InvalidInput: a part has no JSON form; the message says in which row, from 0.
    """
    texts = (_dumped(row, place=(position,)) + "\n" for position, row in enumerate(rows))
    return "".join(texts).encode("utf-8")


def _dumped(value: Any, *, indent: int | None = None, place: Path = ()) -> str:
    require_plain(value, place=place)
    # `default` meets mappings of other types than dict alone, after the check above.
    text = json.dumps(value, indent=indent, ensure_ascii=False, allow_nan=False, default=dict)
    return without_invisible(text, lambda found: f"\\u{ord(found.group()):04x}")


def _read(
    text: str, *, file: str, first_line: int = 1, max_depth: int = MAX_DEPTH
) -> tuple[Any, list[Problem]]:
    if _nests_too_deep(text, max_depth):
        message = f"nested more than {max_depth} deep"
        return None, [Problem(file=file, message=message, line=first_line)]
    suspicions = _reader.suspicions
    suspicions.any = False
    try:
        value = _reader.decode(text)
    except json.JSONDecodeError as exc:
        return None, [_syntax_problem(exc, file, first_line)]
    if suspicions.any or _SURROGATE_ESCAPE.search(text):
        return value, json_places(text, file=file, first_line=first_line).problems
    return value, []


def _nests_too_deep(text: str, most: int) -> bool:
    if text.count("[") + text.count("{") <= most:
        return False
    depth = 0
    for bracket in _BRACKETS.findall(_STRINGS.sub("", text)):
        depth += 1 if bracket in "[{" else -1
        if depth > most:
            return True
    return False


def _syntax_problem(exc: json.JSONDecodeError, file: str, first_line: int) -> Problem:
    return Problem(
        file=file,
        message=f"not JSON: {exc.msg[:1].lower()}{exc.msg[1:]}",
        line=exc.lineno + first_line - 1,
        column=exc.colno,
    )


@dataclass
class _Suspicions:
    """Whether the quick reader met something that is refused; the exact one then says where."""

    any: bool = False

    def pairs(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        value = dict(pairs)
        self.any = self.any or len(value) != len(pairs)
        return value

    def integer(self, text: str) -> int:
        if len(text.lstrip("-")) <= MAX_INTEGER_DIGITS:
            return int(text)
        self.any = True
        return 0

    def number(self, text: str) -> float:
        value = float(text)
        self.any = self.any or math.isinf(value)
        return value

    def constant(self, text: str) -> None:
        self.any = True


class _Reader(threading.local):
    """The quick reader of a thread: making one takes as long as reading a line does."""

    def __init__(self) -> None:
        self.suspicions = _Suspicions()
        self.decode = json.JSONDecoder(
            object_pairs_hook=self.suspicions.pairs,
            parse_int=self.suspicions.integer,
            parse_float=self.suspicions.number,
            parse_constant=self.suspicions.constant,
        ).decode


_reader = _Reader()
