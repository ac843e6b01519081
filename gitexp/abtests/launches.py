"""What an A/B test was when it was launched, which the history of its file proves.

A test is launched by the commit in which its file leaves the draft; of several, after resets, the
one whose moment the file says counts, else the last. From then on its variants, their splits, its
flag, its exposure rule and its moment stay as that commit has them. Metrics may change, and those
that did are marked.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from gitexp.abtests.definition import AbTest
from gitexp.abtests.metrics import Metric
from gitexp.abtests.reading import find_test
from gitexp.clock import iso
from gitexp.documents import layout
from gitexp.documents.values import Path as Place
from gitexp.errors import InvalidInput, MissingObject
from gitexp.experiments.lineage import lineage
from gitexp.ids import Name, ObjectId
from gitexp.project.file_history import FileChange, FileHistory, file_history
from gitexp.project.workspace import Workspace
from gitexp.store.protocol import Store
from gitexp.store.trees import read_commit

Mark = Literal["added after launch", "changed after launch"]


@dataclass(frozen=True, kw_only=True)
class Launch:
    """The commit that launched a test, and the test as it has it."""

    commit: ObjectId
    test: AbTest

    def marks(self, test: AbTest) -> dict[str, Mark]:
        """Return what became of the metrics of a test since, by key; of most, nothing."""
        return metric_marks(self.test, test)

    def locked(self, test: AbTest) -> Iterator[tuple[Place, str]]:
        """Yield what a test changed that may not change after its launch, and where."""
        yield from locked_changes(self.test, test)
        begun = self.test.started_at
        if begun is not None and test.started_at != begun:
            yield ("started_at",), f"it was {iso(begun)}"


def metric_marks(before: AbTest, after: AbTest) -> dict[str, Mark]:
    """Return what became of the metrics of a test between two of its states, by key."""
    found = ((metric.key, _mark(before.metric(metric.key), metric)) for metric in after.metrics)
    return {key: mark for key, mark in found if mark is not None}


def _mark(before: Metric | None, after: Metric) -> Mark | None:
    if before is None:
        return "added after launch"
    return None if _measured(before) == _measured(after) else "changed after launch"


def _measured(metric: Metric) -> Metric:
    """Return a metric without the words for people."""
    return replace(metric, name="", description="")


def locked_changes(before: AbTest, after: AbTest) -> Iterator[tuple[Place, str]]:
    """Yield what differs between two states of a test that may not change once it is launched."""
    if after.flag != before.flag:
        yield ("flag",), f"it was {before.flag!r}"
    ours, theirs = ([v.key for v in test.variants] for test in (before, after))
    if ours != theirs:
        yield ("variants",), f"they were {', '.join(ours)}"
    elif [v.split for v in before.variants] != [v.split for v in after.variants]:
        splits = "/".join(f"{variant.split:.12g}" for variant in before.variants)
        yield ("variants",), f"the splits were {splits}"
    if after.exposure != before.exposure:
        yield ("exposure",), "the exposure rule was another one"


def launch_of(
    workspace: Workspace, name: str, tip: ObjectId, *, reader: Store | None = None
) -> Launch | None:
    """Return the launch of the A/B test of an experiment that a commit holds.

    None is the answer for a draft. Where two people launched it at once and one of them gave way,
    the launch is the one whose moment the file says.

    Raises:
        MissingObject: the clone is shallow, and its history is cut off after the launch.
    """
    now = find_test(workspace, tip, name, reader=reader)
    if now is None or now.status == "draft":
        return None
    history = history_of_test(workspace, name, tip, reader=reader)
    found = [
        Launch(commit=change.commit, test=test)
        for change in history.changes
        if (test := _launched_in(workspace, change, reader)) is not None
    ]
    if not found and history.cut:
        raise MissingObject(
            f"the history of this clone is cut off after the launch of the A/B test of {name!r}",
            hint="Fetch the rest with `git fetch --unshallow`.",
        )
    same = (launch for launch in found if launch.test.started_at == now.started_at)
    return next(same, found[-1] if found else None)


def _launched_in(workspace: Workspace, change: FileChange, reader: Store | None) -> AbTest | None:
    """Return the test that a commit launched; None where it did not."""
    test = _test_in(workspace, change.commit, change.path, reader)
    if test is None or test.status == "draft":
        return None
    for parent in read_commit(reader or workspace.store, change.commit).parents:
        before = _test_in(workspace, parent, change.path, reader)
        if before is not None and before.status != "draft":
            return None
    return test


def _test_in(
    workspace: Workspace, commit: ObjectId, path: str, reader: Store | None
) -> AbTest | None:
    """Return a test in a commit; None where there is none that can be read."""
    try:
        return find_test(workspace, commit, path.split("/")[-2], reader=reader)
    except InvalidInput:
        return None  # a commit made by hand broke the file, and a later one mended it


def history_of_test(
    workspace: Workspace, name: str, tip: ObjectId, *, reader: Store | None = None
) -> FileHistory:
    """Return the history of the file of an A/B test, through renames of its experiment."""
    paths = [
        layout.ab_test_path(workspace.root, Name(n)) for n in _names(workspace, name, tip, reader)
    ]
    return file_history(workspace, tip, paths, until_absent=True, reader=reader)


def _names(workspace: Workspace, name: str, tip: ObjectId, reader: Store | None) -> Sequence[str]:
    """Return the names that an experiment has had, the present one first."""
    line = lineage(workspace, tip, name, reader=reader, tolerate_shallow=True)
    return list(dict.fromkeys([name, *(change.name for change in reversed(line.headers))]))
