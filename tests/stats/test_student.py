"""Student's t without SciPy, against SciPy."""

from __future__ import annotations

import math

import pytest
from scipy import stats as scipy_stats  # type: ignore[import-untyped, unused-ignore]

from gitexp.errors import InvalidInput
from gitexp.stats.student import t_quantile, t_upper

DEGREES = (1, 2, 3, 4, 5, 7, 10, 29, 30, 99, 199, 200, 201, 500, 1000, 50_000)


@pytest.mark.parametrize("degrees", DEGREES)
def test_quantiles_are_those_of_scipy(degrees: int) -> None:
    for probability in (0.001, 0.025, 0.5, 0.6, 0.9, 0.95, 0.975, 0.995, 0.9995):
        expected = scipy_stats.t.ppf(probability, degrees)
        assert t_quantile(probability, degrees) == pytest.approx(expected, rel=2e-10, abs=1e-12)


@pytest.mark.parametrize("degrees", DEGREES)
def test_tails_are_those_of_scipy(degrees: int) -> None:
    for statistic in (-30.0, -1.5, 0.0, 0.1, 1.0, 2.0, 4.0, 12.0):
        expected = scipy_stats.t.sf(statistic, degrees)
        assert t_upper(statistic, degrees) == pytest.approx(expected, abs=2e-12)


def test_infinite_statistics_have_the_whole_tail_or_none() -> None:
    assert t_upper(math.inf, 3) == 0
    assert t_upper(-math.inf, 3) == 1


def test_what_has_no_answer_is_refused() -> None:
    with pytest.raises(InvalidInput, match="needs a degree of freedom, and has 0"):
        t_quantile(0.975, 0)
    with pytest.raises(InvalidInput, match="needs a degree of freedom"):
        t_upper(1.0, 0)
    with pytest.raises(InvalidInput, match=r"a probability of 1\.0 is not between 0 and 1"):
        t_quantile(1.0, 5)
