"""Evaluators in a run: what is recorded of them, and what decides over a row."""

from __future__ import annotations

from gitexp.runs.rows import Score
from tests.evaluation.projects import Project

JUDGES = """\
import app


def size(output, expected, sample, parameters):
    return {"score": output / 10, "reason": f"seen {len(app.SEEN)}"}


def parity(output, *rest):
    return "odd" if output % 2 else "even"


async def picky(output, *rest):
    raise ValueError(f"not {output}")
"""

ANSWER = """\
SEEN = []


def answer(sample_input, parameters):
    SEEN.append(sample_input)
    return sample_input + parameters["shift"]
"""


def evaluators(project: Project) -> None:
    project.code(ANSWER)
    project.write("judges.py", JUDGES)
    for name in ("size", "parity", "picky"):
        labels = "\n\npass_labels: [odd]" if name == "parity" else ""
        text = f"type: python\n\ncallable: judges:{name}{labels}\n"
        project.write(f"evaluators/{name}.yaml", text)


def test_numbers_and_labels_are_recorded_as_they_are(project: Project) -> None:
    evaluators(project)
    rows = project.rows(project.run(evaluators=("size", "parity"), concurrency=1))
    assert rows[0].scores == {
        "size": Score(value=0.1, reason="seen 1"),
        "parity": Score(value="odd", passed=True),
    }
    assert [row.status for row in rows] == ["passed", "failed", "passed", "failed"]


def test_an_evaluator_that_breaks_makes_no_sample_fail(project: Project) -> None:
    evaluators(project)
    rows = project.rows(project.run(evaluators=("exact-match", "picky")))
    assert [row.status for row in rows] == ["error"] * 4
    assert rows[0].scores["picky"] == Score(error="ValueError: not 1")
    assert rows[0].scores["exact-match"].passed is True


def test_a_workflow_decides_over_a_row(project: Project) -> None:
    evaluators(project)
    project.write(
        "workflows/either.yaml",
        "evaluators:\n"
        "  - evaluator: parity\n"
        "  - evaluator: exact-match\n"
        "    when: {score: parity, operator: eq, value: even}\n"
        "\ncombine: any\n",
    )
    rows = project.rows(project.run(evaluator_workflows=("either",)))
    assert [row.status for row in rows] == ["passed"] * 4
    assert rows[0].scores["exact-match"].reason == (
        'not asked, since this does not hold: score parity eq "even"'
    )
    assert rows[1].scores["either"] == Score(value=True, passed=True)
