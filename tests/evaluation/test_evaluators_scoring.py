"""What scores a run: evaluators by name or id, or an evaluation workflow, never both."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gitexp.documents.yaml_writer import dump_yaml
from gitexp.errors import InvalidDocuments, InvalidInput, NotFound
from gitexp.evaluation.answers import Usage
from gitexp.evaluation.evaluators.combining import Circumstances
from gitexp.evaluation.evaluators.scoring import Scoring, load_scoring, resolve_evaluators
from gitexp.runs.rows import Score
from tests.evaluation.evaluating import sample

PASSED = Score(value=True, passed=True)
FAILED = Score(value=False, passed=False)


class Files:
    """A project's directory with evaluators and workflows."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        for folder in ("evaluators", "workflows"):
            (directory / folder).mkdir()

    def evaluator(self, name: str, **options: Any) -> None:
        data = dump_yaml(options or {"type": "exact-match"})
        (self.directory / "evaluators" / f"{name}.yaml").write_bytes(data)

    def workflow(self, name: str, *evaluators: Any, **options: Any) -> None:
        parts = [{"evaluator": e} if isinstance(e, str) else e for e in evaluators]
        data = dump_yaml({"evaluators": parts, **options})
        (self.directory / "workflows" / f"{name}.yaml").write_bytes(data)

    def scoring(self, *workflows: str) -> Scoring:
        return load_scoring(self.directory, (), workflows=workflows)


@pytest.fixture
def files(tmp_path: Path) -> Files:
    """A project with the evaluators a, b and c, all of them exact matches."""
    made = Files(tmp_path)
    for name in "abc":
        made.evaluator(name, type="exact-match", description=name)
    return made


def combined(scoring: Scoring, scores: dict[str, Score], **about: Any) -> Score:
    given = {"usage": Usage(), "seconds": 1.0, "metadata": {}, **about}
    found = scoring.combine(
        sample(metadata=given["metadata"]), scores, given["usage"], given["seconds"]
    )
    [(_, score)] = found.items()
    return score


# --- one scoring path ------------------------------------------------------------------------


def test_exact_match_scores_where_nothing_is_said(files: Files) -> None:
    found = resolve_evaluators(files.directory)
    assert [one.name for one in found.evaluators] == ["exact-match"]
    assert (found.combines, found.deciding) == (False, {"exact-match"})


def test_ids_win_over_the_older_name(files: Files) -> None:
    found = resolve_evaluators(files.directory, evaluator_ids=["a"], evaluator_slugs=["b"])
    assert [one.name for one in found.evaluators] == ["a"]
    older = resolve_evaluators(files.directory, evaluator_slugs=["b", "a", "b"])
    assert [one.name for one in older.evaluators] == ["b", "a"]


def test_evaluators_and_workflows_are_not_given_together(files: Files) -> None:
    files.workflow("quality", "a")
    with pytest.raises(InvalidInput) as caught:
        resolve_evaluators(files.directory, evaluator_slugs=["a"], evaluator_workflow_ids=["x"])
    assert caught.value.message == "evaluators and evaluation workflows are both given"
    found = resolve_evaluators(files.directory, evaluator_workflow_ids=["quality"])
    assert [one.name for one in found.evaluators] == ["a"]
    assert found.deciding == {"quality"}
    assert [one.name for one in found.references] == ["a", "quality"]


def test_an_id_is_the_beginning_of_a_digest(files: Files) -> None:
    [first] = load_scoring(files.directory, ["a"]).evaluators
    digits = first.digest.removeprefix("sha256:")
    for given in (digits[:7], digits, first.digest):
        assert load_scoring(files.directory, [given, "a"]).evaluators == (first,)
    with pytest.raises(NotFound, match="no evaluator 'fffffff' in the project"):
        load_scoring(files.directory, ["fffffff"])


def test_an_id_of_several_evaluators_is_refused(files: Files) -> None:
    files.evaluator("d", type="exact-match", description="a")
    [first] = load_scoring(files.directory, ["a"]).evaluators
    with pytest.raises(InvalidInput, match="is the id of several evaluators: a, d"):
        load_scoring(files.directory, [first.digest])


def test_a_name_that_looks_like_an_id_is_a_name(files: Files) -> None:
    files.evaluator("abcdef1")
    assert [e.name for e in load_scoring(files.directory, ["abcdef1"]).evaluators] == ["abcdef1"]


