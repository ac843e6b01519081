"""Descriptions: `datasets/NAME.dataset.yaml` says where rows are and how samples are made of them.

description: Questions of the help desk, 2026.
url: s3://corpora/help-desk/2026.parquet
digest: sha256:9f2c...
fields:
  input: question
  expected: answer
  metadata: [lang, topic]
splits:
  hard: metadata.topic = 'billing'
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any, cast
from urllib.parse import urlsplit

from gitexp.documents import schemas
from gitexp.documents.parsed import ParsedDocument
from gitexp.documents.problems import Problem, shown
from gitexp.documents.safe_paths import path_fault
from gitexp.documents.yaml_writer import dump_yaml
from gitexp.errors import GitexpError, InvalidDocuments
from gitexp.evaluation.datasets.conditions import parse_where
from gitexp.evaluation.datasets.fetching import url_fault
from gitexp.evaluation.datasets.fields import Columns
from gitexp.evaluation.datasets.rows import FORMATS, Format

_HINT = "Correct the description; `gitexp dataset validate` checks it again."


@dataclass(frozen=True, kw_only=True)
class Description:
    """Where the rows of a dataset are, and how samples are made of them.

    Attributes:
        path: a file of the project, relative to the project's directory.
        url: where the file is; then `digest` is what pins it.
        digest: `sha256:` and the hash of the file's bytes.
        format: empty where the name of the file says it.
        fields: which columns are which parts of a sample; without it, columns have their names.
        splits: filters over samples, by the names of the splits that they make.
    """

    description: str = ""
    path: str = ""
    url: str = ""
    digest: str = ""
    format: str = ""
    fields: Mapping[str, Columns] = field(default_factory=dict)
    splits: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Description:
        """Return the description that a checked mapping is."""
        return cls(**data)

    def to_dict(self) -> dict[str, Any]:
        """Return the mapping of a document, without what is empty."""
        return {name: value for name, value in vars(self).items() if value}

    def to_yaml(self) -> bytes:
        """Return the document."""
        return dump_yaml(self.to_dict(), schema="dataset")

    @property
    def source(self) -> str:
        """Where the rows are, for messages."""
        return self.url or self.path

    @property
    def sha256(self) -> str | None:
        """The hash of the file's bytes in hexadecimal, where it is pinned."""
        return self.digest.removeprefix("sha256:") or None

    @property
    def form(self) -> Format | None:
        """How the rows are written down; None where nothing says it."""
        return cast(Format, self.format) if self.format else format_of(self.source)


def format_of(source: str) -> Format | None:
    """Return the format that the end of a path or of an address names, or None."""
    path = urlsplit(source).path if "://" in source else source
    suffix = PurePosixPath(path).suffix.lower().removeprefix(".")
    names: Mapping[str, Format] = {**{form: form for form in FORMATS}, "ndjson": "jsonl"}
    return names.get(suffix)


def read_description(data: bytes, *, file: str) -> Description:
    """Return the description in a document.

    Raises:
        InvalidDocuments: everything that is wrong in it.
    """
    document = schemas.parse(data, file=file)
    problems = schemas.check("dataset", document, file=file) or faults(document, file)
    if problems:
        raise InvalidDocuments(problems, hint=_HINT)
    return Description.from_dict(document.value)


def faults(document: ParsedDocument, file: str) -> list[Problem]:
    """Return what is wrong with a description that its schema cannot say."""
    found = Description.from_dict(document.value)
    problems = [
        document.problem(file, (key,) if key else (), message)
        for key, message in (
            ("", _whereabouts_fault(found)),
            ("url", url_fault(found.url) if found.url else None),
            ("path", path_fault(found.path) if found.path else None),
            ("url" if found.url else "path", _format_fault(found)),
        )
        if message
    ]
    for name, where in found.splits.items():
        try:
            parse_where(where)
        except GitexpError as exc:
            problems.append(document.problem(file, ("splits", name), exc.message))
    return problems


def _whereabouts_fault(found: Description) -> str | None:
    if bool(found.path) == bool(found.url):
        return "expected either `path` or `url`, which say where the rows are"
    if found.url and not found.digest:
        return "what is at a `url` needs a `digest`; `gitexp dataset add` computes it"
    return None


def _format_fault(found: Description) -> str | None:
    if found.form is not None or not found.source:
        return None
    return f"{shown(found.source)} does not end with a format; name it under `format`"
