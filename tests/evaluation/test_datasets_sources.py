"""Where the rows of datasets are: files that change, descriptions, Git LFS, and addresses."""

from __future__ import annotations

import hashlib
import json
import os
import threading
import tracemalloc
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from gitexp.errors import (
    Conflict,
    DamagedObject,
    InvalidDocuments,
    InvalidInput,
    NotFound,
    RemoteError,
    RemoteUnavailable,
    StoreError,
)
from gitexp.evaluation.datasets import fetching
from gitexp.evaluation.datasets.loading import Dataset, load
from gitexp.project.workspace import Workspace
from gitexp.store.lfs.pointers import Pointer
from tests.runs.making import disk_workspace, workspace_on
from tests.store.lfs_server import lfs_server, pointer_to

ROWS = [{"id": str(n), "input": f"why {n}"} for n in range(3)]


def lines(*rows: Any) -> bytes:
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


DATA = lines(*ROWS)
SHA256 = hashlib.sha256(DATA).hexdigest()


def write(directory: Path, path: str, data: bytes | str) -> Path:
    target = directory / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(data.encode() if isinstance(data, str) else data)
    return target


def inputs(dataset: Dataset) -> list[Any]:
    return [sample.input for sample in dataset]


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return disk_workspace(tmp_path / "project")


def read(workspace: Workspace, name: str = "q") -> Dataset:
    assert workspace.directory is not None
    return load(workspace.directory, name, workspace=workspace)


def describe(workspace: Workspace, text: str) -> None:
    assert workspace.directory is not None
    write(workspace.directory, "datasets/q.dataset.yaml", text)


# --- files that change


def test_a_dataset_is_read_again_and_again(tmp_path: Path) -> None:
    write(tmp_path, "datasets/q.jsonl", DATA)
    dataset = load(tmp_path, "q")
    first, second = iter(dataset), iter(dataset)
    assert next(first).id == next(second).id == "0"
    assert inputs(dataset) == ["why 0", "why 1", "why 2"]
    assert [sample.id for sample in first] == ["1", "2"]


@pytest.mark.parametrize(
    "later", [b"", b"{", DATA[:-3], DATA.replace(b"why", b"who"), lines(*ROWS[:2]), b"[]\n"]
)
def test_a_file_that_changed_is_not_read_again(tmp_path: Path, later: bytes) -> None:
    write(tmp_path, "datasets/q.jsonl", DATA)
    dataset = load(tmp_path, "q")
    write(tmp_path, "datasets/q.jsonl", later)
    with pytest.raises(Conflict) as caught:
        list(dataset)
    assert str(caught.value) == "datasets/q.jsonl was changed after it had been checked"


def test_a_file_that_changes_while_it_is_read_is_noticed(tmp_path: Path) -> None:
    file = write(tmp_path, "datasets/q.jsonl", lines(*({"input": "x" * 9000} for _ in range(40))))
    samples = iter(load(tmp_path, "q"))
    next(samples)
    with file.open("r+b") as changing:
        changing.seek(200_000)
        changing.write(b"yyyy")
    with pytest.raises(Conflict, match="was changed after it had been checked"):
        list(samples)


def test_rows_of_another_shape_after_the_check_are_no_other_error(tmp_path: Path) -> None:
    rows = ({"input": "x" * 9000, "weight": 10} for _ in range(40))
    file = write(tmp_path, "datasets/q.jsonl", lines(*rows))
    samples = iter(load(tmp_path, "q"))
    next(samples)
    with file.open("r+b") as changing:
        data = file.read_bytes()
        changing.seek(data.rindex(b'"weight": 10'))
        changing.write(b'"weight": ""')
    with pytest.raises(Conflict, match="was changed after it had been checked"):
        list(samples)


def test_a_file_that_was_written_anew_as_it_was_is_the_same(tmp_path: Path) -> None:
    file = write(tmp_path, "datasets/q.jsonl", DATA)
    dataset = load(tmp_path, "q")
    file.unlink()
    write(tmp_path, "datasets/q.jsonl", DATA)
    os.utime(file, (1, 1))
    assert len(inputs(dataset)) == 3


def test_a_file_that_is_gone_is_an_error(tmp_path: Path) -> None:
    write(tmp_path, "datasets/q.jsonl", DATA).unlink()
    write(tmp_path, "datasets/q.jsonl", DATA)
    dataset = load(tmp_path, "q")
    (tmp_path / "datasets/q.jsonl").unlink()
    with pytest.raises(InvalidInput) as caught:
        list(dataset)
    assert str(caught.value) == "datasets/q.jsonl cannot be read: no such file or directory"


