"""The guide's example of policies is one that gitexp reads."""

from __future__ import annotations

import re
from pathlib import Path

from gitexp.documents import schemas
from gitexp.project.definition import Project
from gitexp.review.policies.describing import described

GUIDE = Path(__file__).parents[3] / "docs" / "review.md"


def test_the_example_in_the_guide_is_valid_and_says_what_the_guide_says() -> None:
    section = GUIDE.read_text(encoding="utf-8").partition("\n## Policies\n")[2]
    example = re.search(r"```yaml\n(.*?)```", section, re.DOTALL)
    assert example is not None
    text = "format: 1\n\nid: bot\n\n" + example[1]
    document = schemas.load("project", text.encode(), file="gitexp.yaml")
    project = Project.from_dict(document, file="gitexp.yaml")
    found = [described(policy) for policy in project.environments["production"].policies]
    assert [(d.name, d.when, d.bypass) for d in found] == [
        (
            "reviewed",
            "temperature changes by > 0.2, model.name changes from gpt-4 or on unbind",
            "oncall@example.com",
        ),
        ("good", "always", ""),
        ("tried", "always", ""),
        ("frozen", "always", ""),
        ("signed", "always", ""),
    ]
    assert [line for d in found for line in d.asks] == [
        "2 approvals by a member of leads, not of who asks, within 7d",
        "a run over golden of the last 7d with min accuracy=0.9 and max-regression accuracy=0.02",
        "the same values were live in staging for 1d before",
        "nothing moves from 2026-12-20T00:00:00Z until 2027-01-02T00:00:00Z: holidays",
        "nothing moves on fri at 18:00-08:00 (Europe/Berlin)",
        "the promotion is signed by a member of leads",
        "the commit of the version is signed by an allowed key",
    ]
