"""Refusing documents that break their schema."""

from __future__ import annotations

from gitexp.errors import InvalidDocuments
from gitexp.review.validating import ValidationReport


def refuse_problems(report: ValidationReport) -> None:
    """Refuse a push for what is wrong with its documents.

    Raises:
        InvalidDocuments: something is.
    """
    if report.problems:
        raise InvalidDocuments(
            report.problems, hint="`gitexp validate` says the same before you push."
        )
