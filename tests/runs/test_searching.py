"""Searching: what a filter finds, in which order, on which page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from gitexp.errors import Conflict, InvalidInput, NotFound, StoreError
from gitexp.ids import RunId
from gitexp.project.workspace import Workspace
from gitexp.runs.filters import parse_filter, parse_order
from gitexp.runs.metrics import MetricPoint
from gitexp.runs.recording import ledger
from gitexp.runs.recording.records import record_of
from gitexp.runs.references import CodeReference, Exit
from gitexp.runs.rows import Failure
from gitexp.runs.run import Run
from gitexp.runs.searching import (
    RunPage,
    RunQuery,
    count,
    documents,
    find_run,
    resolve,
    search,
)
from gitexp.runs.tallies import Stats
from gitexp.runs.tracking.starting import NewRun, start_run
from gitexp.store.transaction import Transaction, transact
from gitexp.store.trees import tree_of
from tests.builders import commit_files
from tests.runs.making import (
    EXPERIMENT_ID,
    dataset_reference,
    make_run,
    references,
    run_id,
)
from tests.runs.oracle import PLANS, fits, ordered, planned

NAN, INF = float("nan"), float("inf")
LONG = "word " * 200


def points(**values: float) -> dict[str, MetricPoint]:
    return {name: MetricPoint(value, 1, 1) for name, value in values.items()}


def record(workspace: Workspace, *runs: Run, experiment: str = "tone") -> None:
    ledger.append(workspace, experiment, [record_of(run) for run in runs])


RUNS = (
    make_run(
        run_id(1),
        name="First",
        parameters={"lr": 0.5, "model": "gpt", "prompt": LONG},
        metrics=points(loss=0.5, acc=1.0),
        tags={"team": "chat", "note": "a%b_c"},
        dataset=dataset_reference("questions"),
        evaluators=references("exact"),
        scores={"exact": {"count": 2, "mean": 0.5}},
        stats=Stats(passed=5, failed=5),
        code=CodeReference(commit="c" * 40, dirty=False, branch="main"),
    ),
    make_run(
        run_id(2),
        status="failed",
        name="second",
        description="Größer",
        parameters={"lr": 0.5, "model": "gpt"},
        params={"lr": 2, "flag": True, "layers": [1, 2]},
        metrics=points(loss=0.25, acc=NAN),
        tags={"team": "search"},
        exit=Exit(code=3),
        version="ab" * 20,
        digest="sha256:" + "7" * 64,
    ),
    make_run(
        run_id(3),
        status="killed",
        params={"lr": "0.1", "flag": "True", "word": "True"},
        metrics=points(loss=INF),
        tags={"team": "chat"},
        inputs=(
            {"name": "train", "digest": "d1", "tags": {"mlflow.data.context": "training"}},
            {"name": "test", "digest": "d2"},
        ),
        parent=run_id(1),
        stats=Stats(passed=1, failed=0, errors=3),
    ),
    make_run(run_id(4), params={"lr": "auto"}, metrics=points(loss=NAN), version=None, digest=None),
    make_run(run_id(5), status="running", metrics=points(loss=-INF), retry_of=run_id(2), attempt=2),
    make_run(run_id(6), parameters={"lr": 10}, lifecycle="active"),
)
RUNS = tuple(
    replace(run, error=Failure(type="ValueError", message="out of memory"))
    if run.status == "failed"
    else run
    for run in RUNS
)
DELETED = replace(make_run(run_id(7), metrics=points(loss=0.0)), lifecycle="deleted")


@pytest.fixture
def recorded(workspace: Workspace) -> Workspace:
    """A workspace with seven runs, one of them deleted."""
    record(workspace, *RUNS, DELETED)
    return workspace


def found(workspace: Workspace, filter: str = "", **query: Any) -> list[int]:
    """Return the numbers of the runs that a filter finds."""
    page = search(workspace, RunQuery(filter=filter, **query))
    return [numbers[run["id"]] for run in page.documents]


numbers = {run_id(number): number for number in range(1, 100)}


# --- filters


@pytest.mark.parametrize(
    ("filter", "expected"),
    [
        ("", [6, 5, 4, 3, 2, 1]),
        ("metrics.loss < 0.5", [5, 2]),
        ("metrics.loss <= 0.5", [5, 2, 1]),
        ("metrics.loss != 0.5", [5, 4, 3, 2]),
        ("metrics.loss = 0.5", [1]),
        ("metrics.loss > 1e300", [3]),
        ("metrics.loss = inf", [3]),
        ("metrics.loss = nan", [4]),
        ("metrics.loss != nan", [5, 3, 2, 1]),
        ("metrics.loss > nan", []),
        ("metrics.loss IN (0.25, 0.5)", [2, 1]),
        ("metrics.loss NOT IN (0.25, 0.5)", [5, 4, 3]),
        ("metrics.loss BETWEEN 0 AND 0.5", [2, 1]),
        ("metrics.loss NOT BETWEEN 0 AND 0.5", [5, 4, 3]),
        ("metrics.loss IS NULL", [6]),
        ("metrics.loss IS NOT NULL", [5, 4, 3, 2, 1]),
        ("NOT metrics.loss = 0.5", [6, 5, 4, 3, 2]),
        ("metrics.nothing > 0", []),
        ("metrics.nothing IS NULL", [6, 5, 4, 3, 2, 1]),
        # A param that was logged counts, else the resolved parameter.
        ("params.lr = 0.5", [1]),
        ("params.lr = 2", [2]),
        ("params.lr > 0.1", [6, 2, 1]),
        ("params.lr >= 0.1", [6, 3, 2, 1]),
        ("params.lr = '0.1'", [3]),
        ("params.lr = '0.5'", [1]),
        ("params.lr != 0.5", [6, 4, 3, 2]),
        ("params.lr = 'auto'", [4]),
        ("params.lr LIKE '0.%'", [3, 1]),
        ("params.lr IN ('auto', 10)", [6, 4]),
        ("params.lr NOT IN ('auto', 10)", [3, 2, 1]),
        ("params.lr BETWEEN 0.2 AND 5", [2, 1]),
        ("params.lr NOT BETWEEN 0.2 AND 5", [6, 4, 3]),
        ("params.flag = true", [3, 2]),
        ("params.flag != true", []),
        ("params.layers = '[1,2]'", [2]),
        (f"params.prompt = '{LONG}'", [1]),
        (f"params.prompt != '{LONG} '", [1]),
        ("params.prompt LIKE '%word word _'", []),
        ("params.prompt LIKE 'word%word '", [1]),
        ("params.prompt NOT LIKE 'word%word '", []),
        ("tags.team = 'chat'", [3, 1]),
        ("tags.team != 'chat'", [2]),
        ("NOT tags.team = 'chat'", [6, 5, 4, 2]),
        ("tags.team LIKE 'CHAT'", []),
        ("tags.team ILIKE 'CHAT'", [3, 1]),
        ("tags.team NOT LIKE 'ch%'", [2]),
        ("tags.team > 'd'", [2]),
        ("tags.note LIKE 'a\\%b_c'", []),
        ("tags.note LIKE 'a%b%'", [1]),
        ("tags.note LIKE '*'", []),
        ("tags.note LIKE '[a]%'", []),
        ("scores.exact > 0.4", [1]),
        ("stats.pass_rate = 0.5", [1]),
        ("stats.pass_rate < 0.5", [3]),
        ("stats.pass_rate IS NULL", [6, 5, 4, 2]),
        ("stats.scored_pass_rate = 1", [3]),
        ("stats.errors > 0", [3]),
        ("status = 'FINISHED'", [6, 4, 1]),
        ("status != 'finished'", [5, 3, 2]),
        ("status IN ('failed', 'KILLED')", [3, 2]),
        ("status NOT IN ('failed', 'KILLED')", [6, 5, 4, 1]),
        ("status LIKE 'FIN%'", [6, 4, 1]),
        ("name = 'First'", [1]),
        ("run_name LIKE '%st'", [1]),
        ("name IS NULL", [6, 5, 4, 3]),
        ("name != 'First'", [2]),
        ("description ILIKE 'GRÖSSER' OR description ILIKE 'GRÖßER'", [2]),
        ("run_id = '20260102T000003-aaaaaaaa'", [3]),
        ("run_id IN ('20260102T000003-aaaaaaaa', 'x')", [3]),
        ("run_id NOT IN ('20260102T000003-aaaaaaaa', 'x')", [6, 5, 4, 2, 1]),
        ("run_id LIKE '%3-aaaaaaaa'", [3]),
        ("version = 'abab'", [2]),
        ("version = 'ABAB'", [2]),
        ("version != 'abab'", [6, 5, 3, 1]),
        ("version IN ('abab', 'aaaa')", [6, 5, 3, 2, 1]),
        ("version NOT IN ('abab', 'ffff')", [6, 5, 3, 1]),
        ("version IS NULL", [4]),
        ("version = ''", []),
        ("digest = '777'", [2]),
        ("digest = 'sha256:777'", [2]),
        ("commit = 'cccc'", [1]),
        ("branch = 'main'", [1]),
        ("dirty = false", [1]),
        ("dirty = true", []),
        ("experiment = 'tone'", [6, 5, 4, 3, 2, 1]),
        ("who LIKE 'Ada%'", [6, 5, 4, 3, 2, 1]),
        ("dataset = 'questions'", [1]),
        ("datasets.name = 'questions'", [1]),
        ("datasets.name IN ('train', 'questions')", [3, 1]),
        ("datasets.name != 'train'", [3, 1]),
        ("datasets.context = 'training'", [3]),
        ("datasets.context IS NULL", [6, 5, 4, 2, 1]),
        ("datasets.digest LIKE 'd_'", [3]),
        ("NOT datasets.name = 'train'", [6, 5, 4, 2, 1]),
        ("parent = '20260102T000001-aaaaaaaa'", [3]),
        ("parent IS NOT NULL", [3]),
        ("retry_of IS NOT NULL AND attempt = 2", [5]),
        ("exit_code = 3", [2]),
        ("error LIKE '%memory%'", [2]),
        ("created_at = '2026-01-02T00:00:03'", [3]),
        ("created_at >= '2026-01-02T00:00:04Z'", [6, 5, 4]),
        ("created_at > 2026-01-02", []),
        ("created_at >= 2026-01-02", [6, 5, 4, 3, 2, 1]),
        ("start_time <= 1767312003000", [3, 2, 1]),
        ("start_time = 1767312003000", [3]),
        ("start_time != 1767312003000", [6, 5, 4, 2, 1]),
        ("created_at IN ('2026-01-02T00:00:03', '2026-01-02T00:00:04')", [4, 3]),
        ("created_at BETWEEN '2026-01-02T00:00:03' AND '2026-01-02T00:00:04'", [4, 3]),
        ("end_time IS NULL", [5]),
        ("NOT end_time > '2026-01-02T00:00:07'", [5, 2, 1]),
        ("duration = 5", [6, 4, 3, 2, 1]),
        ("metrics.loss < 1 AND tags.team = 'chat'", [1]),
        ("metrics.loss < 1 OR tags.team = 'chat'", [5, 3, 2, 1]),
        ("NOT (metrics.loss < 1 OR tags.team = 'chat')", [6, 4]),
        ("NOT (metrics.loss < 1 AND NOT tags.team = 'chat')", [6, 4, 3, 1]),
    ],
)
def test_a_filter_finds_the_runs_that_fit(
    recorded: Workspace, filter: str, expected: list[int]
) -> None:
    for plan in PLANS:
        with planned(plan):
            assert found(recorded, filter) == expected
            assert count(recorded, RunQuery(filter=filter)) == len(expected)
    condition = parse_filter(filter)
    by_hand = [numbers[run.id] for run in RUNS if fits(condition, run.to_dict())]
    assert sorted(expected) == by_hand


def test_a_filter_of_many_comparisons_is_answered(recorded: Workspace) -> None:
    many = " OR ".join(f"metrics.m{n} > 0" for n in range(300))
    all_of_many = " AND ".join(f"metrics.m{n} IS NULL" for n in range(300))
    for plan in PLANS:
        with planned(plan):
            assert found(recorded, f"{all_of_many} AND metrics.loss = 0.5") == [1]
    assert found(recorded, f"{many} OR metrics.loss = 0.5") == [1]
    deep = "(" * 20 + "tags.team = 'chat'"
    for level in range(20):
        deep += f" {('OR', 'AND')[level % 2]} (status = 'failed' OR metrics.loss = 0.5))"
    assert found(recorded, deep) == sorted(found(recorded, deep), reverse=True)


def test_a_long_list_of_values_is_answered(recorded: Workspace) -> None:
    listed = ", ".join(f"'{run_id(number)}'" for number in range(2, 2000))
    assert found(recorded, f"run_id IN ({listed})") == [6, 5, 4, 3, 2]


# --- life-cycle and experiments


def test_deleted_runs_are_asked_for_by_name(recorded: Workspace) -> None:
    assert found(recorded, "metrics.loss = 0") == []
    assert found(recorded, lifecycle="deleted") == [7]
    assert found(recorded, lifecycle="all") == [7, 6, 5, 4, 3, 2, 1]
    assert found(recorded, "lifecycle = 'deleted'", lifecycle="all") == [7]


def test_experiments_are_chosen_by_the_names_that_they_have_now(recorded: Workspace) -> None:
    record(recorded, make_run(run_id(8), experiment="mood"), experiment="mood")
    assert found(recorded, experiments=["mood"]) == [8]
    assert found(recorded, "metrics.loss < 1", experiments=["tone", "mood"]) == [5, 2, 1]
    assert found(recorded)[:2] == [8, 6]
    store = recorded.store
    tip = store.ref("refs/heads/runs/bot/mood")
    assert tip is not None
    with store.exclusive():
        from gitexp.store.model import RefUpdate

        store.apply(
            [],
            [
                RefUpdate(ref="refs/heads/runs/bot/mood", old=tip, new=None),
                RefUpdate(ref="refs/heads/runs/bot/weather", old=None, new=tip),
            ],
        )
    assert found(recorded, experiments=["mood"]) == []
    assert found(recorded, experiments=["weather"]) == [8]


# --- orders


ORDERS = [
    ["metrics.loss ASC"],
    ["metrics.loss DESC"],
    ["metrics.acc", "metrics.loss DESC"],
    ["metrics.nothing"],
    ["params.lr"],
    ["params.lr DESC"],
    ["tags.team", "params.lr DESC"],
    ["tags.team DESC", "metrics.loss"],
    ["scores.exact"],
    ["stats.pass_rate DESC", "tags.note"],
    ["status", "metrics.loss"],
    ["name DESC"],
    ["end_time DESC", "name"],
    ["start_time ASC"],
    ["created_at"],
    ["run_id DESC"],
    ["duration", "params.lr", "run_id"],
    ["dirty", "exit_code DESC", "version"],
    ["status DESC, metrics.loss DESC"],
]


@pytest.mark.parametrize("order", ORDERS, ids=map(str, ORDERS))
def test_runs_come_in_the_order_asked_for(recorded: Workspace, order: Sequence[str]) -> None:
    orders = [found for text in order for found in parse_order(text)]
    expected = ordered([run.to_dict() for run in RUNS], orders)
    assert found(recorded, order_by=order) == [numbers[run] for run in expected]
    for plan in PLANS:
        with planned(plan):
            those = found(recorded, "metrics.loss IS NOT NULL", order_by=order)
        assert those == [numbers[run] for run in expected if numbers[run] != 6]


def test_not_a_number_comes_before_what_is_missing_and_both_come_last(recorded: Workspace) -> None:
    assert found(recorded, order_by=["metrics.loss ASC"]) == [5, 2, 1, 3, 4, 6]
    assert found(recorded, order_by=["metrics.loss DESC"]) == [3, 1, 2, 5, 4, 6]


def test_params_that_are_numbers_are_ordered_as_numbers(recorded: Workspace) -> None:
    assert found(recorded, order_by=["params.lr"]) == [3, 1, 2, 6, 4, 5]


def test_the_newest_come_first_without_an_order_and_equal_ones_by_id(workspace: Workspace) -> None:
    moment = make_run(run_id(1)).created_at
    at = [moment, moment + timedelta(microseconds=1), moment]
    record(workspace, *(make_run(run_id(n), created_at=at[n - 1]) for n in (1, 2, 3)))
    assert found(workspace) == [2, 1, 3]


# --- pages


@pytest.mark.parametrize("order", [[], *ORDERS], ids=str)
@pytest.mark.parametrize("filter", ["", "metrics.loss IS NOT NULL OR name IS NULL"])
def test_pages_hold_every_run_once(recorded: Workspace, order: Sequence[str], filter: str) -> None:
    for limit in (1, 2, 4):
        pages = list(all_pages(recorded, RunQuery(filter=filter, order_by=order, limit=limit)))
        assert [len(page.documents) for page in pages[:-1]] == [limit] * (len(pages) - 1)
        shown = [numbers[run["id"]] for page in pages for run in page.documents]
        assert shown == found(recorded, filter, order_by=order)


@pytest.mark.parametrize("plan", PLANS)
@pytest.mark.parametrize("order", ORDERS, ids=str)
def test_a_page_goes_on_however_it_is_found(
    recorded: Workspace, order: Sequence[str], plan: str
) -> None:
    query = RunQuery(filter="metrics.loss != 0.5", order_by=order, limit=2)
    expected = found(recorded, query.filter, order_by=order)
    with planned(plan):
        pages = list(all_pages(recorded, query))
    assert [numbers[run["id"]] for page in pages for run in page.documents] == expected


def all_pages(workspace: Workspace, query: RunQuery) -> Any:
    page: RunPage | None = None
    while page is None or page.next_page_token:
        token = page.next_page_token if page else None
        page = search(workspace, replace(query, page_token=token))
        yield page


def test_runs_that_come_meanwhile_neither_repeat_nor_hide_others(recorded: Workspace) -> None:
    query = RunQuery(order_by=["metrics.loss"], limit=2)
    first = search(recorded, query)
    record(recorded, make_run(run_id(20), metrics=points(loss=-5.0)))
    record(recorded, make_run(run_id(21), metrics=points(loss=0.3)))
    rest = search(recorded, replace(query, page_token=first.next_page_token, limit=100))
    assert [numbers[run["id"]] for run in (*first.documents, *rest.documents)] == [
        *(5, 2),
        *(21, 1, 3, 4, 6),
    ]


def test_the_size_of_a_page_may_change_on_the_way(recorded: Workspace) -> None:
    first = search(recorded, RunQuery(limit=1))
    rest = search(recorded, RunQuery(limit=None, page_token=first.next_page_token))
    assert [numbers[run["id"]] for run in rest.documents] == [5, 4, 3, 2, 1]
    assert rest.next_page_token is None


@pytest.mark.parametrize(
    "other",
    [
        {"filter": "metrics.loss > 1"},
        {"order_by": ["metrics.loss DESC"]},
        {"experiments": ["tone"]},
        {"lifecycle": "all"},
    ],
)
def test_the_token_of_another_query_is_refused(recorded: Workspace, other: Any) -> None:
    token = search(recorded, RunQuery(limit=1)).next_page_token
    with pytest.raises(InvalidInput) as caught:
        search(recorded, RunQuery(limit=1, page_token=token, **other))
    assert str(caught.value) == "the page token is of another query"


@pytest.mark.parametrize("token", ["x", "e30", "bnVsbA", "ä", "W10", "W1tdLFtdLFtdXQ"])
def test_what_is_no_token_is_refused(recorded: Workspace, token: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        search(recorded, RunQuery(page_token=token))
    message = (f"{token!r} is no page token", "the page token is of another query")
    assert str(caught.value) in message


def test_a_forged_position_is_refused(recorded: Workspace) -> None:
    import json
    from base64 import urlsafe_b64decode, urlsafe_b64encode

    token = search(recorded, RunQuery(limit=1)).next_page_token or ""
    name = json.loads(urlsafe_b64decode(token + "=="))[0]
    for place in ([0, [1]], [7, [1, "a"]], [0, [{}, "a"]], [0, [2**70, "a"]], ["a", []], [-5, []]):
        forged = urlsafe_b64encode(json.dumps([name, *place]).encode()).decode()
        with pytest.raises(InvalidInput, match="is no page token"):
            search(recorded, RunQuery(limit=1, page_token=forged))


def test_an_empty_page_is_refused(recorded: Workspace) -> None:
    with pytest.raises(InvalidInput) as caught:
        search(recorded, RunQuery(limit=0))
    assert str(caught.value) == "a page cannot hold 0 runs"


# --- what a page says


def test_runs_come_back_as_they_were_recorded(recorded: Workspace) -> None:
    page = search(recorded, RunQuery(filter="run_id = '20260102T000001-aaaaaaaa'"))
    assert page.runs == (RUNS[0],)
    assert page.documents[0] == RUNS[0].to_dict()


def test_names_that_no_run_has_are_told(recorded: Workspace) -> None:
    query = RunQuery(
        filter="metrics.los > 1 OR NOT params.lr = 1 OR status = 'x' OR tags.`a b` IS NULL",
        order_by=["metrics.accuracy"],
    )
    assert search(recorded, query).unknown == ("metrics.accuracy", "metrics.los", "tags.a b")


def test_a_project_without_runs_has_an_empty_page(workspace: Workspace) -> None:
    assert search(workspace, RunQuery(filter="metrics.a > 1")).documents == ()
    assert count(workspace, RunQuery()) == 0


# --- one run


def test_a_run_is_found_by_the_beginning_of_its_id(recorded: Workspace) -> None:
    assert find_run(recorded, run_id(3)) == RUNS[2]
    assert find_run(recorded, run_id(3)[:16]) == RUNS[2]
    assert resolve(recorded, run_id(7)[:18]) == run_id(7)


def test_a_beginning_that_several_runs_have_is_refused(recorded: Workspace) -> None:
    with pytest.raises(InvalidInput) as caught:
        find_run(recorded, "20260102T00000")
    listed = ", ".join(run_id(number) for number in range(1, 6))
    assert str(caught.value) == f"several runs begin with '20260102T00000': {listed} and more"


def test_a_beginning_that_no_run_has_is_not_found(recorded: Workspace) -> None:
    with pytest.raises(NotFound) as caught:
        find_run(recorded, "2027")
    assert str(caught.value) == "no run is recorded here whose id begins with '2027'"
    with pytest.raises(InvalidInput) as short:
        find_run(recorded, "202")
    assert str(short.value) == "'202' is too short for the beginning of a run id"


def test_documents_are_read_by_their_ids(recorded: Workspace) -> None:
    read = documents(recorded, [run_id(2), run_id(50)])
    assert read == {run_id(2): RUNS[1].to_dict()}


# --- what cannot be read


def damage(
    workspace: Workspace,
    files: Mapping[str, bytes | None],
    ref: str = "refs/heads/runs/bot/tone",
) -> None:
    """Change files of a branch by hand."""

    def work(tx: Transaction) -> None:
        tip = tx.ref(ref)
        commit = tx.commit(
            tree=tx.tree(tree_of(tx, tip) if tip else None, files),
            parents=[tip] if tip else [],
            message="by hand",
            author=workspace.signature(),
        )
        tx.set_ref(ref, old=tip, new=commit, message="by hand")

    transact(workspace.store, work)


def path_of(identifier: RunId) -> str:
    from gitexp.documents.layout import run_path

    return run_path(identifier)


def test_a_damaged_record_is_an_error_with_its_place(recorded: Workspace) -> None:
    damage(recorded, {path_of(run_id(30)): b'{"id": 1}\n'})
    for query in (RunQuery(), RunQuery(experiments=["tone"])):
        with pytest.raises(StoreError) as caught:
            search(recorded, query)
        place = f"runs/bot/tone:{path_of(run_id(30))}"
        assert str(caught.value).startswith(f"the record of a run cannot be read: {place}:")
    with pytest.raises(StoreError, match="cannot be read"):
        find_run(recorded, run_id(30))
    assert find_run(recorded, run_id(1)) == RUNS[0]


def test_a_damaged_record_hides_nothing_of_other_experiments(recorded: Workspace) -> None:
    record(recorded, make_run(run_id(8), experiment="mood"), experiment="mood")
    damage(recorded, {path_of(run_id(30)): b"nonsense"})
    assert found(recorded, experiments=["mood"]) == [8]
    with pytest.raises(StoreError):
        count(recorded, RunQuery())


def test_a_record_that_was_mended_is_read(recorded: Workspace) -> None:
    damage(recorded, {path_of(run_id(30)): b"nonsense"})
    with pytest.raises(StoreError):
        search(recorded, RunQuery())
    mended = record_of(make_run(run_id(30))).contents()
    damage(recorded, mended)
    assert found(recorded)[0] == 30


@pytest.mark.parametrize(
    "path",
    [
        "runs/2026/01/02/0000/notes.txt",
        "runs/2026/01/02/0001/20260102T000030-aaaaaaaa.json",
        "runs/2026/01/02/0000/20260102T000030-aaaaaaaa",
    ],
)
def test_a_file_that_is_no_record_is_an_error(recorded: Workspace, path: str) -> None:
    damage(recorded, {path: b"{}"})
    with pytest.raises(StoreError) as caught:
        search(recorded, RunQuery())
    assert str(caught.value) == f"runs/bot/tone:{path} is no record of a run"
    damage(recorded, {path: None})
    assert found(recorded) == [6, 5, 4, 3, 2, 1]


def test_a_record_under_the_id_of_another_run_is_an_error(recorded: Workspace) -> None:
    other = record_of(make_run(run_id(31))).contents()
    damage(recorded, {path_of(run_id(30)): other[path_of(run_id(31))]})
    with pytest.raises(StoreError) as caught:
        search(recorded, RunQuery())
    place = f"runs/bot/tone:{path_of(run_id(30))}"
    assert str(caught.value) == f"{place} is the record of another run: {run_id(31)}"


def test_a_run_with_two_contents_is_a_conflict(recorded: Workspace) -> None:
    theirs = record_of(replace(RUNS[0], name="other")).contents()
    damage(recorded, theirs, recorded.tracking("refs/heads/runs/bot/tone"))
    with pytest.raises(Conflict) as caught:
        search(recorded, RunQuery(experiments=["tone"]))
    path = path_of(run_id(1))
    assert str(caught.value) == (
        f"runs/bot/tone:{path} and origin/runs/bot/tone:{path} are different"
    )


# --- runs that go on


@pytest.fixture
def tracked(on_disk: Workspace) -> Workspace:
    """A workspace on disk whose experiment `tone` can be run, with seven runs."""
    header = f"id: {EXPERIMENT_ID}\n\nname: tone\n"
    files = {
        "gitexp.yaml": b"format: 1\n\nid: bot\n",
        "experiments/tone/experiment.yaml": header.encode(),
        "experiments/tone/parameters.yaml": b"{}\n",
    }
    commit_files(on_disk.store, files)
    record(on_disk, *RUNS, DELETED)
    return on_disk


def test_runs_that_go_on_here_are_found_as_they_are_now(tracked: Workspace) -> None:
    active = start_run(tracked, NewRun(experiment="tone", name="live"))
    active.log_metrics({"loss": 0.3})
    query = RunQuery(filter="metrics.loss < 1", order_by=["metrics.loss"])
    page = search(tracked, query)
    assert [run["id"] for run in page.documents] == [run_id(5), run_id(2), active.id, run_id(1)]
    active.log_metrics({"loss": 0.7}, step=1)
    page = search(tracked, query)
    assert [run["id"] for run in page.documents][-1] == active.id
    assert search(tracked, RunQuery(filter="status = 'running'")).documents[0]["name"] == "live"
    assert count(tracked, RunQuery()) == 7
    assert find_run(tracked, active.id).status == "running"
    assert search(tracked, RunQuery(filter="metrics.loss = 0.7")).unknown == ()
    active.end()
    assert count(tracked, RunQuery()) == 7
    assert find_run(tracked, active.id).status == "finished"


def test_pages_run_through_recorded_and_unrecorded_runs_alike(tracked: Workspace) -> None:
    live = [start_run(tracked, NewRun(experiment="tone")) for _ in range(3)]
    for number, active in enumerate(live):
        active.log_metrics({"loss": number * 0.3})
        active.set_tags({"team": f"t{number}"})
    for order in (["metrics.loss DESC"], ["tags.team"], [], ["params.lr", "metrics.loss"]):
        whole = [run["id"] for run in search(tracked, RunQuery(order_by=order)).documents]
        query = RunQuery(order_by=order, limit=2)
        paged = [run["id"] for page in all_pages(tracked, query) for run in page.documents]
        assert len(whole) == len(set(whole)) == 9
        assert paged == whole
    for active in live:
        active.end()


# --- what was meant


def test_what_was_probably_meant_is_told(workspace: Workspace) -> None:
    fields = {"params": {"layers": [64, 32], "o": {"a": 1}}, "tags": {"team": "chat"}}
    ledger.append(workspace, "tone", [record_of(make_run(run_id(1), **fields))])
    page = search(workspace, RunQuery(filter="tags.tema = 'x' OR metrics.unlike > 0"))
    assert page.unknown == ("metrics.unlike", "tags.tema")
    assert page.meant == {"tags.tema": "tags.team"}


@pytest.mark.parametrize(
    ("filter", "found"),
    [
        ("params.layers = '[64,32]'", 1),
        ("params.layers = '[64, 32]'", 1),
        ("params.layers != '[64, 32]'", 0),
        ("params.layers IN ('[ 64, 32 ]', 'x')", 1),
        ("params.layers = '[64, 33]'", 0),
        ("params.o = '{ \"a\": 1 }'", 1),
        ("params.o = '{ not JSON'", 0),
    ],
)
def test_lists_and_objects_are_the_same_however_they_are_spaced(
    workspace: Workspace, filter: str, found: int
) -> None:
    run = make_run(run_id(1), params={"layers": [64, 32], "o": {"a": 1}})
    ledger.append(workspace, "tone", [record_of(run)])
    assert count(workspace, RunQuery(filter=filter)) == found


# --- texts that are no Unicode


@pytest.mark.parametrize(
    "query",
    [
        RunQuery(filter="tags.a = '\udcff'"),
        RunQuery(filter="name LIKE '\udcff%'"),
        RunQuery(filter="params.`\udcff` IS NULL"),
        RunQuery(order_by=["metrics.`\udcff`"]),
        RunQuery(experiments=["\udcff"]),
    ],
)
def test_a_text_in_another_encoding_is_refused(recorded: Workspace, query: RunQuery) -> None:
    with pytest.raises(InvalidInput, match=r"\\udcff.* is no Unicode text"):
        search(recorded, query)


def test_no_run_begins_with_a_text_in_another_encoding(recorded: Workspace) -> None:
    with pytest.raises(InvalidInput, match=r"'2026\\udcff' is no Unicode text"):
        find_run(recorded, "2026\udcff")
