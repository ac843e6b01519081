"""A small project for tests of evaluation: files in a directory, versions in memory or on disk."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gitexp.evaluation.running.requests import EvaluationRequest, limited
from gitexp.evaluation.running.runner import evaluate
from gitexp.ids import ObjectId
from gitexp.project.workspace import Workspace
from gitexp.runs.recording import ledger
from gitexp.runs.recording.results import rows_of
from gitexp.runs.rows import ResultRow
from gitexp.runs.run import Run
from tests.builders import commit_files
from tests.runs.making import EXPERIMENT_ID

DEFINITION = """\
format: 1

id: bot

parameters:
  shift:
    type: integer
    default: 1
    maximum: 10
  word:
    type: string
  words:
    type: list
  key:
    type: secret
    default: BOT_KEY
"""

ANSWER = """\
def answer(sample_input, parameters):
    return sample_input + parameters["shift"]
"""


@dataclass(kw_only=True)
class Project:
    """A project whose experiment `tone` has one version, with a dataset `q` and an endpoint `bot`.

    The endpoint adds the parameter `shift` to a number.
    """

    workspace: Workspace
    directory: Path

    def __post_init__(self) -> None:
        self.save("shift: 1\n")
        self.code(ANSWER)
        self.dataset([{"id": str(n), "input": n, "expected": n + 1} for n in range(4)])
        self.write("endpoints/bot.yaml", "type: python\n\ncallable: app:answer\n")

    def write(self, path: str, text: str) -> Path:
        """Write a file of the working tree and return its path."""
        target = self.directory / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
        return target

    def code(self, text: str) -> None:
        """Write the module `app`."""
        self.write("app.py", text)

    def dataset(self, rows: Iterable[Any], name: str = "q") -> None:
        """Write a dataset."""
        self.write(f"datasets/{name}.jsonl", "".join(f"{json.dumps(row)}\n" for row in rows))

    def save(self, parameters: str, header: str = "") -> ObjectId:
        """Save a version of `tone` on the trunk and return its id."""
        header = f"id: {EXPERIMENT_ID}\n\nname: tone\n{header}"
        files = {
            "gitexp.yaml": DEFINITION.encode(),
            "experiments/tone/experiment.yaml": header.encode(),
            "experiments/tone/parameters.yaml": parameters.encode(),
        }
        return commit_files(self.workspace.store, files)

    def run(self, **fields: Any) -> Run:
        """Run `tone` over `q` with `bot`."""
        return evaluate(self.workspace, request(**fields))

    def rows(self, run: Run) -> list[ResultRow]:
        """Return the recorded rows of a run."""
        return list(rows_of(self.workspace, run.id))

    def runs(self) -> list[Run]:
        """Return the recorded runs of `tone`, newest first."""
        return ledger.read(self.workspace, "tone")


def request(*, limit: int | None = None, **fields: Any) -> EvaluationRequest:
    """Return a request to run `tone` over `q` with `bot`."""
    known = {"experiment": "tone", "dataset": "q", "endpoint": "bot", "enable_tracing": False}
    return limited(EvaluationRequest(**{**known, **fields}), limit)
