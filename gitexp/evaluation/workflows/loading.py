"""Workflows of a project's working tree, and lists of tasks given by a program."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gitexp.documents import layout, schemas
from gitexp.documents.parsed import ParsedDocument
from gitexp.errors import InvalidDocuments, InvalidInput
from gitexp.evaluation.files import read_document
from gitexp.evaluation.workflows.tasks import Workflow, workflow_of
from gitexp.ids import parse_name

INLINE = "inline"
"""The name of a workflow that has no file."""


def load_workflow(directory: Path, name: str, *, root: str = "") -> Workflow:
    """Return a workflow of a project's working tree.

    Raises:
        NotFound: the project has no workflow of that name.
        InvalidDocuments: everything that is wrong in its file.
        InvalidInput: it is an evaluation workflow, which has no tasks.
    """
    path = layout.workflow_path("", parse_name(name, "workflow name"))
    file = layout.join(root, path)
    data = read_document(directory, path, "workflow", what=f"workflow {name!r}", file=file)
    if "tasks" not in data:
        raise InvalidInput(
            f"workflow {name!r} scores outputs and has no tasks that make them",
            hint=f"Score with it: `--evaluator-workflow {name}`.",
        )
    return workflow_of(data["tasks"], name=name)


def inline_workflow(tasks: Sequence[Mapping[str, Any]], *, name: str = INLINE) -> Workflow:
    """Return the workflow of a list of tasks.

    Raises:
        InvalidDocuments: everything that is wrong in it.
    """
    document = ParsedDocument(value={"tasks": [dict(task) for task in tasks]})
    problems = schemas.check("workflow", document, file=f"workflow {name}")
    if problems:
        raise InvalidDocuments(problems)
    return workflow_of(document.value["tasks"], name=name)
