"""The forms of a report, and reading one that was written as JSON."""

from __future__ import annotations

from gitexp.documents.problems import Problem
from gitexp.errors import InvalidDocuments
from gitexp.review.reporting.codec import decode
from gitexp.review.reporting.composing import LIMIT, page_of
from gitexp.review.reporting.report import Report

LARGEST_JSON = 64 * 2**20
"""How many bytes of JSON are read as a report at most."""

_FEWEST = 3


def markdown(report: Report, *, limit: int = LIMIT, longest: int | None = None) -> str:
    """Return a report as Markdown, short enough for a comment of any forge.

    Args:
        limit: how many rows a table has at most.
        longest: how many characters it has at most; those of a comment by default.
    """
    from gitexp.review.reporting.markdown import LONGEST, fits, render

    most = LONGEST if longest is None else longest
    page, rows = page_of(report, limit=limit), limit
    while rows > _FEWEST and not fits(page, most):
        rows = max(rows // 3, _FEWEST)
        page = page_of(report, limit=rows)
    return render(page, longest=most)


def html(report: Report, *, limit: int = LIMIT) -> str:
    """Return a report as one HTML page that needs nothing else."""
    from gitexp.review.reporting.html import render

    return render(page_of(report, limit=limit))


def read_json(data: bytes, *, file: str) -> Report:
    """Return the report that JSON holds; it is taken for data of anybody's.

    Raises:
        InvalidDocuments: it is none, or too large.
    """
    import json

    if len(data) > LARGEST_JSON:
        raise _no_report(file, f"{len(data)} bytes are more than {LARGEST_JSON}")
    try:
        value = json.loads(data)
    except (ValueError, RecursionError) as exc:
        raise _no_report(file, "it is no JSON") from exc
    return decode(Report, value, file=file)


def _no_report(file: str, message: str) -> InvalidDocuments:
    return InvalidDocuments(
        [Problem(file=file, message=message)],
        hint="Make it with `gitexp report --format json --output FILE`.",
    )
