"""`gitexp ab` results, timeseries, recalculate and plot, as people and scripts use them."""

from __future__ import annotations

import csv
import io
import json
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from tests.cli.conftest import Run, git

BEGAN = datetime.now(timezone.utc) - timedelta(days=3)

TEST = """\
flag: checkout
variants:
  - key: control
  - key: test
status: running
metrics:
  primary:
    - key: bought
      type: proportion
      event: buy
    - key: spent
      type: mean
      event: buy
  secondary:
    - key: profit
      type: mean
      value: gain
planning:
  recommended_sample_size: 800
data:
  exposures:
    file: data/exposures.csv
  events:
    file: data/events.csv
"""


def write_rows(directory: Path) -> None:
    """Write exposures and purchases: the test variant sells to more people."""
    seen = BEGAN + timedelta(hours=1)
    exposures, events = ["unit,time,variant"], ["unit,time,event,value"]
    for unit in range(400):
        variant = "test" if unit % 2 else "control"
        at = seen + timedelta(seconds=300 * unit)
        exposures.append(f"{unit:04d},{at.isoformat()},{variant}")
        if unit % 10 < (6 if unit % 2 else 3):
            events.append(
                f"{unit:04d},{(at + timedelta(minutes=5)).isoformat()},buy,{unit % 7 + 1}"
            )
    data = directory / "data"
    data.mkdir()
    (data / "exposures.csv").write_text("\n".join(exposures) + "\n")
    (data / "events.csv").write_text("\n".join(events) + "\n")


@pytest.fixture
def checkout(project: Path, gitexp: Run) -> str:
    """A test that was launched three days ago."""
    write_rows(project)
    gitexp("ab", "create", "checkout").ok()
    git("checkout", "--quiet", "exp/bot/checkout")
    file = project / "experiments" / "checkout" / "ab-test.yaml"
    file.write_text(f"{TEST}started_at: '{BEGAN.isoformat()}'\n")
    git("add", "experiments")
    git("commit", "--quiet", "--message=launched")
    return "checkout"


def test_the_time_that_remains_follows_from_the_plan(checkout: str, gitexp: Run) -> None:
    found = json.loads(gitexp("ab", "remaining", checkout, "--format", "json").ok().out)
    assert (found["planned"], found["units"]) == (800, 400)
    assert found["days"] == pytest.approx(3, rel=0.01)


def test_the_first_day_tells_nothing_of_the_time_that_remains(
    checkout: str, gitexp: Run, project: Path
) -> None:
    file = project / "experiments" / "checkout" / "ab-test.yaml"
    began = datetime.now(timezone.utc) - timedelta(hours=23)
    file.write_text(f"{TEST}started_at: '{began.isoformat()}'\n")
    git("commit", "--quiet", "--all", "--message=later")
    shown = gitexp("ab", "remaining", checkout).ok().out.splitlines()
    assert [line.split()[-1] for line in shown[3:]] == ["unknown", "unknown"]


def test_a_page_says_what_was_planned_and_where_the_data_is(checkout: str, gitexp: Run) -> None:
    page = gitexp("ab", "show", checkout).ok().out
    assert "plan         800 units\n" in page
    assert "data         exposures: file data/exposures.csv\n" in page
    assert "             events: file data/events.csv\n" in page


def test_results_are_a_table_with_checks_and_a_decision(checkout: str, gitexp: Run) -> None:
    shown = gitexp("ab", "results", checkout).ok()
    lines = shown.out.splitlines()
    assert lines[0].split()[:4] == ["metric", "role", "variant", "units"]
    assert [line.split()[0] for line in lines[1:]] == ["bought"] * 2 + ["spent"] * 2 + ["profit"]
    assert "better" in lines[2]
    assert "has no column 'gain'" in lines[5]
    assert "ok: split: control 200 (expected 200), test 200 (expected 200) (p = 1)" in shown.err
    assert "decision: keep running\n" in shown.err
    assert "  because 400 of the 800 units that were planned are there\n" in shown.err


def test_results_as_data_say_everything(checkout: str, gitexp: Run) -> None:
    found = json.loads(gitexp("ab", "results", checkout, "--format", "json").ok().out)
    assert found["exposures"]["units"] == {"control": 200, "test": 200}
    bought = found["metrics"][0]
    assert [each["value"] for each in bought["variants"]] == [0.4, 0.6]
    assert bought["variants"][1]["difference"] == pytest.approx(0.5)
    assert found["decision"]["action"] == "keep running"
    assert found["metrics"][2]["error"].endswith("it has 'unit', 'time', 'event', 'value'")


