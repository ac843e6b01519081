"""Laws of datasets: digests, ids, the rows they are made of, and how two of them differ."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from gitexp.documents.canonical import canonical_json, canonical_plain_json
from gitexp.documents.values import same
from gitexp.errors import GitexpError
from gitexp.evaluation.datasets.comparing import compare
from gitexp.evaluation.datasets.identities import SetDigest
from gitexp.evaluation.datasets.loading import Dataset, load
from gitexp.evaluation.datasets.selecting import Selection
from tests.property.strategies import values

ROWS = st.lists(
    st.fixed_dictionaries(
        {"input": st.integers(0, 3)},
        optional={
            "expected": st.integers(0, 1) | st.none(),
            "output": st.none() | st.text(max_size=2),
            "metadata": st.dictionaries(st.sampled_from("ab"), st.integers(0, 1), max_size=2),
            "split": st.sampled_from(["test", "train"]),
            "weight": st.sampled_from([0, 0.5, 1, 2]),
        },
    ),
    min_size=1,
    max_size=8,
)


@contextmanager
def datasets(*tables: list[dict[str, Any]]) -> Iterator[list[Dataset]]:
    """Give a dataset for each list of rows."""
    with tempfile.TemporaryDirectory() as directory:
        (Path(directory) / "datasets").mkdir()
        for number, rows in enumerate(tables):
            text = "".join(json.dumps(row) + "\n" for row in rows)
            (Path(directory) / "datasets" / f"d{number}.jsonl").write_text(text)
        yield [load(Path(directory), f"d{number}") for number in range(len(tables))]


PIECES = st.sampled_from(
    [
        *(
            b"input,id\n",
            b'{"input": 1}',
            b"\n",
            b"\r\n",
            b"\r",
            b'"',
            b",",
            b"{",
            b"}",
            b"[",
            b"\\",
        ),
        *(b"\x00", b"\xff\xfe", b"\xef\xbb\xbf", b"\xc3", b"- input: 1\n", b"split", b"weight: x"),
        *(b"PAR1", b"id", b":", b" ", b"null", b"1e999", b"NaN", b"&a", b"*a", b"metadata", b"a"),
    ]
)
BYTES = st.one_of(st.binary(max_size=60), st.lists(PIECES, max_size=14).map(b"".join))


@given(BYTES, st.sampled_from(["jsonl", "csv", "yaml", "parquet", "dataset.yaml"]))
def test_any_bytes_are_a_dataset_or_an_error_of_ours(data: bytes, suffix: str) -> None:
    with tempfile.TemporaryDirectory() as directory:
        (Path(directory) / "datasets").mkdir()
        (Path(directory) / "datasets" / f"d.{suffix}").write_bytes(data)
        try:
            found = load(Path(directory), "d")
        except GitexpError:
            return
        assert found.count == len(found.samples) > 0


@given(values())
def test_the_quick_canonical_json_is_the_canonical_json(value: Any) -> None:
    assert canonical_plain_json(value) == canonical_json(value)


@given(st.lists(st.binary(min_size=32, max_size=32)), st.randoms())
def test_the_digest_of_a_set_does_not_depend_on_its_order(digests: list[bytes], r: Any) -> None:
    shuffled = r.sample(digests, len(digests))
    assert SetDigest(digests).digest() == SetDigest(shuffled).digest()


@given(ROWS, st.randoms())
def test_order_changes_neither_ids_nor_digest(rows: list[dict[str, Any]], r: Any) -> None:
    with datasets(rows, r.sample(rows, len(rows))) as (one, two):
        assert one.digest == two.digest or len({s.id.partition("-")[0] for s in one}) < len(rows)
        assert {sample.id for sample in one} == {sample.id for sample in two}
        assert len({sample.id for sample in one}) == one.count == len(rows)


@given(ROWS)
def test_samples_written_down_are_the_same_samples(rows: list[dict[str, Any]]) -> None:
    with datasets(rows) as [first]:
        written = [sample.to_dict() for sample in first]
    with datasets(rows, written) as (one, two):
        assert compare(one, two).changes == ()
        assert all(
            same(a.to_dict(), b.to_dict()) for a, b in zip(one.samples, two.samples, strict=True)
        )


@given(ROWS, ROWS)
def test_a_comparison_turned_around_is_the_other_comparison(
    before: list[dict[str, Any]], after: list[dict[str, Any]]
) -> None:
    with datasets(before, after) as (a, b):
        there, back = compare(a, b), compare(b, a)
    turned = {"added": "removed", "removed": "added", "changed": "changed"}
    assert [(c.id, c.kind) for c in there.changes] == [(c.id, turned[c.kind]) for c in back.changes]
    assert there.same == back.same
    assert there.same + there.count("changed") + there.count("removed") == len(before)
    assert there.same + there.count("changed") + there.count("added") == len(after)


@given(ROWS, st.integers(1, 9), st.integers(0, 3))
def test_a_draw_has_the_size_that_was_asked_for(
    rows: list[dict[str, Any]], count: int, seed: int
) -> None:
    with datasets(rows) as [whole]:
        part = whole.select(Selection(sample=count, seed=seed))
        assert part.count == len(part.samples) == min(count, len(rows))
        ids = [sample.id for sample in whole]
        assert [s.id for s in part] == [i for i in ids if i in {s.id for s in part}]