# --- combining -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("combine", "value", "passed"),
    [
        ("weighted-mean", 0.75, None),
        ("mean", 0.5, None),
        ("min", 0.0, None),
        ("max", 1.0, None),
        ("all", False, False),
        ("any", True, True),
    ],
)
def test_single_scores_come_to_one(
    files: Files, combine: str, value: Any, passed: bool | None
) -> None:
    files.workflow("quality", {"evaluator": "a", "weight": 3}, "b", combine=combine)
    found = combined(files.scoring("quality"), {"a": PASSED, "b": FAILED})
    assert (found.value, found.passed, found.error) == (value, passed, "")
    assert found.reason == ("" if value is True else "a 1, b 0")


def test_a_threshold_decides(files: Files) -> None:
    files.workflow("quality", "a", "b", pass_at=0.5)
    scoring = files.scoring("quality")
    assert combined(scoring, {"a": PASSED, "b": FAILED}).passed is True
    assert combined(scoring, {"a": FAILED, "b": FAILED}).passed is False


def test_what_is_unscored_is_left_out_and_what_broke_breaks_all(files: Files) -> None:
    files.workflow("quality", "a", "b")
    scoring = files.scoring("quality")
    assert combined(scoring, {"a": PASSED, "b": Score(reason="?")}).value == 1.0
    assert combined(scoring, {"a": Score(), "b": Score()}) == Score(
        reason="none of its evaluators could tell"
    )
    assert combined(scoring, {"a": PASSED, "b": Score(error="boom")}) == Score(error="b: boom")


def test_numbers_count_by_their_scale_and_labels_by_their_verdict(files: Files) -> None:
    files.evaluator("stars", type="human", min=1, max=5)
    files.evaluator("label", type="human", labels=["x", "y"])
    files.evaluator("far", type="python", callable="m:f", negate=True)
    files.workflow("one", "stars")
    assert combined(files.scoring("one"), {"stars": Score(value=4)}).value == 0.75
    files.workflow("two", "label")
    said = Score(value="x", passed=True)
    assert combined(files.scoring("two"), {"label": said}).value == 1.0
    assert combined(files.scoring("two"), {"label": Score(value="x")}).error == (
        'label: "x" says nothing of passing; give it pass_at or pass_labels'
    )
    files.workflow("three", "far")
    assert combined(files.scoring("three"), {"far": Score(value=0.25)}).value == 0.75
    files.workflow("four", "stars", combine="all")
    assert (
        "says nothing of passing"
        in combined(files.scoring("four"), {"stars": Score(value=4)}).error
    )


# --- conditions ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("when", "about", "holds"),
    [
        ({"score": "a", "operator": "eq", "value": True}, {}, True),
        ({"score": "a", "operator": "gte", "value": 1}, {}, True),
        ({"score": "a", "operator": "lt", "value": 1}, {}, False),
        (
            {"metadata": "lang", "operator": "in", "value": ["en"]},
            {"metadata": {"lang": "en"}},
            True,
        ),
        ({"metadata": "lang", "operator": "ne", "value": "en"}, {"metadata": {}}, False),
        ({"metadata": "n", "operator": "gt", "value": 1}, {"metadata": {"n": "2"}}, False),
        ({"latency": True, "operator": "lte", "value": 2}, {"seconds": 2.0}, True),
        ({"latency": True, "operator": "lte", "value": 2}, {"seconds": None}, False),
        ({"cost": True, "operator": "lt", "value": 2}, {"usage": Usage(cost=1)}, True),
        ({"cost": True, "operator": "lt", "value": 2}, {}, False),
        ({"tokens": True, "operator": "gt", "value": 2}, {"usage": Usage(input_tokens=3)}, True),
        ({"tokens": True, "operator": "gte", "value": 0}, {}, False),
    ],
)
def test_an_evaluator_is_asked_on_a_condition(
    files: Files, when: Any, about: dict[str, Any], holds: bool
) -> None:
    files.workflow("quality", "a", {"evaluator": "b", "when": when, "else": 0.5}, combine="min")
    scoring = files.scoring("quality")
    given = {"usage": Usage(), "seconds": 1.0, "metadata": {}, **about}
    circumstances = Circumstances(
        sample=sample(metadata=given["metadata"]),
        scores={"a": PASSED},
        usage=given["usage"],
        seconds=given["seconds"],
    )
    assert (scoring.passed_over("b", circumstances) is None) == holds
    assert scoring.passed_over("a", circumstances) is None
    found = combined(scoring, {"a": PASSED, "b": FAILED}, **about)
    assert found.value == (0.0 if holds else 0.5)


