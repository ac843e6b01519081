"""What tests of executors share: samples, code and a workflow, and rows without their times."""

from __future__ import annotations

from gitexp.evaluation.running.planning import Plan, make_plan
from gitexp.runs.rows import ResultRow
from tests.evaluation.projects import Project, request

MANY = (
    *({"id": str(n), "input": n, "expected": n + 1 + n % 2} for n in range(40)),
    {"id": "broken", "input": "x", "expected": 5},
    {"id": "open", "input": 4},
    {"id": "rich", "input": 1, "expected": 2, "weight": 2.5, "metadata": {"a": [1]}},
)

ODD = """\
class Odd(Exception):
    def __init__(self, a, b):
        super().__init__(f"{a} {b}")

def answer(x, p):
    if x == 3:
        raise Odd("no", x)
    return x + 1

def text(x, p):
    if x == 3:
        raise Odd("not", x)
    return str(x)
"""
"""Raises exceptions that do not survive being sent from one process to another."""

WORKFLOW = (
    {"name": "first", "type": "endpoint", "endpoint": "bot"},
    {"name": "text", "type": "transform", "callable": "app:text"},
    {
        "name": "way",
        "type": "condition",
        "if": "{{ output == '2' }}",
        "then": [{"name": "twice", "type": "transform", "template": "{{ output }}{{ output }}"}],
    },
)


def told(rows: list[ResultRow]) -> list[dict[str, object]]:
    """Return rows without what differs from run to run."""
    return [untimed(row.to_dict()) for row in rows]


def untimed(data: dict[str, object]) -> dict[str, object]:
    """Return a row, or a task of one, without what differs from run to run."""
    apart = ("started_at", "duration_seconds", "trace_id")
    tasks = data.get("tasks", [])
    assert isinstance(tasks, list)
    found = {key: value for key, value in data.items() if key not in apart}
    return {**found, "tasks": [untimed(task) for task in tasks]} if tasks else found


def plan_of(project: Project, **fields: object) -> Plan:
    """Return the plan of a request to run `tone`."""
    return make_plan(project.workspace, request(**fields))