@pytest.mark.parametrize("form", ["jsonl", "csv"])
def test_rows_are_not_held_together(tmp_path: Path, form: str) -> None:
    def peak(count: int) -> int:
        texts = (f"{n} {'x' * 8000}" for n in range(count))
        if form == "jsonl":
            data = lines(*({"input": text} for text in texts))
        else:
            data = "".join(["input\n", *(f"{text}\n" for text in texts)]).encode()
        write(tmp_path, f"datasets/q.{form}", data)
        tracemalloc.start()
        for _ in load(tmp_path, "q").first(count - 1):
            pass
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    peak(10)  # imports and compiled patterns
    assert peak(800) - peak(100) < 500_000  # of 5.6 MB


def test_ids_are_the_same_in_every_pass(tmp_path: Path) -> None:
    same = [{"input": 1}, {"input": 2}, {"input": 1}, {"input": 1}]
    write(tmp_path, "datasets/q.jsonl", lines(*same))
    derived = [sample.id for sample in load(tmp_path, "q")]
    taken = [{"id": f"{derived[0]}-2", "input": 9}, {"id": derived[1], "input": 8}]
    write(tmp_path, "datasets/q.jsonl", lines(*same, *taken))
    dataset = load(tmp_path, "q")
    first = [sample.id for sample in dataset]
    assert first == [sample.id for sample in dataset]
    assert first == [
        derived[0],
        f"{derived[1]}-2",
        f"{derived[0]}-3",
        f"{derived[0]}-4",
        f"{derived[0]}-2",
        derived[1],
    ]
    reordered = [*reversed(taken), *same]
    write(tmp_path, "datasets/r.jsonl", lines(*reordered))
    assert load(tmp_path, "r").digest == dataset.digest


# --- descriptions


def test_a_description_says_what_the_columns_are(workspace: Workspace) -> None:
    assert workspace.directory is not None
    text = "Question,Note,Answer,Lang,Rank,Kind\nwhy,n,because,de,2,test\nhow,,,en,1,train\n"
    write(workspace.directory, "raw/export.csv", text)
    describe(
        workspace,
        "path: raw/export.csv\nfields:\n  input: {question: Question, note: Note}\n"
        "  expected: Answer\n  metadata: [Lang]\n  weight: Rank\n  split: Kind\n"
        "splits:\n  german: metadata.Lang = 'de'\n",
    )
    dataset = read(workspace)
    first, second = dataset
    assert (dataset.path, dataset.splits) == ("datasets/q.dataset.yaml", {"test": 1, "train": 1})
    assert (first.input, first.expected) == ({"question": "why", "note": "n"}, "because")
    assert (first.metadata, first.weight) == ({"Lang": "de", "split": "test"}, 2.0)
    assert second.input == {"question": "how", "note": ""}
    from gitexp.evaluation.datasets.selecting import Selection

    assert inputs(dataset.select(Selection(split="german"))) == [first.input]


def test_keys_of_json_lines_are_mapped_like_columns(workspace: Workspace) -> None:
    assert workspace.directory is not None
    write(workspace.directory, "raw/x.jsonl", lines({"q": [1], "a": None, "z": 1}, {"q": 2}))
    describe(workspace, "path: raw/x.jsonl\nfields: {input: q, expected: a}\n")
    assert inputs(read(workspace)) == [[1], 2]


def test_a_column_that_is_not_there_is_refused_with_those_that_are(workspace: Workspace) -> None:
    assert workspace.directory is not None
    write(workspace.directory, "raw/x.csv", "a,b\n1,2\n")
    describe(workspace, "path: raw/x.csv\nfields: {input: q}\n")
    with pytest.raises(InvalidDocuments) as caught:
        read(workspace)
    assert str(caught.value) == (
        'raw/x.csv:1: there is no column "q", the input; there are "a", "b"'
    )


