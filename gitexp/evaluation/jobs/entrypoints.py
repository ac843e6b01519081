"""Entrypoints of a project's working tree: `entrypoints/NAME.yaml`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gitexp.documents import layout, schemas
from gitexp.documents.canonical import digest_of
from gitexp.documents.parsed import ParsedDocument
from gitexp.documents.problems import Problem
from gitexp.documents.values import Path as Place
from gitexp.errors import InvalidDocuments, InvalidInput
from gitexp.evaluation.files import name_in, names_of_files, read_project_file
from gitexp.project.slots import Slot
from gitexp.runs.references import Reference

DEFAULT_QUEUE = "default"
"""The queue of the jobs of an entrypoint that names none."""

DEFAULT_TIMEOUT = 24 * 3600.0
"""Seconds that a job may take when nobody says otherwise."""

EVALUATION = ("selection", "repeats", "seed", "limits", "concurrency")
"""What a file may say of how the samples of its jobs are worked on."""

COMMAND_VARIABLES = frozenset(["parameters", "dataset", "artifacts", "job"])
"""What the templates of a command may name."""

_DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?)(s|m|h|d)?\Z")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


@dataclass(frozen=True, kw_only=True)
class DatasetInput:
    """The samples that a job takes: whether it must have some, and which it has by default."""

    required: bool = True
    default: str = ""


@dataclass(frozen=True, kw_only=True)
class ArtifactInput:
    """A file that a job is given."""

    description: str = ""
    required: bool = True


@dataclass(frozen=True, kw_only=True)
class Entrypoint:
    """What jobs do, with which parameters and inputs, and in which queues they wait.

    Attributes:
        parameters: by name, in the order of the file.
        dataset: None where jobs take no dataset.
        artifacts: by name.
        workflow: the name of a workflow, or a list of tasks; empty where there is a command.
        command: a program and its arguments, with templates in them.
        queues: where its jobs may wait; the first one is the usual one.
        evaluation: fields of the request of its evaluations, as `EVALUATION` names them.
        timeout: the seconds that a job may take.
        max_attempts: how often a job is begun when the processes that work on it die.
        definition: the whole file, for the record.
    """

    name: str
    description: str = ""
    parameters: Mapping[str, Slot] = field(default_factory=dict)
    dataset: DatasetInput | None = None
    artifacts: Mapping[str, ArtifactInput] = field(default_factory=dict)
    workflow: str | tuple[Mapping[str, Any], ...] = ()
    command: tuple[str, ...] = ()
    evaluators: tuple[str, ...] = ()
    evaluator_workflows: tuple[str, ...] = ()
    evaluation: Mapping[str, Any] = field(default_factory=dict)
    queues: tuple[str, ...] = (DEFAULT_QUEUE,)
    timeout: float = DEFAULT_TIMEOUT
    max_attempts: int = 1
    definition: Mapping[str, Any] = field(default_factory=dict)

    @property
    def reference(self) -> Reference:
        """What a job records of it."""
        return Reference(name=self.name, digest=digest_of(dict(self.definition)))

    def to_dict(self) -> dict[str, Any]:
        """Return name, digest and everything that the file says."""
        return {**self.reference.to_dict(), **self.definition}


def load_entrypoint(directory: Path, name: str, *, root: str = "") -> Entrypoint:
    """Return an entrypoint of a project's working tree.

    Raises:
        NotFound: the project has no entrypoint of that name.
        InvalidDocuments: everything that is wrong in its file.
    """
    own = name_in(directory, layout.ENTRYPOINTS_DIR, name, what="entrypoint", root=root)
    path = layout.entrypoint_path("", own)
    file = layout.join(root, path)
    data = read_project_file(directory, [path], what=f"entrypoint {name!r}").data
    document = schemas.parse(data, file=file)
    problems = schemas.check("entrypoint", document, file=file) or faults(document, file)
    if problems:
        raise InvalidDocuments(
            problems,
            hint="Correct the file at the places named; `gitexp entrypoint validate` checks it.",
        )
    return entrypoint_of(name, document.value)


def entrypoint_names(directory: Path) -> tuple[str, ...]:
    """Return the names of the entrypoints that the project has files of, in their order."""
    return names_of_files(directory, layout.ENTRYPOINTS_DIR)


def entrypoint_of(name: str, data: Mapping[str, Any]) -> Entrypoint:
    """Return the entrypoint that a checked document describes."""
    inputs, workflow = data.get("inputs", {}), data.get("workflow", ())
    return Entrypoint(
        name=name,
        description=data.get("description", ""),
        parameters={
            key: Slot.from_dict(key, {"required": True, **slot})
            for key, slot in data.get("parameters", {}).items()
        },
        dataset=_dataset_input(inputs.get("dataset"), needed=bool(workflow)),
        artifacts={k: ArtifactInput(**v) for k, v in inputs.get("artifacts", {}).items()},
        workflow=workflow if isinstance(workflow, str) else tuple(workflow),
        command=tuple(data.get("command", ())),
        evaluators=tuple(data.get("evaluators", ())),
        evaluator_workflows=tuple(data.get("evaluator_workflows", ())),
        evaluation={name: data[name] for name in EVALUATION if name in data},
        queues=tuple(data.get("queues", (DEFAULT_QUEUE,))),
        timeout=seconds_of(data.get("timeout", DEFAULT_TIMEOUT)),
        max_attempts=data.get("max_attempts", 1),
        definition=data,
    )


def _dataset_input(data: Mapping[str, Any] | None, *, needed: bool) -> DatasetInput | None:
    if data is None:
        return DatasetInput() if needed else None
    return DatasetInput(
        required=needed or data.get("required", True), default=data.get("default", "")
    )


def seconds_of(duration: str | float) -> float:
    """Return the seconds of a duration such as `90`, `90s`, `15m`, `24h` or `7d`.

    Raises:
        InvalidInput: it is none, or not longer than nothing.
    """
    found = _DURATION.match(str(duration).strip())
    seconds = float(found[1]) * _SECONDS[found[2] or "s"] if found else 0.0
    if not 0 < seconds < 1e10:
        raise InvalidInput(
            f"{duration!r} is no duration", hint="Write it as 90s, 15m, 24h or 7d, or in seconds."
        )
    return seconds


# --- what a schema cannot see ----------------------------------------------------------------


def faults(document: ParsedDocument, file: str) -> list[Problem]:
    """Return what is wrong with an entrypoint beyond its schema."""
    found = _faults(document.value)
    return [document.problem(file, place, message) for place, message in found]


def _faults(data: Mapping[str, Any]) -> Iterator[tuple[Place, str]]:
    for name, slot in data.get("parameters", {}).items():
        for place, message in Slot.from_dict(name, slot).definition_faults():
            yield ("parameters", name, place), message
    if isinstance(data.get("workflow"), list):
        yield from _task_faults(data["workflow"])
    if "artifacts" in data.get("inputs", {}) and "command" not in data:
        yield ("inputs", "artifacts"), "only a command is given artifacts"
    if data.get("evaluators") and data.get("evaluator_workflows"):
        yield ("evaluator_workflows",), "evaluators are given already; score in one way"
    try:
        seconds_of(data.get("timeout", DEFAULT_TIMEOUT))
    except InvalidInput as exc:
        yield ("timeout",), exc.message
    from gitexp.evaluation.templates import template_faults

    names = COMMAND_VARIABLES
    yield from template_faults(data.get("command", []), names=names, place=("command",))


def _task_faults(tasks: list[Any]) -> Iterator[tuple[Place, str]]:
    from gitexp.documents.validation import faults_of
    from gitexp.evaluation.workflows.loading import inline_workflow

    problems = list(faults_of(schemas.schema_of("workflow"), {"tasks": tasks}))
    for fault in problems:
        yield ("workflow", *fault.path[1:]), fault.message
    if problems:
        return
    try:
        inline_workflow(tasks)
    except InvalidDocuments as exc:
        for problem in exc.problems:
            yield ("workflow",), f"{problem.place}: {problem.message}"
