"""Gates: rules as texts, the numbers they are about, and what they come to."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from gitexp.errors import InvalidInput, NotFound
from gitexp.results.gates.gating import gate
from gitexp.results.gates.judging import Evidence, Verdict, judge, judge_all
from gitexp.results.gates.quantities import quantity
from gitexp.results.gates.rules import Rule, parse
from gitexp.results.pairing import Side, pair
from gitexp.runs.metrics import MetricPoint
from gitexp.runs.recording.ledger import append
from gitexp.runs.recording.records import counted, record_of
from gitexp.runs.rows import ResultRow, Score
from gitexp.runs.run import Run
from gitexp.runs.tallies import tally_of
from gitexp.store.memory import MemoryStore
from tests.runs.making import (
    IDENTITY,
    dataset_reference,
    make_row,
    make_run,
    references,
    run_id,
    workspace_on,
)


def rows(outcomes: Sequence[bool], *, seconds: float = 1.0) -> list[ResultRow]:
    return [
        make_row(
            f"s{number}",
            "passed" if passed else "failed",
            scores={"m": Score(value=passed, passed=passed)},
            duration_seconds=seconds,
            usage={"cost": 0.5, "input_tokens": 3, "output_tokens": 1},
        )
        for number, passed in enumerate(outcomes)
    ]


def run_of(given: Sequence[ResultRow], number: int = 0, **fields: Any) -> Run:
    """A finished run with these rows."""
    usual = {"dataset": dataset_reference(), "evaluators": references("m")}
    return counted(make_run(run_id(number), **{**usual, **fields}), tally_of(given))


NINE_OF_TEN = rows([True] * 9 + [False])


def verdict(text: str, given: Sequence[ResultRow] = NINE_OF_TEN, **fields: Any) -> Verdict:
    evidence = {name: fields.pop(name) for name in ("tally", "directions") if name in fields}
    return judge(parse(text), Evidence(run=run_of(given, **fields), **evidence))


def regression(
    text: str, before: Sequence[ResultRow], after: Sequence[ResultRow], **fields: Any
) -> Verdict:
    baseline, run = run_of(before), run_of(after, 1, **fields)
    pairing = pair(
        Side(run=baseline, rows=before), Side(run=replace(baseline, id=run.id), rows=after)
    )
    return judge(parse(text), Evidence(run=run, baseline=baseline, pairing=pairing))


# --- rules ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("min accuracy=0.9", Rule(kind="min", subject="accuracy", limit=0.9)),
        ("max latency.p95=2.0", Rule(kind="max", subject="latency.p95", limit=2.0)),
        ("max-regression a=b=0", Rule(kind="max-regression", subject="a=b", limit=0.0)),
        ("max-error-rate 0.01", Rule(kind="max", subject="error_rate", limit=0.01)),
        ("max-unscored 1e-2", Rule(kind="max", subject="unscored_rate", limit=0.01)),
        ("min-samples 100", Rule(kind="min-samples", limit=100.0)),
    ],
)
def test_a_rule_is_read_from_its_text(text: str, rule: Rule) -> None:
    assert parse(text) == rule
    assert parse(rule.text) == rule


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("least a=1", "there is no rule 'least'"),
        ("min a", "min 'a' is no rule"),
        ("min =1", "min '=1' is no rule"),
        ("min a=", "min a: '' is no number"),
        ("min a=much", "min a: 'much' is no number"),
        ("min a=nan", "min a: nan is no finite number"),
        ("max-regression a=-1", "max-regression a=-1: the limit is less than 0"),
        ("min-samples many", "min-samples: 'many' is no number"),
    ],
)
def test_what_is_no_rule_is_refused(text: str, message: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse(text)
    assert caught.value.message == message


# --- numbers ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("subject", "value"),
    [
        ("m", 0.9),
        ("m.mean", 0.9),
        ("scores.m", 0.9),
        ("m.pass_rate", 0.9),
        ("pass_rate", 0.9),
        ("scored_pass_rate", 0.9),
        ("error_rate", 0.0),
        ("unscored_rate", 0.0),
        ("latency.p95", 1.0),
        ("cost", 5.0),
        ("tokens", 40),
        ("input_tokens", 30),
        ("duration_seconds", 5.0),
        ("metrics.loss", 0.25),
    ],
)
def test_a_subject_names_a_number_of_the_run(subject: str, value: float) -> None:
    run = run_of(NINE_OF_TEN, metrics={"loss": MetricPoint(0.25)})
    assert quantity(run, subject, {}).value == value


def test_a_number_that_the_run_lacks_cannot_be_judged() -> None:
    with pytest.raises(NotFound) as caught:
        quantity(run_of(NINE_OF_TEN), "pass_rat", {})
    assert caught.value.hint == "Did you mean 'pass_rate'?"
    for text in ("min pass@2=1", "min x=1", "max metrics.loss=1", "min m.passes=1"):
        assert verdict(text).outcome == "unjudged"
    nan = verdict("min metrics.x=1", metrics={"x": MetricPoint(float("nan"))})
    assert nan.outcome == "unjudged"


def test_an_evaluator_named_like_something_else_is_meant_first() -> None:
    given = [make_row("a", scores={"cost": Score(value=0.5)}, usage={"cost": 9.0})]
    assert quantity(run_of(given), "cost", {}).value == 0.5


def test_several_tries_are_numbers_too() -> None:
    given = [replace(row, repeat=n % 2, sample=f"s{n // 2}") for n, row in enumerate(NINE_OF_TEN)]
    assert quantity(run_of(given), "pass@2", {}).value == 1.0
    assert quantity(run_of(given), "m.pass^2", {}).value == 0.8


# --- limits -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "outcome"),
    [
        ("min m=0.9", "passed"),
        ("min m=0.91", "failed"),
        ("max m=0.9", "passed"),
        ("max latency.p95=0.5", "failed"),
        ("max-error-rate 0", "passed"),
        ("min-samples 10", "passed"),
        ("min-samples 11", "unjudged"),
    ],
)
def test_a_limit_is_passed_up_to_itself(text: str, outcome: str) -> None:
    assert verdict(text).outcome == outcome


def test_with_intervals_the_whole_interval_has_to_pass() -> None:
    tally = tally_of(NINE_OF_TEN)
    assert verdict("min m=0.8", tally=tally).outcome == "failed"
    found = verdict("min m=0.5", tally=tally)
    assert found.outcome == "passed"
    assert found.interval == pytest.approx((0.596, 0.982), abs=1e-3)
    assert verdict("max m=0.9", tally=tally).outcome == "failed"
    assert verdict("max cost=5", tally=tally).interval is None


def test_what_has_no_interval_is_not_judged_by_one() -> None:
    given = [replace(row, repeat=n % 2, sample=f"s{n // 2}") for n, row in enumerate(NINE_OF_TEN)]
    found = verdict("min pass@2=0.5", given, tally=tally_of(given))
    assert (found.outcome, found.reason) == ("unjudged", "'pass@2' has no interval")


def test_a_run_that_is_not_finished_is_not_judged() -> None:
    run = make_run(status="killed", dataset=dataset_reference())
    found = judge(parse("min m=0"), Evidence(run=run))
    assert (found.outcome, found.reason) == ("unjudged", "the run is killed, and not finished")


# --- regressions --------------------------------------------------------------------------------


def test_a_regression_is_judged_over_pairs() -> None:
    before, after = rows([True] * 100), rows([True] * 98 + [False] * 2)
    found = regression("max-regression m=0.02", before, after)
    assert (found.outcome, found.value, found.pairs) == ("passed", 0.02, 100)
    assert (found.baseline, found.current) == (1.0, 0.98)
    assert regression("max-regression m=0.019", before, after).outcome == "failed"
    assert regression("max-regression pass_rate=0", after, before).value == -0.02


def test_a_regression_with_intervals_is_judged_by_its_bad_end() -> None:
    before = rows([True] * 50)
    run = run_of(before)
    pairing = pair(Side(run=run, rows=before), Side(run=run, rows=before))
    evidence = Evidence(run=run, tally=tally_of(before), baseline=run, pairing=pairing)
    found = judge(parse("max-regression m=0.02"), evidence)
    assert found.outcome == "failed"
    assert found.value == 0
    assert found.interval is not None
    assert found.interval[1] > 0.02
    assert judge(parse("max-regression m=0.1"), evidence).outcome == "passed"


def test_more_time_and_more_of_what_should_be_less_are_regressions() -> None:
    quick, slow = rows([True] * 5, seconds=1.0), rows([True] * 5, seconds=1.5)
    assert regression("max-regression latency.p50=0.4", quick, slow).outcome == "failed"
    assert regression("max-regression latency.p50=0.4", slow, quick).value == -0.5


def test_a_regression_of_a_metric_needs_a_direction() -> None:
    base = run_of(NINE_OF_TEN, metrics={"loss": MetricPoint(1.0)})
    now = run_of(NINE_OF_TEN, 1, metrics={"loss": MetricPoint(1.5)})
    rule = parse("max-regression metrics.loss=0.1")
    found = judge(rule, Evidence(run=now, baseline=base))
    assert found.reason.startswith("nobody has said which values of 'metrics.loss' are better")
    evidence = Evidence(run=now, baseline=base, directions={"loss": "minimize"})
    assert judge(rule, evidence).outcome == "failed"


def test_another_dataset_another_evaluator_and_no_baseline_leave_it_unjudged() -> None:
    other = run_of(NINE_OF_TEN, dataset=dataset_reference(digit="2"))
    rule, run = parse("max-regression m=0.1"), run_of(NINE_OF_TEN, 1)
    found = judge(rule, Evidence(run=run, baseline=other))
    assert found.reason == f"the baseline {other.id} is over another dataset"
    assert judge(rule, Evidence(run=run)).reason == "there is no baseline"
    gone = Evidence(run=run, baseline=NotFound("there is no such run"))
    assert judge(rule, gone).reason == "there is no such run"
    theirs = run_of(NINE_OF_TEN, evaluators=(replace(references("m")[0], digest="sha256:9"),))
    pairing = pair(Side(run=theirs, rows=NINE_OF_TEN), Side(run=run, rows=NINE_OF_TEN))
    found = judge(rule, Evidence(run=run, baseline=theirs, pairing=pairing))
    assert found.reason == "evaluators are not the same in the baseline: 'm'"


def test_rows_that_lost_their_score_are_told_of() -> None:
    after = [*rows([True] * 9), make_row("s9", "error", scores={})]
    found = regression("max-regression m=0.1", rows([True] * 10), after)
    assert (found.outcome, found.reason) == ("passed", "1 row has a score in the baseline alone")


def scored(number: int, of: int) -> list[ResultRow]:
    """Rows that passed, the first of which alone have a score of `rare`."""
    rare = {"rare": Score(value=0.95)}
    given = rows([True] * of)
    return [replace(row, scores={**row.scores, **rare}) for row in given[:number]] + given[number:]


def test_too_few_samples_are_those_behind_the_numbers_that_are_judged() -> None:
    evidence = Evidence(run=run_of(scored(2, 10), evaluators=references("m", "rare")))

    def outcome(*texts: str) -> str:
        return judge_all([parse(text) for text in texts], evidence, confidence=None).outcome

    assert outcome("min m=0.9", "min-samples 10") == "passed"
    assert outcome("min rare=0.9", "min-samples 2") == "passed"
    assert outcome("min m=0.9", "min rare=0.9", "min-samples 3") == "unjudged"


def test_a_regression_over_too_few_pairs_is_not_judged() -> None:
    sides = [scored(count, 10) for count in (2, 10)]
    runs = [run_of(side, n, evaluators=references("m", "rare")) for n, side in enumerate(sides)]
    pairing = pair(*(Side(run=run, rows=side) for run, side in zip(runs, sides, strict=True)))
    evidence = Evidence(run=runs[1], baseline=runs[0], pairing=pairing)
    asked = [parse("max-regression rare=0.1"), parse("min-samples 3")]
    few = judge_all(asked, evidence, confidence=None).verdicts[1]
    assert (few.outcome, few.reason) == ("unjudged", "2 samples are too few; 3 are asked for")


def test_rows_that_numbers_alone_were_given_to_are_enough_samples() -> None:
    given = [make_row(f"s{n}", "unscored", scores={"rare": Score(value=0.9)}) for n in range(5)]
    evidence = Evidence(run=run_of(given, evaluators=references("rare")))
    asked = [parse("min rare=0.9"), parse("min-samples 5")]
    assert judge_all(asked, evidence, confidence=None).passed


def test_a_number_of_few_rows_says_so() -> None:
    found = judge(parse("min rare=0.9"), Evidence(run=run_of(scored(2, 10))))
    assert (found.outcome, found.reason) == ("passed", "8 of 10 rows have no score of it")
    assert verdict("min m=0.9").reason == ""


def test_an_evaluator_named_like_a_rate_is_compared_as_itself() -> None:
    def side(value: float) -> list[ResultRow]:
        scores = {"pass_rate": Score(value=value)}
        return [replace(row, scores=scores) for row in rows([True] * 5)]

    sides = [side(value) for value in (0.9, 0.5)]
    runs = [run_of(given, n, evaluators=references("pass_rate")) for n, given in enumerate(sides)]
    pairing = pair(*(Side(run=run, rows=given) for run, given in zip(runs, sides, strict=True)))
    evidence = Evidence(run=runs[1], baseline=runs[0], pairing=pairing)
    found = judge(parse("max-regression scores.pass_rate=0.1"), evidence)
    assert (found.outcome, found.baseline, found.current) == ("failed", 0.9, 0.5)


# --- reports ------------------------------------------------------------------------------------


def test_a_report_fails_before_it_is_unjudged() -> None:
    evidence = Evidence(run=run_of(NINE_OF_TEN))

    def outcome(*texts: str) -> str:
        return judge_all([parse(text) for text in texts], evidence, confidence=None).outcome

    assert outcome("min m=0.5", "min m=0.9") == "passed"
    assert outcome("min m=0.5", "min x=0.9") == "unjudged"
    assert outcome("min m=0.95", "min x=0.9") == "failed"
    report = judge_all([parse("min m=0.5")], evidence, confidence=None)
    assert report.passed
    assert json.loads(json.dumps(report.to_dict(), allow_nan=False))["outcome"] == "passed"


def test_a_recorded_run_is_judged_against_the_latest_before_it() -> None:
    workspace = workspace_on(MemoryStore(config=IDENTITY))
    for number, outcomes in enumerate([[True] * 10, [True] * 8 + [False] * 2]):
        run = run_of(rows(outcomes), number)
        append(workspace, "tone", [record_of(run, rows(outcomes))])
    report = gate(workspace, run_id(1), ["max-regression m=0.1", "min m=0.8"], baseline="latest")
    assert (report.baseline, report.outcome) == (run_id(0), "failed")
    first = gate(workspace, run_id(0), ["max-regression m=0.1"], baseline="latest")
    assert first.verdicts[0].reason == (
        "there is no finished earlier run of 'tone' over the same dataset 'q'"
    )
    own = gate(workspace, run_id(0), ["max-regression m=0.1"], baseline=run_id(0))
    assert own.verdicts[0].reason == f"run {run_id(0)} is its own baseline"
    wide = gate(workspace, run_id(1), ["min m=0.4"], use_intervals=True, confidence=0.9999)
    assert (wide.outcome, wide.confidence) == ("failed", 0.9999)


def test_a_gate_that_asks_nothing_or_compares_with_nothing_is_refused() -> None:
    workspace = workspace_on(MemoryStore(config=IDENTITY))
    with pytest.raises(InvalidInput, match="a gate needs a rule"):
        gate(workspace, run_id(0), [])
    with pytest.raises(InvalidInput, match="max-regression m=0 needs a baseline"):
        gate(workspace, run_id(0), ["max-regression m=0"])
    with pytest.raises(InvalidInput, match="a confidence of 1 is not between"):
        gate(workspace, run_id(0), ["min m=0"], confidence=1)
