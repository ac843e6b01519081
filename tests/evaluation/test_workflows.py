"""Workflows: tasks one after the other, each given what the one before made."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import pytest

from gitexp.documents.problems import MISSING
from gitexp.errors import InvalidDocuments, InvalidInput, NotFound
from gitexp.evaluation.answers import Asking
from gitexp.evaluation.datasets.sample import Sample
from gitexp.evaluation.workflows.loading import inline_workflow, load_workflow
from gitexp.evaluation.workflows.tasks import single_endpoint
from gitexp.runs.recording.results import totals_of
from gitexp.runs.rows import Failure, ResultRow
from gitexp.runs.tallies import Stats
from tests.evaluation.projects import Project

ASK = {"name": "ask", "type": "endpoint", "endpoint": "bot"}


def done(project: Project, *tasks: dict[str, Any], **more: Any) -> ResultRow:
    """Return the row of the second sample, whose input is 1, done by some tasks."""
    run = project.run(endpoint="", workflow=tasks, limit=2, **more)
    return project.rows(run)[1]


def template(text: Any, **more: Any) -> dict[str, Any]:
    return {"type": "transform", "template": text, **more}


def test_each_task_is_given_what_the_one_before_made(project: Project) -> None:
    row = done(
        project,
        template("{{ input * 10 }}", name="tens"),
        ASK,
        template(
            {"asked": "{{ outputs.tens }}", "said": "{{ output }}", "first": "{{ sample.input }}"}
        ),
        {"type": "transform", "select": "said"},
    )
    assert row.output == 11
    assert [(task["name"], task["output"]) for task in row.tasks] == [
        ("tens", 10),
        ("ask", 11),
        ("transform-3", {"asked": 10, "said": 11, "first": 1}),
        ("transform-4", 11),
    ]
    assert all(task["duration_seconds"] >= 0 for task in row.tasks)


def test_one_task_says_everything_by_its_output(project: Project) -> None:
    assert done(project, ASK).tasks == ()
    assert single_endpoint("bot").is_single


def test_an_endpoint_may_be_asked_something_else(project: Project) -> None:
    row = done(project, {**ASK, "input": "{{ sample.input + parameters.shift + 5 }}"})
    assert row.output == 8


@pytest.mark.parametrize(("when", "output"), [("input > 0", 2), ("{{ input > 5 }}", -1)])
def test_a_condition_goes_one_way_or_another(project: Project, when: str, output: int) -> None:
    choice = {
        "name": "choice",
        "type": "condition",
        "if": when,
        "then": [ASK],
        "else": [template("-1", name="no")],
    }
    row = done(project, choice, template("{{ outputs.choice }}", name="last"))
    assert row.output in (output, str(output))
    names = [task["name"] for task in row.tasks]
    assert names == (["ask", "last"] if output == 2 else ["no", "last"])


def test_a_condition_without_tasks_lets_through_what_it_is_given(project: Project) -> None:
    row = done(project, {"type": "condition", "if": "false", "then": [ASK]})
    assert row.output == 1


def test_functions_get_what_they_are_given_and_the_parameters(project: Project) -> None:
    project.code(
        "def answer(x, p): return {'n': [x]}\n"
        "def more(given, parameters):\n"
        "    given['n'].append(parameters['shift'])\n"
        "    return tuple(given['n'])\n"
    )
    row = done(project, ASK, {"type": "transform", "callable": "app:more"})
    assert row.output == [1, 1]
    assert row.tasks[0]["output"] == {"n": [1]}


def test_recorded_outputs_are_taken_without_asking(project: Project) -> None:
    project.code("raise SystemExit('asked')\n")
    project.dataset(
        [
            {"id": "a", "input": 1, "expected": 2, "output": 2},
            {"id": "b", "input": 1, "expected": 2},
        ]
    )
    run = project.run(endpoint="", workflow=({"type": "duplicate"},))
    assert run.stats == Stats(passed=1, errors=1)
    assert run.endpoint is None
    assert project.rows(run)[1].error == Failure(
        type="NotRecorded", message="the dataset has recorded no output for this sample"
    )


def test_a_task_that_fails_ends_the_sample(project: Project) -> None:
    row = done(project, ASK, {"type": "transform", "select": "a.b"}, template("x", name="never"))
    assert (row.status, row.output, row.scores) == ("error", MISSING, {})
    assert row.error == Failure(type="Select", message="the output has no 'a.b'")
    assert [(task["name"], "output" in task) for task in row.tasks] == [
        ("ask", True),
        ("transform-2", False),
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{{ 1e308 * 10 }}", "inf is not a finite number"),
        (["{{ 1e308 * 10 }}"], "[0]: inf is not a finite number"),
        ('{{ "a" ~ "\\ud800" }}', "it holds half a surrogate pair"),
    ],
)
def test_what_cannot_be_stored_is_an_error_of_its_sample(
    project: Project, text: Any, message: str
) -> None:
    row = done(project, template(text))
    assert (row.status, row.output) == ("error", MISSING)
    assert row.error is not None
    assert message in row.error.message


@pytest.mark.parametrize(
    ("raised", "failure"),
    [
        ("Odd()", Failure(type="Odd", message="it cannot say why")),
        ("Kind('x')", Failure(type="Kind", message="x")),
        ("Kind('m' * 20_000)", Failure(type="Kind", message="m" * 10_000 + "…")),
        ("SystemExit(3)", Failure(type="SystemExit", message="3")),
    ],
)
def test_whatever_a_function_raises_is_an_error_of_its_sample(
    project: Project, raised: str, failure: Failure
) -> None:
    project.code(
        "class Odd(Exception):\n    def __str__(self):\n        raise ValueError\n"
        "class Kind(Exception):\n    kind = failures = 5\n"
        "def answer(x, p):\n    return x\n"
        f"def more(given, parameters):\n    raise {raised}\n"
    )
    row = done(project, ASK, {"type": "transform", "callable": "app:more"}, enable_tracing=True)
    assert (row.status, row.error) == ("error", failure)
    project.code(f"{(project.directory / 'app.py').read_text()}answer = more\n")
    assert done(project, ASK).error == failure


@pytest.mark.parametrize("name", ["reason", "label", "error"])
def test_half_a_character_that_an_evaluator_says_spoils_nothing(
    project: Project, name: str
) -> None:
    project.code(
        "def answer(x, p): return x\n"
        "def reason(*a, **k): return {'value': 1.0, 'passed': True, 'reason': 'a\\ud800b'}\n"
        "def label(*a, **k): return 'a\\ud800b'\n"
        "def error(*a, **k): raise ValueError('a\\ud800b')\n"
    )
    project.write("evaluators/odd.yaml", f"type: python\n\ncallable: app:{name}\n")
    run = project.run(evaluators=("odd",), enable_tracing=True)
    assert (run.status, run.stats.rows) == ("finished", 4)
    score = project.rows(run)[0].scores["odd"]
    assert "a?b" in f"{score.value} {score.reason} {score.error}" or "\\ud800" in score.error
    assert run.scores == totals_of(project.rows(run))["scores"]


def test_inside_a_span_the_same_is_asked() -> None:
    asking = Asking(
        sample=Sample(id="a", input=1),
        input=2,
        parameters={"shift": 3},
        outputs={"first": 4},
        repeat=5,
        seed=6,
        trace_id="7",
        span_id="8",
    )
    assert all(getattr(asking, each.name) != each.default for each in fields(asking))
    assert asking.inside("9") == replace(asking, span_id="9")


# --- files ----------------------------------------------------------------------------------


def test_workflows_are_read_from_files(project: Project) -> None:
    project.write(
        "workflows/two.yaml",
        "tasks:\n  - type: endpoint\n    endpoint: bot\n\n"
        '  - type: transform\n    template: "{{ input + 1 }}"\n',
    )
    workflow = load_workflow(project.directory, "two")
    assert (workflow.name, workflow.endpoints) == ("two", ("bot",))
    assert [task.name for task in workflow.tasks] == ["endpoint-1", "transform-2"]
    run = project.run(endpoint="", workflow="two")
    assert run.workflow is not None
    assert run.workflow.name == "two"
    assert run.endpoint is not None
    assert [row.output for row in project.rows(run)] == [2, 3, 4, 5]


def test_a_workflow_that_is_not_there_is_not_found(project: Project) -> None:
    with pytest.raises(NotFound):
        load_workflow(project.directory, "two")


def test_an_evaluation_workflow_makes_no_outputs(project: Project) -> None:
    project.write("workflows/e.yaml", "evaluators:\n  - evaluator: exact-match\n")
    with pytest.raises(InvalidInput) as caught:
        load_workflow(project.directory, "e")
    assert str(caught.value) == "workflow 'e' scores outputs and has no tasks that make them"
    assert caught.value.hint == "Score with it: `--evaluator-workflow e`."


def test_tasks_have_names_of_their_own() -> None:
    with pytest.raises(InvalidDocuments) as caught:
        inline_workflow([ASK, {"type": "condition", "if": "1", "then": [ASK]}])
    assert "tasks[1].then[0].name: 'ask' is the name of another task" in str(caught.value)


@pytest.mark.parametrize(
    "task",
    [
        {"type": "transform"},
        {"type": "transform", "template": "x", "select": "y"},
        {"type": "endpoint"},
        {"type": "condition", "then": []},
        {"type": "shell", "command": "x"},
        {"type": "duplicate", "endpoint": "x"},
    ],
)
def test_tasks_that_are_none_are_refused(task: dict[str, Any]) -> None:
    with pytest.raises(InvalidDocuments):
        inline_workflow([task])


def test_templates_that_are_none_are_refused_before_anything_is_asked(project: Project) -> None:
    project.code("raise SystemExit('imported')\n")
    with pytest.raises((InvalidDocuments, InvalidInput)):
        done(project, template("{{ input"))
    with pytest.raises((InvalidDocuments, InvalidInput)):
        done(project, template("{{ environ.HOME }}"))
    assert project.runs() == []
