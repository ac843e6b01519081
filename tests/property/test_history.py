"""History asked cleverly gives what asking every commit gives, whatever the clocks say."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from gitexp.ids import ObjectId
from gitexp.store.history import History
from gitexp.store.memory import MemoryStore
from tests.builders import history

MOST_COMMITS = 12
Graph = dict[str, tuple[str, ...]]


@st.composite
def graphs(draw: st.DrawFn) -> tuple[str, Graph]:
    """A history in one line with up to three parents a commit and any clocks, and its parents."""
    words, graph = [], Graph()
    for number in range(draw(st.integers(2, MOST_COMMITS))):
        earlier = list(graph)
        parents = (
            draw(st.lists(st.sampled_from(earlier), max_size=3, unique=True)) if number else []
        )
        seconds = draw(st.integers(0, 20))
        words.append(f"c{number}:{','.join(parents)}@{seconds}")
        graph[f"c{number}"] = tuple(parents)
    return " ".join(words), graph


def reached(graph: Graph, tips: Sequence[str]) -> set[str]:
    found: set[str] = set()
    waiting = list(tips)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting.extend(graph[name])
    return found


def best_common(graph: Graph, a: str, b: str) -> set[str]:
    common = reached(graph, [a]) & reached(graph, [b])
    return {
        name
        for name in common
        if not any(name in reached(graph, [other]) for other in common - {name})
    }


def made_history(line: str) -> tuple[History, dict[str, ObjectId]]:
    store = MemoryStore()
    return History(store), history(store, line)


@given(graphs(), st.data())
def test_questions_about_two_commits(drawn: tuple[str, Graph], data: st.DataObject) -> None:
    line, graph = drawn
    asked, made = made_history(line)
    a, b = (data.draw(st.sampled_from(sorted(graph))) for _ in range(2))
    above, below = reached(graph, [a]), reached(graph, [b])

    assert asked.is_ancestor(made[a], made[b]) == (a in below)
    assert asked.ahead_behind(made[a], made[b]) == (len(above - below), len(below - above))

    base = asked.merge_base(made[a], made[b])
    assert base == asked.merge_base(made[b], made[a])
    assert base in {made[name] for name in best_common(graph, a, b)} or (
        base is None and not above & below
    )


@given(graphs(), st.data())
def test_commits_between_points(drawn: tuple[str, Graph], data: st.DataObject) -> None:
    line, graph = drawn
    asked, made = made_history(line)
    tip = data.draw(st.sampled_from(sorted(graph)))
    exclude = data.draw(st.lists(st.sampled_from(sorted(graph)), max_size=3))

    found = [c.id for c in asked.commits_between(made[tip], [made[name] for name in exclude])]
    expected = reached(graph, [tip]) - reached(graph, exclude)
    assert sorted(found) == sorted(made[name] for name in expected)
    for name in expected:
        for parent in set(graph[name]) & expected:
            assert found.index(made[name]) < found.index(made[parent])
