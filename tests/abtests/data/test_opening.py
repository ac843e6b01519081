"""Sources: what can be read, how it is read, and what cannot be reached by them."""

from __future__ import annotations

import csv
import gzip
import json
import threading
from collections.abc import Iterator, Mapping
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Literal

import duckdb
import pandas as pd
import pytest

from gitexp.abtests.data.engine import Limits, translated
from gitexp.abtests.data.opening import Access
from gitexp.abtests.data.sessions import Snapshot, session
from gitexp.abtests.definition import AbTest
from gitexp.errors import GitexpError, InvalidInput, NotAllowed, NotFound
from gitexp.project.workspace import Workspace
from tests.abtests.data.making import ab_test, day, in_directory
from tests.runs.making import disk_workspace

EXPOSURES = """\
unit,time,variant
007,2026-01-02T00:00:00Z,control
7,2026-01-02T00:00:00Z,test
x'); DROP TABLE gx_units; --,2026-01-02T00:00:00Z,test
"""
EVENTS = """\
unit,time,event,value
007,2026-01-03T00:00:00Z,buy,5
7,2026-01-03T00:00:00Z,buy,3
x'); DROP TABLE gx_units; --,2026-01-03T00:00:00Z,b'uy,1
"""
METRIC = {"key": "m", "type": "mean"}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project's directory with exposures and events."""
    directory = tmp_path / "project"
    directory.mkdir()
    (directory / "exposures.csv").write_text(EXPOSURES)
    (directory / "events.csv").write_text(EVENTS)
    (tmp_path / "secret.csv").write_text(EXPOSURES)
    return directory


def look(project: Path, test: AbTest, **options: Any) -> Snapshot:
    with session(in_directory(project), test, **options) as data, data.looking_at(day(9)):
        return data.snapshot()


def totals(project: Path, *metrics: Mapping[str, Any], **data: Any) -> list[float]:
    """Return the sum of a metric for each variant."""
    found = look(project, ab_test(*(metrics or [METRIC]), data=data))
    assert found.faults == {}
    cells = found.sums["m"].totals
    return [round(cell.means[0] * cell.count, 9) for cell in cells.values()]


def test_units_in_csv_are_text_and_hostile_ones_are_units(project: Path) -> None:
    assert totals(project) == [5, 4]
    assert totals(project, {**METRIC, "event": "b'uy"}) == [0, 1]
    assert totals(project, {**METRIC, "where": {"unit": ["007", "' OR 1=1 --"]}}) == [5, 0]


@pytest.mark.parametrize(
    ("name", "copy"),
    [
        ("e.parquet", "(FORMAT parquet)"),
        ("e.jsonl", "(FORMAT json)"),
        ("e.csv.gz", "(FORMAT csv, COMPRESSION gzip)"),
    ],
)
def test_every_format_reads_the_same(name: str, copy: str, project: Path) -> None:
    source = f"read_csv('{project}/events.csv', all_varchar = true)"
    duckdb.sql(f"COPY (SELECT * FROM {source}) TO '{project}/{name}' {copy}")
    assert totals(project, events={"file": name}) == [5, 4]


