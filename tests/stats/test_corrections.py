"""Several tests at once against statsmodels, and intervals that agree; splits against SciPy."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests

from gitexp.errors import InvalidInput
from gitexp.stats.corrections import Correction, adjust, benjamini_hochberg, bonferroni, holm
from gitexp.stats.effects import Effect
from gitexp.stats.frequentist import Comparison, z_test
from gitexp.stats.sequential import always_valid
from gitexp.stats.shares import sequential_share_test, share_test

CORRECTIONS: tuple[Correction, ...] = ("bonferroni", "holm", "benjamini-hochberg")


def judged(z: float) -> Comparison:
    return z_test(
        Effect(
            value=z, variance=1.0, degrees=math.inf, count=100, scale="absolute",
            control=1.0, treatment=1.0 + z,
        )
    )  # fmt: skip


@pytest.mark.parametrize("count", [1, 2, 7, 60])
def test_p_values_agree_with_statsmodels(count: int) -> None:
    p_values = list(np.random.default_rng(count).random(count) ** 3)
    p_values += p_values[:2]
    for ours, name in ((bonferroni, "bonferroni"), (holm, "holm"), (benjamini_hochberg, "fdr_bh")):
        expected = multipletests(p_values, method=name)[1]
        assert ours(p_values) == pytest.approx(list(expected), rel=1e-13)


@pytest.mark.parametrize("correction", CORRECTIONS)
def test_adjusted_p_values_and_intervals_say_the_same(correction: Correction) -> None:
    rng = np.random.default_rng(8)
    for _ in range(15):
        tests = [judged(float(z)) for z in rng.normal(1.5, 1.5, rng.integers(1, 9))]
        plain = [test.p_value for test in tests]
        names = {"benjamini-hochberg": "fdr_bh"}
        expected = multipletests(plain, method=names.get(correction, correction))[0]
        for found, rejected in zip(adjust(tests, correction=correction), expected, strict=True):
            assert found.significant == rejected == (found.p_value < 0.05)
            assert found.significant == (not found.interval.low <= 0 <= found.interval.high)


def test_bonferroni_shares_the_level() -> None:
    found = adjust([judged(1), judged(2), judged(3), judged(4)], correction="bonferroni")
    assert [item.test.confidence for item in found] == pytest.approx([0.9875] * 4)


def test_holm_gives_each_test_the_level_of_its_step() -> None:
    found = adjust([judged(5), judged(1), judged(4), judged(0.5)])
    levels = [1 - item.test.confidence for item in found]
    assert levels == pytest.approx([0.05 / 4, 0.05 / 2, 0.05 / 3, 0.05 / 2])


def test_benjamini_hochberg_gives_all_tests_the_share_that_was_found() -> None:
    found = adjust([judged(5), judged(1), judged(4), judged(0.5)], correction="benjamini-hochberg")
    assert [1 - item.test.confidence for item in found] == pytest.approx([0.05 * 2 / 4] * 4)


def test_equal_p_values_are_decided_alike() -> None:
    found = adjust([judged(2.4), judged(-2.4), judged(2.4)])
    assert {item.significant for item in found} == {True}
    assert len({item.test.confidence for item in found}) == 1


def test_sequences_are_corrected_too() -> None:
    looks = [always_valid(judged(z).effect) for z in (0.5, 9.0)]
    assert [item.significant for item in adjust(looks)] == [False, True]


def test_what_cannot_be_corrected_is_refused() -> None:
    with pytest.raises(InvalidInput, match="there are no tests to correct"):
        adjust([])
    with pytest.raises(InvalidInput, match=r"p_values\[1\] is no probability: 1.5"):
        holm([0.1, 1.5])
    with pytest.raises(InvalidInput, match="correction 'sidak' is unknown"):
        adjust([judged(1)], correction="sidak")  # type: ignore[arg-type]


def test_a_split_agrees_with_scipy() -> None:
    for observed, weights in [
        ((500, 520), (1, 1)),
        ((90, 10), (9, 1)),
        ((5000, 5500, 99), (50, 50, 1)),
    ]:
        expected = np.array(weights) / sum(weights) * sum(observed)
        chi = stats.chisquare(observed, expected)
        found = share_test(observed, weights)
        assert found.expected == pytest.approx(tuple(expected))
        assert (found.statistic, found.p_value) == pytest.approx(tuple(chi), rel=1e-12)
        assert found.mismatch == (chi.pvalue < 0.001)


def test_a_split_watched_from_the_start_has_its_bayes_factor() -> None:
    found = sequential_share_test((3, 1), (1, 1), concentration=2.0)
    # With a uniform prior the sequence of 3 and 1 has the probability 3!·1!/5!, against 1/16.
    assert math.exp(found.statistic) == pytest.approx(16 * 6 / 120, rel=1e-12)
    assert found.p_value == 1.0
    late = sequential_share_test((5600, 5000), (1, 1))
    assert late.mismatch
    assert late.p_value == pytest.approx(math.exp(-late.statistic), rel=1e-12)
    assert sequential_share_test((0, 0), (1, 1)).p_value == 1.0


@pytest.mark.parametrize(
    ("observed", "weights", "message"),
    [
        (
            (4, 4),
            (1, 1),
            "a variant is expected to have 4 units, too few for the chi-square test, which needs 5",
        ),
        ((40,), (1,), "a split needs at least 2 variants"),
        ((40, 50), (1,), "2 counts do not match 1 weights"),
        ((40, 50), (1, 0), "weights[1] must be above 0: 0"),
        ((40, -5), (1, 1), "observed[1] must be a whole number of at least 0: -5"),
    ],
)
def test_a_split_that_cannot_be_tested_is_refused(
    observed: tuple[int, ...], weights: tuple[float, ...], message: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        share_test(observed, weights)
    assert str(caught.value) == message
