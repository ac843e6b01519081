"""Sufficient statistics: what they estimate, what they refuse, and that nothing is loaded early."""

from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import gitexp.stats
from gitexp.errors import InvalidInput
from gitexp.stats.moments import Moments
from gitexp.stats.samples import Mean, Proportion, Ratio


def refusal(caught: pytest.ExceptionInfo[InvalidInput]) -> str:
    return str(caught.value)


def test_a_mean_has_the_variance_of_its_values() -> None:
    sample = Mean.from_values([1.0, 2.0, 4.0, 9.0])
    assert (sample.count, sample.point, sample.degrees) == (4, 4.0, 3)
    assert sample.variance == pytest.approx(np.var([1, 2, 4, 9], ddof=1), rel=1e-15)
    assert sample.error == pytest.approx(sample.variance / 4, rel=1e-15)


def test_raw_sums_give_the_same_mean() -> None:
    values = np.array([1.0, 2.0, 4.0, 9.0])
    given = Mean.from_sums(4, float(values.sum()), float(values @ values))
    assert given.variance == pytest.approx(Mean.from_values(values).variance, rel=1e-14)


def test_a_proportion_is_its_share_of_successes() -> None:
    sample = Proportion(count=50, successes=20)
    assert (sample.point, sample.failures) == (0.4, 30)
    assert sample.variance == pytest.approx(0.24, rel=1e-15)
    assert sample.as_mean().variance == pytest.approx(0.24 * 50 / 49, rel=1e-14)


def test_a_ratio_is_that_of_the_sums_with_the_variance_of_the_delta_method() -> None:
    rng = np.random.default_rng(3)
    d = rng.uniform(1, 5, 200)
    m = 2 * d + rng.normal(0, 1, 200)
    sample = Ratio.from_values(m, d)
    ratio = m.sum() / d.sum()
    assert sample.point == pytest.approx(ratio, rel=1e-14)
    expected = (
        m.var(ddof=1) + ratio**2 * d.var(ddof=1) - 2 * ratio * np.cov(m, d)[0, 1]
    ) / d.mean() ** 2
    assert sample.variance == pytest.approx(expected, rel=1e-11)
    sums = ((m.sum(), d.sum()), (m @ m, d @ d), m @ d)
    assert Ratio.from_sums(200, *sums).variance == pytest.approx(expected, rel=1e-11)


def test_clusters_make_a_ratio_of_their_sums_to_their_sizes() -> None:
    sample = Ratio.from_clusters([1.0, 2.0, 3.0, 4.0, 5.0], ["a", "b", "a", "b", "b"])
    assert sample == Ratio.from_values([4.0, 11.0], [2, 3])
    assert sample.point == pytest.approx(3.0, rel=1e-15)


def test_the_variance_of_values_far_from_zero_is_kept() -> None:
    values = 1e9 + np.array([0.0, 1.0, 2.0])
    assert Mean.from_values(values).variance == pytest.approx(1.0, rel=1e-12)
    first, rest = Mean.from_values(values[:1]), Mean.from_values(values[1:])
    assert (first + rest).variance == pytest.approx(1.0, rel=1e-12)


def test_equal_values_have_no_variance_at_all() -> None:
    assert Mean.from_values([0.1] * 7).variance == 0.0
    assert Mean.from_sums(7, 0.1 * 7, 0.1 * 0.1 * 7).variance == 0.0


def test_nothing_adds_as_nothing() -> None:
    sample = Mean.from_values([1.0, 5.0])
    assert Mean(moments=Moments.empty(1)) + sample == sample
    assert sample + Mean.from_values([]) == sample
    counted = Proportion(count=9, successes=4)
    assert Proportion(count=0, successes=0) + counted == counted


def test_a_variance_lost_in_rounding_is_refused() -> None:
    values = 1.7e12 + np.random.default_rng(0).normal(0, 1e5, 1000)
    with pytest.raises(InvalidInput) as caught:
        Mean.from_sums(1000, float(values.sum()), float(values @ values))
    assert refusal(caught) == (
        "the variance of 1000 values is lost in the rounding of their sum of squares"
    )
    assert caught.value.hint is not None


