"""Policies in `gitexp.yaml`: what they say, and what is refused about them, all at once."""

from __future__ import annotations

from datetime import timedelta

import pytest

from gitexp.documents import schemas
from gitexp.errors import InvalidDocuments
from gitexp.project.definition import Project
from gitexp.project.policies import Operation, parse_duration

REVIEWED = """\
format: 1
id: bot
environments:
  staging: {}
  production:
    policies:
      - name: reviewed
        when:
          - {parameter: temperature, changes_by: "> 10%"}
          - {parameter: model, before: gpt-4}
        approvals: {count: 2, groups: [leads], expires_after: 7d}
      - gates: [{dataset: golden, rules: [min accuracy=0.9], max_age: 2d}]
        order: {after: staging, for: 24h}
        signed: true
        versions: signed
        bypass: {users: [root@example.com]}
"""


def project(text: str) -> Project:
    return Project.from_dict(
        schemas.load("project", text.encode(), file="gitexp.yaml"), file="gitexp.yaml"
    )


def test_policies_are_read_in_the_order_of_the_file() -> None:
    reviewed, second = project(REVIEWED).environments["production"].policies
    assert reviewed.approvals is not None
    assert (reviewed.approvals.count, reviewed.approvals.by.groups) == (2, ("leads",))
    assert reviewed.approvals.expires_after == timedelta(days=7)
    assert reviewed.when[0].changes_by == "> 10%"
    assert (reviewed.when[1].has_before, reviewed.when[1].has_after) == (True, False)
    assert second.name == "policy 2"
    assert second.gates[0].max_age == timedelta(days=2)
    assert (second.order[0].after, second.order[0].live_for) == ("staging", timedelta(days=1))
    assert second.signed is not None
    assert second.signed_versions
    assert second.bypass.users == ("root@example.com",)


def test_an_environment_without_policies_asks_for_nothing() -> None:
    assert project(REVIEWED).environments["staging"].policies == ()


def test_everything_that_is_wrong_with_policies_is_said_at_once() -> None:
    text = """\
format: 1
id: bot
environments:
  production:
    policies:
      - name: a
        when: [{changes_by: more}]
      - name: a
        order: {after: stagging}
        frozen: [{from: 2026-13-01T00:00:00Z}, {hours: "9-5"}, {timezone: Mars}]
"""
    with pytest.raises(InvalidDocuments) as caught:
        project(text)
    places = [problem.place for problem in caught.value.problems]
    assert places == [
        f"environments.production.policies{place}"
        for place in (
            "[0].when[0].parameter",
            "[0].when[0].changes_by",
            "[1].order.after",
            "[1].frozen[0].from",
            "[1].frozen[1].hours",
            "[1].frozen[2].timezone",
            "[1].frozen[2].from",
            "[1].name",
        )
    ]


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("15m", 900), ("24h", 86400), ("2w", 1209600)]
)
def test_a_duration_is_read(text: str, seconds: int) -> None:
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "24", "h", "-1h", "1.5h", "1y"])
def test_other_texts_are_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match="is no duration such as 24h or 14d"):
        parse_duration(text)


def test_a_comparison_is_read() -> None:
    assert Operation.parse("> 10%") == Operation(operator=">", number=10.0, percent=True)
    assert Operation.parse("<=-0.5") == Operation(operator="<=", number=-0.5)
