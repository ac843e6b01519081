"""A/B tests held to what they were when they were launched, and to their flags.

What a launch locks is refused by every step; an edit by hand is found here, by the commit that
launched the test.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from gitexp.abtests.definition import AbTest
from gitexp.abtests.launches import launch_of
from gitexp.abtests.switches import mismatches
from gitexp.documents import layout
from gitexp.documents.kinds import DocumentKind
from gitexp.documents.parsed import ParsedDocument
from gitexp.documents.problems import Problem
from gitexp.errors import NotFound, StoreError
from gitexp.ids import Name, name_fault
from gitexp.project.sources import Source
from gitexp.project.workspace import Workspace

Valid = Callable[[str, DocumentKind], ParsedDocument | None]
"""Returns a valid document of a kind at a path of the project; None for any other."""


def ab_test_problems(workspace: Workspace, source: Source, valid: Valid) -> Iterator[Problem]:
    """Yield what is wrong with A/B tests beside their history, their flag and their experiment."""
    for path in source.paths:
        if layout.kind_of(path) != "ab-test":
            continue
        name, file = path.split("/")[-2], source.shown(path)
        if name_fault(name):
            continue
        if source.read(f"{path.rpartition('/')[0]}/{layout.HEADER_FILE}") is None:
            message = f"there is no {layout.HEADER_FILE} beside it, so this is no experiment"
            yield Problem(file=file, message=message)
        document = valid(path, "ab-test")
        if document is None:
            continue
        test = AbTest.from_dict(name, document.value)
        yield from _against_launch(workspace, source, test, document, file)
        yield from _against_flag(test, document, valid, file)


def _against_launch(
    workspace: Workspace, source: Source, test: AbTest, document: ParsedDocument, file: str
) -> Iterator[Problem]:
    if test.status == "draft" or source.commit is None:
        return
    try:
        launch = launch_of(workspace, test.experiment, source.commit)
    except (StoreError, NotFound):
        return  # history that cannot be read is found by what looks at history
    for place, message in launch.locked(test) if launch else ():
        since = f"locked since the launch in {launch.commit[:10]}" if launch else ""
        yield document.problem(file, place, f"{since}: {message}")


def _against_flag(
    test: AbTest, document: ParsedDocument, valid: Valid, file: str
) -> Iterator[Problem]:
    """Yield where the flag of a test that goes on no longer gives its variants."""
    if test.status not in ("running", "paused"):
        return
    flag = valid(layout.flag_path("", Name(test.flag)), "flag")
    for message in mismatches(flag.value if flag else None, test):
        yield document.problem(file, ("flag",), message)
