"""Laws of filters: the index finds and orders what a plain reading of the words would."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gitexp.errors import InvalidInput
from gitexp.project.workspace import Workspace
from gitexp.runs.filters import parse_filter, parse_order
from gitexp.runs.index.verifying import verify
from gitexp.runs.metrics import MetricPoint
from gitexp.runs.recording import ledger
from gitexp.runs.recording.records import record_of
from gitexp.runs.run import Run
from gitexp.runs.searching import RunQuery, count, search
from gitexp.runs.tallies import Stats
from gitexp.store.memory import MemoryStore
from tests.runs.making import IDENTITY, dataset_reference, make_run, run_id, workspace_on
from tests.runs.oracle import PLANS, fits, ordered, planned

NUMBERS = st.sampled_from([-1.0, 0.0, 0.5, 1.0, 2.5, math.inf, -math.inf, math.nan])
TEXTS = st.sampled_from(["", "a", "A", "ab", "b%", "a_b", "0.5", "1", "true", "é", "x" * 300, "'"])
VALUES = st.one_of(TEXTS, NUMBERS.filter(math.isfinite), st.integers(-2, 2), st.booleans())
NAMES = st.sampled_from(["x", "y", "odd name"])


@st.composite
def runs(draw: st.DrawFn) -> list[Run]:
    """Return a few runs that have some of a few names."""
    count = draw(st.integers(0, 6))
    return [
        make_run(
            run_id(draw(st.integers(0, 3)) * 100 + number),
            status=draw(st.sampled_from(["finished", "failed", "killed", "running"])),
            name=draw(TEXTS),
            metrics={
                name: MetricPoint(value, 0, 0)
                for name, value in draw(st.dictionaries(NAMES, NUMBERS, max_size=3)).items()
            },
            parameters=draw(st.dictionaries(NAMES, VALUES, max_size=2)),
            params=draw(st.dictionaries(NAMES, VALUES, max_size=2)),
            tags=draw(st.dictionaries(NAMES, TEXTS, max_size=2)),
            dataset=draw(st.sampled_from([None, dataset_reference("a"), dataset_reference("ab")])),
            stats=Stats(passed=draw(st.integers(0, 2)), failed=draw(st.integers(0, 2))),
            version=draw(st.sampled_from([None, "a" * 40, "ab" * 20])),
        )
        for number in range(count)
    ]


def number_text(number: float) -> str:
    return repr(number)


def quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


NUMBER_TEXTS = NUMBERS.map(number_text)
QUOTED = TEXTS.map(quoted)
PATTERNS = st.text("aAb%_0.5é'*[", max_size=4).map(quoted)
TYPED = st.one_of(QUOTED, NUMBER_TEXTS, st.sampled_from(["true", "false"]))
MOMENTS = st.sampled_from(
    ["'2026-01-02'", "2026-01-02T00:01:40", "'2026-01-02T00:01:41Z'", "1767312000000", "0"]
)
COMPARATORS = st.sampled_from(["=", "!=", "<", "<=", ">", ">="])
EQUALITIES = st.sampled_from(["=", "!="])


@st.composite
def comparisons(draw: st.DrawFn) -> str:
    """Return a comparison of some field with values that fit it."""
    name = f"`{draw(NAMES)}`"
    field, values, is_text = draw(
        st.sampled_from(
            [
                (f"metrics.{name}", NUMBER_TEXTS, False),
                (f"params.{name}", TYPED, True),
                (f"tags.{name}", QUOTED, True),
                ("name", QUOTED, True),
                ("stats.pass_rate", NUMBER_TEXTS, False),
                ("stats.total", NUMBER_TEXTS, False),
                ("duration", NUMBER_TEXTS, False),
                ("datasets.name", QUOTED, True),
                ("created_at", MOMENTS, False),
                ("end_time", MOMENTS, False),
            ]
        )
    )
    value, other = draw(values), draw(values)
    no = draw(st.sampled_from(["", "NOT "]))
    forms = [
        f"{field} {draw(COMPARATORS)} {value}",
        f"{field} {no}IN ({value}, {other})",
        f"{field} {no}BETWEEN {value} AND {other}",
        f"{field} IS {no}NULL",
    ]
    if is_text:
        like = draw(st.sampled_from(["LIKE", "ILIKE"]))
        forms.append(f"{field} {no}{like} {draw(PATTERNS)}")
    return draw(st.sampled_from(forms))


EXACT = st.one_of(
    st.builds("status {} 'finished'".format, EQUALITIES),
    st.builds("version {} '{}'".format, EQUALITIES, st.sampled_from(["a", "ab", "AB", ""])),
    st.builds("digest {} '{}'".format, EQUALITIES, st.sampled_from(["000", "sha256:0", "1"])),
)
FILTERS = st.recursive(
    st.one_of(comparisons(), EXACT),
    lambda inner: st.one_of(
        st.builds("({}) AND ({})".format, inner, inner),
        st.builds("({}) OR ({})".format, inner, inner),
        st.builds("NOT ({})".format, inner),
    ),
    max_leaves=5,
)
ORDERED = st.sampled_from(
    [
        *("metrics.x", "metrics.y", "params.x", "params.y", "tags.x", "name", "status"),
        *("stats.pass_rate", "duration", "end_time", "created_at", "version", "dataset"),
    ]
)
ORDERS = st.lists(st.builds("{} {}".format, ORDERED, st.sampled_from(["ASC", "DESC"])), max_size=3)


def recorded(made: list[Run]) -> Workspace:
    workspace = workspace_on(MemoryStore(config=IDENTITY))
    if made:
        ledger.append(workspace, "tone", [record_of(run) for run in made])
    return workspace


BUILDING = settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


@BUILDING
@given(runs(), st.lists(FILTERS, min_size=1, max_size=6), st.sampled_from(PLANS))
def test_a_filter_finds_what_it_says(made: list[Run], filters: list[str], plan: str) -> None:
    workspace = recorded(made)
    for filter in filters:
        condition = parse_filter(filter)
        expected = {run.id for run in made if fits(condition, run.to_dict())}
        with planned(plan):
            page = search(workspace, RunQuery(filter=filter))
            assert {run["id"] for run in page.documents} == expected, filter
            assert count(workspace, RunQuery(filter=filter)) == len(expected), filter


@BUILDING
@given(runs(), FILTERS)
def test_a_filter_and_its_opposite_share_the_runs(made: list[Run], filter: str) -> None:
    workspace = recorded(made)
    opposite = count(workspace, RunQuery(filter=f"NOT ({filter})"))
    assert count(workspace, RunQuery(filter=filter)) + opposite == len(made)


@BUILDING
@given(runs(), ORDERS, st.integers(1, 3))
def test_pages_are_the_order_cut_into_pieces(made: list[Run], order: list[str], size: int) -> None:
    workspace = recorded(made)
    orders = [found for text in order for found in parse_order(text)]
    shown: list[str] = []
    token, first = None, True
    while first or token:
        query = RunQuery(order_by=order, limit=size, page_token=token)
        page = search(workspace, query)
        shown += [run["id"] for run in page.documents]
        token, first = page.next_page_token, False
    assert shown == ordered([run.to_dict() for run in made], orders)


@given(st.lists(runs(), min_size=1, max_size=4))
def test_following_the_branches_comes_to_what_building_anew_does(batches: list[list[Run]]) -> None:
    workspace = workspace_on(MemoryStore(config=IDENTITY))
    known: dict[str, Any] = {}
    for batch in batches:
        new = {run.id: run for run in batch if run.id not in known}
        if new:
            ledger.append(workspace, "tone", [record_of(run) for run in new.values()])
        known |= new
        assert count(workspace, RunQuery()) == len(known)
    assert verify(workspace).differences == ()


@given(
    st.one_of(
        st.text(max_size=40),
        st.text("metrics.loss params`\"'()=<>!, ANDORNTIKLUS0123456789-+:%_", max_size=60),
        st.lists(
            st.sampled_from(
                [
                    *("metrics.a", "status", "=", "<", "'x'", "1", "AND", "OR", "NOT", "(", ")"),
                    *("IN", ",", "IS", "NULL", "LIKE", "BETWEEN", "tags.`b`", "true", "`"),
                ]
            ),
            max_size=12,
        ).map(" ".join),
    )
)
def test_any_text_is_read_or_refused(text: str) -> None:
    workspace = recorded([])
    filter_refusal = refusal(lambda: search(workspace, RunQuery(filter=text)))
    assert filter_refusal is None or filter_refusal.startswith("filter, column ")
    order_refusal = refusal(lambda: parse_order(text))
    assert order_refusal is None or order_refusal.startswith("order, column ")


def refusal(work: Callable[[], object]) -> str | None:
    """Return what is said of a text that cannot be read; None for one that was read."""
    try:
        work()
    except InvalidInput as error:
        return str(error)
    return None
