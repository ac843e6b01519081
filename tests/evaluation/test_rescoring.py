"""Scoring recorded outputs again: by evaluators and by people, without asking anybody anew."""

from __future__ import annotations

import json
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from gitexp.documents.problems import MISSING
from gitexp.errors import InvalidInput, NotAllowed, NotFound
from gitexp.evaluation.running.judgements import read_judgements
from gitexp.evaluation.running.progress import Progress
from gitexp.evaluation.running.recombining import recombining
from gitexp.evaluation.running.rescoring import Judgement, judge, rescore
from gitexp.evaluation.running.runner import resume
from gitexp.project.workspace import Workspace
from gitexp.runs.journalling.journals import paths_of
from gitexp.runs.recording import exchange, ledger
from gitexp.runs.recording.results import totals_of
from gitexp.runs.run import Run
from gitexp.runs.tallies import Stats
from gitexp.runs.tracking.resuming import go_on_with
from gitexp.runs.tracking.starting import delete_run
from gitexp.store.memory import MemoryStore
from gitexp.store.memory_remote import MemoryRemote
from tests.evaluation.projects import Project
from tests.runs.making import IDENTITY, add_row, run_id, workspace_on

CLOSE = "type: numeric\n\ntolerance: TOLERANCE\n"
REVIEWER = "type: human\n\nmin: 1\nmax: 5\n\npass_at: 3\n"


@pytest.fixture
def scored(project: Project) -> Project:
    """A project with outputs 1 to 4, three of them off by some, and an error."""
    project.dataset(
        [{"id": str(n), "input": n, "expected": n + 1 + n % 3} for n in range(4)]
        + [{"id": "bad", "input": "x", "expected": 1}]
    )
    project.write("evaluators/close.yaml", CLOSE.replace("TOLERANCE", "1"))
    project.write("evaluators/reviewer.yaml", REVIEWER)
    return project


def values(project: Project, run: Run, name: str) -> list[Any]:
    return [row.scores[name].value for row in project.rows(run) if name in row.scores]


def assert_counted(project: Project, run: Run) -> Run:
    """Require that what the run says is what is counted over its rows."""
    found = ledger.get(project.workspace, run.id)
    recorded = found.to_dict()
    for name, value in totals_of(project.rows(run)).items():
        assert recorded.get(name, {}) == value
    return found


def test_an_evaluator_is_added_without_asking_again(scored: Project) -> None:
    run = scored.run()
    assert run.stats == Stats(passed=2, failed=2, errors=1)
    scored.code("raise SystemExit('asked')\n")
    again = rescore(scored.workspace, run.id, ["close"])
    assert [row.scores["close"].passed for row in scored.rows(run)[:4]] == [True, True, False, True]
    assert (again.id, again.status, again.stats) == (run.id, "finished", run.stats)
    assert again.scores["exact-match"] == run.scores["exact-match"]
    assert [one.name for one in again.evaluators] == ["exact-match", "close"]
    bad = scored.rows(run)[4]
    assert (bad.status, bad.output, bad.scores) == ("error", MISSING, {})
    assert assert_counted(scored, run) == again


def test_an_evaluator_is_done_again_as_it_is_now(scored: Project) -> None:
    run = scored.run(evaluators=("close",))
    assert run.stats == Stats(passed=3, failed=1, errors=1)
    scored.write("evaluators/close.yaml", CLOSE.replace("TOLERANCE", "2"))
    again = rescore(scored.workspace, run.id, ["close"])
    assert again.stats == Stats(passed=4, errors=1)
    assert [one.name for one in again.evaluators] == ["close"]
    assert again.evaluators[0].digest != run.evaluators[0].digest
    scored.write("evaluators/close.yaml", CLOSE.replace("TOLERANCE", "0"))
    assert rescore(scored.workspace, run.id, ["close"]).stats == Stats(passed=2, failed=2, errors=1)
    assert_counted(scored, run)


