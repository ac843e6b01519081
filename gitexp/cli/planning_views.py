"""How plans are shown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from gitexp.cli.output import one_row
from gitexp.cli.tables import Column, Table

if TYPE_CHECKING:
    from gitexp.results.curves import LineChart
    from gitexp.stats.planning.curves import PowerPoint

_PLAN = (
    Column(key="recommended_sample_size", title="units", kind="number"),
    Column(key="sizes", title="for each variant", data_key="sample_sizes"),
    Column(key="recommended_running_time_days", title="days", kind="number"),
    Column(key="on_average", title="units on average", data_key="expected_sample_size"),
    Column(key="achieved", title="achieved power", data_key="achieved_power"),
    Column(key="effect", title="effect", data_key="minimum_detectable_effect"),
    Column(key="baseline", title="baseline", data_key="baseline_value", kind="number"),
    Column(key="spread", title="variance", data_key="variance"),
    Column(key="test", title="test", data_key="alpha"),
    Column(key="method", title="method"),
    Column(key="note", title="note"),
)
_POINTS = (
    Column(key="sample_size", title="units", kind="number"),
    Column(key="percent", title="effect", data_key="effect", kind="number"),
    Column(key="digits", title="power", data_key="power", kind="number"),
)
_SOURCES = {"given": "given", "measured": "measured", "assumed": "a rule of thumb"}


def plan_fields(answer: dict[str, Any]) -> Table:
    """Return the fields of an answer, or of what is known of a design."""
    peeking = answer.get("sequential") or {}
    shown = {
        "sizes": ", ".join(str(size) for size in answer["sample_sizes"]) or None,
        "on_average": _whole(peeking.get("expected_sample_size")),
        "expected_sample_size": peeking.get("expected_sample_size"),
        "achieved": _power(answer["achieved_power"]),
        "effect": _percent(answer["minimum_detectable_effect"]),
        "baseline": _digits(answer["baseline_value"]),
        "spread": _spread(answer),
        "test": _test(answer),
        "note": answer["note"] or None,
    }
    return one_row(answer | shown, _PLAN)


def _spread(answer: dict[str, Any]) -> str | None:
    source = _SOURCES.get(answer["variance_source"])
    if answer["variance"] is None or source is None:
        return None
    return f"{_digits(answer['variance'])}, {source}"


def _test(answer: dict[str, Any]) -> str:
    words = [
        f"alpha {answer['alpha']:g}",
        "two-sided" if answer["sides"] == 2 else f"one-sided, {answer['direction']}",
        f"{answer['difference']} difference",
    ]
    if answer["correction"] != "none":
        words.append(f"{answer['correction']} over {answer['comparisons']} comparisons")
    if answer["sequential"]:
        words.append(f"sequential, {answer['sequential']['looks']} looks")
    return ", ".join(words)


def points_table(points: Sequence[PowerPoint]) -> Table:
    """Return a row for each point of a curve."""
    rows = [
        point.to_dict() | {"percent": _percent(point.effect), "digits": _power(point.power)}
        for point in points
    ]
    return Table(columns=_POINTS, rows=rows)


def power_chart(points: Sequence[PowerPoint], *, over: str) -> LineChart:
    """Return the curve of the points over their sizes or their effects."""
    from gitexp.results.curves import Curve, LineChart

    by_size = over == "size"
    dots = tuple((float(p.sample_size) if by_size else p.effect, p.power) for p in points)
    fixed = _percent(points[0].effect) if by_size else f"{points[0].sample_size} units"
    return LineChart(
        title=f"power for {'an effect of ' if by_size else ''}{fixed}",
        y_label="power",
        x="step" if by_size else "relative",
        x_title="units over all variants" if by_size else "effect, % of the baseline",
        curves=(Curve(label=str(fixed), lines=(dots,)),),
    )


def _percent(value: float | None) -> str | None:
    return None if value is None else f"{value:.4g} %"


def _power(value: float | None) -> str | None:
    return None if value is None else f"{value:.4f}"


def _digits(value: float | None) -> str | None:
    return None if value is None else f"{value:.6g}"


def _whole(value: float | None) -> str | None:
    return None if value is None else f"{value:.0f}"
