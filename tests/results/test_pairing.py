"""Two runs row by row: what rose and fell, how sure that is, and what is not compared."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats as scipy_stats  # type: ignore[import-untyped, unused-ignore]

from gitexp.errors import InvalidInput
from gitexp.results.pairing import Side, mcnemar_p_value, pair
from gitexp.results.pairings import PairedMeasure, Pairing
from gitexp.runs.rows import ResultRow, Score
from gitexp.stats.pairs import mcnemar_test
from tests.runs.making import dataset_reference, make_row, make_run, references, run_id


def side(number: int, rows: Sequence[ResultRow], *, digit: str = "1", **fields: Any) -> Side:
    """A finished run over a dataset, judged by `m`."""
    given = {"dataset": dataset_reference(digit=digit), "evaluators": references("m"), **fields}
    return Side(run=make_run(run_id(number), **given), rows=iter(rows))


def verdicts(outcomes: Sequence[bool], *, repeats: int = 1, **fields: Any) -> list[ResultRow]:
    return [
        make_row(
            f"s{number // repeats}",
            "passed" if passed else "failed",
            repeat=number % repeats,
            scores={"m": Score(value=passed, passed=passed)},
            **fields,
        )
        for number, passed in enumerate(outcomes)
    ]


def grades(values: Sequence[float], *, weights: Sequence[float] = ()) -> list[ResultRow]:
    return [
        make_row(
            f"s{number}",
            "unscored",
            scores={"m": Score(value=value)},
            weight=weights[number] if weights else 1.0,
        )
        for number, value in enumerate(values)
    ]


def paired(before: Sequence[ResultRow], after: Sequence[ResultRow], **options: Any) -> Pairing:
    return pair(side(0, before), side(1, after), **options)


def measure(pairing: Pairing, name: str = "m") -> PairedMeasure:
    found = pairing.measure(name)
    assert found is not None
    return found


def test_verdicts_are_compared_by_mcnemar() -> None:
    before = [True] * 60 + [False] * 40
    after = [True] * 50 + [False] * 10 + [True] * 22 + [False] * 18
    found = measure(paired(verdicts(before), verdicts(after)))
    assert (found.before, found.after) == (0.6, 0.72)
    assert found.difference == pytest.approx(0.12)
    assert (found.only_before, found.only_after, found.test) == (10, 22, "mcnemar")
    assert found.p_value == pytest.approx(mcnemar_test(10, 22).p_value)
    assert found.interval is not None
    assert found.interval == pytest.approx((0.008, 0.227), abs=3e-3)
    assert [moved.sample for moved in found.better or ()][:3] == ["s60", "s61", "s62"]
    assert len(found.worse or ()) == 10


@pytest.mark.parametrize(
    ("falls", "rises"), [(0, 1), (5, 0), (3, 9), (7, 7), (40, 61), (900, 1000), (1, 5000)]
)
def test_the_p_value_without_scipy_is_that_of_mcnemar(falls: int, rises: int) -> None:
    assert mcnemar_p_value(falls, rises) == pytest.approx(mcnemar_test(falls, rises).p_value)


def test_verdicts_that_all_agree_leave_an_interval_all_the_same() -> None:
    found = measure(paired(verdicts([True] * 20), verdicts([True] * 20)))
    assert (found.difference, found.p_value) == (0.0, 1.0)
    assert found.interval is not None
    assert found.interval[0] == pytest.approx(-found.interval[1])
    assert 0.1 < found.interval[1] < 0.2
    assert not found.is_clear


def test_numbers_are_compared_by_the_paired_t_test() -> None:
    before, after = [0.1, 0.5, 0.4, 0.9, 0.3], [0.3, 0.6, 0.7, 0.8, 0.6]
    found = measure(paired(grades(before), grades(after)))
    expected = scipy_stats.ttest_rel(after, before)
    interval = expected.confidence_interval(0.95)
    assert found.test == "t"
    assert found.p_value == pytest.approx(expected.pvalue)
    assert found.interval == pytest.approx((interval.low, interval.high))
    assert found.direction is None
    assert found.better is None
    assert [moved.sample for moved in found.decreased] == ["s3"]
    assert found.to_dict()["increased"][0]["sample"] == "s2"


@pytest.mark.parametrize("shift", [0.1, 1 / 3, 1.0, 1e-9])
def test_differences_that_are_all_the_same_say_nothing_of_how_sure_they_are(shift: float) -> None:
    before = [0.1, 0.7, 0.4, 0.9, 0.3]
    found = measure(paired(grades(before), grades([value + shift for value in before])))
    assert found.difference == pytest.approx(shift)
    assert (found.test, found.p_value, found.interval) == (None, None, None)
    assert not found.is_clear


def test_numbers_that_are_all_equal_do_not_differ() -> None:
    found = measure(paired(grades([0.1, 0.7]), grades([0.1, 0.7])))
    assert (found.difference, found.p_value, found.interval) == (0.0, 1.0, (0.0, 0.0))


def test_a_declared_direction_says_what_is_better() -> None:
    found = measure(paired(grades([3.0, 2.0]), grades([1.0, 4.0]), directions={"m": "minimize"}))
    assert [moved.sample for moved in found.better or ()] == ["s0"]
    assert [moved.sample for moved in found.worse or ()] == ["s1"]


def test_the_interval_at_a_higher_confidence_is_wider() -> None:
    before, after = grades([1.0, 2.0, 3.0]), grades([1.5, 2.5, 4.0])
    usual, wide = (measure(paired(before, after, confidence=c)) for c in (0.95, 0.99))
    assert usual.interval is not None
    assert wide.interval is not None
    assert wide.interval[0] < usual.interval[0] < usual.interval[1] < wide.interval[1]


def test_passes_over_one_sample_are_one_cluster() -> None:
    before = verdicts([False] * 10 * 4, repeats=4)
    after = verdicts(([True] * 4 + [False] * 4) * 5, repeats=4)
    found = measure(paired(before, after))
    assert (found.pairs, found.samples, found.test) == (40, 10, "t")
    assert found.p_value == pytest.approx(scipy_stats.ttest_1samp([1, 0] * 5, 0).pvalue)
    assert [(moved.before, moved.after) for moved in found.better or ()] == [(0.0, 1.0)] * 5


def test_weights_of_samples_weigh_the_difference() -> None:
    found = measure(
        paired(grades([0.0, 0.0], weights=[3.0, 1.0]), grades([1.0, 0.0], weights=[3.0, 1.0]))
    )
    assert found.difference == 0.75


def test_one_sample_has_no_interval() -> None:
    found = measure(paired(grades([1.0]), grades([2.0])))
    assert (found.difference, found.interval, found.p_value) == (1.0, None, None)
    assert not found.is_clear


def test_rows_are_paired_by_sample_and_repeat_in_any_order() -> None:
    before, after = verdicts([True, False, True] * 4, repeats=3), verdicts([True] * 12, repeats=3)
    expected = paired(before, after).to_dict()
    random.Random(3).shuffle(before)
    random.Random(4).shuffle(after)
    assert paired(before, after).to_dict() == expected


def test_errors_have_not_passed_and_have_no_score() -> None:
    before = verdicts([True, True])
    after = [before[0], make_row("s1", "error", scores={})]
    pairing = paired(before, after)
    assert measure(pairing, "pass_rate").difference == -0.5
    assert measure(pairing).pairs == 1
    assert (measure(pairing).unpaired_before, measure(pairing).unpaired_after) == (1, 0)


def test_samples_in_one_run_alone_are_named() -> None:
    pairing = paired(verdicts([True] * 3), [*verdicts([True] * 3)[1:], make_row("x")])
    assert pairing.only_in_baseline == ("s0",)
    assert pairing.only_in_run == ("x",)
    assert pairing.pairs == 2
    assert not pairing.repeats_differ
    assert paired(verdicts([True] * 6, repeats=3), verdicts([True] * 2)).repeats_differ


def test_a_grade_with_verdicts_is_compared_in_both() -> None:
    def graded(values: Sequence[float]) -> list[ResultRow]:
        return [
            make_row(f"s{n}", scores={"m": Score(value=v, passed=v >= 0.5)})
            for n, v in enumerate(values)
        ]

    pairing = paired(graded([0.4, 0.6, 0.7]), graded([0.6, 0.7, 0.8]))
    assert [found.name for found in pairing.measures] == ["pass_rate", "m", "m.pass_rate"]
    assert measure(pairing, "m.pass_rate").only_after == 1


def test_labels_are_compared_by_their_verdicts() -> None:
    rows = [make_row("a", scores={"m": Score(value="good", passed=True)})]
    pairing = paired(rows, [make_row("a", scores={"m": Score(value="bad", passed=False)})])
    assert measure(pairing).difference == -1.0


def test_numbers_are_not_compared_with_the_verdicts_of_labels() -> None:
    def labels(outcomes: Sequence[bool]) -> list[ResultRow]:
        return [
            make_row(f"s{number}", scores={"m": Score(value="warm", passed=passed)})
            for number, passed in enumerate(outcomes)
        ]

    def numbers(values: Sequence[float]) -> list[ResultRow]:
        return [
            make_row(f"s{number}", scores={"m": Score(value=value, passed=value > 0.5)})
            for number, value in enumerate(values)
        ]

    pairing = paired(labels([True, True, False]), numbers([0.9, 0.4, 0.3]))
    assert pairing.measure("m") is None
    said = measure(pairing, "m.pass_rate")
    assert (said.before, said.after) == pytest.approx((2 / 3, 1 / 3))
    mixed = paired([*labels([True]), *numbers([0.1, 0.4])[1:]], numbers([0.9, 0.6]))
    assert (measure(mixed).pairs, measure(mixed).difference) == (1, pytest.approx(0.2))
    assert measure(mixed, "m.pass_rate").pairs == 2


def test_other_evaluators_of_the_same_name_are_not_compared() -> None:
    other = references("m")[0].__class__(name="m", digest="sha256:" + "9" * 64)
    pairing = pair(side(0, verdicts([True])), side(1, verdicts([False]), evaluators=(other,)))
    assert pairing.measures == ()
    assert pairing.other_evaluators == ("m",)


def test_different_datasets_are_refused() -> None:
    with pytest.raises(InvalidInput) as caught:
        pair(side(0, verdicts([True])), side(1, verdicts([True]), digit="2"))
    assert caught.value.message == (
        "the runs are over different datasets: "
        f"{run_id(0)} of 'q' (sha256:1111111111) and {run_id(1)} of 'q' (sha256:2222222222)"
    )
    assert "--allow-different-datasets" in (caught.value.hint or "")


def test_of_different_datasets_the_equal_samples_are_compared() -> None:
    before = verdicts([True, True, True], expected=1)
    after = verdicts([False, False, False], expected=1)
    after[1] = make_row("s1", "failed", expected=2)
    pairing = pair(side(0, before), side(1, after, digit="2"), allow_different_datasets=True)
    assert (pairing.same_dataset, pairing.pairs, pairing.changed) == (False, 2, ("s1",))


def test_runs_that_cannot_be_compared_are_refused() -> None:
    with pytest.raises(InvalidInput, match="is no evaluation of a dataset"):
        pair(side(0, verdicts([True])), side(1, [], dataset=None))
    with pytest.raises(InvalidInput, match="have no sample in common"):
        paired(verdicts([True]), [make_row("x")])


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=2, max_size=40))
def test_swapping_the_runs_turns_everything_around(outcomes: list[tuple[bool, bool]]) -> None:
    before, after = (verdicts([pair[i] for pair in outcomes]) for i in (0, 1))
    there, back = measure(paired(before, after)), measure(paired(after, before))
    assert there.difference == -back.difference
    assert there.p_value == back.p_value
    assert there.interval is not None
    assert back.interval is not None
    assert there.interval == pytest.approx((-back.interval[1], -back.interval[0]))
    assert there.better is not None
    assert len(there.better) == len(back.worse or ())
    json.dumps(there.to_dict(), allow_nan=False)


def test_intervals_of_differences_cover_as_often_as_they_say() -> None:
    drawn, covered = random.Random(5), 0
    for _ in range(400):
        rolls = [drawn.random() for _ in range(60)]
        # 10 % of the pairs rise, 5 % fall: a difference of 0.05.
        before = [roll < 0.5 or 0.6 <= roll < 0.65 for roll in rolls]
        after = [roll < 0.6 for roll in rolls]
        interval = measure(paired(verdicts(before), verdicts(after))).interval
        assert interval is not None
        covered += interval[0] <= 0.05 <= interval[1]
    assert 0.93 <= covered / 400 <= 0.99


def test_differences_of_very_large_numbers_are_finite_or_left_out() -> None:
    found = measure(paired(grades([1e308, 1.0]), grades([-1e308, 1.0])))
    assert math.isfinite(found.before)
    json.dumps(found.to_dict(), allow_nan=False)


def test_the_difference_is_exact_where_the_shares_are() -> None:
    found = measure(paired(verdicts([True] * 100), verdicts([True] * 98 + [False] * 2)))
    assert found.difference == -0.02
    assert np.isclose(found.before - found.after, 0.02)