def test_scoring_twice_the_same_changes_nothing(scored: Project) -> None:
    run = scored.run()
    once = rescore(scored.workspace, run.id, ["close"])
    rows = scored.rows(run)
    assert rescore(scored.workspace, run.id, ["close"]) == once
    assert scored.rows(run) == rows


def test_progress_is_told_and_errors_of_evaluators_are_theirs(scored: Project) -> None:
    scored.dataset([{"id": "a", "input": 1, "expected": "two"}, {"id": "b", "input": 1}])
    run = scored.run()
    seen: list[Progress] = []
    again = rescore(scored.workspace, run.id, ["close"], progress=seen.append)
    assert [progress.done for progress in seen] == [1, 2]
    first = scored.rows(run)[0]
    assert first.scores["close"].error
    assert (first.status, first.output) == ("failed", 2)
    assert again.scores["close"]["errors"] == 1


def test_rows_keep_all_else_and_their_order(scored: Project) -> None:
    run = scored.run(repeats=2, concurrency=3)
    before = [row.to_dict() | {"scores": None} for row in scored.rows(run)]
    rescore(scored.workspace, run.id, ["close"], concurrency=2)
    assert [row.to_dict() | {"scores": None} for row in scored.rows(run)] == before


def test_a_scored_run_is_gone_on_with(scored: Project) -> None:
    """What was scored later stays; what is done again has the scores of the run itself."""
    run = scored.run()
    rescore(scored.workspace, run.id, ["close"])
    scored.code("def answer(x, p): return 1 if x == 'x' else x + 1\n")
    again = resume(scored.workspace, run.id)
    assert again.stats == Stats(passed=3, failed=2)
    rows = scored.rows(run)
    assert [sorted(row.scores) for row in rows] == [["close", "exact-match"]] * 4 + [
        ["exact-match"]
    ]
    rescore(scored.workspace, run.id, ["close"])
    assert [sorted(row.scores) for row in scored.rows(run)] == [["close", "exact-match"]] * 5
    assert_counted(scored, run)


# --- people ---------------------------------------------------------------------------------


def said(sample: str, value: Any, **more: Any) -> Judgement:
    return Judgement(sample=sample, value=value, **more)


def test_what_people_say_is_recorded(scored: Project) -> None:
    run = scored.run(evaluators=("reviewer",))
    assert run.stats == Stats(unscored=4, errors=1)
    again = judge(
        scored.workspace,
        run.id,
        "reviewer",
        [said("0", 4, reason="fine"), said("1", 2), said("2", 1, passed=True)],
    )
    assert values(scored, run, "reviewer") == [4, 2, 1, None]
    assert [row.status for row in scored.rows(run)] == [
        "passed",
        "failed",
        "passed",
        "unscored",
        "error",
    ]
    assert scored.rows(run)[0].scores["reviewer"].reason == "fine"
    assert again.stats == Stats(passed=2, failed=1, unscored=1, errors=1)
    assert_counted(scored, run)


def test_a_person_may_say_something_else_later(scored: Project) -> None:
    run = scored.run()
    judge(scored.workspace, run.id, "reviewer", [said("0", 1), said("1", 5)])
    again = judge(scored.workspace, run.id, "reviewer", [said("0", 5)])
    assert values(scored, run, "reviewer") == [5, 5]
    assert [one.name for one in again.evaluators] == ["exact-match", "reviewer"]
    assert again.scores["reviewer"]["count"] == 2
    assert_counted(scored, run)


def test_what_people_said_is_not_done_again(scored: Project) -> None:
    run = scored.run(limit=2)
    judge(scored.workspace, run.id, "reviewer", [said("0", 4)])
    again = rescore(scored.workspace, run.id, ["reviewer", "close"])
    assert values(scored, run, "reviewer") == [4, None]
    assert values(scored, run, "close") == [True, True]
    assert again.scores["reviewer"]["unscored"] == 1


