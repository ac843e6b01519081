"""What a launch asks of data: that it can be read where it is there, and is of the project."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gitexp.abtests import lifecycle
from gitexp.abtests.readiness import place_fault
from gitexp.errors import NotAllowed
from gitexp.project.workspace import Workspace
from tests.abtests.conftest import Draft


@pytest.fixture
def top(tmp_path: Path) -> Path:
    """The directory of the project."""
    made = tmp_path / "project"
    made.mkdir()
    return made


def launched(draft: Draft, top: Path, data: Any) -> tuple[str, ...]:
    """Return the notes of a launch, but for the one about publication."""
    workspace = draft(data=data)
    done = lifecycle.launch(in_directory(workspace, top), "warm")
    return tuple(note for note in done.notes if "published" not in note)


def in_directory(workspace: Workspace, top: Path) -> Workspace:
    return replace(workspace, directory=top)


def refusal(draft: Draft, top: Path, data: Any) -> str:
    workspace = in_directory(draft(data=data), top)
    with pytest.raises(NotAllowed) as caught:
        lifecycle.launch(workspace, "warm")
    return caught.value.message.removeprefix("the A/B test of 'warm' is not ready to be launched: ")


def both(place: str) -> dict[str, Any]:
    return {"exposures": {"file": place}, "events": {"file": "events.csv"}}


def test_data_that_is_there_needs_no_word(draft: Draft, top: Path) -> None:
    for name in ("a-1.csv", "a-2.csv", "events.csv", "shop.db", "o.csv"):
        (top / name).write_text("x\n")
    sql = {"sql": "select 1", "attach": {"shop": "shop.db"}, "files": {"o": ["o.csv"]}}
    assert launched(draft, top, {**both("a-*.csv"), "metrics": {"sales": sql}}) == ()


def test_data_that_is_not_there_yet_is_pointed_out(draft: Draft, top: Path) -> None:
    assert launched(draft, top, both("a-*.csv")) == (
        "This data is not there yet: a-*.csv, events.csv.",
    )


def test_addresses_and_databases_elsewhere_are_not_looked_for(draft: Draft, top: Path) -> None:
    data = {
        "exposures": {"url": "https://example.org/e.parquet"},
        "events": {"table": "shop.events", "attach": {"shop": "postgres://example.org/shop"}},
    }
    assert launched(draft, top, data) == ()


@pytest.mark.parametrize("place", ["../secret.csv", "/etc/passwd", "a/../../b.csv", "a\\b.csv"])
def test_data_outside_of_the_project_is_refused(draft: Draft, top: Path, place: str) -> None:
    assert refusal(draft, top, both(place)) == f"{place} leads out of the project"
    assert place_fault(place) == "leads out of the project"


def test_a_link_out_of_the_project_is_refused(draft: Draft, top: Path) -> None:
    (top.parent / "secret.csv").write_text("x\n")
    (top / "e.csv").symlink_to(top.parent / "secret.csv")
    assert refusal(draft, top, both("e.csv")) == "e.csv leads out of the project by a link"


def test_what_is_no_file_is_refused(draft: Draft, top: Path) -> None:
    (top / "e.csv").mkdir()
    assert refusal(draft, top, both("e.csv")) == "e.csv is no regular file"


def test_a_metric_without_rows_is_refused_once_exposures_are_named(draft: Draft, top: Path) -> None:
    assert refusal(draft, top, {"exposures": {"file": "e.csv"}}) == (
        "metric 'sales' has no source of data"
    )
