"""Rows of JSON Lines, one after the other, and of a YAML list."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO

from gitexp.documents.json_codec import parse_json
from gitexp.errors import InvalidDocuments
from gitexp.evaluation.datasets.fields import Columns, Layout, is_null, named_cells
from gitexp.evaluation.datasets.rows import MAX_ROW_BYTES, Row, at_line, text_lines


def json_rows(file: BinaryIO, title: str, fields: Mapping[str, Columns] | None) -> Iterator[Row]:
    """Yield the rows of JSON Lines; blank lines are left out.

    Raises:
        InvalidDocuments: a line is too long, or the file is in another encoding than UTF-8.
    """
    layout = _layout(fields)
    for number, line in text_lines(file, title):
        if line.isspace():
            continue
        try:
            value = parse_json(line, file=title, max_bytes=MAX_ROW_BYTES).value
        except InvalidDocuments as exc:
            yield Row(number, None, at_line(exc.problems, number))
        else:
            yield Row(number, _arranged(value, layout))


def yaml_rows(file: BinaryIO, title: str, fields: Mapping[str, Columns] | None) -> Iterator[Row]:
    """Yield the rows of a YAML list, which is small and read as a whole.

    Raises:
        InvalidDocuments: everything that is wrong with it as YAML; it is no list.
    """
    from gitexp.documents.limits import MAX_YAML_BYTES
    from gitexp.documents.yaml_reader import parse_yaml

    document = parse_yaml(file.read(MAX_YAML_BYTES + 1), file=title)
    if document.value and not isinstance(document.value, list):
        problem = document.problem(title, (), "expected a list of samples")
        raise InvalidDocuments([problem], hint="Begin each sample with `- input:`.")
    layout = _layout(fields)
    for position, value in enumerate(document.value or ()):
        line, _ = document.position((position,)) or (1, 1)
        yield Row(line, _arranged(value, layout))


def _layout(fields: Mapping[str, Columns] | None) -> Layout | None:
    return Layout(cells=named_cells(fields), is_absent=is_null) if fields else None


def _arranged(value: Any, layout: Layout | None) -> Any:
    return layout.arranged(value) if layout is not None and isinstance(value, dict) else value