@pytest.mark.parametrize(
    ("sums", "message"),
    [
        ((3, 6.0, 11.0), "a sum of squares of 11.0 is below the 12.0 that its sum implies"),
        ((0, 1.0, 1.0), "the sums of 0 units must be 0"),
        ((-1, 1.0, 1.0), "count must be a whole number of at least 0: -1"),
        ((2, math.nan, 1.0), "a sum is not finite: nan"),
        ((math.nan, 1.0, 1.0), "count must be a whole number of at least 0: nan"),
        ((2.5, 1.0, 1.0), "count must be a whole number of at least 0: 2.5"),
    ],
)
def test_sums_that_contradict_each_other_are_refused(
    sums: tuple[int, float, float], message: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        Mean.from_sums(*sums)
    assert refusal(caught) == message


def test_a_product_beyond_its_squares_is_refused() -> None:
    with pytest.raises(InvalidInput) as caught:
        Ratio.from_sums(3, (0.0, 0.0), (2.0, 2.0), 5.0)
    assert refusal(caught) == (
        "the sums of products imply a covariance of 5.0, beyond what the sums of squares allow"
    )
    with pytest.raises(InvalidInput, match=r"a centred product of 5\.0 is beyond 2\.0"):
        Moments(count=3, means=(0.0, 0.0), products=((2.0, 5.0), (5.0, 2.0)))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([1.0, math.nan], "values[1] is not finite: nan"),
        ([1.0, math.inf], "values[1] is not finite: inf"),
        ([[1.0], [2.0]], "values is no flat list of numbers: its shape is (2, 1)"),
        (["a"], "values is no flat list of numbers"),
    ],
)
def test_what_is_no_list_of_numbers_is_refused(values: list[float], message: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        Mean.from_values(values)
    assert refusal(caught) == message


def test_a_square_that_overflows_is_refused() -> None:
    with pytest.raises(InvalidInput, match="a product is not finite"):
        Mean.from_values([1e200, -1e200])


def test_columns_of_different_lengths_are_refused() -> None:
    with pytest.raises(InvalidInput) as caught:
        Mean.from_values([1.0, 2.0], [1.0])
    assert refusal(caught) == "values has 2 values and covariate 1 has 1"


def test_different_columns_do_not_add() -> None:
    with pytest.raises(InvalidInput) as caught:
        Mean.from_values([1.0, 2.0], [1.0, 3.0]) + Mean.from_values([1.0])
    assert refusal(caught) == "moments of 2 and of 1 columns do not add"


def test_a_single_unit_has_no_variance() -> None:
    with pytest.raises(InvalidInput) as caught:
        _ = Mean.from_values([1.0]).variance
    assert refusal(caught) == "a variance needs at least 2 units, and there are 1"


def test_an_empty_group_has_no_point() -> None:
    for sample in (Mean.from_values([]), Ratio.from_values([], [])):
        with pytest.raises(InvalidInput) as caught:
            _ = sample.point
        assert refusal(caught) == "a group of 0 units has no estimate"


def test_a_denominator_of_zero_is_refused() -> None:
    with pytest.raises(InvalidInput) as caught:
        _ = Ratio.from_values([1.0, 2.0], [0.0, 0.0]).point
    assert refusal(caught) == "a ratio has a denominator of 0"


def test_more_successes_than_units_are_refused() -> None:
    with pytest.raises(InvalidInput) as caught:
        Proportion(count=5, successes=6)
    assert refusal(caught) == "6 of 5 is no proportion"


def test_importing_a_statistic_loads_neither_scipy_nor_numpy() -> None:
    names = [path.stem for path in Path(gitexp.stats.__file__).parent.glob("*.py")]
    modules = ", ".join(f"gitexp.stats.{name}" for name in names if name != "__init__")
    code = f"import sys; import {modules}; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    loaded = {name.split(".")[0] for name in done.stdout.split()}
    assert loaded & {"scipy", "numpy", "pandas"} == set()


def test_without_scipy_a_statistic_says_how_to_get_it() -> None:
    code = (
        "import sys; sys.modules['scipy'] = None\n"
        "from gitexp.errors import InvalidInput\n"
        "from gitexp.stats.distributions import normal_quantile\n"
        "try: normal_quantile(0.975)\n"
        "except InvalidInput as error: print(error, error.hint, sep='|')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == (
        "this statistic needs scipy, which is not installed|"
        "Install it: `pip install 'gitexp[stats]'`."
    )