@pytest.mark.parametrize(
    "units",
    [
        ["#1", "#2", "3"],
        ["A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11", "B0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11"],
        ["2026-01-02 00:00:00", "2026-01-02 00:00:00.000"],
        [*(f"u{number}" for number in range(30_000)), "#1", "a;b", 'q"1', "x,y", "007", " 7"],
    ],
    ids=["signs", "UUIDs", "moments", "many"],
)
def test_units_are_the_same_in_csv_and_in_json(units: list[str], project: Path) -> None:
    with open(project / "exposures.csv", "w", newline="") as file:
        lines = [["unit", "time", "variant"], *([each, "2026-01-02", "test"] for each in units)]
        csv.writer(file).writerows(lines)
    rows = [{"unit": each, "time": "2026-01-03", "value": 1} for each in units]
    (project / "e.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = look(project, ab_test(METRIC, data={"events": {"file": "e.jsonl"}}))
    assert found.exposures.total == len(units)
    assert found.sums["m"].totals["test"].means == (1.0,)


def test_units_in_json_may_be_texts_and_numbers(project: Path) -> None:
    rows = [{"unit": unit, "time": "2026-01-03", "value": 1} for unit in (7, "007", "7")]
    (project / "e.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert totals(project, events={"file": "e.jsonl"}) == [1, 2]


def test_many_files_are_one_source(project: Path) -> None:
    (project / "more-1.csv").write_text(EVENTS)
    (project / "more-2.csv").write_text(EVENTS)
    assert totals(project, events={"file": "more-*.csv"}) == [10, 8]


def test_a_query_reads_the_files_that_are_named(project: Path) -> None:
    query = "SELECT unit, time, 2 * CAST(value AS INT) AS value FROM bought -- doubled"
    source = {"sql": query, "files": {"bought": "events.csv"}}
    assert totals(project, events=source) == [10, 8]


def test_a_name_of_a_file_is_one_of_its_own_query(project: Path) -> None:
    query = "SELECT * FROM rows"
    exposures = {"sql": query, "files": {"rows": "exposures.csv"}}
    events = {"sql": f"{query};", "files": {"rows": "events.csv"}}
    assert totals(project, exposures=exposures, events=events) == [5, 4]


def test_two_sources_may_be_of_one_database(project: Path) -> None:
    with duckdb.connect(str(project / "shop.duckdb")) as shop:
        for name in ("exposures", "events"):
            rows = f"read_csv('{project}/{name}.csv', all_varchar = true)"
            shop.execute(f"CREATE TABLE {name} AS SELECT * FROM {rows}")
    attach = {"shop": "shop.duckdb"}
    exposures = {"table": "shop.exposures", "attach": attach}
    events = {"sql": "SELECT * FROM Shop.events", "attach": {"Shop": "shop.duckdb"}}
    assert totals(project, exposures=exposures, events=events) == [5, 4]


def test_one_name_for_two_databases_is_refused(project: Path) -> None:
    for name in ("one", "two"):
        duckdb.connect(str(project / f"{name}.duckdb")).close()
    sources = [{"table": "shop.t", "attach": {"shop": f"{each}.duckdb"}} for each in ("one", "two")]
    with pytest.raises(NotFound) as caught:
        look(
            project, ab_test(METRIC, data={"exposures": {"file": "none.csv"}, "events": sources[0]})
        )
    assert str(caught.value) == "none.csv does not exist"
    found = look(
        project,
        ab_test(
            METRIC, {**METRIC, "key": "n"}, data={"metrics": {"m": sources[0], "n": sources[1]}}
        ),
    )
    assert found.faults["n"] == "'shop' is the name of two databases"


def test_an_extension_that_is_lacking_is_named() -> None:
    said = 'Extension "x" not found.\n\nInstall it first using "INSTALL sqlite".'
    with pytest.raises(InvalidInput) as caught, translated():
        raise duckdb.IOException(said)
    assert str(caught.value) == (
        "the data needs the extension sqlite of DuckDB, which is not installed"
    )
    assert caught.value.hint == (
        "Install it once: `python -c \"import duckdb; duckdb.sql('INSTALL sqlite')\"`."
    )


def test_an_attached_database_is_read_and_never_written(project: Path) -> None:
    with duckdb.connect(str(project / "shop.duckdb")) as shop:
        shop.execute(f"CREATE TABLE sold AS SELECT * FROM read_csv('{project}/events.csv')")
    before = (project / "shop.duckdb").read_bytes()
    source = {"table": "shop.sold", "attach": {"shop": "shop.duckdb"}}
    assert sum(totals(project, events=source)) > 0
    assert (project / "shop.duckdb").read_bytes() == before


@pytest.mark.parametrize(
    "query",
    [
        "SELECT * FROM read_csv('{outside}')",
        "SELECT * FROM '{outside}'",
        "SELECT content AS unit FROM read_text('{outside}')",
        "SELECT * FROM glob('/*')",
        "SELECT 1; SELECT 2",
        "DROP TABLE gx_units",
        "COPY (SELECT 1) TO '{outside}.copy'",
        "ATTACH '{outside}.duckdb' AS other",
        "SET enable_external_access = true",
        "INSTALL httpfs",
        "WITH a AS (INSERT INTO gx_facts VALUES ('x') RETURNING *) SELECT * FROM a",
    ],
)
def test_a_query_reaches_nothing_but_what_is_named(query: str, project: Path) -> None:
    outside = project.parent / "secret.csv"
    test = ab_test(METRIC, data={"exposures": {"sql": query.format(outside=outside)}})
    with pytest.raises(InvalidInput):
        look(project, test)
    assert sorted(path.name for path in project.parent.iterdir()) == ["project", "secret.csv"]


@pytest.mark.parametrize("place", ["../secret.csv", "{outside}", "../*.csv", "link.csv"])
def test_files_outside_the_project_are_refused(place: str, project: Path) -> None:
    outside = project.parent / "secret.csv"
    (project / "link.csv").symlink_to(outside)
    source = {"file": place.format(outside=outside)}
    with pytest.raises(InvalidInput) as caught:
        look(project, ab_test(METRIC, data={"exposures": source}))
    assert caught.value.message.endswith("leads out of the project")


@pytest.mark.parametrize("place", [".git/config", "*/config"])
def test_what_git_keeps_is_no_data(place: str, project: Path) -> None:
    (project / ".git").mkdir()
    (project / ".git" / "config").write_text("[http]\n\textraheader = secret\n")
    with pytest.raises(InvalidInput) as caught:
        look(project, ab_test(METRIC, data={"exposures": {"file": place, "format": "csv"}}))
    assert str(caught.value) == f"{place!r} is a file of Git, and no data of the project"


@pytest.mark.parametrize(
    "source",
    [
        {"url": "https://example.org/rows.csv"},
        {"table": "a.b", "attach": {"a": "postgres:host=example.org"}},
        {"table": "a.b", "attach": {"a": "https://example.org/shop.duckdb"}},
    ],
)
def test_addresses_are_read_only_where_that_is_allowed(
    source: Mapping[str, Any], project: Path
) -> None:
    with pytest.raises(NotAllowed) as caught:
        look(project, ab_test(METRIC, data={"exposures": source}))
    assert caught.value.message.endswith("is not in the project, and reading it was not allowed")


@pytest.fixture
def address(project: Path) -> Iterator[str]:
    """The address at which the files of the project are served."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(project))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture
def clone(tmp_path: Path) -> Workspace:
    """A repository without data of its own."""
    return disk_workspace(tmp_path / "clone")


def test_addresses_that_are_allowed_are_read(project: Path, clone: Workspace, address: str) -> None:
    (project / "events.csv.gz").write_bytes(gzip.compress(EVENTS.encode()))
    with duckdb.connect(str(project / "shop.duckdb")) as shop:
        rows = f"read_csv('{project}/events.csv', all_varchar = true)"
        shop.execute(f"CREATE TABLE events AS SELECT * FROM {rows}")
    data = {
        "exposures": {"url": f"{address}/exposures.csv?token=1"},
        "events": {"url": [f"{address}/events.csv.gz"]},
        "metrics": {"n": {"table": "shop.events", "attach": {"shop": f"{address}/shop.duckdb"}}},
    }
    test = ab_test(METRIC, {**METRIC, "key": "n"}, data=data)
    with session(clone, test, access=Access(remote=True)) as rows, rows.looking_at(day(9)):
        found = rows.snapshot()
    assert found.faults == {}
    assert found.exposures.total == 3
    for key in ("m", "n"):
        cells = found.sums[key].totals.values()
        assert [round(cell.means[0] * cell.count, 9) for cell in cells] == [5, 4]


def test_a_metric_whose_address_does_not_answer_fails_alone(
    project: Path, clone: Workspace, address: str
) -> None:
    data = {
        "exposures": {"url": f"{address}/exposures.csv"},
        "events": {"url": f"{address}/events.csv"},
        "metrics": {"n": {"url": "http://127.0.0.1:9/rows.csv"}},
    }
    test = ab_test(METRIC, {**METRIC, "key": "n"}, data=data)
    with session(clone, test, access=Access(remote=True)) as rows, rows.looking_at(day(9)):
        found = rows.snapshot()
    assert list(found.sums) == ["m"]
    assert found.faults["n"].startswith("http://127.0.0.1:9/rows.csv cannot be read: ")


def test_rows_for_what_a_test_does_not_have_are_refused(project: Path) -> None:
    with pytest.raises(InvalidInput) as caught:
        look(project, ab_test(METRIC), access=Access(tables={"event": None}))
    assert str(caught.value) == "there are rows for 'event', which the A/B test does not have"
    assert caught.value.hint == "Give them for one of: exposures, events, m."


@pytest.mark.parametrize("rows", [[{"unit": "a"}], {"unit": ["a"]}, None, "exposures.csv"])
def test_rows_that_are_no_table_are_refused(rows: object, project: Path) -> None:
    with pytest.raises(InvalidInput) as caught:
        look(project, ab_test(METRIC), access=Access(tables={"exposures": rows}))
    assert str(caught.value) == f"rows cannot be read from a {type(rows).__name__}"
    assert caught.value.hint == "Give a DataFrame, or a table of Arrow."


def test_a_file_that_is_not_there_is_named(project: Path) -> None:
    with pytest.raises(NotFound) as caught:
        look(project, ab_test(METRIC, data={"exposures": {"file": "none.csv"}}))
    assert str(caught.value) == "none.csv does not exist"


def test_a_metric_whose_file_is_missing_fails_alone(project: Path) -> None:
    data = {"metrics": {"n": {"file": "none.csv"}}}
    found = look(project, ab_test(METRIC, {**METRIC, "key": "n"}, data=data))
    assert found.faults == {"n": "none.csv does not exist"}
    assert list(found.sums) == ["m"]


@pytest.mark.parametrize("cell", ["abc", "NaN", "inf", "1e999", "=1+1"])
def test_a_cell_that_is_no_finite_number_fails_its_metric(cell: str, project: Path) -> None:
    (project / "events.csv").write_text(f"{EVENTS}7,2026-01-04T00:00:00Z,buy,{cell}\n")
    found = look(project, ab_test(METRIC, {**METRIC, "key": "n", "aggregation": "count"}))
    assert found.faults == {
        "m": f"column 'value' of the data of 'events' holds {cell!r}, which is no finite number"
    }
    assert list(found.sums) == ["n"]


def test_a_time_that_is_none_is_named(project: Path) -> None:
    (project / "exposures.csv").write_text(f"{EXPOSURES}8,yesterday,test\n")
    with pytest.raises(InvalidInput) as caught:
        look(project, ab_test(METRIC))
    assert str(caught.value) == (
        "column 'time' of the data of 'exposures' holds 'yesterday', which is no moment"
    )


def test_times_without_a_zone_are_of_the_zone_of_the_source(project: Path) -> None:
    rows = "unit,time,variant\na,2026-01-02 00:30:00,control\nb,2026-01-02 00:30:00+00:00,test\n"
    (project / "exposures.csv").write_text(rows)
    source = {"file": "exposures.csv", "timezone": "Europe/Berlin"}
    test = ab_test(METRIC, data={"exposures": source})
    with session(in_directory(project), test) as data, data.looking_at(day(1)):
        # Half past midnight in Berlin is half an hour before midnight in UTC.
        assert data.snapshot().exposures.units == {"control": 1, "test": 0}


@pytest.mark.parametrize(
    "text",
    [
        "2026-01-02 00:30:00",
        "2026-01-02T00:30",
        "2026/01/02 00:30:00.000",
        "2026 01 02 00:30:00",
        "2026\\01\\02 00:30:00",
        "\t2026-01-02\t00:30:00",
        "2026-01-01T23:30:00Z",
        "2026-01-01 23:30:00 UTC",
        "2026-01-01 18:30:00 America/New_York",
        "2026-01-02T00:30:00+01:00",
        "2026-01-02T00:30:00+01 ",
    ],
)
@pytest.mark.parametrize("file", ["exposures.csv", "exposures.jsonl"])
def test_a_time_is_of_the_zone_that_it_names(file: str, text: str, project: Path) -> None:
    row = {"unit": "a", "time": text, "variant": "test"}
    lines = [",".join(row), ",".join(row.values())] if file.endswith("csv") else [json.dumps(row)]
    (project / file).write_text("\n".join(lines) + "\n")
    test = ab_test(METRIC, data={"exposures": {"file": file, "timezone": "Europe/Berlin"}})
    with session(in_directory(project), test) as data:
        for end, total in ((day(1 - 31 / 1440), 0), (day(1 - 29 / 1440), 1)):
            with data.looking_at(end):
                assert data.snapshot().exposures.total == total


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("zone", ["UTC", "America/New_York", None])
def test_a_time_is_the_same_however_finely_it_is_kept(
    zone: str | None, unit: Literal["s", "ms", "us", "ns"], project: Path
) -> None:
    times = pd.Series(pd.DatetimeIndex(["2026-01-02T00:30"], tz="UTC")).dt.as_unit(unit)
    times = times.dt.tz_localize(None) if zone is None else times.dt.tz_convert(zone)
    frame = pd.DataFrame({"unit": ["a"], "time": times, "variant": ["test"]})
    frame.to_parquet(project / "exposures.parquet")
    test = ab_test(METRIC, data={"exposures": {"file": "exposures.parquet"}})
    for tables in ({}, {"exposures": frame}):
        with session(in_directory(project), test, access=Access(tables=tables)) as data:
            for end, total in ((day(1 + 29 / 1440), 0), (day(1 + 31 / 1440), 1)):
                with data.looking_at(end):
                    assert data.snapshot().exposures.total == total


@pytest.mark.parametrize("text", ["infinity", "now", "epoch", "00:30:00", "1767312000"])
def test_words_and_numbers_are_no_moments(text: str, project: Path) -> None:
    (project / "exposures.csv").write_text(f"unit,time,variant\na,{text},test\n")
    with pytest.raises(InvalidInput) as caught:
        look(project, ab_test(METRIC))
    assert str(caught.value).endswith(f"holds {text!r}, which is no moment")


def test_numbers_with_a_point_identify_no_unit(project: Path) -> None:
    duckdb.sql(
        f"COPY (SELECT 1.5::DOUBLE AS unit, TIMESTAMP '2026-01-02' AS time, 'test' AS variant) "
        f"TO '{project}/f.parquet'"
    )
    with pytest.raises(InvalidInput) as caught:
        look(project, ab_test(METRIC, data={"exposures": {"file": "f.parquet"}}))
    assert "which identify no unit" in str(caught.value)


def test_columns_may_be_named_as_the_engine_names_things(project: Path) -> None:
    rows = "first,Time,key,unit\n007,2026-01-02,control,zzz\n7,2026-01-02,test,zzz\n"
    (project / "exposures.csv").write_text(rows)
    columns = {"unit": "first", "time": "Time", "variant": "key"}
    source = {"file": "exposures.csv", "columns": columns}
    assert totals(project, exposures=source) == [5, 3]


@pytest.mark.parametrize("memory", ["lots", "1", "1GB; DROP TABLE x"])
def test_an_amount_of_memory_is_one(memory: str) -> None:
    with pytest.raises(GitexpError):
        Limits(memory=memory)
