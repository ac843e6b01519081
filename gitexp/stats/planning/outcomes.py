"""What a planned metric is expected to be: its value and its variance among the control's units."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from fractions import Fraction
from typing import Any, Literal

from gitexp.errors import InvalidInput
from gitexp.stats.checks import check_choice, check_count, check_finite
from gitexp.stats.planning.decimals import exact

MetricType = Literal["funnel", "mean_count", "mean_sum_or_avg", "ratio", "retention"]
METRIC_TYPES: tuple[MetricType, ...] = (
    "funnel", "mean_count", "mean_sum_or_avg", "ratio", "retention",
)  # fmt: skip
Source = Literal["given", "measured", "assumed", "binomial"]
"""Where a variance comes from: the caller, the baseline's sums, a rule of thumb, or the share."""

_RATIOS = ("ratio", "retention")
_SMALLEST = Fraction(1, 10**60)  # powers of it, up to the fourth, still fit into a float


@dataclass(frozen=True, kw_only=True)
class BaselineStats:
    """The sums of a metric over units that were seen before the experiment.

    Attributes:
        step_counts: how many units reached each step of a funnel; the last one counts.

    Raises:
        InvalidInput: a count is no whole number of at least 0, or a sum is not finite.
    """

    number_of_samples: int
    sum: float = 0.0
    sum_squares: float = 0.0
    denominator_sum: float | None = None
    denominator_sum_squares: float | None = None
    numerator_denominator_sum_product: float | None = None
    step_counts: Sequence[int] = ()

    def __post_init__(self) -> None:
        check_count("baseline_stats.number_of_samples", self.number_of_samples)
        for place, count in enumerate(self.step_counts):
            check_count(f"baseline_stats.step_counts[{place}]", count)
        # JSON may have written whole numbers as 4.0, with which no fraction can be made.
        object.__setattr__(self, "number_of_samples", int(self.number_of_samples))
        object.__setattr__(self, "step_counts", tuple(int(count) for count in self.step_counts))
        for name in _SUMS:
            value = getattr(self, name)
            if value is not None:
                check_finite(f"baseline_stats.{name}", value)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> BaselineStats:
        """Return the sums of a JSON object.

        Raises:
            InvalidInput: a key is unknown, or there is no number_of_samples.
        """
        known = [field.name for field in fields(cls)]
        for name in data:
            if name not in known:
                raise InvalidInput(
                    f"baseline_stats.{name} is unknown", hint=f"Choose from: {', '.join(known)}."
                )
        given = {name: value for name, value in data.items() if value is not None}
        if "number_of_samples" not in given:
            raise InvalidInput("baseline_stats.number_of_samples is required")
        if not all(_is_numeric(name, value) for name, value in given.items()):
            raise InvalidInput("baseline_stats holds something that is no number")
        return cls(**{**given, "step_counts": tuple(given.get("step_counts", ()))})


_SUMS = (
    "sum", "sum_squares", "denominator_sum", "denominator_sum_squares",
    "numerator_denominator_sum_product",
)  # fmt: skip


def _is_numeric(name: str, value: Any) -> bool:
    if name == "step_counts":
        return isinstance(value, (list, tuple)) and all(_is_numeric("", each) for each in value)
    return isinstance(value, (int, float)) and not isinstance(value, bool)


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What is known of a metric before the experiment.

    Attributes:
        baseline: the control's value; None where the sums hold no units.
        variance: the variance of one unit's contribution; None for a funnel, and where unknown.
        source: where the variance comes from.
        missing: why something is unknown; empty where nothing is.
    """

    metric_type: MetricType
    baseline: Fraction | None
    variance: Fraction | None
    source: Source
    missing: str = ""

    @property
    def spread(self) -> Fraction | None:
        """The variance of one of the control's units: p(1 - p) for a funnel."""
        if self.metric_type == "funnel" and self.baseline is not None:
            return self.baseline * (1 - self.baseline)
        return self.variance

    def spread_at(self, value: float) -> float:
        """Return the variance of one unit where the metric has another value.

        A share has its own variance; any other metric is taken to vary as it does at the baseline.
        """
        if self.metric_type == "funnel":
            return value * (1 - value)
        return float(self.variance) if self.variance is not None else 0.0


