"""A sample: a row of a dataset."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gitexp.documents.problems import MISSING


@dataclass(frozen=True, kw_only=True)
class Sample:
    """A row of a dataset.

    Attributes:
        id: explicit, or derived from input and expected, so that the order of rows changes
            nothing; the second and later samples of the same content get `-2`, `-3` ...
        expected: the right answer; MISSING when the row has none or null.
        weight: how much it counts.
        digest: over all of it, the id included.
    """

    id: str
    input: Any
    expected: Any = MISSING
    metadata: Mapping[str, Any] = field(default_factory=dict)
    weight: float = 1.0
    digest: bytes
