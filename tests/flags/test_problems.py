"""What validation finds in flags: each fault with its place."""

from __future__ import annotations

from typing import Any

import pytest

from gitexp.documents.schemas import check, parse
from gitexp.documents.yaml_writer import dump_yaml
from gitexp.flags.problems import problems_of
from tests.flags.making import rule, split


def problems(**data: Any) -> list[str]:
    document = parse(dump_yaml({"active": True, **data}), file="flags/f.yaml")
    found = check("flag", document, file="f") or problems_of(document, "f")
    return [f"{problem.place}: {problem.message}" for problem in found]


def rules(*found: dict[str, Any]) -> dict[str, Any]:
    return {"conditions": [{"properties": list(found)}]}


@pytest.mark.parametrize(
    ("data", "found"),
    [
        ({"variants": split(50, 40)}, "variants: the weights add up to 90, not to 100"),
        (
            {"variants": [{"key": "a", "weight": 50}, {"key": "a", "weight": 50}]},
            'variants[1].key: "a" is the key of variants[0] too',
        ),
        (
            {"variants": split(50, 50), "payload": 1},
            "payload: the variants have payloads of their own; this is of a flag without any",
        ),
        (
            {"variants": split(50, 50), "conditions": [{"variant": "x"}]},
            'conditions[0].variant: "x" is no variant of the flag; there are: control, test-1',
        ),
        (
            rules({"key": "x", "operator": "exact"}),
            "conditions[0].properties[0]: value is missing; exact compares with it",
        ),
        (
            rules(rule("is_set", 1)),
            "conditions[0].properties[0].value: is_set compares with nothing",
        ),
        (rules(rule("gt", "many")), 'conditions[0].properties[0].value: "many" is not a number'),
        (
            rules(rule("gt", [1])),
            "conditions[0].properties[0].value: gt compares with one value, not with a list",
        ),
        (
            rules(rule("semver_gte", 1.1)),
            (
                "conditions[0].properties[0].value: 1.1 is a number, which may stand for 1.10 too; "
                "put it in quotes"
            ),
        ),
        (rules(rule("gt", "1_000")), 'conditions[0].properties[0].value: "1_000" is not a number'),
        (rules(rule("in", [])), "conditions[0].properties[0].value: an empty list fits nobody"),
        (
            rules(rule("is_date_before", "soon")),
            (
                'conditions[0].properties[0].value: "soon" is no date such as 2026-11-21, '
                "and no span such as -7d"
            ),
        ),
        (
            rules(rule("semver_gt", "new")),
            'conditions[0].properties[0].value: "new" is no version such as 1.2.3',
        ),
        (
            rules(rule("semver_wildcard", "1.2.3")),
            'conditions[0].properties[0].value: "1.2.3" is no version such as 1.2.*',
        ),
        (
            {"hashing": {"method": "posthog", "version": 2}},
            "hashing.version: version belongs to growthbook, and posthog hashes here",
        ),
        (
            {
                "hashing": {
                    "method": "growthbook",
                    "namespace": {"name": "n", "from": 0.5, "to": 0.5},
                }
            },
            "hashing.namespace.from: 0.5 is not below 0.5, so nobody is in it",
        ),
    ],
)
def test_a_fault_is_found_at_its_place(data: dict[str, Any], found: str) -> None:
    assert problems(**data) == [found]


def test_an_unknown_operator_is_named() -> None:
    (found,) = problems(**rules(rule("is_like", "x")))
    assert found.startswith('conditions[0].properties[0].operator: "is_like" is not one of')


def test_a_pattern_that_is_none_is_told() -> None:
    (found,) = problems(**rules(rule("regex", "(")))
    assert found.startswith('conditions[0].properties[0].value: "(" is not a regular expression')


def test_a_right_flag_has_no_problems() -> None:
    assert (
        problems(
            variants=split(33.3, 33.3, 33.4),
            conditions=[{"properties": [rule("in", ["a"])], "variant": "test-2", "rollout": 0.5}],
            holdout={"id": "h", "percent": 5},
            hashing={"method": "growthbook", "version": 2, "seed": "s"},
        )
        == []
    )
