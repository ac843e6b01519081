"""A sample: a row of a dataset."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gitexp.documents.canonical import canonical_plain_json
from gitexp.documents.problems import MISSING

SPLIT = "split"
"""The key of a sample's metadata that says which split it belongs to."""

_DERIVED_DIGITS = 12


@dataclass(frozen=True, kw_only=True, slots=True)
class Sample:
    """A row of a dataset.

    Attributes:
        id: explicit, or derived from input and expected, so that the order of rows changes
            nothing; the second and later samples that ask and expect the same get `-2`, `-3` ...,
            in the order of the file.
        expected: the right answer; MISSING when the row has none or null.
        output: what a system answered when the sample was recorded, which may be None; MISSING
            when the row has none.
        metadata: the split among them, where the sample belongs to one.
        weight: how much it counts.
        row: the row that it is, where it was read from one.
    """

    id: str
    input: Any
    expected: Any = MISSING
    output: Any = MISSING
    metadata: Mapping[str, Any] = field(default_factory=dict)
    weight: float = 1.0
    row: Mapping[str, Any] | None = field(default=None, compare=False, repr=False)

    @property
    def digest(self) -> bytes:
        """The digest over all of it, the id included."""
        row = self.row
        row = {**row, "id": self.id} if row is not None and _is_terse(row) else self.to_dict()
        return hashlib.sha256(canonical_plain_json(row)).digest()

    @property
    def split(self) -> str | None:
        """The split it belongs to."""
        split = self.metadata.get(SPLIT)
        return split if isinstance(split, str) else None

    def to_dict(self) -> dict[str, Any]:
        """Return the row of a dataset that is this sample."""
        row: dict[str, Any] = {"id": self.id, "input": self.input}
        if self.expected is not MISSING:
            row["expected"] = self.expected
        if self.output is not MISSING:
            row["output"] = self.output
        if self.metadata:
            row["metadata"] = dict(self.metadata)
        return row if self.weight == 1 else {**row, "weight": self.weight}


def _is_terse(row: Mapping[str, Any]) -> bool:
    """Return whether a row says nothing that goes without saying."""
    return (
        row.get("expected", MISSING) is not None
        and row.get("metadata", MISSING) != {}
        and row.get("weight") != 1
    )


def sample_of(row: Mapping[str, Any], sample_id: str) -> Sample:
    """Return the sample of a checked row whose id is known."""
    expected = row.get("expected")
    return Sample(
        id=sample_id,
        input=row["input"],
        expected=MISSING if expected is None else expected,
        output=row.get("output", MISSING),
        metadata=row.get("metadata", {}),
        weight=float(row.get("weight", 1)),
        row=row,
    )


def derived_id(row: Mapping[str, Any]) -> str:
    """Return the id that follows from what a row asks and expects."""
    content = canonical_plain_json([row["input"], row.get("expected")])
    return "s" + hashlib.sha256(content).hexdigest()[:_DERIVED_DIGITS]


def with_split(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row whose split stands among its metadata, where it was a key of its own."""
    if SPLIT not in row:
        return row
    metadata = {**row.get("metadata", {}), SPLIT: row[SPLIT]}
    return {**{key: value for key, value in row.items() if key != SPLIT}, "metadata": metadata}
