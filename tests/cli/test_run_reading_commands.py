"""Reading runs from the shell: list, search, show, results, and the index."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gitexp.cli.output import Output
from gitexp.cli.rendering import plain_table
from gitexp.cli.run_listing import shown_run
from gitexp.repository import Repository
from gitexp.runs.index.connections import index_path
from gitexp.runs.metrics import MetricPoint
from gitexp.runs.recording import ledger
from gitexp.runs.recording.records import record_of
from gitexp.runs.tallies import Stats
from tests.cli.conftest import Run
from tests.runs.making import dataset_reference, make_run, run_id

NEWEST, MIDDLE, OLDEST = run_id(3), run_id(2), run_id(1)


@pytest.fixture
def runs(tone: list[str], project: Path) -> list[str]:
    """Three recorded runs of `tone`; their ids, newest first."""
    made = [
        make_run(
            run_id(number),
            status=status,
            version=tone[number % 2],
            digest=None,
            name=f"try {number}",
            params={"lr": number / 10, "model": "a b"},
            metrics={"val loss": MetricPoint(1 / number, 5, 0), "acc": MetricPoint(0.5, 1, 0)},
            tags={"team": "chat"} if number > 1 else {},
            dataset=dataset_reference("letters"),
            stats=Stats(passed=number, failed=1),
        )
        for number, status in ((1, "finished"), (2, "failed"), (3, "finished"))
    ]
    repository = Repository.open(project)
    ledger.append(repository.workspace, "tone", [record_of(run) for run in made])
    repository.close()
    return [NEWEST, MIDDLE, OLDEST]


def table(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


# --- list


def test_runs_are_listed_newest_first(runs: list[str], gitexp: Run) -> None:
    assert gitexp("run", "list", "tone", "-q").ok().out.split() == runs
    out = gitexp("run", "list", "tone").ok().out
    header = out.splitlines()[0].split("  ")
    titles = [title.strip() for title in header if title.strip()]
    assert titles == [
        *("run", "name", "status", "created", "took", "version", "dataset", "total", "pass rate"),
        *("95 % interval", "acc", "val loss"),
    ]
    # One passed and one failed of two.
    assert "50.0 %  9.5–90.5 %" in out.splitlines()[3]
    assert gitexp("runs", "tone").ok().out == out
    assert gitexp("run", "list", "-q").ok().out.split() == runs
    assert "experiment" in gitexp("run", "list").ok().out.splitlines()[0]


def test_a_list_is_filtered_ordered_and_paged(runs: list[str], gitexp: Run) -> None:
    chosen = ("run", "list", "tone", "--filter", "status = 'finished'", "-q")
    assert gitexp(*chosen).ok().out.split() == [NEWEST, OLDEST]
    order = ("--order-by", "metrics.`val loss` DESC", "--limit", "2")
    first = gitexp("run", "list", "tone", *order, "-q").ok()
    assert first.out.split() == [OLDEST, MIDDLE]
    said, token = first.err.strip().rsplit(" ", 1)
    assert said == "there are more; go on with --page-token"
    rest = gitexp("run", "list", "tone", *order, "--page-token", token, "-q").ok()
    assert (rest.out.split(), rest.err) == ([NEWEST], "")


def test_columns_are_chosen(runs: list[str], gitexp: Run) -> None:
    columns = "run_id,metrics.`val loss`,params.lr,tags.team,stats.pass_rate"
    rows = table(gitexp("run", "list", "tone", "--columns", columns, "--format", "csv").ok().out)
    assert rows[2] == {
        "run_id": OLDEST,
        "metrics.val loss": "1.0",
        "params.lr": "0.1",
        "tags.team": "",
        "stats.pass_rate": "0.5",
    }
    wrong = gitexp("run", "list", "tone", "--columns", "run_id,los")
    assert wrong.code == 1
    assert wrong.err.startswith("error: fields, column 8: unknown attribute 'los'\nhint: ")


def test_a_csv_holds_everything(runs: list[str], gitexp: Run) -> None:
    rows = table(gitexp("run", "list", "tone", "--format", "csv").ok().out)
    assert {
        "experiment",
        "metrics.acc",
        "metrics.val loss",
        "params.lr",
        "params.model",
        "tags.team",
    } <= set(rows[0])
    assert rows[0]["params.model"] == "a b"


def test_json_is_the_documents(runs: list[str], gitexp: Run) -> None:
    documents = json.loads(gitexp("run", "list", "tone", "--format", "json").ok().out)
    assert [document["id"] for document in documents] == runs
    assert documents[0]["metrics"]["acc"] == {"value": 0.5, "step": 1, "timestamp": 0}


def test_deleted_runs_are_listed_when_asked_for(runs: list[str], gitexp: Run) -> None:
    gitexp("run", "delete", MIDDLE).ok()
    assert gitexp("run", "list", "tone", "-q").ok().out.split() == [NEWEST, OLDEST]
    assert gitexp("run", "list", "tone", "--deleted", "-q").ok().out.split() == [MIDDLE]
    assert gitexp("run", "list", "tone", "--all", "-q").ok().out.split() == runs
    both = gitexp("run", "list", "tone", "--all", "--deleted")
    assert (both.code, both.err) == (
        2,
        "error: --deleted and --all contradict each other\nhint: Give one of them.\n",
    )


def test_runs_of_a_deleted_experiment_are_hidden_with_it(runs: list[str], gitexp: Run) -> None:
    gitexp("experiment", "delete", "tone", "--yes")
    assert not set(runs) & set(gitexp("run", "list", "-q").out.split())
    gitexp("experiment", "restore", "tone")
    assert set(runs) & set(gitexp("run", "list", "-q").out.split())


def test_an_experiment_that_does_not_exist_is_not_found(tone: list[str], gitexp: Run) -> None:
    result = gitexp("run", "list", "tune")
    assert (result.code, "Did you mean 'tone'?" in result.err) == (1, True)


def test_a_list_without_runs_says_how_to_make_one(tone: list[str], gitexp: Run) -> None:
    assert gitexp("run", "list", "tone").ok().err.startswith("no runs yet; make one with ")
    assert gitexp("run", "list", "tone", "--filter", "name = 'x'").ok().err == "no such runs\n"


def test_what_no_run_of_the_list_has_is_told(runs: list[str], gitexp: Run) -> None:
    shown = gitexp("run", "list", "tone", "--columns", "run_id,metrics.nope,tags.team").ok()
    assert shown.err == "none of these runs has metrics.nope\n"


def test_a_narrow_terminal_keeps_the_commonest_metric(output: Callable[..., Output]) -> None:
    run = make_run(
        name="a trial",
        metrics={name: MetricPoint(0.5, 1, 0) for name in ("acc", "loss")},
        dataset=dataset_reference("letters"),
        stats=Stats(passed=1),
    )
    lines = plain_table(shown_run(output(), run.to_dict()), width=80).splitlines()
    assert (lines[0].split()[-1], lines[1].split()[-1]) == ("acc", "0.5")


# --- search


def test_runs_are_searched_in_all_experiments(runs: list[str], gitexp: Run) -> None:
    found = gitexp("run", "search", "metrics.`val loss` < 0.6 AND params.lr > 0.1", "-q").ok()
    assert found.out.split() == [NEWEST, MIDDLE]
    assert gitexp("run", "search", "", "--experiment", "tone", "-q").ok().out.split() == runs
    shown = gitexp("run", "search", "params.lr < 1 AND tags.team = 'chat'").ok().out
    assert "params.lr" in shown.splitlines()[0]
    assert "tags.team" in shown.splitlines()[0]


def test_a_name_that_no_run_has_is_told_and_no_error(runs: list[str], gitexp: Run) -> None:
    found = gitexp("run", "search", "metrics.los < 1 OR params.lr = 0.1", "-q").ok()
    assert found.out.split() == [OLDEST]
    assert found.err == "no run here has metrics.los\n"
    near = gitexp("run", "search", "metrics.`val los` < 1 OR tags.tema = 'x'", "-q").ok()
    assert near.err == (
        "no run here has metrics.val los; did you mean metrics.val loss?\n"
        "no run here has tags.tema; did you mean tags.team?\n"
    )


def test_a_filter_that_cannot_be_read_is_an_error(runs: list[str], gitexp: Run) -> None:
    result = gitexp("run", "search", "statis = 'x'")
    assert result.code == 1
    assert result.err.startswith(
        "error: filter, column 1: unknown attribute 'statis'\nhint: Did you mean `status`?"
    )


def test_a_name_with_escape_sequences_is_harmless(
    tone: list[str], project: Path, gitexp: Run
) -> None:
    repository = Repository.open(project)
    run = make_run(run_id(1), name="\x1b[2Jx", metrics={"a": MetricPoint(1.0, 0, 0)})
    ledger.append(repository.workspace, "tone", [record_of(run)])
    repository.close()
    assert "\x1b" not in gitexp("run", "list", "tone").ok().out
    assert "\x1b" not in gitexp("run", "show", run.id).ok().out


# --- export


@pytest.mark.parametrize("command", [("run", "list", "tone"), ("results", "tone")])
def test_runs_are_exported(
    runs: list[str], directory: Path, gitexp: Run, command: tuple[str, ...]
) -> None:
    result = gitexp(*command, "--output", "runs.csv").ok()
    assert result.out == ""
    rows = table((directory / "runs.csv").read_text())
    assert [row["id"] for row in rows] == runs
    assert rows[0]["metrics.val loss"] == str(1 / 3)


@pytest.mark.parametrize("command", [("run", "list", "tone"), ("results", "tone")])
def test_an_exported_csv_file_is_as_harmless_as_a_printed_one(
    tone: list[str], project: Path, directory: Path, gitexp: Run, command: tuple[str, ...]
) -> None:
    repository = Repository.open(project)
    run = make_run(run_id(1), name="\x1b[2Jx", tags={"a": "=1+1"})
    ledger.append(repository.workspace, "tone", [record_of(run)])
    repository.close()
    gitexp(*command, "--output", "runs.csv").ok()
    [row] = table((directory / "runs.csv").read_text())
    assert (row["name"], row["tags.a"]) == ("\\x1b[2Jx", "'=1+1")


def test_a_parquet_file_is_written(runs: list[str], directory: Path, gitexp: Run) -> None:
    pandas = pytest.importorskip("pandas")
    pytest.importorskip("pyarrow", reason="Parquet is an extra")
    gitexp("run", "search", "tags.team = 'chat'", "--output", "runs.parquet").ok()
    assert pandas.read_parquet(directory / "runs.parquet")["id"].tolist() == [NEWEST, MIDDLE]


def test_an_unknown_kind_of_file_is_refused(runs: list[str], gitexp: Run) -> None:
    result = gitexp("run", "list", "tone", "--output", "runs.xlsx")
    assert (result.code, result.err) == (
        1,
        (
            "error: 'runs.xlsx' does not say what to write\n"
            "hint: Let the name end with .parquet or .csv.\n"
        ),
    )


# --- show


def test_a_run_is_shown_whole(runs: list[str], gitexp: Run) -> None:
    page = gitexp("run", "show", OLDEST[:18]).ok().out
    lines = page.splitlines()
    assert lines[0].split() == ["run", OLDEST]
    assert "status      finished" in lines
    assert "results     1 passed, 1 failed, 0 errors of 2, pass rate 50.0 %" in lines
    assert "    val loss  1.0 at step 5" in lines
    assert "    model  a b" in lines
    assert "tags:" not in lines
    assert gitexp("run", "show", OLDEST, "-q").ok().out == f"{OLDEST}\n"
    document = json.loads(gitexp("run", "show", OLDEST, "--format", "json").ok().out)
    assert document["params"] == {"lr": 0.1, "model": "a b"}


def test_a_run_is_a_row_as_in_a_list(runs: list[str], gitexp: Run) -> None:
    shown = table(gitexp("run", "show", OLDEST, "--format", "csv").ok().out)
    listed = gitexp("run", "search", f"run_id = '{OLDEST}'", "--format", "csv").ok()
    assert shown == table(listed.out)


def test_a_page_of_a_run_leaves_mlflow_s_own_tags_out_and_long_names_aside(
    tone: list[str], project: Path, gitexp: Run
) -> None:
    repository = Repository.open(project)
    tags = {"team": "chat", "mlflow.user": "ada", "mlflow.source.name": "x.py"}
    run = make_run(run_id(1), params={"p" * 100: 1, "lr": 0.1, "日本": 2}, tags=tags)
    ledger.append(repository.workspace, "tone", [record_of(run)])
    repository.close()
    lines = gitexp("run", "show", run.id).ok().out.splitlines()
    assert f"    {'p' * 100}  1" in lines
    assert "    lr    0.1" in lines
    assert "    日本  2" in lines
    assert lines[-2:] == [
        "    team      chat",
        "    mlflow.*  2 tags of MLflow; --format json shows them",
    ]


# --- history


def test_a_history_is_read_by_people_and_by_programs(
    tone: list[str], project: Path, gitexp: Run
) -> None:
    repository, run = Repository.open(project), make_run(run_id(1))
    points = [("acc", MetricPoint(0.5, 1, 0)), ("acc", MetricPoint(0.75, 2, 10**17))]
    ledger.append(repository.workspace, "tone", [record_of(run, points=points)])
    repository.close()
    shown = gitexp("run", "history", run.id, "acc").ok().out.splitlines()
    assert [line.split() for line in shown] == [
        ["step", "value", "time"],
        ["1", "0.5", "1970-01-01T00:00:00.000Z"],
        ["2", "0.75", "100000000000000000"],
    ]
    rows = table(gitexp("run", "history", run.id, "acc", "--format", "csv").ok().out)
    assert rows[0] == {"step": "1", "value": "0.5", "timestamp": "0"}


def test_the_history_of_a_metric_that_a_run_does_not_have_is_an_error(
    runs: list[str], gitexp: Run
) -> None:
    result = gitexp("run", "history", OLDEST, "ac")
    assert (result.code, result.out) == (1, "")
    assert result.err == "error: none of the runs has a metric 'ac'\nhint: Did you mean 'acc'?\n"


def test_numbers_that_are_not_finite_are_numbers_in_a_csv(
    tone: list[str], project: Path, gitexp: Run
) -> None:
    repository = Repository.open(project)
    run = make_run(run_id(1), metrics={"a": MetricPoint(float("-inf"), 0, 0)})
    ledger.append(repository.workspace, "tone", [record_of(run)])
    repository.close()
    [row] = table(gitexp("run", "list", "tone", "--format", "csv").ok().out)
    assert row["metrics.a"] == "-Infinity"


def test_a_run_that_is_not_here_is_not_found(runs: list[str], gitexp: Run) -> None:
    result = gitexp("run", "show", "2027")
    assert (result.code, result.out) == (1, "")
    assert result.err.startswith(
        "error: no run is recorded here whose id begins with '2027'\nhint: "
    )
    assert "several runs begin with" in gitexp("run", "show", "20260102").err


# --- results


def items(result: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(result.ok().out)["items"]
    return found


@pytest.mark.parametrize(
    ("by", "key", "values"),
    [
        ("dataset", "dataset", ["letters"]),
        ("day", "day", ["2026-01-02"]),
        ("tag:team", "value", ["chat", None]),
    ],
)
def test_results_are_grouped(
    runs: list[str], gitexp: Run, by: str, key: str, values: list[str | None]
) -> None:
    found = items(gitexp("results", "tone", "--by", by, "--format", "json"))
    assert [item[key] for item in found] == values
    assert sum(item["run_count"] for item in found) == 3
    shown = gitexp("results", "tone", "--by", by).ok().out
    assert shown.splitlines()[0].split()[:2] == [by.removeprefix("tag:"), "runs"]


def test_results_count_only_what_fits(runs: list[str], gitexp: Run) -> None:
    arguments = ("results", "tone", "--by", "day", "--filter", "params.lr < 0.25")
    [item] = items(gitexp(*arguments, "--format", "json"))
    assert (item["run_count"], item["unfinished"], item["stats"]["total"]) == (2, 1, 2)
    [item] = items(gitexp("results", "tone", "--by", "day", "--limit", "1", "--format", "json"))
    assert item["run_count"] == 1


def test_results_of_no_run_that_fits_do_not_ask_for_a_first_run(
    runs: list[str], gitexp: Run
) -> None:
    for option in (("--filter", "name = 'x'"), ("--dataset", "none")):
        assert gitexp("results", "tone", *option).ok().err == "no such runs\n"


def test_results_by_run_say_that_there_are_more(
    tone: list[str], project: Path, gitexp: Run
) -> None:
    repository = Repository.open(project)
    records = [record_of(make_run(run_id(number))) for number in range(101)]
    ledger.append(repository.workspace, "tone", records)
    repository.close()
    shown = gitexp("results", "tone", "-q").ok()
    assert (len(shown.out.split()), shown.err) == (
        100,
        "these are the newest 100 runs; --limit N shows more\n",
    )


def test_another_grouping_is_a_usage_error(runs: list[str], gitexp: Run) -> None:
    result = gitexp("results", "tone", "--by", "hour")
    assert (result.code, result.err) == (
        2,
        (
            "error: --by 'hour' is nothing that results are grouped by\n"
            "hint: Use run, version, dataset, day or tag:NAME.\n"
        ),
    )


# --- the index


def test_the_index_is_shown_rebuilt_and_verified(
    runs: list[str], project: Path, gitexp: Run
) -> None:
    def state(*command: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(gitexp("index", *command, "--format", "json").ok().out)
        return found

    assert state("status")["state"] == "missing"
    assert state("rebuild")["runs"] == 3
    assert gitexp("index").ok().out.startswith("state")
    verified = state("verify")
    assert (verified["same"], verified["runs"], verified["branches"]) == (True, 3, 1)
    assert verified["bytes"] > 0


def test_an_index_that_differs_exits_with_3(runs: list[str], project: Path, gitexp: Run) -> None:
    import sqlite3

    gitexp("index", "rebuild").ok()
    repository = Repository.open(project)
    path = index_path(repository.workspace)
    repository.close()
    assert path is not None
    connection = sqlite3.connect(path)
    with connection:
        connection.execute("UPDATE runs SET name = 'x' WHERE id = ?", (MIDDLE,))
    connection.close()
    result = gitexp("index", "verify", "-q")
    assert (result.code, result.out) == (3, f"runs: {MIDDLE}\n")
    gitexp("index", "rebuild").ok()
    assert gitexp("index", "verify").ok().out.startswith("same")