def test_without_another_value_what_is_not_asked_is_left_out(files: Files) -> None:
    when = {"score": "a", "operator": "eq", "value": True}
    files.workflow("quality", "a", {"evaluator": "b", "when": when})
    scoring = files.scoring("quality")
    assert combined(scoring, {"a": FAILED, "b": PASSED}).value == 0.0
    circumstances = Circumstances(
        sample=sample(), scores={"a": FAILED}, usage=Usage(), seconds=None
    )
    assert scoring.passed_over("b", circumstances) == Score(
        reason="not asked, since this does not hold: score a eq true"
    )


def test_conditions_are_about_scores_of_earlier_rounds(files: Files) -> None:
    when = {"operator": "eq", "value": True}
    files.workflow(
        "quality",
        "a",
        {"evaluator": "b", "when": {"score": "a", **when}},
        {"evaluator": "c", "when": {"score": "b", **when}},
    )
    assert files.scoring("quality").rounds == ({"a"}, {"b"}, {"c"})
    files.workflow("other", "c")
    both = files.scoring("quality", "other")
    assert both.rounds == ({"a", "c"}, {"b"})
    assert both.deciding == {"quality", "other"}


def test_workflows_that_wait_for_each_other_are_refused(files: Files) -> None:
    def when(name: str) -> dict[str, Any]:
        return {"score": name, "operator": "eq", "value": True}

    after_c = {"evaluator": "a", "when": when("c")}, {"evaluator": "b", "when": when("a")}
    files.workflow("one", "c", *after_c)
    other = {"evaluator": "b", "when": when("c")}, {"evaluator": "a", "when": when("b")}
    files.workflow("two", "c", *other)
    with pytest.raises(InvalidInput, match="the evaluators a, b wait for each other's scores"):
        files.scoring("one", "two")


# --- files -----------------------------------------------------------------------------------


def test_what_is_wrong_in_a_workflow_is_said_together(files: Files) -> None:
    when = {"score": "c", "operator": "in", "value": 1}
    files.workflow(
        "quality", "a", {"evaluator": "b", "when": when}, "a", {"evaluator": "c", "else": 1}
    )
    with pytest.raises(InvalidDocuments) as caught:
        files.scoring("quality")
    assert [str(problem) for problem in caught.value.problems] == [
        "workflows/quality.yaml: evaluators[1].when.score: 'c' is none of the evaluators before it",
        "workflows/quality.yaml: evaluators[1].when.value: in needs a list of values",
        "workflows/quality.yaml: evaluators[2].evaluator: 'a' is there already",
        "workflows/quality.yaml: evaluators[3].else: it needs a condition, when",
    ]


def test_a_workflow_of_tasks_does_not_score(files: Files) -> None:
    (files.directory / "workflows" / "w.yaml").write_text("tasks:\n  - type: duplicate\n")
    with pytest.raises(InvalidInput, match="makes outputs and has no evaluators"):
        files.scoring("w")


def test_a_workflow_that_is_named_as_an_evaluator_of_it_is_refused(files: Files) -> None:
    files.workflow("a", "a")
    with pytest.raises(InvalidInput, match="'a' is the name of a workflow and of an evaluator"):
        files.scoring("a")


def test_unknown_names_are_not_found(files: Files) -> None:
    with pytest.raises(NotFound, match="no workflow 'none' in the project"):
        files.scoring("none")
    files.workflow("quality", "none")
    with pytest.raises(NotFound, match="no evaluator 'none' in the project"):
        files.scoring("quality")


def test_the_digest_of_a_workflow_changes_with_its_evaluators(files: Files) -> None:
    files.workflow("quality", "a")
    before = files.scoring("quality").workflows[0].digest
    assert files.scoring("quality").workflows[0].digest == before
    files.evaluator("a", type="exact-match", strip=True)
    assert files.scoring("quality").workflows[0].digest != before
