"""What somebody asks to be evaluated: checked, recorded, and the same when it is read again."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gitexp.errors import InvalidInput
from gitexp.evaluation.running.requests import EvaluationRequest, Limits, request_of

FULL: dict[str, Any] = {
    "experiment": "tone",
    "dataset": "q",
    "selection": {"where": "a = 1", "limit": 3},
    "workflow": ({"name": "ask", "type": "endpoint", "endpoint": "bot"},),
    "evaluators": ("a", "b"),
    "version": "latest~1",
    "overrides": {"shift": 0},
    "arguments": {"x": [1]},
    "name": "n",
    "description": "d",
    "tags": {"t": "v"},
    "span_workflow_name": "w",
    "enable_tracing": False,
    "batch_size": 7,
    "concurrency": 2,
    "generation_method": "g",
    "repeats": 2,
    "seed": 0,
    "cache": True,
    "retries": 0,
    "timeout": 0.5,
    "limits": Limits(fail_fast=True, max_errors=0, max_error_rate=0.0, max_cost=1.5),
    "exact": True,
    "executor": "threads",
}
SMALL: dict[str, Any] = {"experiment": "tone", "dataset": "q", "endpoint": "bot"}


@pytest.mark.parametrize("fields", [SMALL, FULL])
def test_a_request_reads_as_it_was_written(fields: dict[str, Any]) -> None:
    request = EvaluationRequest(**fields)
    assert request_of(json.loads(json.dumps(request.to_dict()))) == request


@pytest.mark.parametrize("fields", [SMALL, FULL])
def test_what_a_run_records_of_it_makes_the_same_again(fields: dict[str, Any]) -> None:
    request = EvaluationRequest(**fields)
    elsewhere = ("experiment", "version", "overrides", "name", "description", "tags")
    known = {name: getattr(request, name) for name in elsewhere}
    recorded = json.loads(json.dumps(request.recorded())) | {"rows": 5}
    assert EvaluationRequest.from_record(recorded, **known) == request


def test_what_is_usual_is_not_recorded() -> None:
    assert EvaluationRequest(**SMALL).recorded() == {"dataset": "q", "endpoint": "bot"}


@pytest.mark.parametrize("value", [0, 0.0])
def test_a_limit_of_nothing_is_a_limit(value: float) -> None:
    for name in ("max_errors", "max_error_rate"):
        limits = Limits(**{name: value})  # type: ignore[arg-type]
        assert limits.to_dict() == {name: value}
        assert Limits.from_dict(limits.to_dict()) == limits


# --- the words of evaluation services -------------------------------------------------------


def test_the_words_of_evaluation_services_are_known() -> None:
    request = request_of(
        {
            "experiment_id": "tone",
            "dataset_id": "q",
            "workflow": [{"type": "endpoint", "endpoint": "bot"}],
            "evaluator_slugs": ["a"],
            "name": None,
        }
    )
    assert (request.experiment, request.dataset, request.evaluators) == ("tone", "q", ("a",))
    assert request.workflow == ({"type": "endpoint", "endpoint": "bot"},)


def test_ids_win_over_slugs() -> None:
    data = {**SMALL, "evaluator_ids": ["a"], "evaluator_slugs": ["b"]}
    assert request_of(data).evaluators == ("a",)
    assert request_of({**data, "evaluator_ids": None}).evaluators == ("b",)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"dataset": "q", "endpoint": "b"}, "the request names no experiment"),
        ({"experiment": "t", "endpoint": "b"}, "the request names no dataset"),
        (
            {**SMALL, "concurency": 3},
            "a request has no field 'concurency'; did you mean 'concurrency'?",
        ),
        ({**SMALL, "dataset_id": "z"}, "dataset_id is given twice, under two names"),
        (
            {**SMALL, "workflow": "w"},
            "an evaluation needs an endpoint or a workflow, and not both",
        ),
        (
            {"experiment": "t", "dataset": "q"},
            "an evaluation needs an endpoint or a workflow, and not both",
        ),
        (
            {**SMALL, "evaluator_ids": ["a"], "evaluator_workflow_ids": ["b"]},
            "evaluators and evaluation workflows are both given",
        ),
        ({**SMALL, "executor": "cloud"}, "there is no executor 'cloud'"),
        ({**SMALL, "concurrency": 0}, "concurrency is 0; it must be at least 1"),
        ({**SMALL, "concurrency": "3"}, "concurrency is '3', no whole number"),
        ({**SMALL, "repeats": 1.5}, "repeats is 1.5, no whole number"),
        ({**SMALL, "batch_size": True}, "batch_size is True, no whole number"),
        ({**SMALL, "seed": "x"}, "seed is 'x', no whole number"),
        ({**SMALL, "retries": -1}, "retries is -1; it must be at least 0"),
        ({**SMALL, "timeout": 0}, "timeout is 0; it must be more than 0"),
        ({**SMALL, "timeout": "5"}, "timeout is '5', no number"),
        ({**SMALL, "cache": "no"}, "cache is 'no', neither true nor false"),
        ({**SMALL, "tags": ["a"]}, "tags is ['a'], no mapping"),
        ({**SMALL, "name": 5}, "name is 5, no text"),
        ({**SMALL, "evaluators": "a"}, "evaluators is 'a', no list of names"),
        ({**SMALL, "evaluators": [1]}, "evaluators is [1], no list of names"),
        ({**SMALL, "selection": {"lmit": 3}}, "a selection has no field 'lmit'"),
        ({**SMALL, "limits": {"max_eror": 3}}, "limits have no field 'max_eror'"),
        ({**SMALL, "limits": 3}, "limits is 3, no mapping"),
        ({**SMALL, "limits": {"max_errors": "3"}}, "max_errors is '3', no whole number"),
    ],
)
def test_what_is_wrong_with_a_request_is_told(data: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        request_of(data)
    assert str(caught.value) == message