def test_a_pinned_file_of_the_project_has_to_be_that_file(workspace: Workspace) -> None:
    assert workspace.directory is not None
    write(workspace.directory, "raw/x.jsonl", DATA)
    describe(workspace, f"path: raw/x.jsonl\ndigest: sha256:{SHA256}\n")
    assert len(inputs(read(workspace))) == 3
    describe(workspace, f"path: raw/x.jsonl\ndigest: sha256:{'0' * 64}\n")
    with pytest.raises(DamagedObject) as caught:
        read(workspace)
    assert str(caught.value) == (
        f"raw/x.jsonl has the digest sha256:{SHA256}, and pinned is sha256:{'0' * 64}"
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{}", 'datasets/q.dataset.yaml:1: the key "path" is missing'),
        (
            "path: a.csv\nurl: https://h/a.csv\n",
            (
                "datasets/q.dataset.yaml:1: expected either `path` or `url`, which say where the "
                "rows are"
            ),
        ),
        (
            "url: https://h/a.csv\n",
            (
                "datasets/q.dataset.yaml:1: what is at a `url` needs a `digest`; "
                "`gitexp dataset add` computes it"
            ),
        ),
        (
            "path: ../a.csv\n",
            "datasets/q.dataset.yaml:1: path: it has the segment '..'",
        ),
        ("path: /etc/a.csv\n", "datasets/q.dataset.yaml:1: path: it is absolute"),
        ("path: .git/a.csv\n", "datasets/q.dataset.yaml:1: path: it reaches into a .git directory"),
        (
            "path: a.bin\n",
            (
                'datasets/q.dataset.yaml:1: path: "a.bin" does not end with a format; name it '
                "under `format`"
            ),
        ),
        (
            f"url: https://me:pw@h/a.csv\ndigest: sha256:{SHA256}\n",
            (
                "datasets/q.dataset.yaml:1: url: credentials do not belong in it; those of the "
                "environment are used"
            ),
        ),
        (
            "path: a.csv\nsplits: {hard: metadta.x = 1}\n",
            (
                "datasets/q.dataset.yaml:2: splits.hard: filter, column 1: samples have no field "
                "'metadta.x'"
            ),
        ),
    ],
)
def test_a_wrong_description_is_refused_at_its_place(
    workspace: Workspace, text: str, expected: str
) -> None:
    describe(workspace, text)
    with pytest.raises(InvalidDocuments) as caught:
        read(workspace)
    assert str(caught.value) == expected


def test_a_file_that_a_description_names_has_to_be_inside(
    workspace: Workspace, tmp_path: Path
) -> None:
    assert workspace.directory is not None
    outside = write(tmp_path, "secret.jsonl", DATA)
    (workspace.directory / "raw.jsonl").symlink_to(outside)
    describe(workspace, "path: raw.jsonl\n")
    with pytest.raises(InvalidInput, match=r"raw\.jsonl leads out of the project"):
        read(workspace)


def test_a_name_that_looks_like_a_description_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"'q\.dataset' is not a usable dataset name"):
        load(tmp_path, "q.dataset")


# --- Git LFS


def large(workspace: Workspace, path: str = "datasets/q.jsonl") -> Pointer:
    assert workspace.directory is not None
    pointer = pointer_to(DATA)
    write(workspace.directory, path, pointer.to_bytes())
    return pointer


def test_a_large_file_that_is_here_is_read(workspace: Workspace) -> None:
    large(workspace)
    assert workspace.directory is not None
    where = f".git/lfs/objects/{SHA256[:2]}/{SHA256[2:4]}/{SHA256}"
    write(workspace.directory, where, DATA)
    dataset = read(workspace)
    assert (dataset.path, dataset.count) == ("datasets/q.jsonl", 3)


def test_a_large_file_is_fetched_when_it_is_not_here(tmp_path: Path) -> None:
    with lfs_server() as server:
        server.put(DATA)
        workspace = disk_workspace(tmp_path / "project")
        assert workspace.directory is not None
        config = workspace.directory / ".git" / "config"
        config.write_text(f'{config.read_text()}[remote "origin"]\n\turl = {server.url}\n')
        workspace = disk_workspace(workspace.directory)
        large(workspace)
        assert inputs(read(workspace)) == ["why 0", "why 1", "why 2"]
        asked = len(server.asked)
        assert asked > 0
        read(workspace)
        assert len(server.asked) == asked


def test_a_large_file_that_is_nowhere_is_an_error(workspace: Workspace) -> None:
    large(workspace)
    with pytest.raises(NotFound) as caught:
        read(workspace)
    assert str(caught.value) == (
        "datasets/q.jsonl is a pointer of Git LFS, its bytes are not here, and there is no shared "
        "remote 'origin' to bring them from"
    )
    assert workspace.directory is not None
    with pytest.raises(NotFound) as caught:
        load(workspace.directory, "q")
    assert caught.value.hint == "Bring them with `git lfs pull`."


def test_a_damaged_large_file_is_refused(workspace: Workspace) -> None:
    large(workspace)
    assert workspace.directory is not None
    where = f".git/lfs/objects/{SHA256[:2]}/{SHA256[2:4]}/{SHA256}"
    write(workspace.directory, where, DATA.replace(b"why", b"who"))
    with pytest.raises(DamagedObject, match=f"and pinned is sha256:{SHA256}"):
        read(workspace)


