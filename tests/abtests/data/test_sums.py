"""The sums of metrics, against the raw rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import pytest

from gitexp.abtests.data.opening import Access
from gitexp.abtests.data.sessions import Snapshot, session
from gitexp.abtests.data.sums import MetricSums
from gitexp.abtests.definition import AbTest
from gitexp.errors import InvalidInput
from gitexp.stats.moments import Moments
from gitexp.stats.quantiles import Quantile, quantile
from tests.abtests.data.making import ab_test, counted, day, in_memory, joined, made_rows

METRICS: Mapping[str, Mapping[str, Any]] = {
    "revenue": {"type": "mean", "event": "buy", "window": "3d", "covariate": {"lookback": "7d"}},
    "capped": {"type": "mean", "event": "buy", "outliers": {"upper_percentile": 95}},
    "bought": {"type": "proportion", "event": "buy"},
    "often": {"type": "proportion", "event": "buy", "aggregation": "count", "threshold": 3},
    "basket": {
        "type": "ratio",
        "event": "buy",
        "denominator": {"event": "view", "aggregation": "count"},
    },
    "back": {"type": "retention", "event": "view", "retention": {"from": "1d", "to": "3d"}},
    "again": {
        "type": "retention",
        "event": "view",
        "start": {"event": "buy"},
        "retention": {"from": "12h", "to": "2d"},
    },
    "known": {
        "type": "mean",
        "event": "view",
        "aggregation": "unique",
        "covariate": {"lookback": "5d"},
    },
    "largest": {"type": "quantile", "event": "buy", "aggregation": "max", "level": 0.5},
    "sorts": {"type": "mean", "event": "view", "aggregation": "unique"},
    "usual": {"type": "mean", "event": "buy", "aggregation": "mean"},
}
END = day(8.5)


@pytest.fixture(scope="module")
def rows() -> tuple[pd.DataFrame, pd.DataFrame]:
    return made_rows()


@pytest.fixture(scope="module")
def access(rows: tuple[pd.DataFrame, pd.DataFrame]) -> Access:
    return Access(tables={"exposures": rows[0], "events": rows[1]})


@pytest.fixture(scope="module")
def test() -> AbTest:
    return ab_test(*({"key": key, **metric} for key, metric in METRICS.items()))


@pytest.fixture(scope="module")
def at_once(test: AbTest, access: Access) -> Snapshot:
    with session(in_memory(), test, access=access) as data, data.looking_at(END):
        return data.snapshot()


Values = dict[str, list["pd.Series[float]"]]


@pytest.fixture(scope="module")
def values(rows: tuple[pd.DataFrame, pd.DataFrame]) -> Values:
    """The numbers of each unit, made of the rows with pandas."""
    units = counted(rows[0], END)
    buys, views = (joined(units, rows[1], event, END) for event in ("buy", "view"))

    def of(chosen: pd.DataFrame, how: str, *, missing: float | None = 0) -> pd.Series[float]:
        found = chosen.groupby("unit")["value"].agg(how).reindex(units.index)
        return found if missing is None else found.fillna(missing)

    after = buys[buys["time"] >= buys["first"]]
    seen = views[views["time"] >= views["first"]]
    since = buys["time"] - buys["first"]
    week, three = pd.Timedelta(days=7), pd.Timedelta(days=3)
    recent = buys[(since >= pd.Timedelta(0)) & (since < three)]
    before = buys[(since < pd.Timedelta(0)) & (since >= -week)]
    total = of(after, "sum")
    later = views["time"] - views["first"]
    came = views[(later >= pd.Timedelta(days=1)) & (later < three)]
    over = (units["first"] + three <= pd.Timestamp(END)).astype(float)
    start = after.groupby("unit")["time"].min().rename("start")
    begun = views.merge(start.reset_index(), on="unit")
    gap = begun["time"] - begun["start"]
    returned = begun[(gap >= pd.Timedelta(hours=12)) & (gap < pd.Timedelta(days=2))]
    started = start.reindex(units.index) + pd.Timedelta(days=2) <= pd.Timestamp(END)
    earlier = views[(later < pd.Timedelta(0)) & (later >= -pd.Timedelta(days=5))]
    return {
        "again": [started * (of(returned, "count") > 0).astype(float), started.astype(float)],
        "known": [of(seen, "nunique"), of(earlier, "nunique")],
        "revenue": [of(recent, "sum"), of(before, "sum")],
        "capped": [total.clip(upper=np.quantile(total, 0.95))],
        "bought": [(of(after, "count") > 0).astype(float)],
        "often": [(of(after, "count") >= 3).astype(float)],
        "basket": [total, of(seen, "count")],
        "back": [over * (of(came, "count") > 0), over],
        "largest": [of(after, "max", missing=None)],
        "sorts": [of(seen, "nunique")],
        "usual": [of(after, "mean", missing=None)],
    }


def test_units_that_saw_several_variants_are_counted_and_left_out(
    at_once: Snapshot, rows: tuple[pd.DataFrame, pd.DataFrame]
) -> None:
    units = counted(rows[0], END)
    assert at_once.exposures.units == units["variant"].value_counts().to_dict()
    assert at_once.exposures.multiple > 0
    assert at_once.faults == {}


@pytest.mark.parametrize("variant", ["control", "test"])
@pytest.mark.parametrize("key", METRICS)
def test_sums_are_those_of_the_raw_rows(
    key: str,
    variant: str,
    at_once: Snapshot,
    values: Values,
    rows: tuple[pd.DataFrame, pd.DataFrame],
) -> None:
    chosen = counted(rows[0], END)["variant"] == variant
    columns = [column[chosen].dropna().to_numpy() for column in values[key]]
    group = at_once.sums[key].totals[variant].group(METRICS[key]["type"])
    assert group.count == len(columns[0])
    if isinstance(group, Quantile):
        expected = quantile(columns[0], 0.5)
        assert (group.point, group.error) == pytest.approx((expected.point, expected.error))
    elif hasattr(group, "successes"):
        assert group.successes == columns[0].sum()
    else:
        moments = Moments.from_columns(columns)
        assert group.moments.means == pytest.approx(moments.means, rel=1e-12)
        assert np.array(group.moments.products) == pytest.approx(
            np.array(moments.products), rel=1e-9
        )


def test_going_on_day_by_day_ends_where_one_step_ends(
    test: AbTest, access: Access, at_once: Snapshot
) -> None:
    with session(in_memory(), test, access=access) as data:
        for number in (1, 2, 2.5, 4, 5, 6, 7, 8, 8.5):
            with data.on_to(day(number)):
                last = data.snapshot()
    assert last.exposures == at_once.exposures
    for key, sums in at_once.sums.items():
        for variant, cell in sums.totals.items():
            other = last.sums[key].totals[variant]
            assert (other.count, other.left_out, other.successes) == (
                (cell.count, cell.left_out, cell.successes)
            )
            assert other.means == pytest.approx(cell.means, rel=1e-12)
            assert other.quantile == cell.quantile


def test_looking_at_a_moment_leaves_the_state_where_it_was(test: AbTest, access: Access) -> None:
    with session(in_memory(), test, access=access) as data:
        with data.on_to(day(2)):
            pass
        with data.looking_at(day(5)):
            assert data.snapshot().as_of == day(5)
        assert data.until == day(2)


def test_first_seen_keeps_a_unit_with_the_variant_that_it_saw_first(
    rows: tuple[pd.DataFrame, pd.DataFrame], access: Access
) -> None:
    test = ab_test({"key": "bought", **METRICS["bought"]}, exposure={"multiple": "first_seen"})
    with session(in_memory(), test, access=access) as data, data.looking_at(END):
        found = data.snapshot().exposures
    known = rows[0][(rows[0]["time"] >= "2026-01-01") & (rows[0]["time"] < str(END))]
    # Where two are at the same second, the control goes first.
    first = known.sort_values(["time", "variant"]).groupby("unit")["variant"].first()
    assert found.units == first.value_counts().to_dict()


def test_strata_add_up_to_the_whole(access: Access) -> None:
    source = {"file": "exposures.csv", "columns": {"stratum": "country"}}
    test = ab_test({"key": "revenue", **METRICS["revenue"]}, data={"exposures": source})
    with session(in_memory(), test, access=access) as data, data.looking_at(END):
        sums = data.snapshot().sums["revenue"]
    assert sums.strata == ["de", "fr"]
    for variant in ("control", "test"):
        parts = [sums.cells[variant, stratum].count for stratum in ("de", "fr")]
        assert sum(parts) == sums.totals[variant].count


def test_a_quantile_of_a_stratum_is_that_of_its_units(
    rows: tuple[pd.DataFrame, pd.DataFrame], access: Access, values: Values
) -> None:
    source = {"file": "exposures.csv", "columns": {"stratum": "country"}}
    test = ab_test({"key": "largest", **METRICS["largest"]}, data={"exposures": source})
    with session(in_memory(), test, access=access) as data, data.looking_at(END):
        sums = data.snapshot().sums["largest"]
    countries = rows[0].drop_duplicates("unit").set_index("unit")["country"]
    found = pd.DataFrame({"value": values["largest"][0], "country": countries})
    found["variant"] = counted(rows[0], END)["variant"]
    for (variant, stratum), group in found.dropna().groupby(["variant", "country"]):
        cell = sums.cells[variant, stratum]
        assert cell.count == len(group)
        assert cell.group("quantile").point == pytest.approx(group["value"].median())
    assert MetricSums.from_list(sums.to_list()) == sums
    largest = found[found["variant"] == "test"]["value"].dropna()
    assert sums.totals["test"].group("quantile").point == pytest.approx(largest.median())


def test_rows_of_unknown_variants_and_without_a_unit_are_counted() -> None:
    exposures = pd.DataFrame(
        {
            "unit": ["a", "b", None, "c"],
            "time": pd.to_datetime(["2026-01-02"] * 4, utc=True),
            "variant": ["control", "test", "test", "holdout"],
        }
    )
    events = pd.DataFrame({"unit": ["a"], "time": exposures["time"][:1], "value": [1.0]})
    access = Access(tables={"exposures": exposures, "events": events})
    test = ab_test({"key": "m", "type": "mean"})
    with session(in_memory(), test, access=access) as data, data.looking_at(day(3)):
        found = data.snapshot().exposures
    assert found.to_dict() == {
        "units": {"control": 1, "test": 1},
        "multiple": 0,
        "unknown": 1,
        "unusable": 1,
        "rows": 4,
    }


def test_a_test_without_exposures_says_what_is_missing() -> None:
    test = ab_test({"key": "m", "type": "mean"})
    access = Access(tables={"exposures": pd.DataFrame({"unit": ["a"], "time": ["2026-01-02"]})})
    with pytest.raises(InvalidInput) as caught, session(in_memory(), test, access=access):
        pass
    assert str(caught.value) == (
        "the data of 'exposures' has no column 'variant'; it has 'unit', 'time'"
    )


def test_rounding_does_not_decide_whether_a_sum_reaches_a_threshold() -> None:
    times = pd.to_datetime(["2026-01-02"] * 20, utc=True)
    exposures = pd.DataFrame({"unit": ["a", "b"], "time": times[:2], "variant": "test"})
    # Ten times 0.1 add up to 0.9999999999999999.
    values = [0.1] * 10 + [0.1] * 9 + [0.09999]
    events = pd.DataFrame({"unit": ["a"] * 10 + ["b"] * 10, "time": times, "value": values})
    test = ab_test({"key": "m", "type": "proportion", "aggregation": "sum", "threshold": 1})
    access = Access(tables={"exposures": exposures, "events": events})
    with session(in_memory(), test, access=access) as data, data.looking_at(day(3)):
        assert data.snapshot().sums["m"].totals["test"].successes == 1


def known_before(covariate: Any = None) -> Snapshot:
    """Return the sums of units of which every second has rows, and nearly all a covariate."""
    times = pd.to_datetime(["2026-01-02"] * 8, utc=True)
    units = pd.DataFrame({"unit": range(8), "time": times, "variant": ["control", "test"] * 4})
    units["before"] = covariate or [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, None]
    events = pd.DataFrame({"unit": range(0, 8, 2), "time": times[:4], "value": 1.0})
    source = {"file": "exposures.csv", "columns": {"covariate": "before"}}
    metrics = [{"key": "m", "type": "mean"}, {"key": "q", "type": "quantile", "level": 0.5}]
    test = ab_test(*metrics, data={"exposures": source})
    access = Access(tables={"exposures": units, "events": events})
    with session(in_memory(), test, access=access) as data, data.looking_at(day(3)):
        return data.snapshot()


def test_a_covariate_of_the_exposures_is_known_of_units_without_rows_too() -> None:
    found = known_before().sums["m"].totals
    assert [cell.means for cell in found.values()] == [(1.0, 4.0), (0.0, 4.0)]


def test_a_covariate_that_is_no_number_is_named() -> None:
    with pytest.raises(InvalidInput) as caught:
        known_before(["1", "2", "3", "x", "5", "6", "7", "8"])
    assert str(caught.value) == (
        "column 'before' of the data of 'exposures' holds 'x', which is no finite number"
    )


def test_a_covariate_of_events_is_refused(access: Access) -> None:
    source = {"file": "events.csv", "columns": {"covariate": "value"}}
    test = ab_test({"key": "m", "type": "mean"}, data={"events": source})
    with session(in_memory(), test, access=access) as data, data.looking_at(END):
        assert data.snapshot().faults == {
            "m": "the data of 'events' names a covariate, which every unit has to have"
        }


def test_a_cell_of_the_time_that_is_looked_back_to_has_to_be_a_number(
    rows: tuple[pd.DataFrame, pd.DataFrame],
) -> None:
    events = rows[1].astype({"value": str})
    events.loc[len(events)] = {
        "unit": 1,
        "time": pd.Timestamp(day(-6)),
        "event": "buy",
        "value": "x",
    }
    test = ab_test(
        {"key": "revenue", **METRICS["revenue"]},
        {"key": "capped", **METRICS["capped"]},
        {"key": "short", **METRICS["revenue"], "covariate": {"lookback": "2d"}},
    )
    access = Access(tables={"exposures": rows[0], "events": events})
    with session(in_memory(), test, access=access) as data, data.looking_at(END):
        assert list(data.snapshot().faults) == ["revenue"]
