"""Judgements of people, read from a table."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping
from typing import Any

from gitexp.errors import InvalidInput
from gitexp.evaluation.running.rescoring import Judgement

_VERDICTS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
_KEYS = frozenset(["sample", "value", "passed", "reason", "repeat"])


def read_judgements(data: bytes, file: str) -> list[Judgement]:
    """Return the judgements of a CSV file with a header, or of a file of JSON lines.

    Raises:
        InvalidInput: the file is neither, or a row is wrong; the message names the row.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        raise InvalidInput(f"{file} is not UTF-8: {exc}") from exc
    rows = _json_rows(text, file) if text.lstrip()[:1] == "{" else _csv_rows(text, file)
    return [_judgement(row, f"{file}:{number}") for number, row in rows]


def _json_rows(text: str, file: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as exc:
            raise InvalidInput(f"{file}:{number}: {exc}") from exc
        if not isinstance(row, dict):
            raise InvalidInput(f"{file}:{number} is no object")
        yield number, row


def _csv_rows(text: str, file: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    try:
        for row in reader:
            if None in row:
                raise InvalidInput(f"{file}:{reader.line_num} has more cells than the header")
            given = {key: _plain(key, cell) for key, cell in row.items() if cell}
            yield reader.line_num, given
    except csv.Error as exc:
        raise InvalidInput(f"{file}:{reader.line_num}: {exc}") from exc


def _plain(key: str, cell: str) -> Any:
    if key == "passed":
        return _VERDICTS.get(cell.strip().lower(), cell)
    if key in ("value", "repeat"):
        try:
            found = json.loads(cell)
        except ValueError:
            return cell
        return found if isinstance(found, (bool, int, float)) else cell
    return cell


def _judgement(row: Mapping[str, Any], place: str) -> Judgement:
    unknown = sorted(set(row) - _KEYS)
    if unknown:
        known = ", ".join(sorted(_KEYS))
        raise InvalidInput(f"{place}: unknown column {unknown[0]!r}", hint=f"There are {known}.")
    for key in ("sample", "value"):
        if key not in row:
            raise InvalidInput(f"{place}: {key} is missing")
    passed, repeat = row.get("passed"), row.get("repeat", 0)
    if passed is not None and not isinstance(passed, bool):
        raise InvalidInput(f"{place}: passed is {passed!r}, neither true nor false")
    if isinstance(repeat, bool) or not isinstance(repeat, int) or repeat < 0:
        raise InvalidInput(f"{place}: repeat is {repeat!r}, no whole number from 0 on")
    return Judgement(
        sample=str(row["sample"]),
        value=row["value"],
        repeat=repeat,
        passed=passed,
        reason=str(row.get("reason", "")),
    )