# --- addresses


class Files(BaseHTTPRequestHandler):
    """Answers with what it was given: content by path, or a status and headers."""

    contents: dict[str, bytes]
    answers: dict[str, tuple[int, dict[str, str]]]
    asked: list[str]

    def do_GET(self) -> None:
        self.asked.append(self.path)
        status, headers = self.answers.get(self.path, (200, {}))
        data = self.contents.get(self.path)
        if data is None and status == 200:
            status = 404
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if "Content-Length" not in headers:
            self.send_header("Content-Length", str(len(data or b"")))
        self.end_headers()
        self.wfile.write(data or b"")

    def log_message(self, format: str, *args: object) -> None: ...


@pytest.fixture
def web() -> Iterator[tuple[str, type[Files]]]:
    files = type("Some", (Files,), {"contents": {}, "answers": {}, "asked": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), files)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", files
    server.shutdown()
    thread.join()
    server.server_close()


Web = tuple[str, type[Files]]


def pin(workspace: Workspace, url: str, sha256: str = SHA256) -> None:
    describe(workspace, f"url: {url}\ndigest: sha256:{sha256}\n")


def test_what_is_elsewhere_is_fetched_once(workspace: Workspace, web: Web) -> None:
    url, files = web
    files.contents["/q.jsonl"] = DATA
    pin(workspace, f"{url}/q.jsonl")
    assert inputs(read(workspace)) == ["why 0", "why 1", "why 2"]
    files.contents.clear()
    assert len(inputs(read(workspace))) == 3
    assert files.asked == ["/q.jsonl"]
    assert workspace.directory is not None
    copies = workspace.directory / ".git" / "gitexp" / "datasets"
    assert [file.name for file in copies.iterdir()] == [SHA256]


def test_other_bytes_than_those_pinned_are_refused_and_not_kept(
    workspace: Workspace, web: Web
) -> None:
    url, files = web
    files.contents["/q.jsonl"] = b"{}\n"
    pin(workspace, f"{url}/q.jsonl")
    found = hashlib.sha256(b"{}\n").hexdigest()
    with pytest.raises(DamagedObject) as caught:
        read(workspace)
    assert str(caught.value) == (
        f"{url}/q.jsonl has the digest sha256:{found}, and pinned is sha256:{SHA256}"
    )
    assert workspace.directory is not None
    assert list((workspace.directory / ".git" / "gitexp" / "datasets").iterdir()) == []


def test_an_address_without_an_end_is_given_up(
    workspace: Workspace, web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetching, "MAX_FETCHED_BYTES", len(DATA) - 1)
    url, files = web
    files.contents["/q.jsonl"] = DATA
    pin(workspace, f"{url}/q.jsonl")
    with pytest.raises(InvalidInput) as caught:
        read(workspace)
    most = f"more than {len(DATA) - 1:,} bytes, the most that are fetched"
    assert str(caught.value) == f"{url}/q.jsonl has {most}"
    assert list(fetching.copies(workspace).iterdir()) == []
    monkeypatch.setattr(fetching, "MAX_FETCHED_BYTES", len(DATA))
    assert len(read(workspace)) == 3


def test_a_damaged_copy_is_fetched_again(workspace: Workspace, web: Web) -> None:
    url, files = web
    files.contents["/q.jsonl"] = DATA
    pin(workspace, f"{url}/q.jsonl")
    read(workspace)
    assert workspace.directory is not None
    copy = workspace.directory / ".git" / "gitexp" / "datasets" / SHA256
    copy.write_bytes(b"damaged")
    assert len(inputs(read(workspace))) == 3
    assert files.asked == ["/q.jsonl", "/q.jsonl"]


def test_what_killed_processes_left_is_cleared(workspace: Workspace, web: Web) -> None:
    url, files = web
    files.contents["/q.jsonl"] = DATA
    assert workspace.directory is not None
    old = write(workspace.directory, ".git/gitexp/datasets/draft-1", b"half")
    new = write(workspace.directory, ".git/gitexp/datasets/draft-2", b"half")
    now = workspace.surroundings.clock.now().timestamp()
    os.utime(old, (now - 90_000, now - 90_000))
    os.utime(new, (now - 60, now - 60))
    pin(workspace, f"{url}/q.jsonl")
    read(workspace)
    assert not old.exists()
    assert new.exists()


