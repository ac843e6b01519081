"""The harness itself: turns, figures, reports, and that every benchmark works with small sizes."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tests.benchmarks import harness, peers, reports
from tests.benchmarks.__main__ import main
from tests.benchmarks.catalogue import RECIPES
from tests.benchmarks.figures import Compared, Comparison, Outcome, Ratio, compare, summarize
from tests.benchmarks.grounds import (
    EXPERIMENT,
    Import,
    add_versions,
    copied,
    experiment_branch,
    new_project,
    parameters_path,
)
from tests.benchmarks.made_runs import DAY_MILLIS, made_run
from tests.benchmarks.measuring import CommandFailed, Reading, Subject, measure, read_once
from tests.benchmarks.recipes import Contest, Recipe, beside, peer, subject, yardstick
from tests.benchmarks.settings import QUICK, Programs, Setting, installed_gitexp
from tests.benchmarks.trackers import A_DAY, ledger

PROGRAMS = Programs(gitexp=installed_gitexp(), python=Path(sys.executable))

needs_wait4 = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no wait4")


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def contestant(
    name: str = "it", *, code: str = "", missing: str = "", operations: int = 1
) -> Subject:
    return Subject(
        name=name,
        command=lambda number: python(code),
        directory=Path(),
        operations=operations,
        missing=missing,
    )


def readings(*seconds: float) -> list[Reading]:
    return [Reading(amount=each) for each in seconds]


def compared(ratio: float, at_most: float | None) -> Compared:
    return Compared(
        comparison=Comparison(subject="ours", beside="theirs", at_most=at_most),
        ratio=Ratio(median=ratio, lowest=ratio, highest=ratio),
    )


# --- turns --------------------------------------------------------------------------------------


def test_subjects_take_turns_after_a_round_that_is_not_counted() -> None:
    turns: list[str] = []

    def noting(name: str) -> Callable[[int], None]:
        return lambda number: turns.append(f"{name}{number}")

    contestants = [
        Subject(
            name=name,
            command=lambda number: python(""),
            directory=Path(),
            prepare=noting(name),
        )
        for name in "ab"
    ]
    found = measure(contestants, 2)
    assert turns == ["a0", "b0", "a1", "b1", "a2", "b2"]
    assert {name: len(each) for name, each in found.items()} == {"a": 2, "b": 2}


def test_what_takes_minutes_takes_fewer_turns_and_does_not_warm_up() -> None:
    slow = Subject(name="slow", command=lambda number: python(""), directory=Path(), most_rounds=2)
    assert [number for number in range(5) if slow.takes_part(number)] == [1, 2]
    assert len(measure([slow], 3)["slow"]) == 2


def test_a_missing_subject_has_no_readings() -> None:
    assert measure([contestant(missing="not installed")], 1) == {"it": []}


def test_the_command_depends_on_the_round(tmp_path: Path) -> None:
    told = Subject(
        name="told",
        command=lambda number: python(f"print({number} + 0.5)"),
        directory=tmp_path,
        times_itself=True,
    )
    assert read_once(told, 7).amount == 7.5


def test_a_failing_command_says_what_it_wrote() -> None:
    failing = contestant(code="raise SystemExit('no luck')")
    with pytest.raises(CommandFailed) as caught:
        read_once(failing, 0)
    assert str(caught.value).endswith(" ended with 1: no luck")


def test_a_command_sees_only_its_own_environment(tmp_path: Path, setting: Setting) -> None:
    code = "import os, sys; sys.exit(os.environ['HOME'])"
    with pytest.raises(CommandFailed, match=r"ended with 1: .*home$"):
        read_once(subject(setting, "it", python(code)), 0)


@needs_wait4
def test_peak_memory_is_that_of_the_process() -> None:
    peak = read_once(contestant(code="bytearray(150_000_000)"), 0).peak_bytes
    assert peak is not None
    assert peak > 150_000_000


@needs_wait4
def test_processor_time_is_told() -> None:
    spent = read_once(contestant(code="sum(range(2_000_000))"), 0).cpu_seconds
    assert spent is not None
    assert spent > 0


# --- figures ------------------------------------------------------------------------------------


def test_readings_are_summed_up_by_minimum_and_median() -> None:
    summary = summarize(contestant(operations=10), readings(4.0, 1.0, 2.0))
    assert (summary.minimum, summary.median, summary.per_second) == (1.0, 2.0, 5.0)


def test_memory_is_the_highest_peak_and_processor_time_the_median() -> None:
    found = [Reading(amount=1, cpu_seconds=cpu, peak_bytes=peak) for cpu, peak in [(1, 7), (3, 5)]]
    summary = summarize(contestant(), found)
    assert (summary.cpu_seconds, summary.peak_bytes) == (2, 7)


def test_without_readings_there_are_no_figures() -> None:
    summary = summarize(contestant(missing="not installed"), [])
    assert (summary.minimum, summary.median, summary.per_second) == (None, None, None)


def test_a_ratio_is_taken_pair_by_pair() -> None:
    subjects = {name: contestant(name) for name in ("ours", "theirs")}
    found = {"ours": readings(1, 20, 3), "theirs": readings(2, 10, 4)}
    ratio = compare(Comparison(subject="ours", beside="theirs"), subjects, found).ratio
    assert ratio == Ratio(median=0.75, lowest=0.5, highest=2)


def test_a_ratio_is_for_one_operation() -> None:
    subjects = {"ours": contestant("ours", operations=100), "theirs": contestant("theirs")}
    found = {"ours": readings(10), "theirs": readings(1)}
    ratio = compare(Comparison(subject="ours", beside="theirs"), subjects, found).ratio
    assert ratio == Ratio(median=0.1, lowest=0.1, highest=0.1)


def test_what_was_not_measured_is_not_compared() -> None:
    subjects = {name: contestant(name) for name in ("ours", "theirs")}
    aim = Comparison(subject="ours", beside="theirs", at_most=1)
    result = compare(aim, subjects, {"ours": readings(1), "theirs": []})
    assert (result.ratio, result.reached) == (None, None)


@pytest.mark.parametrize(
    ("ratio", "at_most", "reached"),
    [(0.2, 0.2, True), (0.21, 0.2, False), (9, None, None)],
)
def test_an_aim_is_reached_at_most_at_its_ratio(
    ratio: float, at_most: float | None, reached: bool | None
) -> None:
    assert compared(ratio, at_most).reached is reached


# --- reports ------------------------------------------------------------------------------------


def outcome() -> Outcome:
    ours = Subject(name="ours", command=lambda number: [], directory=Path(), operations=50)
    found = [Reading(amount=0.5, cpu_seconds=0.25, peak_bytes=30 * 2**20)]
    return Outcome(
        name="example",
        about="do something",
        rounds=1,
        summaries=(
            summarize(ours, found),
            summarize(contestant("theirs", missing="not installed"), []),
        ),
        compared=(
            compared(0.25, 0.2),
            Compared(comparison=Comparison(subject="ours", beside="gone", at_most=1), ratio=None),
        ),
    )


def test_a_table_has_a_line_for_each_subject_and_comparison() -> None:
    table = reports.outcome_text(outcome())
    gap = " " * 40
    assert table.splitlines() == [
        "example: do something (1 round)",
        f"  {'':44}        min     median        cpu  peak MB  a second",
        f"  ours{gap}   500.0 ms   500.0 ms   250.0 ms       30       100",
        f"  theirs{gap[2:]} not installed",
        "  ours / theirs: 0.25 (0.25 to 0.25); aim: at most 0.2, MISSED",
        "  ours / gone: not measured; aim: at most 1, not measured",
    ]


def test_sizes_are_shown_in_kilobytes_and_have_no_rate() -> None:
    stored = Subject(
        name="stored", command=lambda number: [], directory=Path(), unit="bytes", operations=10
    )
    summary = summarize(stored, [Reading(amount=12_345)])
    assert summary.per_second is None
    table = reports.outcome_text(Outcome(name="size", about="be", rounds=1, summaries=(summary,)))
    assert table.splitlines()[-1].split() == ["stored", "12.3", "kB", "12.3", "kB"]


def test_memory_below_the_floor_is_told_as_such() -> None:
    assert " <40 " in reports.outcome_text(outcome(), floor=40 * 2**20)


def test_the_end_lists_every_aim_that_was_not_reached() -> None:
    failed = Outcome(name="broken", about="fail", rounds=1, failure="git ended with 128: no")
    assert reports.aims_text([outcome(), failed]).splitlines() == [
        "0 of 2 aims reached",
        "  ours / theirs: 0.25 (0.25 to 0.25); aim: at most 0.2, MISSED",
        "  ours / gone: not measured; aim: at most 1, not measured",
        "  broken failed",
    ]


def test_the_document_is_json_with_every_reading() -> None:
    document = reports.document([outcome()], {"gitexp": "1"}, quick=True, floor=None)
    (benchmark,) = json.loads(json.dumps(document))["benchmarks"]
    assert (benchmark["subjects"][0]["unit"], benchmark["subjects"][0]["amounts"]) == (
        "seconds",
        [0.5],
    )
    assert benchmark["comparisons"][0] == {
        "subject": "ours",
        "beside": "theirs",
        "at_most": 0.2,
        "ratio": 0.25,
        "lowest": 0.25,
        "highest": 0.25,
        "reached": False,
    }


# --- grounds and peers --------------------------------------------------------------------------


def test_a_ground_is_a_project_with_the_versions_that_were_asked_for(setting: Setting) -> None:
    clone = new_project(setting)
    add_versions(setting, clone, EXPERIMENT, 3)
    listed = json.loads(setting.gitexp(clone, "versions", EXPERIMENT, "--format", "json"))
    assert [each["values"]["temperature"] for each in listed] == [0.0001, 0.0011, 0.0021]


def test_a_copied_ground_has_a_remote_of_its_own(setting: Setting) -> None:
    clone = new_project(setting)
    copy = copied(clone, "copy")
    setting.git(copy, "push", "--quiet", "origin", "main:refs/heads/other")
    assert "other" not in setting.git(clone, "ls-remote")


def test_a_history_is_imported_with_tags_and_replaced_trees(setting: Setting) -> None:
    clone, history = new_project(setting), Import()
    add_versions(setting, clone, EXPERIMENT, 1)
    tree = setting.git(clone, "rev-parse", f"{experiment_branch(EXPERIMENT)}^{{tree}}")
    history.commit("other", start="refs/heads/main^0", tree=tree)
    history.tag("model@v0.0.1", "refs/heads/other", "first")
    history.run(setting, clone)
    assert setting.git(clone, "rev-parse", "model@v0.0.1^{tree}") == tree
    assert setting.git(clone, "show", f"other:{parameters_path(EXPERIMENT)}").startswith("temp")


def test_a_peer_that_is_not_installed_is_left_out(setting: Setting, tmp_path: Path) -> None:
    program = peers.find("dvc", tmp_path)
    assert program is None
    absent = peer(setting, "dvc --version", program, ["--version"])
    assert absent.missing == "not installed; `make bench` installs it where it can"


def test_a_yardstick_takes_what_it_says(setting: Setting) -> None:
    assert read_once(yardstick(setting, "half a second", 0.5), 0).amount == 0.5


def test_a_ledger_has_the_made_runs_and_is_kept_for_others(setting: Setting) -> None:
    few, _, many = setting.sizes.runs
    clone = ledger(setting, few, "few")
    listed = json.loads(setting.gitexp(clone, "run", "list", "--format", "json"))
    assert {run["name"] for run in listed} == {f"trial-{number}" for number in range(few)}
    kept = {path.name for path in setting.kept.iterdir()}
    assert {f"ledger-{few}-{A_DAY}", f"ledger-{many}-{A_DAY}"} <= kept


def test_made_runs_are_spread_over_their_days() -> None:
    assert made_run(1000, 1000).began - made_run(0, 1000).began == DAY_MILLIS
    assert made_run(5, 1000) == made_run(5, 1000)
    assert made_run(5, 1000).metrics != made_run(6, 1000).metrics


# --- whole benchmarks ---------------------------------------------------------------------------


def recipe(build: Callable[[Setting], Contest]) -> Recipe:
    return Recipe(name="example", about="do something", rounds=1, build=build)


def test_a_benchmark_works_in_a_directory_that_is_gone_afterwards(tmp_path: Path) -> None:
    def build(setting: Setting) -> Contest:
        (setting.directory / "left").write_text("behind")
        return Contest(
            subjects=(subject(setting, "a", python("")), subject(setting, "b", python(""))),
            comparisons=beside("a", "b"),
        )

    result = harness.run(recipe(build), tmp_path / "place", PROGRAMS, QUICK, 1)
    assert [len(summary.amounts) for summary in result.summaries] == [1, 1]
    assert list((tmp_path / "place").iterdir()) == []


def test_a_benchmark_whose_set_up_fails_says_so(tmp_path: Path) -> None:
    def build(setting: Setting) -> Contest:
        setting.git(setting.directory, "no-such-command")
        return Contest(subjects=())

    result = harness.run(recipe(build), tmp_path, PROGRAMS, QUICK, 1)
    assert result.failure.startswith("git no-such-command ended with 1: git: 'no-such-command'")


def test_only_the_benchmarks_that_were_named_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "figures.json"
    arguments = ["--quick", "--only", "cold-start", "--rounds", "1", "--json", str(file)]
    assert main(arguments, tmp_path / "place") == 0
    printed = capsys.readouterr().out
    assert "cold-start: start a process (1 round)" in printed
    assert "0 of 1 aims reached (they are for the full sizes)" in printed  # no peer is there
    assert [each["name"] for each in json.loads(file.read_text())["benchmarks"]] == ["cold-start"]


@pytest.mark.parametrize("arguments", [["--only", "nothing"], ["--rounds", "0"], ["--rounds", "x"]])
def test_a_wrong_option_is_refused(arguments: Sequence[str], tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(arguments, tmp_path)


@pytest.mark.interop
@pytest.mark.parametrize("name", RECIPES)
def test_every_benchmark_runs_with_small_sizes(name: str, tmp_path: Path) -> None:
    programs = Programs(
        gitexp=installed_gitexp(),
        python=Path(sys.executable),
        dvc=peers.find("dvc"),
        gto=peers.find("gto"),
        mlflow=peers.find("mlflow"),
        inspect=peers.find("inspect"),
        promptfoo=peers.find("promptfoo"),
    )
    result = harness.run(RECIPES[name], tmp_path, programs, QUICK, 1)
    assert result.failure == ""
    assert all(each.missing or each.amounts for each in result.summaries)
    left_out = {each.name for each in result.summaries if each.missing}
    for each in result.compared:
        names = {each.comparison.subject, each.comparison.beside}
        assert (each.ratio is None) == bool(names & left_out)