def test_judgements_are_all_recorded_or_none(scored: Project) -> None:
    run = scored.run()
    with pytest.raises(InvalidInput) as wrong:
        judge(scored.workspace, run.id, "reviewer", [said("0", 4), said("1", 9)])
    assert str(wrong.value) == "sample 1: 9 is no score of 'reviewer'"
    with pytest.raises(InvalidInput, match=r"^sample 1: \[1\] is no score of 'reviewer'"):
        judge(scored.workspace, run.id, "reviewer", [said("1", [1])])
    with pytest.raises(NotFound) as missing:
        judge(
            scored.workspace,
            run.id,
            "reviewer",
            [said("0", 4), said("7", 4), said("1", 4, repeat=2)],
        )
    assert str(missing.value) == f"run {run.id} has no rows of 1 (repeat 2), 7"
    with pytest.raises(InvalidInput, match="scores by itself"):
        judge(scored.workspace, run.id, "close", [said("0", 4)])
    assert ledger.get(scored.workspace, run.id) == run


def test_two_judgements_of_one_output_are_refused(scored: Project) -> None:
    run = scored.run()
    with pytest.raises(InvalidInput) as caught:
        judge(scored.workspace, run.id, "reviewer", [said("0", 4), said("0", 2)])
    assert str(caught.value) == "sample 0 is judged twice"


def test_each_pass_is_judged_by_itself(scored: Project) -> None:
    run = scored.run(repeats=2)
    judge(scored.workspace, run.id, "reviewer", [said("0", 4, repeat=1), said("0", 2)])
    found = {row.key: row.scores["reviewer"].value for row in scored.rows(run)[:2]}
    assert found == {("0", 0): 2, ("0", 1): 4}


# --- evaluation workflows -------------------------------------------------------------------

BOTH = """\
evaluators:
  - evaluator: exact-match

  - evaluator: reviewer

combine: all
"""


@pytest.fixture
def combined(scored: Project) -> Project:
    scored.write("workflows/both.yaml", BOTH)
    return scored


def test_other_evaluators_do_not_decide_where_a_workflow_does(combined: Project) -> None:
    run = combined.run(evaluator_workflows=("both",))
    assert run.stats == Stats(passed=2, failed=2, errors=1)
    again = rescore(combined.workspace, run.id, ["close"])
    assert again.stats == run.stats
    assert_counted(combined, run)


def test_what_people_say_decides_through_the_workflow(combined: Project) -> None:
    run = combined.run(evaluator_workflows=("both",))
    again = judge(combined.workspace, run.id, "reviewer", [said("0", 1), said("3", 5)])
    assert [row.scores["both"].value for row in combined.rows(run)[:4]] == [
        False,
        False,
        False,
        True,
    ]
    assert again.stats == Stats(passed=1, failed=3, errors=1)
    assert judge(combined.workspace, run.id, "reviewer", [said("0", 5)]).stats == run.stats
    assert_counted(combined, run)


def test_an_evaluator_done_again_decides_through_the_workflow(combined: Project) -> None:
    combined.write("workflows/both.yaml", BOTH.replace("exact-match", "close"))
    run = combined.run(evaluator_workflows=("both",))
    assert run.stats == Stats(passed=3, failed=1, errors=1)
    combined.write("evaluators/close.yaml", CLOSE.replace("TOLERANCE", "0"))
    again = rescore(combined.workspace, run.id, ["close"])
    assert again.stats == Stats(passed=2, failed=2, errors=1)
    assert_counted(combined, run)


# --- scores from two clones -----------------------------------------------------------------

PEOPLE = """\
evaluators:
  - evaluator: reviewer

  - evaluator: writer

combine: min

pass_at: 0.5
"""


