"""What of changed A/B tests people should know: what they are judged by, and who shares a flag."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from gitexp.documents import layout
from gitexp.documents.parsed import ParsedDocument
from gitexp.ids import Name
from gitexp.project.workspace import Workspace
from gitexp.review.diffing.contents import Contents, value_at

if TYPE_CHECKING:
    from gitexp.abtests.definition import AbTest


def ab_test_notes(
    workspace: Workspace, before: Contents, after: Contents, changed: Iterable[str]
) -> Iterator[str]:
    """Yield what changed of the metrics of launched tests, and which begin to share a flag.

    A line each; tests that are not valid are left out.
    """
    for path in sorted(path for path in changed if layout.kind_of(path) == "ab-test"):
        old, new = (_test(workspace, contents, path) for contents in (before, after))
        if new is None:
            continue
        if old is not None:
            yield from _metric_notes(old, new)
        if _driven(new) and _driven(new) != _driven(old):
            yield from _sharing_notes(workspace, after, new)


def _metric_notes(old: AbTest, new: AbTest) -> Iterator[str]:
    """Yield which metrics came, changed or went of a test that was launched before."""
    from gitexp.abtests.launches import metric_marks

    if "draft" in (old.status, new.status):
        return
    start = f"A/B test {new.experiment}: metric"
    yield from (f"{start} {key} is {mark}" for key, mark in metric_marks(old, new).items())
    for metric in old.metrics:
        if new.metric(metric.key) is None:
            yield f"{start} {metric.key} is taken away after launch"


def _sharing_notes(workspace: Workspace, contents: Contents, test: AbTest) -> Iterator[str]:
    """Yield which other tests go on with the flag of a test."""
    paths = (
        layout.ab_test_path("", Name(name))
        for name in contents.names(layout.EXPERIMENTS_DIR)
        if name != test.experiment
    )
    others = (_test(workspace, contents, path) for path in paths)
    users = [other.experiment for other in others if other and _driven(other) == test.flag]
    if users:
        yield f"A/B test {test.experiment}: flag {test.flag} serves {', '.join(users)} too"


def _driven(test: AbTest | None) -> str | None:
    """Return the flag of a test that goes on; None of any other."""
    return test.flag if test and test.status in ("running", "paused") else None


def _test(workspace: Workspace, contents: Contents, path: str) -> AbTest | None:
    from gitexp.abtests.definition import AbTest
    from gitexp.abtests.problems import faults
    from gitexp.documents.schemas import check

    value = value_at(workspace, contents, path)[0]
    if value is None or check("ab-test", ParsedDocument(value=value), file=path):
        return None
    return None if any(faults(value)) else AbTest.from_dict(path.split("/")[-2], value)
