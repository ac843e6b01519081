"""What of changed A/B tests that are launched changes what they are judged by."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from gitexp.documents import layout
from gitexp.documents.parsed import ParsedDocument
from gitexp.project.workspace import Workspace
from gitexp.review.diffing.contents import Contents, value_at

if TYPE_CHECKING:
    from gitexp.abtests.definition import AbTest


def ab_test_notes(
    workspace: Workspace, before: Contents, after: Contents, changed: Iterable[str]
) -> Iterator[str]:
    """Yield which metrics came, changed or went of each test that was launched before, a line each.

    Tests that are not valid on both sides are left out.
    """
    from gitexp.abtests.launches import metric_marks

    for path in sorted(path for path in changed if layout.kind_of(path) == "ab-test"):
        old, new = (_test(workspace, contents, path) for contents in (before, after))
        if old is None or new is None or "draft" in (old.status, new.status):
            continue
        start = f"A/B test {new.experiment}: metric"
        yield from (f"{start} {key} is {mark}" for key, mark in metric_marks(old, new).items())
        for metric in old.metrics:
            if new.metric(metric.key) is None:
                yield f"{start} {metric.key} is taken away after launch"


def _test(workspace: Workspace, contents: Contents, path: str) -> AbTest | None:
    from gitexp.abtests.definition import AbTest
    from gitexp.abtests.problems import faults
    from gitexp.documents.schemas import check

    value = value_at(workspace, contents, path)[0]
    if value is None or check("ab-test", ParsedDocument(value=value), file=path):
        return None
    return None if any(faults(value)) else AbTest.from_dict(path.split("/")[-2], value)