@pytest.fixture
def clones(scored: Project) -> tuple[Project, Workspace]:
    """A project and another clone of it that stands in the same files, and that knows its run."""
    scored.write("evaluators/writer.yaml", REVIEWER)
    scored.write("workflows/people.yaml", PEOPLE)
    shared, stores = (
        MemoryStore(),
        [MemoryStore(config={**IDENTITY, "remote.origin.url": "memory:shared"}) for _ in "ab"],
    )
    here, there = (
        replace(
            workspace_on(store, remote=partial(opened, store, shared), seed=seed),
            directory=scored.directory,
            recombine=recombining,
        )
        for seed, store in enumerate(stores)
    )
    scored.workspace = here
    scored.save("shift: 1\n")
    scored.run(limit=3, evaluator_workflows=("people",))
    exchange.push(here)
    exchange.fetch(there)
    return scored, there


def opened(store: MemoryStore, shared: MemoryStore, name: str) -> MemoryRemote:
    return MemoryRemote(store, shared)


def joined(project: Project, there: Workspace) -> Run:
    """Return the run once both clones know what each of them added, counted from its rows."""
    exchange.push(project.workspace)
    exchange.fetch(there)
    exchange.push(there)
    exchange.fetch(project.workspace)
    [run] = project.runs()
    assert ledger.get(there, run.id) == run
    return assert_counted(project, run)


def test_scores_of_two_clones_decide_through_the_workflow(
    clones: tuple[Project, Workspace],
) -> None:
    project, there = clones
    [run] = project.runs()
    judge(project.workspace, run.id, "reviewer", [said("0", 1), said("1", 5)])
    judge(there, run.id, "writer", [said("0", 5), said("1", 4)])
    run = joined(project, there)
    assert values(project, run, "people") == [0.0, 0.75, None]
    assert [row.status for row in project.rows(run)] == ["failed", "passed", "unscored"]
    assert run.stats == Stats(passed=1, failed=1, unscored=1)


def test_scores_that_cannot_be_combined_anew_stay_and_it_is_said(
    clones: tuple[Project, Workspace],
) -> None:
    project, there = clones
    [run] = project.runs()
    judge(project.workspace, run.id, "writer", [said("0", 5)])
    judge(there, run.id, "reviewer", [said("0", 1)])
    project.write("workflows/people.yaml", PEOPLE.replace("min", "max"))
    notices: list[str] = []
    there = replace(there, surroundings=replace(there.surroundings, notice=notices.append))
    run = joined(project, there)
    assert values(project, run, "people") == [1.0, None, None]
    [notice] = notices
    assert notice == (
        f"run {run.id} was scored in two clones, and what people makes of that is not worked out, "
        "because the files here are not those that scored it: do it with "
        f"`gitexp score {run.id} --evaluator NAME`, for an evaluator of the workflow"
    )
    project.write("workflows/people.yaml", PEOPLE)
    rescore(project.workspace, run.id, ["writer"])
    assert values(project, run, "people") == [0.0, None, None]


# --- what is refused ------------------------------------------------------------------------


def test_what_cannot_be_scored_is_refused(scored: Project) -> None:
    with pytest.raises(NotFound):
        rescore(scored.workspace, run_id(7), ["close"])
    run = scored.run()
    with pytest.raises(NotFound):
        rescore(scored.workspace, run.id, ["rouge"])
    delete_run(scored.workspace, run.id)
    with pytest.raises(NotAllowed, match="is deleted"):
        rescore(scored.workspace, run.id, ["close"])


def test_a_run_that_goes_on_is_not_scored(on_disk: Project) -> None:
    run = on_disk.run()
    with go_on_with(on_disk.workspace, run.id) as (_, journal):
        with pytest.raises(NotAllowed) as caught:
            rescore(on_disk.workspace, run.id, ["numeric"])
        journal.discard()
    assert str(caught.value) == f"run {run.id} goes on"


# --- tables of judgements -------------------------------------------------------------------


