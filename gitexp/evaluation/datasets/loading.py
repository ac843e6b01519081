"""Datasets: the samples of a test set, read from the project's working tree.

A dataset is `datasets/NAME.jsonl` (a sample a line), `.csv` (a sample a row, its cells text) or
`.yaml` (a list of samples). What stands in it is data: it is never a path, a template or code.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gitexp.documents import layout, schemas
from gitexp.documents.canonical import canonical_json
from gitexp.documents.parsed import ParsedDocument
from gitexp.documents.problems import MISSING, Problem, ProblemCollector
from gitexp.errors import InvalidDocuments, InvalidInput
from gitexp.evaluation.datasets.sample import Sample
from gitexp.evaluation.files import read_project_file
from gitexp.ids import Digest, parse_name

MAX_DATASET_BYTES = 256 * 2**20
"""The largest dataset file that is read."""

_DERIVED_DIGITS = 12
_MAY_HAVE = "id, expected, metadata and weight."


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """The samples of a test set, in the order of the file.

    Attributes:
        path: the file, relative to the repository.
        digest: over the samples, in whatever order and however they are written down.
    """

    name: str
    path: str
    digest: Digest
    samples: Sequence[Sample]

    def first(self, count: int | None) -> Dataset:
        """Return the dataset of the first samples, which has a digest of its own."""
        if count is None or count >= len(self.samples):
            return self
        return _dataset(self.name, self.path, self.samples[:count])


def load(directory: Path, name: str, *, root: str = "") -> Dataset:
    """Return a dataset of a project's working tree.

    Args:
        directory: the project's directory.
        root: the project's place in its repository, for the dataset's path.

    Raises:
        NotFound: the project has no dataset of that name.
        InvalidInput: two files have that name, or the file leads out of the project.
        InvalidDocuments: everything that is wrong in it, each with its line.
    """
    checked = parse_name(name, "dataset name")
    file = read_project_file(
        directory,
        layout.dataset_paths("", checked),
        what=f"dataset {name!r}",
        limit=MAX_DATASET_BYTES,
    )
    path = layout.join(root, file.path)
    return _dataset(name, path, _samples(parse_rows(file.data, path)))


def _dataset(name: str, path: str, samples: Sequence[Sample]) -> Dataset:
    digests = hashlib.sha256(b"".join(sorted(sample.digest for sample in samples)))
    return Dataset(
        name=name, path=path, digest=Digest(f"sha256:{digests.hexdigest()}"), samples=tuple(samples)
    )


def parse_rows(data: bytes, path: str) -> ParsedDocument:
    """Return the list of a dataset's rows, each checked, and the lines on which they stand.

    Raises:
        InvalidInput: there are no rows.
        InvalidDocuments: everything that is wrong in them, repeated ids too, each with its line.
    """
    document = schemas.parse(data, file=path)
    if not document.value:
        raise InvalidInput(f"{path} has no samples", hint="Add a row with an `input`.")
    if not isinstance(document.value, list):
        problem = document.problem(path, (), "expected a list of samples")
        raise InvalidDocuments([problem], hint="Begin each sample with `- input:`.")
    problems = schemas.check("sample", document, file=path)
    if problems:
        raise InvalidDocuments(problems, hint="A sample has an input, and may have " + _MAY_HAVE)
    _require_distinct_ids(document, path)
    return document


# --- samples --------------------------------------------------------------------------------


def _samples(document: ParsedDocument) -> list[Sample]:
    rows: list[dict[str, Any]] = document.value
    return [_sample(row, known) for row, known in zip(rows, _ids(rows), strict=True)]


def _sample(row: Mapping[str, Any], sample_id: str) -> Sample:
    expected = row.get("expected")
    return Sample(
        id=sample_id,
        input=row["input"],
        expected=MISSING if expected is None else expected,
        metadata=row.get("metadata", {}),
        weight=float(row.get("weight", 1)),
        digest=hashlib.sha256(canonical_json({**row, "id": sample_id})).digest(),
    )


def _ids(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yield the id of every row."""
    taken = {str(row["id"]) for row in rows if "id" in row}
    counts: dict[str, int] = {}
    for row in rows:
        if "id" in row:
            yield str(row["id"])
            continue
        derived = _derived_id(row)
        unique = derived
        while unique in taken:
            counts[derived] = counts.get(derived, 1) + 1
            unique = f"{derived}-{counts[derived]}"
        taken.add(unique)
        yield unique


def _derived_id(row: Mapping[str, Any]) -> str:
    content = canonical_json([row["input"], row.get("expected")])
    return "s" + hashlib.sha256(content).hexdigest()[:_DERIVED_DIGITS]


def _require_distinct_ids(document: ParsedDocument, path: str) -> None:
    first: dict[str, int] = {}
    found = ProblemCollector()
    for position, row in enumerate(document.value):
        if "id" not in row:
            continue
        earlier = first.setdefault(str(row["id"]), position)
        if earlier != position:
            found.extend([_repeated(document, path, position, earlier)])
    found.raise_if_any(hint="Give every sample an id of its own, or leave the ids out.")


def _repeated(document: ParsedDocument, path: str, position: int, earlier: int) -> Problem:
    line = (document.position((earlier,)) or (0, 0))[0]
    sample_id = document.value[position]["id"]
    return document.problem(
        path, (position, "id"), f"{sample_id!r} is the id of the sample in line {line} already"
    )