def test_a_redirect_is_followed(workspace: Workspace, web: Web) -> None:
    url, files = web
    files.contents["/real.jsonl"] = DATA
    files.answers["/q.jsonl"] = (302, {"Location": "/real.jsonl"})
    pin(workspace, f"{url}/q.jsonl")
    assert len(inputs(read(workspace))) == 3


@pytest.mark.parametrize(
    ("answer", "kind", "message"),
    [
        ((404, {}), NotFound, "is not there: HTTP 404"),
        ((403, {}), RemoteError, "cannot be read: HTTP 403"),
        ((500, {}), RemoteError, "cannot be read: HTTP 500"),
        ((302, {"Location": "/q.jsonl"}), RemoteUnavailable, "cannot be read: "),
        ((200, {"Content-Length": "5000"}), RemoteUnavailable, "cannot be read: "),
    ],
)
def test_what_cannot_be_fetched_is_an_error_and_leaves_nothing(
    workspace: Workspace,
    web: Web,
    answer: tuple[int, dict[str, str]],
    kind: type[Exception],
    message: str,
) -> None:
    url, files = web
    files.contents["/q.jsonl"] = DATA
    files.answers["/q.jsonl"] = answer
    pin(workspace, f"{url}/q.jsonl")
    with pytest.raises(kind) as caught:
        read(workspace)
    assert str(caught.value).startswith(f"{url}/q.jsonl {message}")
    assert workspace.directory is not None
    assert list((workspace.directory / ".git" / "gitexp" / "datasets").iterdir()) == []


def test_nobody_at_an_address_is_an_error(workspace: Workspace) -> None:
    pin(workspace, "http://127.0.0.1:9/q.jsonl")
    with pytest.raises(RemoteUnavailable, match=r"http://127\.0\.0\.1:9/q\.jsonl cannot be read: "):
        read(workspace)


def test_a_file_of_the_machine_is_read_through_its_address(
    workspace: Workspace, tmp_path: Path
) -> None:
    file = write(tmp_path, "some where.jsonl", DATA)
    pin(workspace, file.as_uri())
    assert len(inputs(read(workspace))) == 3
    file.unlink()
    assert len(inputs(read(workspace))) == 3
    pin(workspace, file.as_uri(), "1" * 64)
    with pytest.raises(NotFound, match="cannot be read: no such file or directory"):
        read(workspace)


def test_other_addresses_go_through_fsspec(workspace: Workspace) -> None:
    import fsspec

    memory = fsspec.filesystem("memory")
    memory.pipe("/corpora/q.jsonl", DATA)
    pin(workspace, "memory://corpora/q.jsonl")
    assert len(inputs(read(workspace))) == 3
    pin(workspace, "memory://corpora/absent.jsonl", "1" * 64)
    with pytest.raises(NotFound) as caught:
        read(workspace)
    assert str(caught.value) == "memory://corpora/absent.jsonl is not there"


def test_an_address_whose_library_is_missing_says_what_to_install(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "fsspec.core", None)
    pin(workspace, "s3://bucket/q.jsonl")
    with pytest.raises(InvalidInput) as caught:
        read(workspace)
    assert "pip install 'gitexp[s3]'" in (caught.value.hint or "")


def test_a_repository_in_memory_keeps_copies_in_the_cache_of_the_user(
    tmp_path: Path, web: Web
) -> None:
    from dataclasses import replace

    from gitexp.store.memory import MemoryStore

    url, files = web
    files.contents["/q.jsonl"] = DATA
    workspace = workspace_on(MemoryStore(), directory=tmp_path)
    around = replace(workspace.surroundings, cache_root=tmp_path / "cache")
    workspace = replace(workspace, surroundings=around)
    pin(workspace, f"{url}/q.jsonl")
    assert len(inputs(read(workspace))) == 3
    assert (tmp_path / "cache" / "datasets" / SHA256).is_file()


def test_a_copy_that_cannot_be_written_is_an_error(workspace: Workspace, web: Web) -> None:
    url, files = web
    files.contents["/q.jsonl"] = DATA
    assert workspace.directory is not None
    write(workspace.directory, ".git/gitexp/datasets", b"in the way")
    pin(workspace, f"{url}/q.jsonl")
    with pytest.raises(StoreError, match="the dataset was not fetched"):
        read(workspace)


def test_without_a_repository_nothing_is_fetched(workspace: Workspace) -> None:
    pin(workspace, "https://example.org/q.jsonl")
    assert workspace.directory is not None
    with pytest.raises(InvalidInput, match="can only be fetched within a repository"):
        load(workspace.directory, "q")
