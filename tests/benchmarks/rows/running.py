"""Running an endpoint over a dataset."""

from __future__ import annotations

import json
from pathlib import Path

from tests.benchmarks.grounds import EXPERIMENT, add_versions, new_project
from tests.benchmarks.recipes import Command, Contest, Recipe, beside, subject
from tests.benchmarks.settings import Setting

BARE = "a bare loop"

_ENDPOINT = """\
type: python

callable: instant:answer
"""

_MODULE = '''\
"""A system under test that takes no time."""


def answer(sample_input, parameters):
    """Return the input in capitals."""
    return sample_input.upper()
'''


def build(setting: Setting) -> Contest:
    """Return the contest of a run that records every row, and a loop that records nothing."""
    rows = setting.sizes.rows
    clone = _project(setting, rows)
    ours, single = f"gitexp run, {rows:,} rows", "gitexp run, 1 row"
    run: Command = [
        *(setting.programs.gitexp, "run", EXPERIMENT),
        *("--dataset", "questions", "--endpoint", "instant"),
    ]
    worker = Path(__file__).parent.parent / "workers.py"
    loop: Command = [
        setting.programs.python,
        worker,
        "ask",
        clone,
        clone / "datasets" / "questions.jsonl",
    ]
    return Contest(
        subjects=(
            subject(setting, ours, run, directory=clone, operations=rows),
            subject(setting, single, [*run, "--limit", "1"], directory=clone),
            subject(setting, BARE, loop, operations=rows),
        ),
        comparisons=(*beside(ours, BARE),),
    )


def _project(setting: Setting, rows: int) -> Path:
    samples = [
        {"id": f"q{number:05}", "input": f"question {number}", "expected": f"QUESTION {number}"}
        for number in range(rows)
    ]
    files = {
        "instant.py": _MODULE,
        "endpoints/instant.yaml": _ENDPOINT,
        "datasets/questions.jsonl": "".join(json.dumps(sample) + "\n" for sample in samples),
    }
    clone = new_project(setting, files=files)
    add_versions(setting, clone, EXPERIMENT, 2)
    return clone


RECIPE = Recipe(name="run", about="run an endpoint over a dataset", rounds=5, build=build)