def test_csv_has_both_ends_of_an_interval(checkout: str, gitexp: Run) -> None:
    def rows(*words: str) -> list[dict[str, str]]:
        shown = gitexp("ab", *words, "--format", "csv").ok().out
        return list(csv.DictReader(io.StringIO(shown)))

    gitexp("ab", "recalculate", checkout)
    found = json.loads(gitexp("ab", "results", checkout, "--stored", "--format", "json").out)
    expected = {end: str(found["metrics"][0]["variants"][1][end]) for end in ("low", "high")}
    (row,) = [
        row
        for row in rows("results", checkout, "--stored")
        if (row["metric"], row["variant"]) == ("bought", "test")
    ]
    assert row.items() >= expected.items()
    day = [row for row in rows("timeseries", checkout, "bought") if row["variant"] == "test"][-1]
    assert day["high"]
    assert day["day"] == found["stored"]
    assert "to" not in gitexp("ab", "results", checkout).out.splitlines()[0].split()


def test_markdown_has_checks_and_the_decision_too(checkout: str, gitexp: Run) -> None:
    shown = gitexp("ab", "results", checkout, "--format", "md").ok().out.splitlines()
    assert shown[0].startswith("| metric | role | variant | units |")
    split = shown[shown.index("") + 1]
    assert split.startswith("- ok: split: control 200 (expected 200), test 200 (expected 200)")
    assert "- decision: keep running" in shown
    assert shown[-1].startswith("- because ")


def test_days_are_computed_once_and_shown(checkout: str, gitexp: Run) -> None:
    empty = gitexp("ab", "timeseries", checkout, "bought").ok()
    assert empty.err.startswith("pending; fingerprint ")
    done = json.loads(gitexp("ab", "recalculate", checkout, "--format", "json").out)
    assert (done["days"], done["computed"]) == (3, 9)
    again = gitexp("ab", "recalculate", checkout)
    assert again.code == 3
    assert again.out == "checkout: 0 computed, 0 reused\n"
    assert again.err.startswith("warning: profit cannot be computed: the data of 'events'")
    shown = json.loads(gitexp("ab", "timeseries", checkout, "bought", "--format", "json").out)
    assert shown["status"] == "completed"
    days = [day for day, found in shown["timeseries"].items() if found]
    assert len(days) == 3
    last = shown["timeseries"][days[-1]]["variants"]
    assert [each["count"] for each in last] == [200, 200]
    stored = json.loads(gitexp("ab", "results", checkout, "--stored", "--format", "json").out)
    assert stored["stored"] == days[-1]


def test_calculating_what_can_be_computed_is_a_success(checkout: str, gitexp: Run) -> None:
    gitexp("ab", "recalculate", checkout, "--metric", "bought").ok()


def test_differences_and_courses_are_drawn(checkout: str, gitexp: Run, project: Path) -> None:
    drawn = gitexp("ab", "plot", checkout).ok()
    assert drawn.out.splitlines()[0] == "checkout"
    assert "bought: test" in drawn.out
    gitexp("ab", "recalculate", checkout)
    course = gitexp("ab", "plot", checkout, "bought").ok()
    assert course.out.startswith("bought: test against the control\n")
    for name, beginning in {"a.png": b"\x89PNG", "a.svg": b"<?xml"}.items():
        assert gitexp("ab", "plot", checkout, "-o", name).ok().err.endswith(f"wrote {name}\n")
        assert (project / name).read_bytes().startswith(beginning)
        gitexp("ab", "plot", checkout, "bought", "-o", f"day-{name}").ok()
        assert (project / f"day-{name}").read_bytes().startswith(beginning)


def test_contradicting_options_are_usage_errors(checkout: str, gitexp: Run) -> None:
    for words in (
        ("results", checkout, "--stored", "--as-of", "2026-01-01T00:00:00Z"),
        ("results", checkout, "--as-of", "yesterday"),
        ("plot", checkout, "--variant", "test"),
    ):
        assert gitexp("ab", *words).code == 2


def test_an_unknown_metric_names_the_known_ones(checkout: str, gitexp: Run) -> None:
    found = gitexp("ab", "recalculate", checkout, "--metric", "clicks")
    assert found.code == 1
    assert found.err == (
        "error: the A/B test of 'checkout' has no metric 'clicks'\n"
        "hint: Its metrics are: bought, spent, profit.\n"
    )