@dataclass(frozen=True, kw_only=True)
class Known:
    """What the caller knows of a metric: its value, its variance, or sums to take both from.

    Raises:
        InvalidInput: there is too little to size the metric by, in the words of the endpoint.
    """

    metric_type: MetricType
    baseline_value: float | None = None
    variance: float | None = None
    baseline_stats: BaselineStats | None = None

    def __post_init__(self) -> None:
        check_choice("metric_type", self.metric_type, METRIC_TYPES)
        if self.baseline_value is None and self.baseline_stats is None:
            raise InvalidInput(
                "Provide either baseline_value or baseline_stats.",
                hint="In a shell they are `--baseline N` and `--stats FILE`.",
            )
        if self.metric_type in _RATIOS:
            self._check_ratio()
        for name in ("baseline_value", "variance"):
            if getattr(self, name) is not None:
                check_finite(name, getattr(self, name))
        if self.variance is not None and self.variance < 0:
            raise InvalidInput(f"variance must not be negative: {self.variance!r}")

    def _check_ratio(self) -> None:
        if self.baseline_value is not None and self.variance is not None:
            return
        if self.baseline_stats is None:
            raise InvalidInput(
                "Ratio and retention metrics require baseline_stats, or both baseline_value and "
                "variance.",
                hint="In a shell they are `--stats FILE`, `--baseline N` and `--variance N`.",
            )
        if self.baseline_stats.denominator_sum is None:
            raise InvalidInput(
                "baseline_stats.denominator_sum: Required to size ratio and retention metrics."
            )

    def baseline(self) -> Fraction | None:
        """Return the control's value, None where the sums hold no units or no denominators.

        Raises:
            InvalidInput: the baseline of a funnel is no share.
        """
        if self.baseline_value is not None:
            found: Fraction | None = exact(self.baseline_value)
        else:
            found = self._measured()
        if self.metric_type == "funnel" and found is not None and not 0 <= found <= 1:
            raise InvalidInput(
                f"the baseline of a funnel is a share between 0 and 1: {float(found):g}",
                hint="Give 0.05 for 5 %.",
            )
        return found

    def _measured(self) -> Fraction | None:
        sums = self.baseline_stats
        if sums is None or not sums.number_of_samples:
            return None
        if self.metric_type in _RATIOS:
            denominator = exact(sums.denominator_sum or 0)
            return exact(sums.sum) / denominator if denominator else None
        if self.metric_type == "funnel" and sums.step_counts:
            return Fraction(sums.step_counts[-1], sums.number_of_samples)
        return exact(sums.sum) / sums.number_of_samples


def endpoint_outcome(known: Known) -> Outcome:
    """Return the outcome by the rules of PostHog's endpoint.

    A count is taken to have the variance 2b, unless that is negative, and a sum or an average
    0.25b², whatever was measured; a ratio that of the delta method with moments that divide by n,
    absent sums being 0.
    """
    baseline = known.baseline()
    variance, source = _endpoint_variance(known, baseline)
    return _outcome(known, baseline, variance, source)


def measured_outcome(known: Known) -> Outcome:
    """Return the outcome with the variance that was given or measured, and else the assumed one.

    Measured variances divide by n - 1.

    Raises:
        InvalidInput: the sums contradict each other, or lack what the variance of a ratio takes.
    """
    baseline = known.baseline()
    if known.metric_type == "funnel":
        return _outcome(known, baseline, None, "binomial")
    if known.variance is not None:
        return _outcome(known, baseline, exact(known.variance), "given")
    measured = _sample_variance(known)
    if measured is not None:
        return _outcome(known, baseline, measured, "measured")
    return _outcome(known, baseline, *_endpoint_variance(known, baseline))


def _outcome(
    known: Known, baseline: Fraction | None, variance: Fraction | None, source: Source
) -> Outcome:
    for name, value in (("baseline", baseline), ("variance", variance)):
        if value and not _SMALLEST < abs(value) < 1 / _SMALLEST:
            raise InvalidInput(f"the {name} is too large or too small to plan with")
    missing = ""
    if baseline is None:
        missing = "the baseline holds no units, so it has no value"
    elif variance is None and known.metric_type != "funnel":
        missing = "the variance of the metric is unknown"
    return Outcome(
        metric_type=known.metric_type,
        baseline=baseline,
        variance=variance,
        source=source,
        missing=missing,
    )


def _endpoint_variance(known: Known, baseline: Fraction | None) -> tuple[Fraction | None, Source]:
    if known.metric_type == "funnel":
        return None, "binomial"
    if known.metric_type in _RATIOS:
        if known.variance is not None:
            return exact(known.variance), "given"
        return _of_ratio(known.baseline_stats), "measured"
    if baseline is None or (known.metric_type == "mean_count" and baseline < 0):
        return None, "assumed"
    return (2 * baseline if known.metric_type == "mean_count" else baseline**2 / 4), "assumed"


def _of_ratio(sums: BaselineStats | None) -> Fraction | None:
    """Return the delta method's variance of one unit's contribution, with moments over n."""
    if sums is None or not sums.number_of_samples or not sums.denominator_sum:
        return None
    n = sums.number_of_samples
    top, bottom = exact(sums.sum) / n, exact(sums.denominator_sum) / n
    of_top = exact(sums.sum_squares) / n - top * top
    of_bottom = exact(sums.denominator_sum_squares or 0) / n - bottom * bottom
    both = exact(sums.numerator_denominator_sum_product or 0) / n - top * bottom
    return of_top / bottom**2 + top**2 * of_bottom / bottom**4 - 2 * top * both / bottom**3


def _sample_variance(known: Known) -> Fraction | None:
    sums = known.baseline_stats
    if sums is None or sums.number_of_samples < 2:
        return None
    n = sums.number_of_samples
    if known.metric_type in _RATIOS:
        _check_products(sums)
        found = _of_ratio(sums)
    elif not sums.sum_squares:
        return None
    else:
        found = exact(sums.sum_squares) / n - (exact(sums.sum) / n) ** 2
    if found is not None and found < 0:
        raise InvalidInput("the sums of squares of baseline_stats are below what its sums imply")
    return found if found is None else found * n / (n - 1)


def _check_products(sums: BaselineStats) -> None:
    if sums.denominator_sum_squares is None or sums.numerator_denominator_sum_product is None:
        raise InvalidInput(
            "the variance of a ratio needs baseline_stats.denominator_sum_squares and "
            "baseline_stats.numerator_denominator_sum_product",
            hint='Give them, or the variance, or take method="lehr", which counts them as 0.',
        )
