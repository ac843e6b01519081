"""What happened to the A/B test of an experiment: the steps of its life, and other changes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from gitexp.abtests.definition import AbTest
from gitexp.abtests.launches import history_of_test
from gitexp.abtests.reading import find_test
from gitexp.errors import InvalidInput
from gitexp.experiments.homes import Home
from gitexp.ids import ObjectId
from gitexp.project.workspace import Workspace
from gitexp.review.telling.events import Event, Line
from gitexp.store.trees import read_commit

_STEPS = {
    ("draft", "running"): "ab-launch",
    ("running", "paused"): "ab-pause",
    ("paused", "running"): "ab-resume",
    ("running", "stopped"): "ab-end",
    ("paused", "stopped"): "ab-end",
}


def ab_line(workspace: Workspace, home: Home) -> Line:
    """Return the events of the A/B test of an experiment, oldest first; none without one."""
    try:
        if find_test(workspace, home.tip, home.name) is None:
            return ()
    except InvalidInput:
        pass  # it is there, and cannot be read now
    return tuple(_events(workspace, home))


def _events(workspace: Workspace, home: Home) -> Iterator[Event]:
    history = history_of_test(workspace, home.name, home.tip)
    for position, change in enumerate(history.changes):
        commit = read_commit(workspace.store, change.commit)
        name = change.path.split("/")[-2]
        after = _test(workspace, change.commit, name)
        before = _test(workspace, commit.parents[0], name) if commit.parents else None
        is_first = not position and not history.cut
        yield Event(
            kind="lifecycle",
            action="ab-create" if is_first else _action(before, after),
            at=commit.author.when,
            by=str(commit.author),
            text=_made(after) if is_first else commit.message.strip(),
            experiment=home.name,
            commit=commit.id,
            details=_details(before, after),
        )


def _made(test: AbTest | None) -> str:
    """Return what a test was at first; its commit may make the experiment, and speak of that."""
    variants = f" of {', '.join(variant.key for variant in test.variants)}" if test else ""
    return f"A/B test{variants}"


def _test(workspace: Workspace, commit: ObjectId, name: str) -> AbTest | None:
    try:
        return find_test(workspace, commit, name)
    except InvalidInput:
        return None


def _action(before: AbTest | None, after: AbTest | None) -> str:
    if before is None or after is None:
        return "ab-change"
    if after.shipped and after.shipped != before.shipped:
        return "ab-ship"
    if after.status == "draft" and before.status != "draft":
        return "ab-reset"
    if before.archived != after.archived:
        return "ab-archive" if after.archived else "ab-unarchive"
    if before.exposure_frozen != after.exposure_frozen and before.status == after.status:
        return "ab-freeze" if after.exposure_frozen else "ab-unfreeze"
    return _STEPS.get((before.status, after.status), "ab-change")


def _details(before: AbTest | None, after: AbTest | None) -> dict[str, Any]:
    """Return where the test stood and stands, and what came out of it."""
    found = {
        "from": before.status if before else None,
        "to": after.status if after else None,
        "conclusion": after.conclusion if after else None,
        "shipped": after.shipped if after else None,
    }
    return {key: value for key, value in found.items() if value}
