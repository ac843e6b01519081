"""The rows of runs: however they came to be recorded, they read as they were made."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gitexp.clock import iso
from gitexp.documents import layout
from gitexp.errors import NotFound
from gitexp.project.workspace import Workspace
from gitexp.runs.journalling.contents import contents_or_error, encoded
from gitexp.runs.journalling.journals import Journal, paths_of
from gitexp.runs.journalling.side_files import ROWS, Sides, Suffix
from gitexp.runs.recording import exchange, ledger
from gitexp.runs.recording.closing import close, ending_fields, reap, record
from gitexp.runs.recording.results import (
    mark_checkpoint,
    recorded_rows,
    rows_beside,
    rows_of,
    totals_of,
)
from gitexp.runs.recording.segments import new_segment
from gitexp.runs.rows import Failure, ResultRow, RowStatus, Score
from gitexp.runs.run import Run
from gitexp.runs.tallies import Stats
from gitexp.runs.tracking.checkpoints import checkpoint
from gitexp.runs.tracking.resuming import go_on_with
from gitexp.store.memory import MemoryStore
from tests.builders import MOMENT
from tests.runs.making import (
    IDENTITY,
    add_row,
    begin_journal,
    clone_of,
    disk_workspace,
    make_row,
    make_run,
    references,
    run_id,
    workspace_on,
)

ENDING = {"set": ending_fields("finished", MOMENT, 5.0)}


@pytest.fixture
def workspace() -> Workspace:
    return workspace_on(MemoryStore(config=IDENTITY))


@pytest.fixture
def journal(workspace: Workspace) -> Journal:
    return begin(workspace)


def begin(workspace: Workspace) -> Journal:
    return begin_journal(workspace, make_run(run_id(1), status="running"))


def samples(workspace: Workspace, identifier: str = run_id(1)) -> list[tuple[str, int, str]]:
    return [(row.sample, row.repeat, row.status) for row in rows_of(workspace, identifier)]


def test_rows_are_recorded_in_the_order_of_the_dataset(
    workspace: Workspace, journal: Journal
) -> None:
    for position, repeat in ((2, 0), (0, 1), (1, 0), (0, 0)):
        add_row(journal, position, f"s{position}", repeat=repeat)
    close(workspace, journal, ENDING)
    assert [row.key for row in rows_of(workspace, run_id(1))] == [
        ("s0", 0),
        ("s0", 1),
        ("s1", 0),
        ("s2", 0),
    ]


def test_what_a_row_holds_never_says_where_it_stands(
    workspace: Workspace, journal: Journal
) -> None:
    like_a_row = {"sample": "x", "repeat": 0, "status": "passed", "position": 0}
    unplaced = make_row("last", position=None, input=like_a_row)
    journal.sides.append(ROWS, json.dumps(unplaced.to_dict(), separators=(",", ":")).encode())
    for position, sample in ((2, '","repeat":0'), (1, "\\"), (0, '\\"')):
        add_row(journal, position, sample, input=like_a_row)
    close(workspace, journal, ENDING)
    found = [row.sample for row in rows_of(workspace, run_id(1))]
    assert found == ['\\"', "\\", '","repeat":0', "last"]


def test_of_two_rows_of_one_pass_over_a_sample_the_later_counts(
    workspace: Workspace, journal: Journal
) -> None:
    add_row(journal, 0, "a", status="failed")
    add_row(journal, 0, "a")
    run = close(workspace, journal, ENDING)
    assert run.stats == Stats(passed=1)
    assert samples(workspace) == [("a", 0, "passed")]


def test_the_first_row_counts_when_a_checkpoint_came_behind_it(
    workspace: Workspace, journal: Journal
) -> None:
    """What marks a checkpoint among the rows is no row, and stands in the place of none."""
    add_row(journal, 0, "a")
    assert checkpoint(workspace, journal)
    add_row(journal, 1, "b", status="failed")
    assert checkpoint(workspace, journal)
    data, tally = recorded_rows(journal.sides)
    assert (data.data.count(b"\n"), tally.stats) == (2, Stats(passed=1, failed=1))
    run = close(workspace, journal, ENDING)
    assert run.stats == Stats(passed=1, failed=1)
    assert samples(workspace) == [("a", 0, "passed"), ("b", 0, "failed")]
    assert ledger.get(workspace, run_id(1)).stats == run.stats


def test_a_checkpoint_without_news_is_none(workspace: Workspace, journal: Journal) -> None:
    add_row(journal, 0, "a")
    assert checkpoint(workspace, journal)
    assert not checkpoint(workspace, journal)


def test_what_was_shared_of_a_run_is_read_in_another_clone(
    workspace: Workspace,
) -> None:
    shared = MemoryStore(config=IDENTITY)
    here, there = clone_of(shared, seed=1), clone_of(shared, seed=2)
    journal = begin(here)
    add_row(journal, 0, "a")
    checkpoint(here, journal, push=True)
    add_row(journal, 1, "b", status="failed")
    exchange.fetch(there)
    assert samples(there) == [("a", 0, "passed")]
    run = ledger.get(there, run_id(1))
    assert (run.status, run.stats) == ("running", Stats(passed=1))
    checkpoint(here, journal, push=True)
    exchange.fetch(there)
    assert samples(there) == [("a", 0, "passed"), ("b", 0, "failed")]
    assert ledger.get(there, run_id(1)).stats == Stats(passed=1, failed=1)
    close(here, journal, ENDING)
    exchange.push(here, ["tone"])
    exchange.fetch(there)
    assert samples(there) == [("a", 0, "passed"), ("b", 0, "failed")]
    assert ledger.get(there, run_id(1)).status == "finished"


# --- runs that go on again ------------------------------------------------------------------


def finished(workspace: Workspace, *rows: dict[str, Any]) -> Run:
    """Return a run that was recorded with some rows."""
    journal = begin(workspace)
    for row in rows:
        add_row(journal, **row)
    return close(workspace, journal, ENDING)


def go_on(workspace: Workspace, *rows: dict[str, Any], share: bool = False) -> Run:
    """Return the run, gone on with for some more rows."""
    with go_on_with(workspace, run_id(1)) as (_, journal):
        for row in rows:
            add_row(journal, **row)
            if share:
                checkpoint(workspace, journal)
        return close(workspace, journal, ENDING)


@pytest.mark.parametrize("share", [False, True])
def test_later_rows_replace_earlier_ones_and_stand_between_them(
    workspace: Workspace, share: bool
) -> None:
    finished(
        workspace,
        {"position": 0, "sample": "a"},
        {"position": 2, "sample": "c", "status": "error"},
    )
    go_on(
        workspace,
        {"position": 2, "sample": "c"},
        {"position": 1, "sample": "b", "status": "failed"},
        {"position": 3, "sample": "d"},
        share=share,
    )
    assert samples(workspace) == [
        ("a", 0, "passed"),
        ("b", 0, "failed"),
        ("c", 0, "passed"),
        ("d", 0, "passed"),
    ]
    run = ledger.get(workspace, run_id(1))
    assert run.stats == Stats(passed=3, failed=1)
    assert_counted(workspace)


def assert_counted(workspace: Workspace) -> None:
    """Require that what the run says is what is counted over its rows."""
    recorded = ledger.get(workspace, run_id(1)).to_dict()
    for name, value in totals_of(rows_of(workspace, run_id(1))).items():
        assert recorded.get(name, {}) == value


def test_a_run_that_went_on_twice_says_what_came_last(workspace: Workspace) -> None:
    finished(workspace, {"position": 0, "sample": "a", "status": "error"})
    go_on(workspace, {"position": 0, "sample": "a", "status": "error"})
    go_on(workspace, {"position": 0, "sample": "a", "status": "failed"})
    assert samples(workspace) == [("a", 0, "failed")]
    assert_counted(workspace)


def test_rows_of_a_run_that_goes_on_again_are_read_with_what_is_recorded(
    workspace: Workspace,
) -> None:
    finished(workspace, {"position": 0, "sample": "a"})
    with go_on_with(workspace, run_id(1)) as (_, journal):
        add_row(journal, 1, "b")
        found = rows_of(workspace, run_id(1), beside=journal.sides)
        assert [row.sample for row in found] == ["a", "b"]
        close(workspace, journal, ENDING)


def test_going_on_that_fails_changes_nothing(workspace: Workspace) -> None:
    before = finished(workspace, {"position": 0, "sample": "a"})

    def fail() -> None:
        with go_on_with(workspace, run_id(1)) as (_, journal):
            add_row(journal, 1, "b")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert ledger.get(workspace, run_id(1)) == before
    assert samples(workspace) == [("a", 0, "passed")]


def test_a_line_that_was_only_scored_again_changes_scores_alone(workspace: Workspace) -> None:
    finished(workspace, {"position": 0, "sample": "a", "output": {"x": 1}})
    score = Score(value=3)
    go_on(
        workspace,
        {
            "position": 0,
            "sample": "a",
            "status": "failed",
            "rescored": True,
            "scores": {"s": score},
        },
        {
            "position": 9,
            "sample": "z",
            "status": "failed",
            "rescored": True,
            "scores": {"s": score},
        },
    )
    [row] = rows_of(workspace, run_id(1))
    assert (row.status, row.output, set(row.scores)) == ("failed", {"x": 1}, {"exact-match", "s"})


def test_a_run_that_is_not_known_has_no_rows(workspace: Workspace) -> None:
    with pytest.raises(NotFound):
        list(rows_of(workspace, run_id(5)))


def test_a_row_reads_as_it_was_written() -> None:
    row = ResultRow(
        sample="a\u2028\x1b",
        status="unscored",
        position=3,
        repeat=2,
        input={"x": [1, None]},
        output=None,
        expected="",
        started_at=MOMENT,
        duration_seconds=0.25,
        metadata={"a": 1},
        weight=2.5,
        usage={"cost": 0.1},
        attempts=3,
        cached=True,
        tasks=({"name": "t", "output": 1, "duration_seconds": 0.1},),
        trace_id="ab" * 16,
    )
    assert ResultRow.from_dict(row.to_dict()) == row
    assert row.to_dict()["started_at"] == iso(MOMENT)


def test_rows_of_a_run_that_is_recorded_just_then_are_all_there(
    workspace: Workspace, journal: Journal
) -> None:
    for position in range(3):
        add_row(journal, position, f"s{position}")

    class Ending(Sides):
        """What stands beside the journal, which is recorded and gone when it is to be read."""

        def payloads(self, suffix: Suffix, *, start: int = 0) -> Iterator[tuple[int, bytes]]:
            close(workspace, journal, ENDING)
            return journal.sides.payloads(suffix, start=start)

    rows = rows_of(workspace, run_id(1), beside=Ending(None))
    assert [row.sample for row in rows] == ["s0", "s1", "s2"]


@pytest.mark.parametrize("share", [False, True])
def test_a_segment_that_is_recorded_is_not_recorded_again(tmp_path: Path, share: bool) -> None:
    """The process may die before its journal is gone, and others may score the run meanwhile."""
    workspace = disk_workspace(tmp_path)
    finished(workspace, {"position": 0, "sample": "a"})
    with go_on_with(workspace, run_id(1)) as (_, journal):
        add_row(journal, 1, "b")
        if share:
            checkpoint(workspace, journal)
        contents = contents_or_error(journal.end(ENDING), journal.name)
        record(workspace, contents, journal.sides)
        journal.close()
    score_again(workspace, "a", "failed")
    before = ledger.get(workspace, run_id(1))
    assert before.stats == Stats(passed=1, failed=1)
    assert reap(workspace) == []
    assert paths_of(workspace) == []
    assert ledger.get(workspace, run_id(1)) == before
    assert_counted(workspace)


def score_again(workspace: Workspace, sample: str, status: RowStatus, *by: str) -> None:
    """Record that a row of a run was scored again, by the last of these, as `rescore` does."""
    [row] = [row for row in rows_of(workspace, run_id(1)) if row.sample == sample]
    name = new_segment(workspace, after=ledger.segments_of(workspace, run_id(1)))
    scores = {by[-1] if by else "exact-match": Score(value=1, passed=status == "passed")}
    line = make_row(sample, status, position=row.position, rescored=True, scores=scores)
    part = {layout.results_part_path(run_id(1), name): encoded(line.to_dict()) + b"\n"}
    ledger.write(workspace, "tone", part, message="rows")
    event = {"set": totals_of(rows_of(workspace, run_id(1)))}
    if by:
        event["set"]["evaluators"] = [one.to_dict() for one in references(*by)]
    segment = {layout.segment_path(run_id(1), name): encoded(event) + b"\n"}
    ledger.write(workspace, "tone", segment, message="scored")


@pytest.fixture
def clones() -> tuple[Workspace, Workspace]:
    """Two clones that know a run with two rows, of which one is an error."""
    shared = MemoryStore(config=IDENTITY)
    here, there = clone_of(shared, seed=1), clone_of(shared, seed=2)
    journal = begin_journal(
        here, make_run(run_id(1), status="running", evaluation={"dataset": "q"})
    )
    add_row(journal, 0, "a")
    add_row(journal, 1, "b", status="error", scores={}, error=Failure(type="E", message="no"))
    close(here, journal, ENDING)
    exchange.push(here)
    exchange.fetch(there)
    return here, there


def joined(here: Workspace, there: Workspace) -> Run:
    """Return a run to which both clones added something, once they know of each other."""
    exchange.push(here)
    exchange.fetch(there)
    exchange.push(there)
    exchange.fetch(here)
    run = ledger.get(there, run_id(1))
    assert ledger.get(here, run_id(1)) == run
    assert_counted(there)
    assert_counted(here)
    return run


def test_what_two_clones_went_on_with_is_counted_together(
    clones: tuple[Workspace, Workspace],
) -> None:
    here, there = clones
    go_on(here, {"position": 1, "sample": "b"}, {"position": 2, "sample": "c"})
    go_on(there, {"position": 3, "sample": "d", "status": "failed"})
    assert joined(here, there).stats == Stats(passed=3, failed=1)


def test_what_two_clones_scored_is_judged_and_counted_together(
    clones: tuple[Workspace, Workspace],
) -> None:
    here, there = clones
    score_again(here, "a", "failed", "exact-match", "close")
    score_again(there, "a", "passed", "exact-match", "polite")
    run = joined(here, there)
    assert run.stats == Stats(failed=1, errors=1)
    assert {one.name for one in run.evaluators} == {"exact-match", "close", "polite"}
    assert samples(here) == [("a", 0, "failed"), ("b", 0, "error")]


def test_what_one_clone_alone_went_on_with_is_not_counted_again(
    clones: tuple[Workspace, Workspace],
) -> None:
    here, there = clones
    go_on(here, {"position": 1, "sample": "b"})
    known = ledger.segments_of(here, run_id(1))
    ledger.append(there, "tone", [ledger.record_of(make_run(run_id(2)))])
    assert joined(here, there).stats == Stats(passed=2)
    assert ledger.segments_of(there, run_id(1)) == known


def test_rows_beside_a_journal_are_read_on_from_where_one_was(journal: Journal) -> None:
    add_row(journal, 0, "a")
    mark_checkpoint(journal.sides, "one")
    add_row(journal, 1, "b")
    [(first, _), (second, row)] = rows_beside(journal.sides)
    assert row.sample == "b"
    assert list(rows_beside(journal.sides, start=first + 1)) == [(second, row)]
    assert list(rows_beside(journal.sides, start=second + 1)) == []


def test_numbers_beyond_all_datasets_keep_no_row_from_being_read(workspace: Workspace) -> None:
    rows = [make_row("a", position=2**80), make_row("b", position=0, repeat=2**80)]
    ledger.append(workspace, "tone", [ledger.record_of(make_run(run_id(1)), rows)])
    go_on(workspace, {"position": 1, "sample": "c"})
    assert {row.sample for row in rows_of(workspace, run_id(1))} == {"a", "b", "c"}