def test_what_another_process_left_behind_is_recorded_first(on_disk: Project) -> None:
    """Rows of a journal that is still there would else replace the new scores later."""
    on_disk.write("evaluators/close.yaml", CLOSE.replace("TOLERANCE", "1"))
    on_disk.write("evaluators/reviewer.yaml", REVIEWER)
    run = on_disk.run(limit=2)
    for score in (
        lambda: rescore(on_disk.workspace, run.id, ["close"]),
        lambda: judge(on_disk.workspace, run.id, "reviewer", [Judgement(sample="0", value=2)]),
    ):
        with go_on_with(on_disk.workspace, run.id) as (_, journal):
            add_row(journal, 0, "0", output=1)
            journal.close()
        assert score().status == "killed"
        assert paths_of(on_disk.workspace) == []
        found = assert_counted(on_disk, run)
    assert [one.name for one in found.evaluators] == ["exact-match", "close", "reviewer"]


def test_judgements_are_read_from_csv() -> None:
    table = b'\xef\xbb\xbfsample,value,passed,reason,repeat\nq1,4,yes,"a, b",1\n=1+1,good,,,\n'
    assert read_judgements(table, "r.csv") == [
        said("q1", 4, passed=True, reason="a, b", repeat=1),
        said("=1+1", "good"),
    ]


def test_judgements_are_read_from_lines_of_json() -> None:
    odd = "a\u2028b\x85c\x0bd"
    lines = json.dumps({"sample": odd, "value": True, "reason": odd}, ensure_ascii=False)
    table = f'{lines}\r\n\n{{"sample": 3, "value": 0.5}}\n'.encode()
    assert read_judgements(table, "r.jsonl") == [said(odd, True, reason=odd), said("3", 0.5)]


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (b"sample,valeu\na,1\n", "r:2: unknown column 'valeu'"),
        (b"sample,value\na,\n", "r:2: value is missing"),
        (b"sample,value\na,1,2\n", "r:2 has more cells than the header"),
        (b"sample,value,passed\na,1,maybe\n", "r:2: passed is 'maybe', neither true nor false"),
        (
            b'{"sample": "a", "value": 1, "repeat": -1}',
            "r:1: repeat is -1, no whole number from 0 on",
        ),
        (b'{"sample": "a"}\n', "r:1: value is missing"),
        (b'{"sample": "a", "value": 1}\n[1]\n', "r:2 is no object"),
    ],
)
def test_tables_that_are_wrong_are_refused(table: bytes, message: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        read_judgements(table, "r")
    assert str(caught.value) == message


def test_a_table_in_another_encoding_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"^r is not UTF-8"):
        read_judgements("sample,value\nä,1\n".encode("latin-1"), "r")


def test_what_others_score_meanwhile_counts_too(scored: Project) -> None:
    run = scored.run(limit=3)

    def meanwhile(progress: Progress) -> None:
        if progress.done == progress.total:
            said = [Judgement(sample="0", value=1)]
            judge(scored.workspace, run.id, "reviewer", said)

    rescore(scored.workspace, run.id, ["close"], progress=meanwhile)
    found = assert_counted(scored, run)
    assert [one.name for one in found.evaluators] == ["exact-match", "reviewer", "close"]
    first = scored.rows(run)[0]
    assert (first.status, sorted(first.scores)) == (
        "failed",
        ["close", "exact-match", "reviewer"],
    )


def test_what_goes_on_again_meanwhile_is_not_scored(on_disk: Project) -> None:
    on_disk.write("evaluators/close.yaml", CLOSE.replace("TOLERANCE", "1"))
    run = on_disk.run(limit=1)
    with ExitStack() as stack:

        def meanwhile(progress: Progress) -> None:
            stack.enter_context(go_on_with(on_disk.workspace, run.id))

        with pytest.raises(NotAllowed, match=f"^run {run.id} goes on$"):
            rescore(on_disk.workspace, run.id, ["close"], progress=meanwhile)
    assert [one.name for one in ledger.get(on_disk.workspace, run.id).evaluators] == ["exact-match"]
