"""Comparing runs: what differs, what is better, and what cannot be compared."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitexp.cli.plain import json_text
from gitexp.documents.problems import MISSING
from gitexp.errors import InvalidInput, NotFound
from gitexp.experiments.headers import Direction
from gitexp.results.comparing import agreed_directions, compare
from gitexp.results.comparisons import Comparison, Measure
from gitexp.runs.metrics import MetricPoint
from gitexp.runs.run import Run
from gitexp.runs.tallies import Stats
from tests.runs.making import DIGEST, dataset_reference, make_run, references, run_id


def logged(number: int, metrics: Mapping[str, float], **fields: Any) -> Run:
    """Return a run with these metrics."""
    points = {name: MetricPoint(value, 7, 0) for name, value in metrics.items()}
    return make_run(run_id(number), metrics=points, **fields)


def judged(number: int, *, passed: int, digit: str = "1", **fields: Any) -> Run:
    """Return a run that passed some of a hundred samples."""
    given: dict[str, Any] = {
        "stats": Stats(passed=passed, failed=100 - passed),
        "scores": {"exact": {"count": 100, "mean": passed / 100}},
        "dataset": dataset_reference(digit=digit),
        "evaluators": references("exact"),
    }
    return make_run(run_id(number), **{**given, **fields})


def only(comparison: Comparison, name: str) -> Measure:
    """Return the only measure of a name."""
    (measure,) = comparison.only([name]).measures
    return measure


def of_values(*values: float | None, direction: Direction | None = None) -> Measure:
    """Return the measure `m` of runs with these values."""
    runs = [logged(i, {} if value is None else {"m": value}) for i, value in enumerate(values)]
    return only(compare(runs, directions={"m": direction} if direction else {}), "m")


# --- measures -----------------------------------------------------------------------------------


def test_changes_are_against_the_first_run_unless_a_baseline_is_named() -> None:
    runs = [logged(0, {"loss": 0.5}), logged(1, {"loss": 0.25})]
    first = only(compare(runs, directions={}), "loss")
    assert first.changes[0] is None
    assert first.changes[1] is not None
    assert first.changes[1].to_dict() == {"absolute": -0.25, "relative": -0.5}
    second = only(compare(runs, directions={}, baseline=runs[1].id), "loss")
    assert second.changes[0] is not None
    assert second.changes[0].to_dict() == {"absolute": 0.25, "relative": 1.0}
    assert second.changes[1] is None


@pytest.mark.parametrize(("direction", "best"), [("minimize", 1), ("maximize", 2)])
def test_the_best_run_follows_the_declared_direction(direction: Direction, best: int) -> None:
    measure = of_values(2.0, 1.0, 3.0, direction=direction)
    assert [i for i, is_best in enumerate(measure.best) if is_best] == [best]


def test_without_a_direction_no_run_is_the_best() -> None:
    measure = of_values(2.0, 1.0)
    assert (measure.direction, measure.best) == (None, (False, False))


def test_equal_best_values_are_all_the_best() -> None:
    assert of_values(1.0, 2.0, 2.0, direction="maximize").best == (False, True, True)


def test_where_all_values_are_equal_or_there_is_one_none_is_the_best() -> None:
    assert of_values(1.0, 1.0, direction="maximize").best == (False, False)
    assert of_values(1.0, None, direction="maximize").best == (False, False)


def test_a_missing_value_is_missing_and_never_zero() -> None:
    measure = of_values(1.0, None, direction="minimize")
    assert measure.values == (1.0, None)
    assert measure.changes == (None, None)
    assert of_values(None, 1.0).changes == (None, None)


def test_nan_is_never_the_best_and_infinities_are_as_large_as_they_say() -> None:
    assert of_values(math.nan, 1.0, 2.0, direction="minimize").best == (False, True, False)
    assert of_values(math.inf, 1.0, direction="maximize").best == (True, False)
    assert of_values(-math.inf, 1.0, direction="maximize").best == (False, True)


def test_there_is_no_relative_change_from_zero_or_infinity() -> None:
    for base in (0.0, math.inf):
        change = of_values(base, 2.0).changes[1]
        assert change is not None
        assert change.relative is None


def test_the_relative_change_from_a_negative_number_has_the_sign_of_the_change() -> None:
    change = of_values(-2.0, -1.0).changes[1]
    assert change is not None
    assert change.relative == 0.5


def test_a_metric_tells_the_step_of_its_latest_value() -> None:
    runs = [logged(0, {"loss": 0.5}), logged(1, {})]
    assert only(compare(runs, directions={}), "loss").steps == (7, None)


# --- pass rates and scores ----------------------------------------------------------------------


def test_pass_rates_and_scores_over_the_same_samples_are_compared() -> None:
    comparison = compare([judged(0, passed=50), judged(1, passed=75)], directions={})
    rate = only(comparison, "pass_rate")
    assert (rate.values, rate.best) == ((0.5, 0.75), (False, True))
    assert rate.changes[1] is not None
    assert rate.changes[1].absolute == 0.25
    score = only(comparison, "exact")
    assert (score.values, score.direction, score.best) == ((0.5, 0.75), None, (False, False))
    assert comparison.same_samples == (True, True)


def test_over_other_samples_they_are_shown_and_not_compared() -> None:
    runs = [judged(0, passed=50), judged(1, passed=99, digit="2"), judged(2, passed=60)]
    comparison = compare(runs, directions={"exact": "maximize"})
    assert comparison.same_samples == (True, False, True)
    for name in ("pass_rate", "exact"):
        measure = only(comparison, name)
        assert measure.values == (0.5, 0.99, 0.6)
        assert measure.changes[1] is None
        assert measure.changes[2] is not None
        assert measure.best == (False, False, True)


def test_a_run_that_did_not_finish_judged_other_samples() -> None:
    runs = [judged(0, passed=50), judged(1, passed=99, status="killed")]
    comparison = compare(runs, directions={})
    assert comparison.same_samples == (True, True)
    assert only(comparison, "pass_rate").changes == (None, None)


def test_runs_with_other_evaluators_are_not_compared_by_these() -> None:
    runs = [judged(0, passed=50), judged(1, passed=75, evaluators=references("exact", "size"))]
    comparison = compare(runs, directions={})
    assert only(comparison, "pass_rate").changes[1] is None
    assert only(comparison, "exact").changes[1] is not None


def test_logged_inputs_count_as_samples() -> None:
    inputs = [({"name": "train", "digest": digest},) for digest in ("a", "a", "b")]
    runs = [make_run(run_id(i), inputs=given) for i, given in enumerate(inputs)]
    assert compare(runs, directions={}).same_samples == (True, True, False)
    assert compare([runs[0], make_run(run_id(9))], directions={}).same_samples == (True, None)


def test_the_direction_of_the_pass_rate_may_be_declared_otherwise() -> None:
    runs = [judged(0, passed=50), judged(1, passed=75)]
    rate = only(compare(runs, directions={"pass_rate": "minimize"}), "pass_rate")
    assert rate.best == (True, False)


def test_a_score_and_a_metric_of_one_name_are_two_measures() -> None:
    point = {"exact": MetricPoint(3.0, 0, 0)}
    runs = [judged(0, passed=50, metrics=point), judged(1, passed=75, metrics=point)]
    comparison = compare(runs, directions={"scores.exact": "maximize"})
    found = {m.field: m.direction for m in comparison.only(["exact"]).measures}
    assert found == {"scores.exact": "maximize", "metrics.exact": None}
    assert [m.field for m in comparison.only(["metrics.exact"]).measures] == ["metrics.exact"]


# --- parameters ---------------------------------------------------------------------------------


def test_parameters_that_differ_are_told_from_those_that_do_not() -> None:
    runs = [
        make_run(run_id(0), parameters={"heat": 1, "word": "a"}, params={"lr": 1}),
        make_run(run_id(1), parameters={"heat": 1, "word": "b"}, params={"lr": 1.0, "depth": 2}),
    ]
    comparison = compare(runs, directions={})
    assert [(p.field, p.differs) for p in comparison.parameters] == [
        ("parameters.heat", False),
        ("parameters.word", True),
        ("params.lr", True),
        ("params.depth", True),
    ]
    assert [p.name for p in comparison.differing().parameters] == ["word", "lr", "depth"]
    assert comparison.parameters[3].values == (MISSING, 2)


def test_null_differs_from_none_at_all() -> None:
    runs = [make_run(run_id(0), params={"stop": None}), make_run(run_id(1))]
    comparison = compare(runs, directions={})
    assert comparison.parameters[0].differs
    (entry,) = comparison.to_dict()["parameters"]
    assert entry["values"] == {runs[0].id: None, runs[1].id: None}
    assert entry["missing"] == [runs[1].id]


# --- what is refused ----------------------------------------------------------------------------


def test_fewer_than_two_runs_are_refused() -> None:
    with pytest.raises(InvalidInput) as caught:
        compare([logged(0, {})], directions={})
    assert caught.value.message == "1 run cannot be compared"
    assert caught.value.hint == "Name two runs or more; `gitexp runs EXPERIMENT` lists them."


def test_a_run_is_not_compared_with_itself() -> None:
    with pytest.raises(InvalidInput, match=f"run {run_id(0)} is named twice"):
        compare([logged(0, {}), logged(1, {}), logged(0, {})], directions={})


def test_the_baseline_is_one_of_the_runs() -> None:
    with pytest.raises(InvalidInput, match="the baseline 'x' is none of the runs"):
        compare([logged(0, {}), logged(1, {})], directions={}, baseline="x")


def test_an_unknown_metric_is_refused_with_a_suggestion() -> None:
    comparison = compare([logged(0, {"loss": 1.0}), logged(1, {"gain": 1.0})], directions={})
    with pytest.raises(NotFound) as caught:
        comparison.only(["los"])
    assert caught.value.message == "none of the runs has a metric 'los'"
    assert caught.value.hint == "Did you mean 'loss'?"
    with pytest.raises(NotFound) as caught:
        comparison.only(["xyz"])
    assert caught.value.hint == "They have gain, loss."


def test_directions_that_experiments_disagree_about_are_none() -> None:
    ours: dict[str, Direction] = {"loss": "minimize", "gain": "maximize"}
    theirs: dict[str, Direction] = {"gain": "minimize", "size": "minimize"}
    assert agreed_directions([ours, theirs]) == {"loss": "minimize", "size": "minimize"}


# --- as data ------------------------------------------------------------------------------------


def test_a_comparison_is_json_with_values_by_run() -> None:
    runs = [logged(0, {"loss": 0.5, "odd": math.inf}), logged(1, {"loss": math.nan})]
    document = compare(runs, directions={"loss": "minimize"}).to_dict()
    one, other = runs[0].id, runs[1].id
    assert document["baseline"] == one
    assert [run["id"] for run in document["runs"]] == [one, other]
    assert document["runs"][0]["code"] == {"commit": None, "dirty": None}
    assert document["runs"][0]["digest"] == DIGEST
    loss, odd = document["metrics"]
    assert loss == {
        "name": "loss",
        "kind": "metrics",
        "direction": "minimize",
        "values": {one: 0.5, other: "NaN"},
        "steps": {one: 7, other: 7},
        "changes": {one: None, other: {"absolute": "NaN", "relative": "NaN"}},
        "best": [],
    }
    assert odd["values"] == {one: "Infinity", other: None}
    assert json_text(document)


def test_a_frame_has_a_row_for_each_run() -> None:
    runs = [
        judged(0, passed=50, params={"lr": 0.1}, metrics={"loss": MetricPoint(0.5, 0, 0)}),
        judged(1, passed=75),
    ]
    frame = compare(runs, directions={}).to_frame()
    assert list(frame["id"]) == [run.id for run in runs]
    assert list(frame["baseline"]) == [True, False]
    assert frame["stats.pass_rate.change"].iloc[1] == 0.25
    assert frame["metrics.loss"].iloc[0] == 0.5
    assert math.isnan(frame["metrics.loss"].iloc[1])
    assert frame["params.lr"].isna().tolist() == [False, True]
    assert str(frame["metrics.loss"].dtype) == "float64"
    assert frame["created_at"].iloc[0].isoformat() == "2026-01-02T00:00:00+00:00"


numbers = st.one_of(st.none(), st.floats())


@given(st.lists(numbers, min_size=2, max_size=6), st.sampled_from(["minimize", "maximize"]))
def test_no_value_is_better_than_the_best(values: list[float | None], direction: Direction) -> None:
    if all(value is None for value in values):
        return
    measure = of_values(*values, direction=direction)
    best = [v for v, is_best in zip(values, measure.best, strict=True) if is_best]
    others = [v for v in values if v is not None and not math.isnan(v)]
    assert all(v in (max(others) if direction == "maximize" else min(others),) for v in best)
    assert bool(best) == (len(set(others)) > 1)


@given(st.lists(numbers, min_size=2, max_size=6), st.permutations(range(6)))
def test_the_order_of_the_runs_changes_no_verdict(
    values: list[float | None], order: list[int]
) -> None:
    runs = [logged(i, {} if v is None else {"m": v}) for i, v in enumerate(values)]
    shuffled = [runs[i] for i in order if i < len(runs)]
    directions: dict[str, Direction] = {"m": "minimize"}
    verdicts = []
    for given_runs in (runs, shuffled):
        document = compare(given_runs, directions=directions, baseline=runs[0].id).to_dict()
        verdicts.append([(sorted(m["best"]), m["changes"]) for m in document["metrics"]])
    assert verdicts[0] == verdicts[1]
