"""Datasets that were logged as inputs of a run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gitexp.errors import InvalidInput

FIELDS = ("name", "digest", "source_type", "source", "schema", "profile")


def checked_input(dataset: Mapping[str, Any]) -> dict[str, Any]:
    """Return an input as it is recorded.

    Raises:
        InvalidInput: it has no name or digest, or a field that inputs do not have.
    """
    unknown = sorted(set(dataset) - {*FIELDS, "tags"})
    if unknown:
        raise InvalidInput(
            f"an input has no field {unknown[0]!r}", hint=f"It has {', '.join(FIELDS)} and tags."
        )
    for required in ("name", "digest"):
        if not dataset.get(required):
            raise InvalidInput(f"an input needs a {required}", hint="Give name and digest.")
    fields = {name: str(dataset[name]) for name in FIELDS if dataset.get(name) is not None}
    tags = {str(key): str(value) for key, value in (dataset.get("tags") or {}).items()}
    return {**fields, **({"tags": tags} if tags else {})}
