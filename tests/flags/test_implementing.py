"""Whether the flag of a test is asked for yet, by the exposures of the last seven days."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from gitexp.abtests.making import NewTest, create
from gitexp.errors import InvalidInput, NotAllowed, NotFound
from gitexp.flags.implementing import requires_implementation
from gitexp.project.workspace import Workspace
from tests.abtests.conftest import METRICS, workspace
from tests.builders import MOMENT

__all__ = ["workspace"]

FILE = {"exposures": {"file": "exposures.csv"}}


@pytest.fixture
def top(tmp_path: Path, workspace: Workspace) -> Path:
    """The directory of the project."""
    return tmp_path


def required(workspace: Workspace, top: Path, data: Any) -> bool:
    settings = {"metrics": METRICS, **({"data": data} if data else {})}
    create(workspace, NewTest(experiment="warm", flag="words", variants=(), settings=settings))
    return requires_implementation(replace(workspace, directory=top), "warm")


def exposures(top: Path, *rows: str) -> None:
    (top / "exposures.csv").write_text("\n".join(("unit,time,variant", *rows)) + "\n")


def day(number: int) -> str:
    return (MOMENT - timedelta(days=number)).isoformat()


def test_without_exposures_it_is_to_be_implemented(workspace: Workspace, top: Path) -> None:
    assert required(workspace, top, None)


def test_without_their_file_too(workspace: Workspace, top: Path) -> None:
    assert required(workspace, top, FILE)


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (f"u1,{day(1)},control", False),
        (f"u1,{day(6)},test", False),
        (f"u1,{day(8)},test", True),
        (f"u1,{day(1)},other", True),
    ],
)
def test_a_variant_of_the_test_in_the_last_week_tells(
    workspace: Workspace, top: Path, row: str, expected: bool
) -> None:
    exposures(top, row)
    assert required(workspace, top, FILE) is expected


def test_what_is_elsewhere_is_read_only_where_that_is_allowed(
    workspace: Workspace, top: Path
) -> None:
    with pytest.raises(NotAllowed):
        required(workspace, top, {"exposures": {"url": "https://example.org/exposures.csv"}})


def test_exposures_without_variants_cannot_tell(workspace: Workspace, top: Path) -> None:
    (top / "exposures.csv").write_text(f"unit,time\nu1,{day(1)}\n")
    with pytest.raises(InvalidInput, match="variant"):
        required(workspace, top, FILE)


def test_an_experiment_without_a_test_has_no_flag(workspace: Workspace) -> None:
    with pytest.raises(NotFound):
        requires_implementation(workspace, "warm")
