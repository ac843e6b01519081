"""Computing days: each once, from new rows alone, whatever breaks it off."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pandas as pd
import pytest

from gitexp.abtests.data import sessions
from gitexp.abtests.data.state import State
from gitexp.abtests.reading import read_test
from gitexp.abtests.results import days as store
from gitexp.abtests.results.computing import Recalculation, recalculate
from gitexp.abtests.results.fingerprints import Fingerprint
from gitexp.abtests.results.reading import results
from gitexp.errors import InvalidInput, NotAllowed
from gitexp.project.workspace import Workspace
from tests.abtests.data.making import day
from tests.abtests.results.conftest import BOUGHT, SALES, Launched, at, edit


def compute(workspace: Workspace, **options: Any) -> Recalculation:
    return recalculate(workspace, read_test(workspace, "warm"), **options)


def kept(workspace: Workspace, metric: str = "sales") -> dict[str, store.DayRecord]:
    test = read_test(workspace, "warm")
    found = test.metric(metric)
    assert found is not None
    return store.days_of_metric(workspace, "warm", metric, Fingerprint.of(test, found).value)


def test_every_day_that_is_over_is_kept_in_a_file_of_its_own(launched: Launched) -> None:
    workspace = at(launched(), day(4.5))
    done = compute(workspace)
    assert (done.days, done.computed, done.failed) == (4, 8, {})
    records = kept(workspace)
    assert list(records) == ["2026-01-01", "2026-01-02", "2026-01-03", "2026-01-04"]
    assert records["2026-01-04"].until == "2026-01-05T00:00:00Z"
    assert records["2026-01-04"].by == "Ada Example <ada@example.org>"


def test_computing_again_does_nothing(launched: Launched) -> None:
    workspace = at(launched(), day(4.5))
    compute(workspace)
    tip = workspace.store.ref("refs/heads/analyses/bot/warm")
    again = compute(at(workspace, day(4.6)))
    assert (again.computed, again.reused) == (0, 0)
    assert workspace.store.ref("refs/heads/analyses/bot/warm") == tip


Asked = list[tuple[Any, Any]]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Asked:
    """The times of which exposures were asked for."""
    found: Asked = []
    advance = State._take_exposures

    def watched(self: State, since: Any, until: Any) -> Any:
        found.append((since, until))
        return advance(self, since, until)

    monkeypatch.setattr(State, "_take_exposures", watched)
    return found


def test_a_daily_update_asks_for_the_new_day_alone(launched: Launched, asked: Asked) -> None:
    workspace = at(launched(), day(4.5))
    compute(workspace)
    asked.clear()
    done = compute(at(workspace, day(5.5)))
    assert done.computed == 2
    assert asked == [(day(4), day(5))]


@pytest.mark.parametrize("fault", ["column", "cell"])
def test_a_metric_that_fails_day_after_day_makes_no_old_row_be_read(
    fault: str, launched: Launched, project: Workspace, asked: Asked
) -> None:
    failing = {**SALES, "key": "profit", "value": "gain"}
    assert project.directory is not None
    file = project.directory / "data" / "events.parquet"
    events = pd.read_parquet(file)
    whole = events.assign(gain="1")
    if fault == "cell":
        bought = events[(events["event"] == "buy") & events["time"].between(day(1.2), day(1.9))]
        whole.loc[bought.index[0], "gain"] = "much"
        whole.to_parquet(file)
    workspace = launched(SALES, failing)
    assert list(compute(at(workspace, day(2.5))).failed) == ["profit"]
    asked.clear()
    for now in (day(3.5), day(3.6)):
        assert list(compute(at(workspace, now)).failed) == ["profit"]
    assert asked == [(day(2), day(3))]
    assert all(record.sums for record in kept(workspace).values())
    whole.assign(gain="1").to_parquet(file)
    assert compute(at(workspace, day(4.5))).failed == {}
    profits = kept(workspace, "profit")
    assert [record.day for record in profits.values() if record.sums] == list(kept(workspace))


def test_of_several_wrong_cells_the_earliest_is_named_until_it_is_mended(
    launched: Launched, project: Workspace, asked: Asked
) -> None:
    failing = {**SALES, "key": "profit", "value": "gain"}
    assert project.directory is not None
    file = project.directory / "data" / "events.parquet"
    events = pd.read_parquet(file)
    whole = events.assign(gain="1")
    cells = {}
    for begin, cell in ((1.2, "much"), (2.2, "more"), (2.6, "a lot")):
        bought = (events["event"] == "buy") & events["time"].between(day(begin), day(begin + 0.3))
        cells[cell] = events[bought].index[0]
        whole.loc[cells[cell], "gain"] = cell
    whole.to_parquet(file)
    workspace = launched(failing)

    def reason(cell: str) -> dict[str, str]:
        said = f"column 'gain' of the data of 'events' holds {cell!r}, which is no finite number"
        return {"profit": said}

    assert compute(at(workspace, day(3.5))).failed == reason("much")
    asked.clear()
    assert compute(at(workspace, day(4.5))).failed == reason("much")
    assert asked == [(day(3), day(4))]
    whole.loc[cells["much"], "gain"] = "1"
    whole.to_parquet(file)
    assert compute(at(workspace, day(4.6))).failed == reason("more")
    done = [record.day for record in kept(workspace, "profit").values() if record.sums]
    assert done == ["2026-01-01", "2026-01-02"]
    asked.clear()
    assert compute(at(workspace, day(5.5))).failed == reason("more")
    assert asked == [(day(4), day(5))]


def test_words_and_judgement_of_a_metric_are_changed_without_reading_a_row_again(
    launched: Launched, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = launched()
    compute(at(workspace, day(4.5)))
    outliers = {"upper_percentile": 90}
    changed = {**SALES, "name": "Sales", "goal": "decrease", "outliers": outliers}
    edit(workspace, metrics={"primary": [changed], "secondary": [{**BOUGHT, "threshold": 2}]})
    began: list[Any] = []
    monkeypatch.setattr(State, "reset", lambda self: began.append(self.facts))
    results(at(workspace, day(5.5)), "warm")
    assert began == []


def test_days_from_updates_are_those_of_one_calculation(
    launched: Launched, project: Workspace
) -> None:
    workspace = launched()
    for number in (1.5, 2.5, 4.5):
        compute(at(workspace, day(number)))
    found = kept(workspace)
    done = compute(at(workspace, day(4.6)), force=True)
    assert done.computed == 8
    again = kept(workspace)
    assert {record.attempt for record in again.values()} == {2}
    for name, record in found.items():
        assert record.sums is not None
        other = again[name].sums
        assert other is not None
        for variant, cell in record.sums.totals.items():
            assert other.totals[variant].count == cell.count
            assert other.totals[variant].means == pytest.approx(cell.means, rel=1e-12)


class Killed(BaseException):
    pass


@pytest.mark.parametrize("after", ["before", "behind"])
def test_a_calculation_that_was_broken_off_goes_on_where_it_was(
    after: str, launched: Launched, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = at(launched(), day(5.5))
    write, done = store.write, []

    def dying(space: Workspace, name: str, records: Sequence[store.DayRecord], *rest: Any) -> Any:
        done.append(records)
        if len(done) == 3 and after == "before":
            raise Killed
        written = write(space, name, records, *rest)
        if len(done) == 3:
            raise Killed
        return written

    with monkeypatch.context() as patched:
        patched.setattr(store, "write", dying)
        with pytest.raises(Killed):
            compute(workspace)
    left = 6 if after == "before" else 4
    assert compute(at(workspace, day(5.6))).computed == left
    assert list(kept(workspace)) == [f"2026-01-0{number}" for number in (1, 2, 3, 4, 5)]


def test_a_change_of_judgement_reads_no_rows(
    launched: Launched, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = at(launched(), day(3.5))
    compute(workspace)
    before = kept(workspace)
    edit(workspace, statistics={"confidence": 0.9})
    assert kept(workspace) == {}

    def closed(*_: Any, **__: Any) -> Any:
        raise AssertionError("rows were read")

    monkeypatch.setattr(sessions, "_opened", closed)
    done = compute(at(workspace, day(3.6)))
    assert (done.computed, done.reused) == (0, 6)
    after = kept(workspace)
    assert [record.sums for record in after.values()] == [r.sums for r in before.values()]


def test_late_rows_are_noticed_and_change_later_days_alone(
    launched: Launched, project: Workspace
) -> None:
    workspace = at(launched(), day(2.5))
    compute(workspace)
    before = kept(workspace)
    assert project.directory is not None
    file = project.directory / "data" / "events.parquet"
    events = pd.read_parquet(file)
    late = events[events["event"] == "buy"].tail(200).copy()
    late["time"] = pd.Timestamp(day(0.9))
    pd.concat([events, late]).to_parquet(file)
    done = compute(at(workspace, day(3.5)))
    assert done.computed == 2
    assert [note.split(";")[0] for note in done.notes] == [
        "rows of days that were computed before have come or gone since"
    ]
    after = kept(workspace)
    assert {name: after[name] for name in before} == before
    fresh = compute(at(workspace, day(3.6)), force=True)
    assert fresh.computed == 6
    assert kept(workspace)["2026-01-03"].sums == after["2026-01-03"].sums


def test_whoever_reads_results_and_whoever_recalculates_is_told_of_late_rows(
    launched: Launched, project: Workspace
) -> None:
    workspace = launched()
    compute(at(workspace, day(2.5)))
    assert project.directory is not None
    file = project.directory / "data" / "events.parquet"
    events = pd.read_parquet(file)
    late = events[events["event"] == "buy"].tail(200).assign(time=pd.Timestamp(day(0.9)))
    pd.concat([events, late]).to_parquet(file)
    for now in (day(2.6), day(2.7)):
        found = results(at(workspace, now), "warm")
        (text,) = [check.text for check in found.checks if check.name == "past rows"]
        assert text == (
            "rows of days that were computed before have come or gone since, and count here; the "
            "days that are kept are as they were"
        )
    assert len(compute(at(workspace, day(3.5))).notes) == 1
    found = results(at(workspace, day(3.6)), "warm")
    (text,) = [check.text for check in found.checks if check.name == "past rows"]
    assert text == (
        "rows of days that were computed before have come or gone since; the days up to "
        "2026-01-03T00:00:00Z are kept as they were: `gitexp ab recalculate warm --force` computes "
        "them again"
    )
    assert len(compute(at(workspace, day(4.5))).notes) == 0
    assert "past rows" in [check.name for check in results(at(workspace, day(4.6)), "warm").checks]
    compute(at(workspace, day(4.6)), force=True)
    found = results(at(workspace, day(4.7)), "warm")
    assert [check.name for check in found.checks] == ["split", "sample size", "several variants"]


def test_rows_of_the_future_are_not_there_yet(launched: Launched) -> None:
    back = {"key": "back", "type": "retention", "event": "view", "retention": {"to": "3d"}}
    workspace = at(launched(back), day(4.5))
    now, later = results(workspace, "warm"), results(workspace, "warm", as_of=day(40))
    assert later.as_of < day(5)
    assert later.metrics[0].variants[1].value == now.metrics[0].variants[1].value


def test_a_moment_without_a_zone_is_refused(launched: Launched) -> None:
    workspace = at(launched(), day(4.5))
    with pytest.raises(InvalidInput, match="2026-01-03T00:00:00 has no offset from UTC"):
        results(workspace, "warm", as_of=day(2).replace(tzinfo=None))


def test_the_last_day_that_is_kept_is_one_that_succeeded(
    launched: Launched, project: Workspace
) -> None:
    workspace = launched(SALES)
    compute(at(workspace, day(2.5)))
    assert project.directory is not None
    file = project.directory / "data" / "events.parquet"
    pd.read_parquet(file).drop(columns="value").assign(value="x").to_parquet(file)
    assert list(compute(at(workspace, day(3.5))).failed) == ["sales"]
    assert results(at(workspace, day(3.6)), "warm", stored=True).stored == "2026-01-02"


def test_a_metric_that_cannot_be_computed_fails_alone_and_says_why(launched: Launched) -> None:
    workspace = at(launched(SALES, {**SALES, "key": "profit", "value": "gain"}), day(2.5))
    done = compute(workspace)
    reason = "the data of 'events' has no column 'gain'; it has 'unit', 'time', 'event', 'value'"
    assert done.failed == {"profit": reason}
    assert [record.error for record in kept(workspace, "profit").values()] == [reason] * 2
    assert all(record.sums for record in kept(workspace).values())
    tip = workspace.store.ref("refs/heads/analyses/bot/warm")
    compute(at(workspace, day(2.6)))
    assert workspace.store.ref("refs/heads/analyses/bot/warm") == tip


@pytest.mark.parametrize("left", [0, -(2**18)], ids=["nothing", "all but a block"])
def test_a_damaged_state_is_made_again(left: int, launched: Launched, project: Workspace) -> None:
    workspace = at(launched(), day(2.5))
    compute(workspace)
    assert project.store.private_dir is not None
    (state,) = (project.store.private_dir / "abtests" / "warm").glob("*.duckdb")
    state.write_bytes(state.read_bytes()[:left] or b"no database" * 1000)
    assert compute(at(workspace, day(3.5))).computed == 2
    assert list(kept(workspace)) == ["2026-01-01", "2026-01-02", "2026-01-03"]


def test_a_test_that_was_not_launched_has_nothing_to_compute(launched: Launched) -> None:
    workspace = launched()
    edit(workspace, status="draft", started_at=None)
    with pytest.raises(NotAllowed) as caught:
        compute(workspace)
    assert str(caught.value) == "the A/B test of 'warm' has not been launched yet"


def test_results_of_a_test_that_is_over_need_no_rows(
    launched: Launched, project: Workspace
) -> None:
    workspace = launched(SALES, BOUGHT)
    edit(workspace, status="stopped", ended_at="2026-01-05T12:00:00Z")
    workspace = at(workspace, day(20))
    from_rows = results(workspace, "warm")
    compute(workspace)
    away = replace(workspace, directory=workspace.directory and workspace.directory / "away")
    stored = results(away, "warm")
    assert (from_rows.stored, stored.stored) == ("", "2026-01-05")
    assert stored.as_of == day(4.5)
    assert stored.exposures == from_rows.exposures
    for metric in from_rows.metrics:
        one, other = metric.variants[1], stored.metric(metric.key)
        assert other is not None
        assert other.variants[1].difference == pytest.approx(one.difference, rel=1e-9)
        assert other.variants[1].p_value == pytest.approx(one.p_value, rel=1e-9)
