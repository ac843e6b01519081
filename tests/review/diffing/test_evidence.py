"""Results of both sides of a comparison: found by digest, paired where that is possible."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from gitexp.ids import Digest
from gitexp.project.workspace import Workspace
from gitexp.review.diffing.comparing import compare
from gitexp.review.diffing.model import ExperimentDiff
from gitexp.review.diffing.results import ResultsDiff
from gitexp.runs.metrics import MetricPoint
from gitexp.runs.recording.ledger import append
from gitexp.runs.recording.records import counted, record_of
from gitexp.runs.rows import ResultRow
from gitexp.runs.tallies import tally_of
from gitexp.store.memory import MemoryStore
from tests.builders import commit_files
from tests.runs.making import (
    EXPERIMENT_ID,
    IDENTITY,
    dataset_reference,
    make_row,
    make_run,
    references,
    run_id,
    workspace_on,
)

DEFINITION = b"format: 1\nid: bot\nparameters:\n  temperature: {type: number}\n"
HEADER = f"id: {EXPERIMENT_ID}\nname: tone\nmetrics:\n  loss: {{direction: minimize}}\n"


@pytest.fixture
def workspace() -> Workspace:
    """A project in which an experiment went from 0.5 to 0.7."""
    made = workspace_on(MemoryStore(config=IDENTITY))
    path = "experiments/tone/parameters.yaml"
    files = {"gitexp.yaml": DEFINITION, "experiments/tone/experiment.yaml": HEADER.encode()}
    commit_files(made.store, {**files, path: b"temperature: 0.5\n"})
    commit_files(made.store, {path: b"temperature: 0.7\n"})
    return made


def change(
    workspace: Workspace, a: str = "main~1", b: str = "main", **options: Any
) -> ExperimentDiff:
    [found] = compare(workspace, a, b, **options).experiments
    return found


def record(
    workspace: Workspace,
    digest: Digest | None,
    outcomes: Sequence[bool] = (),
    *,
    number: int = 0,
    metrics: dict[str, float] | None = None,
    **fields: Any,
) -> None:
    """Record a run with these values, of which each sample passed or failed."""
    rows: list[ResultRow] = [
        make_row(f"s{n:02d}", "passed" if passed else "failed") for n, passed in enumerate(outcomes)
    ]
    usual: dict[str, Any] = {"evaluators": references("exact-match")} if rows else {}
    if rows:
        usual["dataset"] = dataset_reference("q", samples=len(rows))
    run = make_run(run_id(number), **{**usual, "digest": digest, **fields})
    points = [(name, MetricPoint(value, 1)) for name, value in (metrics or {}).items()]
    run = counted(run, tally_of(rows)) if rows else run
    append(workspace, "tone", [record_of(run, rows, points)])


def only(found: ExperimentDiff) -> ResultsDiff:
    [results] = found.results
    return results


def test_the_newest_finished_runs_are_compared_row_by_row(workspace: Workspace) -> None:
    values = change(workspace)
    assert values.results == ()
    record(workspace, values.digest_before, [True] * 20, number=0)
    record(workspace, values.digest_before, [False] * 20 + [True] * 20, number=1)
    record(workspace, values.digest_after, [True] * 40, number=2)
    record(workspace, values.digest_after, [False] * 40, number=3, status="failed")
    record(workspace, Digest("sha256:" + "9" * 64), [False] * 40, number=4)
    results = only(change(workspace))
    assert results.before is not None
    assert results.after is not None
    assert (results.before.id, results.after.id) == (run_id(1), run_id(2))
    assert (results.dataset, results.same_samples, results.notes) == ("q", True, ())
    rate = next(m for m in results.measures if m.name == "pass_rate")
    assert (rate.before, rate.after, rate.difference, rate.pairs) == (0.5, 1.0, 0.5, 40)
    assert (rate.verdict, rate.paired, rate.direction) == ("better", True, "maximize")
    assert rate.interval is not None
    assert rate.interval[0] > 0
    assert rate.interval_before is not None
    assert rate.interval_after is not None
    assert rate.p_value is not None
    assert rate.p_value < 0.001


def test_runs_of_another_experiment_with_equal_values_are_no_results(
    workspace: Workspace,
) -> None:
    values = change(workspace)
    record(workspace, values.digest_before, [True] * 20, number=0)
    record(workspace, values.digest_after, [True] * 20, number=1, experiment_id="x" * 17)
    results = only(change(workspace))
    assert results.before is not None
    assert results.after is None


def test_versions_of_two_experiments_are_compared_by_the_runs_of_each(
    workspace: Workspace,
) -> None:
    other = "x" * 17
    path = "experiments/other"
    header = HEADER.replace(EXPERIMENT_ID, other).replace("tone", "other").encode()
    values = b"temperature: 0.5\n"
    commit_files(
        workspace.store,
        {f"{path}/experiment.yaml": header, f"{path}/parameters.yaml": values},
    )
    before = change(workspace, a="main~2", b="main~1")
    [found] = compare(workspace, "other", "tone").experiments
    assert (found.id, found.former_id) == (EXPERIMENT_ID, other)
    assert found.digest_before == before.digest_before
    record(workspace, found.digest_before, [True] * 20, number=0, experiment_id=other)
    record(workspace, found.digest_before, [True] * 20, number=1)
    record(workspace, found.digest_after, [True] * 20, number=2)
    [found] = compare(workspace, "other", "tone").experiments
    results = only(found)
    assert results.before is not None
    assert results.after is not None
    assert (results.before.id, results.after.id) == (run_id(0), run_id(2))


def test_a_difference_that_may_be_chance_is_unclear(workspace: Workspace) -> None:
    values = change(workspace)
    record(workspace, values.digest_before, [True] * 9 + [False], number=0)
    record(workspace, values.digest_after, [True] * 10, number=1)
    rate = only(change(workspace)).measures[0]
    assert (rate.name, rate.verdict) == ("pass_rate", "unclear")


def test_one_side_without_a_run_is_told_by_its_absence(workspace: Workspace) -> None:
    values = change(workspace)
    record(workspace, values.digest_after, [True, False], metrics={"loss": 0.25})
    results = only(change(workspace))
    assert results.before is None
    told = {m.name: (m.kind, m.before, m.after, m.verdict) for m in results.measures}
    assert told == {
        "pass_rate": ("stats", None, 0.5, None),
        "exact-match": ("scores", None, 0.5, None),
        "loss": ("metrics", None, 0.25, None),
    }


def test_logged_metrics_stand_side_by_side_with_their_direction(workspace: Workspace) -> None:
    values = change(workspace)
    record(workspace, values.digest_before, number=0, metrics={"loss": 0.5, "only": 1.0})
    record(workspace, values.digest_after, number=1, metrics={"loss": 0.25})
    results = only(change(workspace))
    assert (results.dataset, results.same_samples) == (None, None)
    told = {m.name: (m.direction, m.before, m.after, m.difference) for m in results.measures}
    assert told == {"loss": ("minimize", 0.5, 0.25, -0.25), "only": (None, 1.0, None, None)}


def test_each_dataset_has_results_of_its_own(workspace: Workspace) -> None:
    values = change(workspace)
    for number, digest in enumerate((values.digest_before, values.digest_after)):
        record(workspace, digest, [True], number=number)
        other: dict[str, Any] = {"dataset": dataset_reference("r", digit="2")}
        record(workspace, digest, [False], number=number + 10, **other)
        record(workspace, digest, number=number + 20, metrics={"loss": 1.0})
    assert [results.dataset for results in change(workspace).results] == ["q", "r", None]


def test_runs_over_other_samples_are_compared_over_those_that_both_have(
    workspace: Workspace,
) -> None:
    values = change(workspace)
    record(workspace, values.digest_before, [True, False, True], number=0)
    record(
        workspace,
        values.digest_after,
        [True, True],
        number=1,
        dataset=dataset_reference("q", samples=2, digit="3"),
    )
    results = only(change(workspace))
    assert results.same_samples is False
    assert results.notes == (
        "the datasets differ: only the 2 equal rows are compared",
        "1 sample is in the run before alone",
    )
    assert results.measures[0].pairs == 2


def test_a_header_that_cannot_be_read_hides_directions_and_no_results(
    workspace: Workspace,
) -> None:
    values = change(workspace)
    record(workspace, values.digest_after, metrics={"loss": 0.5})
    commit_files(workspace.store, {"experiments/tone/experiment.yaml": b"id: [\n"})
    [found] = compare(workspace, "main~2", "main~1").experiments
    assert [(m.name, m.direction) for m in only(found).measures] == [("loss", None)]


def test_results_that_cannot_be_read_hide_nothing_else(workspace: Workspace) -> None:
    values = change(workspace)
    for number, digest in enumerate((values.digest_before, values.digest_after)):
        record(workspace, digest, [True, False], number=number)
    store = workspace.store
    assert isinstance(store, MemoryStore)
    rows = [o.id for o in store.objects.values() if b'"sample"' in o.data and o.kind == "blob"]
    for lost in rows:
        del store.objects[lost]
    found = compare(workspace, "main~1", "main")
    [note] = found.notes
    assert note.startswith("the results of tone cannot be read: ")
    assert [c.after for c in found.changes] == [0.7]


def test_results_can_be_left_out_and_differ_for_nobody(workspace: Workspace) -> None:
    values = change(workspace)
    record(workspace, values.digest_after, [True])
    assert change(workspace, results=False).results == ()
    assert compare(workspace, "main", "main").experiments == ()


def test_what_was_compared_once_is_kept_until_a_run_says_something_else(
    workspace: Workspace,
) -> None:
    values = change(workspace)
    record(workspace, values.digest_before, [True, False], number=0)
    record(workspace, values.digest_after, [True, True], number=1)
    first = change(workspace)
    assert change(workspace) == first
    record(workspace, values.digest_after, [False, False], number=2)
    assert only(change(workspace)).measures[0].after == 0.0


def test_results_are_plain_json(workspace: Workspace) -> None:
    import json

    values = change(workspace)
    record(workspace, values.digest_before, [True, False], number=0)
    record(workspace, values.digest_after, [True, True], number=1)
    data = json.loads(json.dumps(change(workspace).to_dict()))
    measure = data["results"][0]["measures"][0]
    assert measure["name"] == "pass_rate"
    assert measure["paired"] is True
    assert set(data["results"][0]) == {
        *("dataset", "before", "after", "same_samples", "measures", "notes")
    }
