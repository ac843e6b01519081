"""Validating the project around a directory, also one whose definition is not valid."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from gitexp.opening import open_workspace
from gitexp.review.validating import ValidationReport, validate
from gitexp.surroundings import Surroundings


def validate_directory(
    directory: Path,
    paths: Sequence[str | Path] = (),
    *,
    revision: str | None = None,
    surroundings: Surroundings,
) -> ValidationReport:
    """Return what `validate` finds in the project around a directory.

    Unlike everything else, it also opens a project whose definition is not valid.
    """
    workspace = open_workspace(directory, project=None, surroundings=surroundings, lenient=True)
    return validate(workspace, paths, revision=revision)
