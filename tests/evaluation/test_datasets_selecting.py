"""Choosing samples of a dataset: splits, filters, seeded draws and limits."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitexp.errors import InvalidInput, NotFound
from gitexp.evaluation.datasets.conditions import fits, parse_where
from gitexp.evaluation.datasets.loading import Dataset, load
from gitexp.evaluation.datasets.sample import Sample
from gitexp.evaluation.datasets.selecting import Selection

ROWS: list[dict[str, Any]] = [
    {
        "id": f"q{n:02}",
        "input": {"question": f"why {n}", "n": n, "tags": ["x", {"deep": n % 3}]},
        "expected": f"because {n}" if n % 4 else None,
        "metadata": {"lang": "de" if n % 2 else "en", "split": "test" if n < 5 else "train"},
        "weight": n % 3,
    }
    for n in range(20)
]


def dataset(directory: Path, rows: list[dict[str, Any]], name: str = "q") -> Dataset:
    (directory / "datasets").mkdir(exist_ok=True)
    text = "".join(json.dumps(row) + "\n" for row in rows)
    (directory / "datasets" / f"{name}.jsonl").write_text(text)
    return load(directory, name)


def ids(found: Dataset) -> list[str]:
    return [sample.id for sample in found]


def chosen(directory: Path, **parts: Any) -> list[str]:
    return ids(dataset(directory, ROWS).select(Selection(**parts)))


def test_a_split_is_the_samples_that_name_it(tmp_path: Path) -> None:
    whole = dataset(tmp_path, ROWS)
    assert whole.splits == {"test": 5, "train": 15}
    part = whole.select(Selection(split="test"))
    assert ids(part) == ["q00", "q01", "q02", "q03", "q04"]
    assert (part.count, len(part), part.splits) == (5, 5, {"test": 5})


def test_an_unknown_split_is_refused_with_those_that_there_are(tmp_path: Path) -> None:
    with pytest.raises(NotFound) as caught:
        dataset(tmp_path, ROWS).select(Selection(split="tset"))
    assert str(caught.value) == "'q' has no split 'tset'"
    assert caught.value.hint == "There are test, train."


def test_chosen_samples_have_the_digest_of_a_file_with_just_them(tmp_path: Path) -> None:
    part = dataset(tmp_path, ROWS).select(Selection(where="metadata.lang = 'de'"))
    alone = dataset(tmp_path, [row for row in ROWS if row["metadata"]["lang"] == "de"], "alone")
    assert part.digest == alone.digest


def test_choosing_everything_is_the_same_dataset(tmp_path: Path) -> None:
    whole = dataset(tmp_path, ROWS)
    assert whole.select(Selection()) is whole
    assert whole.select(Selection(limit=20, sample=99)) is whole
    assert whole.select(Selection(where="id LIKE 'q%'")).digest == whole.digest


def test_parts_of_a_selection_narrow_one_after_the_other(tmp_path: Path) -> None:
    found = chosen(tmp_path, split="train", where="input.n >= 10", sample=4, seed=1, limit=2)
    everything = chosen(tmp_path, split="train", where="input.n >= 10", sample=4, seed=1)
    assert found == everything[:2]
    assert len(everything) == 4
    assert all(int(sample_id[1:]) >= 10 for sample_id in everything)


def test_a_selection_of_a_selection_is_one(tmp_path: Path) -> None:
    whole = dataset(tmp_path, ROWS)
    again = whole.select(Selection(split="train")).select(Selection(where="input.n < 8"))
    assert ids(again) == ["q05", "q06", "q07"]
    assert ids(again.first(1)) == ["q05"]


# --- seeded draws


def test_a_draw_does_not_depend_on_the_order_of_rows(tmp_path: Path) -> None:
    shuffled = random.Random(4).sample(ROWS, len(ROWS))
    one = dataset(tmp_path, ROWS).select(Selection(sample=7, seed=3))
    two = dataset(tmp_path, shuffled, "other").select(Selection(sample=7, seed=3))
    assert set(ids(one)) == set(ids(two))
    assert one.digest == two.digest
    assert ids(one) == sorted(ids(one))


def test_a_draw_follows_its_seed(tmp_path: Path) -> None:
    draws = {tuple(chosen(tmp_path, sample=7, seed=seed)) for seed in range(5)}
    assert len(draws) == 5
    assert all(len(draw) == 7 for draw in draws)
    assert chosen(tmp_path, sample=7, seed="0") == chosen(tmp_path, sample=7)


def test_a_larger_draw_holds_the_smaller_one(tmp_path: Path) -> None:
    assert set(chosen(tmp_path, sample=5)) < set(chosen(tmp_path, sample=9))


def test_a_draw_is_not_far_from_even(tmp_path: Path) -> None:
    counts: dict[str, int] = {}
    whole = dataset(tmp_path, ROWS)
    for seed in range(200):
        for sample_id in ids(whole.select(Selection(sample=5, seed=seed))):
            counts[sample_id] = counts.get(sample_id, 0) + 1
    assert len(counts) == 20
    assert 25 <= min(counts.values()) <= max(counts.values()) <= 80


# --- filters


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("id = 'q03'", {3}),
        ("input.n BETWEEN 3 AND 5", {3, 4, 5}),
        ("input.question LIKE 'why 1_'", set(range(10, 20))),
        ("input.tags.1.deep = 2 AND input.n < 6", {2, 5}),
        ("expected IS NULL", {0, 4, 8, 12, 16}),
        ("NOT expected LIKE '%1%' AND expected IS NOT NULL AND input.n < 4", {2, 3}),
        ("weight > 1", {2, 5, 8, 11, 14, 17}),
        ("split = 'test' AND metadata.lang IN ('de', 'fr')", {1, 3}),
        ("metadata.absent != 'x'", set()),
        ("metadata.absent IS NULL AND input.n = 1", {1}),
        ("output IS NOT NULL", set()),
        (f"input.tags.{'9' * 5000} IS NOT NULL", set()),
        ("metadata.\"lang\" = 'de' AND input.`n` <= 1", {1}),
        ("id ILIKE 'Q0%' AND (input.n = 1 OR input.n = 2)", {1, 2}),
    ],
)
def test_a_filter_chooses_the_samples_that_fit(
    tmp_path: Path, where: str, expected: set[int]
) -> None:
    rows = dataset(tmp_path, ROWS)
    condition = parse_where(where)
    assert {int(sample.id[1:]) for sample in rows if fits(condition, sample)} == expected


def test_cells_that_say_numbers_are_compared_as_numbers(tmp_path: Path) -> None:
    (tmp_path / "datasets").mkdir()
    (tmp_path / "datasets" / "q.csv").write_text("id,input,metadata.level\na,x,9\nb,y,10\nc,z,\n")
    part = load(tmp_path, "q").select(Selection(where="metadata.level > 9"))
    assert ids(part) == ["b"]


@pytest.mark.parametrize(
    ("where", "message", "hint"),
    [
        (
            "metadta.lang = 'de'",
            "filter, column 1: samples have no field 'metadta.lang'",
            "Did you mean `metadata.lang`?",
        ),
        (
            "metrics.loss < 1",
            "filter, column 1: samples have no field 'metrics.loss'",
            (
                "There are id, input, expected, output, metadata, split, weight, input.KEY, "
                "expected.KEY, output.KEY, metadata.KEY."
            ),
        ),
        ("id.x = 'a'", "filter, column 1: samples have no field 'id.x'", "Compare `id` itself."),
        (
            "id =",
            "filter, column 5: expected a value, found the end",
            None,
        ),
        (
            "= 3",
            'filter, column 1: expected a field such as metadata.lang or split, found "="',
            None,
        ),
    ],
)
def test_a_filter_that_cannot_be_read_is_refused(
    tmp_path: Path, where: str, message: str, hint: str | None
) -> None:
    with pytest.raises(InvalidInput) as caught:
        dataset(tmp_path, ROWS).select(Selection(where=where))
    assert str(caught.value) == message
    if hint is not None:
        assert caught.value.hint == hint


def test_a_filter_that_nothing_fits_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput) as caught:
        dataset(tmp_path, ROWS).select(Selection(where="id = 'none'"))
    assert str(caught.value) == "no sample of 'q' fits \"id = 'none'\""
    assert caught.value.hint == "`gitexp dataset show q --samples` shows what there is."


@pytest.mark.parametrize("part", ["limit", "sample"])
@pytest.mark.parametrize("number", [0, -1])
def test_a_number_below_one_is_refused(part: str, number: int) -> None:
    with pytest.raises(InvalidInput, match=f"{part} is {number}; it must be at least 1"):
        Selection(**{part: number})


def like(pattern: str, text: str) -> bool:
    """Say what LIKE means in the plainest way."""
    if not pattern:
        return not text
    if pattern[0] == "%":
        return like(pattern[1:], text) or bool(text and like(pattern, text[1:]))
    return bool(text) and pattern[0] in ("_", text[0]) and like(pattern[1:], text[1:])


@given(st.text("ab%_", max_size=7), st.text("ab", max_size=7))
def test_like_means_what_it_means_in_sql(pattern: str, text: str) -> None:
    sample = Sample(id="1", input=text)
    assert fits(parse_where(f"input LIKE '{pattern}'"), sample) == like(pattern, text)


def test_a_pattern_of_many_wildcards_ends_soon() -> None:
    sample = Sample(id="1", input="a" * 100_000)
    assert not fits(parse_where("input LIKE '" + "%a" * 40 + "%b'"), sample)
