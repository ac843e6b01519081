"""The runs branch: what is recorded, once, and how it is read."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from gitexp.documents import layout
from gitexp.errors import Conflict, InvalidInput, NotFound, StoreError
from gitexp.ids import Name, ObjectId
from gitexp.project.workspace import Workspace
from gitexp.runs.recording import ledger
from gitexp.runs.recording.ledger import Record, record_of
from gitexp.runs.recording.results import rows_of
from gitexp.runs.tallies import Stats
from gitexp.store.memory import MemoryStore
from gitexp.store.model import RawObject
from gitexp.store.transaction import transact
from gitexp.store.trees import read_commit, tree_of, walk_files
from tests.builders import commit_files
from tests.runs.making import IDENTITY, ids_of, make_row, make_run, run_id, workspace_on

BRANCH = layout.runs_branch(Name("bot"), Name("tone"))


def record(number: int = 0, *, day: int = 2) -> Record:
    return record_of(make_run(run_id(number, day=day)), [make_row("a"), make_row("b", "failed")])


def files_of(workspace: Workspace) -> list[str]:
    tip = workspace.store.ref(BRANCH)
    assert tip is not None
    tree = tree_of(workspace.store, tip)
    return [path for path, _ in walk_files(workspace.store, tree)]


def test_a_run_is_a_file_and_a_directory_of_its_rows(workspace: Workspace) -> None:
    ledger.append(workspace, "tone", [record()])
    assert files_of(workspace) == [
        "runs/2026/01/02/0000/20260102T000000-aaaaaaaa.json",
        "runs/2026/01/02/0000/20260102T000000-aaaaaaaa/results.jsonl",
    ]


def test_a_run_without_rows_has_no_directory(workspace: Workspace) -> None:
    ledger.append(workspace, "tone", [record_of(make_run(), [])])
    assert files_of(workspace) == ["runs/2026/01/02/0000/20260102T000000-aaaaaaaa.json"]


def test_what_was_recorded_reads_back(workspace: Workspace) -> None:
    recorded = record()
    ledger.append(workspace, "tone", [recorded])
    run = ledger.get(workspace, recorded.run.id)
    assert run == recorded.run
    assert run.stats == Stats(passed=1, failed=1)
    assert [row.key for row in rows_of(workspace, run.id)] == [("a", 0), ("b", 0)]


def test_runs_that_end_together_are_one_commit(workspace: Workspace) -> None:
    commit = ledger.append(workspace, "tone", [record(n) for n in range(3)])
    assert commit is not None
    made = read_commit(workspace.store, commit)
    assert made.parents == ()
    assert made.subject == "run tone: 3 runs"
    assert len(ledger.read(workspace, "tone")) == 3


def test_recording_a_run_twice_changes_nothing(workspace: Workspace) -> None:
    ledger.append(workspace, "tone", [record()])
    before = workspace.store.ref(BRANCH)
    assert ledger.append(workspace, "tone", [record()]) is None
    assert workspace.store.ref(BRANCH) == before


def test_of_runs_recorded_together_only_the_new_ones_are_added(workspace: Workspace) -> None:
    ledger.append(workspace, "tone", [record(1)])
    ledger.append(workspace, "tone", [record(1), record(2)])
    assert ids_of(ledger.read(workspace, "tone")) == [run_id(2), run_id(1)]


def test_another_content_under_the_same_id_is_refused(workspace: Workspace) -> None:
    ledger.append(workspace, "tone", [record()])
    before = workspace.store.ref(BRANCH)
    other = record_of(make_run(status="failed"), [])
    with pytest.raises(Conflict) as caught:
        ledger.append(workspace, "tone", [other])
    assert str(caught.value) == (
        "runs/bot/tone holds another runs/2026/01/02/0000/20260102T000000-aaaaaaaa.json already"
    )
    assert workspace.store.ref(BRANCH) == before


def test_recording_leaves_head_and_other_branches_alone(workspace: Workspace) -> None:
    main = commit_files(workspace.store, {"a": b"a"})
    ledger.append(workspace, "tone", [record()])
    assert workspace.store.head().commit == main
    assert set(workspace.store.refs("refs/")) == {"refs/heads/main", BRANCH}


def test_the_newest_run_comes_first_over_days_and_months(workspace: Workspace) -> None:
    numbers = [(5, 1), (9, 1), (0, 2), (1, 28)]
    ledger.append(workspace, "tone", [record(n, day=day) for n, day in reversed(numbers)])
    expected = [run_id(n, day=day) for n, day in reversed(numbers)]
    assert ids_of(ledger.read(workspace, "tone")) == expected
    assert ids_of(ledger.read(workspace, "tone", limit=2)) == expected[:2]


def test_runs_of_one_second_are_ordered_by_their_moments(workspace: Workspace) -> None:
    early, late = run_id(0), run_id(0).replace("aaaaaaaa", "22222222")
    assert late < early
    first = make_run(early)
    second = replace(first, id=late, created_at=first.created_at + timedelta(milliseconds=5))
    ledger.append(workspace, "tone", [record_of(second, []), record_of(first, [])])
    assert ids_of(ledger.read(workspace, "tone")) == [late, early]
    assert ids_of(ledger.read(workspace, "tone", limit=1)) == [late]


def test_a_limit_looks_only_into_the_newest_minutes() -> None:
    store = CountingStore(config=IDENTITY)
    workspace = workspace_on(store)
    ledger.append(workspace, "tone", [record(n, day=day) for day in range(1, 29) for n in range(3)])
    store.reads = 0
    ledger.read(workspace, "tone", limit=2)
    # The commit, the root, `runs`, the year, the month, the day, one minute with three runs,
    # and of each run its record and what stands beside it.
    assert store.reads <= 8 + 3 * 2


def test_a_second_reading_opens_no_record_again() -> None:
    store = CountingStore(config=IDENTITY)
    workspace = workspace_on(store)
    ledger.append(workspace, "tone", [record(n) for n in range(5)])
    first = ledger.read(workspace, "tone")
    store.reads = 0
    assert ledger.read(workspace, "tone") == first
    assert store.reads <= 8 + 5  # directories only


def test_an_experiment_without_runs_has_none(workspace: Workspace) -> None:
    assert ledger.read(workspace, "tone") == []


def test_an_unknown_run_is_not_found(workspace: Workspace) -> None:
    ledger.append(workspace, "tone", [record()])
    with pytest.raises(NotFound) as caught:
        ledger.get(workspace, run_id(9))
    assert str(caught.value) == f"no run {run_id(9)} is recorded here"
    assert caught.value.hint == "It may not be here yet: `gitexp fetch`."


def test_what_is_no_run_id_is_refused(workspace: Workspace) -> None:
    with pytest.raises(InvalidInput, match=r"'\.\./x' is not a run id"):
        ledger.get(workspace, "../x")


def test_a_run_is_found_in_whichever_experiment_it_is(workspace: Workspace) -> None:
    ledger.append(workspace, "tone", [record(1)])
    other = record_of(make_run(run_id(2), experiment="pace"), [])
    ledger.append(workspace, "pace", [other])
    assert ledger.get(workspace, run_id(2)).experiment == "pace"
    assert ledger.has(workspace, "tone", run_id(1))
    assert not ledger.has(workspace, "tone", run_id(2))


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "not JSON"),
        (b'{"id": ', "not JSON"),
        (b"{}", "is missing"),
        (b"[]", "expected a mapping, found []"),
    ],
)
def test_a_damaged_record_is_an_error_that_names_it(
    workspace: Workspace, content: bytes, problem: str
) -> None:
    path = layout.run_path(run_id(0))
    commit_files(workspace.store, {path: content}, branch="runs/bot/tone")
    with pytest.raises(StoreError) as caught:
        ledger.read(workspace, "tone")
    assert f"runs/bot/tone:{path}" in str(caught.value)
    assert problem in str(caught.value)


def test_a_record_of_another_run_is_not_taken_for_it(workspace: Workspace) -> None:
    [content] = [data for path, data in record().contents().items() if path.endswith(".json")]
    path = layout.run_path(run_id(1))
    commit_files(workspace.store, {path: content}, branch="runs/bot/tone")
    with pytest.raises(StoreError) as caught:
        ledger.read(workspace, "tone")
    assert str(caught.value) == (f"runs/bot/tone:{path} is the record of another run: {run_id(0)}")


@pytest.mark.parametrize(
    "path",
    ["runs/2026/01/02/0000/notes.json", "runs/2026/01/03/0000/20260102T000000-aaaaaaaa.json"],
)
def test_a_json_file_that_is_no_record_is_an_error(workspace: Workspace, path: str) -> None:
    commit_files(workspace.store, {path: b"{}"}, branch="runs/bot/tone")
    with pytest.raises(StoreError) as caught:
        ledger.read(workspace, "tone")
    assert str(caught.value) == f"runs/bot/tone:{path} is no record of a run"


def test_a_damaged_row_is_an_error_that_names_its_line(workspace: Workspace) -> None:
    good = record()
    files = dict(good.contents())
    files[layout.results_path(good.run.id)] += b'{"sample": "c"'
    commit_files(workspace.store, files, branch="runs/bot/tone")
    with pytest.raises(StoreError) as caught:
        list(rows_of(workspace, good.run.id))
    assert f"runs/bot/tone:{layout.results_path(good.run.id)}:3" in str(caught.value)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (b'{"tags": \n', "events/a.jsonl is damaged: "),
        (b"[]\n", "events/a.jsonl is damaged: a line is no mapping"),
        (b'{"tags":{}}\n{"params":[1]}\n', "events holds what is no event: AttributeError: "),
        (b'{"metrics":[["x"]]}\n', "events holds what is no event: ValueError: "),
        (b'{"artifacts":[{}]}\n', "events holds what is no event: KeyError: "),
    ],
)
def test_a_damaged_segment_is_an_error_that_names_it(
    workspace: Workspace, lines: bytes, message: str
) -> None:
    good = record()
    path = layout.segment_path(good.run.id, "a")
    commit_files(workspace.store, {**good.contents(), path: lines}, branch="runs/bot/tone")
    with pytest.raises(StoreError) as caught:
        ledger.get(workspace, good.run.id)
    place = f"runs/bot/tone:{layout.run_dir(good.run.id)}/{message}"
    assert str(caught.value).startswith(place)
    assert "git log" in (caught.value.hint or "")


def test_what_others_shared_is_read_beside_what_is_here(workspace: Workspace) -> None:
    ledger.append(workspace, "tone", [record(1)])
    share(workspace, record(1), record(2))
    assert ids_of(ledger.read(workspace, "tone")) == [run_id(2), run_id(1)]
    assert ledger.get(workspace, run_id(2)).id == run_id(2)


def test_a_run_with_two_contents_is_an_error(workspace: Workspace) -> None:
    ledger.append(workspace, "tone", [record()])
    share(workspace, record_of(make_run(status="failed"), []))
    with pytest.raises(Conflict) as caught:
        ledger.read(workspace, "tone")
    path = layout.run_path(run_id(0))
    assert (
        str(caught.value) == f"runs/bot/tone:{path} and origin/runs/bot/tone:{path} are different"
    )


def test_the_first_run_here_goes_on_top_of_what_is_shared(workspace: Workspace) -> None:
    shared = share(workspace, record(1))
    commit = ledger.append(workspace, "tone", [record(2)])
    assert commit is not None
    assert read_commit(workspace.store, commit).parents == (shared,)


@pytest.mark.parametrize("present", [10, 1000])
def test_recording_writes_the_same_however_many_runs_are_there(present: int) -> None:
    store = MemoryStore(config=IDENTITY)
    workspace = workspace_on(store)
    old = [record(n, day=1 + n % 27) for n in range(present)]
    ledger.append(workspace, "tone", old)
    before = set(store.objects)
    ledger.append(workspace, "tone", [record(4, day=28)])
    written = set(workspace.store.objects) - before  # type: ignore[attr-defined]
    # Two blobs, five directories above them, the run's own, and the commit.
    assert len(written) <= 9


def share(workspace: Workspace, *records: Record) -> ObjectId:
    """Put runs on the tracking branch, as a fetch does."""
    files = {path: data for record in records for path, data in record.contents().items()}
    tip = commit_files(workspace.store, files, branch="shared")
    ref = workspace.tracking(BRANCH)
    transact(workspace.store, lambda tx: tx.set_ref(ref, old=tx.ref(ref), new=tip))
    return tip


class CountingStore(MemoryStore):
    """A store in memory that knows how often it was read."""

    reads = 0

    def read(self, object_id: ObjectId, *, limit: int | None = None) -> RawObject:
        self.reads += 1
        return super().read(object_id, limit=limit)
