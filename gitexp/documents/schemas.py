"""JSON Schemas of every kind of document: where they are, and what breaks them.

Importing this module is cheap: a validator is loaded only for a document that has problems.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any

from gitexp.documents.conformance import Test, quick_test
from gitexp.documents.json_codec import parse_json, parse_json_lines
from gitexp.documents.kinds import FORMAT, DocumentKind
from gitexp.documents.limits import MAX_PROBLEMS
from gitexp.documents.parsed import ParsedDocument
from gitexp.documents.problems import Problem, shown
from gitexp.documents.values import Path as Place
from gitexp.errors import GitexpError, InvalidDocuments

_ROWS: frozenset[DocumentKind] = frozenset(["sample", "result", "metric", "event"])
_FREE: frozenset[DocumentKind] = frozenset(["parameters"])
_UPGRADE = "Upgrade gitexp: `pip install --upgrade gitexp`."
_CORRECT = "Correct the file at the places named; `gitexp validate` checks it again."


@cache
def schema_dir() -> Path:
    """Return the directory of the schemas: inside the installed package, or beside a checkout's.

    Raises:
        GitexpError: the installation lacks them.
    """
    package = Path(__file__).resolve().parent.parent
    for candidate in (package / "schemas", package.parent / "schemas"):
        if (candidate / "project.schema.json").is_file():
            return candidate
    raise GitexpError(
        f"the JSON Schemas are neither in {package} nor beside it",
        hint="Install gitexp again: `pip install --force-reinstall gitexp`.",
    )


@cache
def schema_of(kind: DocumentKind) -> dict[str, Any]:
    """Return the schema of a kind of document; it is shared and must not be changed."""
    path = schema_dir() / f"{kind}.schema.json"
    schema: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return schema


def check(kind: DocumentKind, document: ParsedDocument, *, file: str) -> list[Problem]:
    """Return everything that is wrong with a document, in the order of its lines.

    A list is checked row by row where the kind is a row of a table. A document in a newer format
    has that one problem: the rest of it could not be judged.
    """
    newer = _newer_format(kind, document, file)
    if newer:
        return [newer]
    if document.value is None:
        return [document.problem(file, (), f"the file is empty{_EMPTY.get(kind, '')}")]
    problems = [
        document.problem(file, path, message)
        for path, message in islice(_faults(kind, document.value), MAX_PROBLEMS)
    ]
    return sorted(problems, key=_line_and_column)


def _faults(kind: DocumentKind, value: Any) -> Iterator[tuple[Place, str]]:
    """Yield the faults of a document, or of each row of a table that has some."""
    is_right = _quick_test(kind)
    in_rows = kind in _ROWS and isinstance(value, list)
    for position, part in enumerate(value) if in_rows else [(None, value)]:
        if not is_right(part):
            from gitexp.documents.validation import faults_of

            start = () if position is None else (position,)
            for fault in faults_of(schema_of(kind), part):
                yield (*start, *fault.path), fault.message


@cache
def _quick_test(kind: DocumentKind) -> Test:
    return quick_test(schema_of(kind), trusted=True)


_EMPTY: dict[DocumentKind, str] = {"parameters": "; write {} where there are no values"}


def _line_and_column(problem: Problem) -> tuple[int, int]:
    return problem.line or 0, problem.column or 0


def _newer_format(kind: DocumentKind, document: ParsedDocument, file: str) -> Problem | None:
    value = document.value
    stated = value.get("format") if isinstance(value, dict) and kind not in _FREE else None
    if not isinstance(stated, int) or isinstance(stated, bool) or stated <= FORMAT:
        return None
    return document.problem(
        file,
        ("format",),
        f"format {shown(stated)} is newer than this gitexp understands ({FORMAT})",
    )


def load(kind: DocumentKind, data: bytes | str, *, file: str) -> Any:
    """Return the value of a document, read by its suffix and checked against its schema.

    A dataset and a table of results are lists of rows. A file without a known suffix is YAML.

    Raises:
        InvalidDocuments: every problem of the file.
    """
    document = parse(data, file=file)
    if kind in _ROWS and not isinstance(document.value, list):
        raise InvalidDocuments(
            [document.problem(file, (), f"expected a list of {kind}s")], hint=_CORRECT
        )
    problems = check(kind, document, file=file)
    if problems:
        newer = _newer_format(kind, document, file)
        raise InvalidDocuments(problems, hint=_UPGRADE if newer else _CORRECT)
    return document.value


def parse(data: bytes | str, *, file: str) -> ParsedDocument:
    """Return the value and places of a document, read by the suffix of its file.

    Raises:
        InvalidDocuments: every problem of the file that is one of its notation.
    """
    suffix = Path(file).suffix.lower()
    if suffix == ".json":
        return parse_json(data, file=file)
    if suffix == ".jsonl":
        return parse_json_lines(data, file=file)
    from gitexp.documents.yaml_reader import parse_yaml

    return parse_yaml(data, file=file)
