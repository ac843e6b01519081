"""The tasks of a workflow, and the workflow that they make."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gitexp.documents.canonical import digest_of
from gitexp.documents.problems import ProblemCollector, place_of
from gitexp.runs.references import Reference

Path = tuple[str | int, ...]


@dataclass(frozen=True, kw_only=True)
class EndpointTask:
    """Asks a system under test.

    Attributes:
        input: what it is asked, with templates in its texts; None for what the task is given.
    """

    name: str
    endpoint: str
    input: Any = None


@dataclass(frozen=True, kw_only=True)
class TransformTask:
    """Makes something else of what it is given; exactly one of the attributes says how.

    Attributes:
        template: a value with templates in its texts.
        select: a dotted path into what it is given.
        callable: `package.module:function`, called with it and with the parameters.
    """

    name: str
    template: Any = None
    select: str = ""
    callable: str = ""


@dataclass(frozen=True, kw_only=True)
class ConditionTask:
    """Goes one way or another.

    Attributes:
        when: a template; where it comes to something that is true, `then` is done.
        then, otherwise: tasks; where there are none, what the task is given goes on unchanged.
    """

    name: str
    when: str
    then: tuple[Task, ...] = ()
    otherwise: tuple[Task, ...] = ()


@dataclass(frozen=True, kw_only=True)
class DuplicateTask:
    """Takes the output that the dataset has recorded, without asking anything."""

    name: str


Task = EndpointTask | TransformTask | ConditionTask | DuplicateTask


@dataclass(frozen=True, kw_only=True)
class Workflow:
    """An ordered list of tasks, done for each sample; each is given the output of the one before.

    Attributes:
        definition: the list as it is written down, for the record.
    """

    name: str
    tasks: tuple[Task, ...]
    definition: Sequence[Mapping[str, Any]]

    @property
    def reference(self) -> Reference:
        """What a run records of it."""
        return Reference(name=self.name, digest=digest_of(list(self.definition)))

    @property
    def endpoints(self) -> tuple[str, ...]:
        """The names of the endpoints that it may ask, each once, in their order."""
        named = [task.endpoint for task in all_tasks(self.tasks) if isinstance(task, EndpointTask)]
        return tuple(dict.fromkeys(named))

    @property
    def is_single(self) -> bool:
        """Whether it is one task, so that its output says everything."""
        return len(self.tasks) == 1 and not isinstance(self.tasks[0], ConditionTask)


def single_endpoint(endpoint: str) -> Workflow:
    """Return the workflow that asks one endpoint what the sample asks."""
    definition = [{"name": endpoint, "type": "endpoint", "endpoint": endpoint}]
    return workflow_of(definition, name=endpoint)


def all_tasks(tasks: Sequence[Task]) -> Iterator[Task]:
    """Yield tasks and those inside them."""
    for task in tasks:
        yield task
        if isinstance(task, ConditionTask):
            yield from all_tasks((*task.then, *task.otherwise))


def workflow_of(definition: Sequence[Mapping[str, Any]], *, name: str) -> Workflow:
    """Return the workflow that a checked list of tasks describes.

    A task without a name is called by its type and its place, such as `transform-2`.

    Raises:
        InvalidDocuments: two tasks have one name.
    """
    found = ProblemCollector()
    tasks = _tasks(definition, ("tasks",), "", name, set(), found)
    found.raise_if_any(hint="Give every task a name of its own.")
    return Workflow(name=name, tasks=tasks, definition=tuple(definition))


def _tasks(
    definition: Sequence[Mapping[str, Any]],
    place: Path,
    prefix: str,
    file: str,
    taken: set[str],
    found: ProblemCollector,
) -> tuple[Task, ...]:
    return tuple(
        _task(data, (*place, number), f"{prefix}{data['type']}-{number + 1}", file, taken, found)
        for number, data in enumerate(definition)
    )


def _task(
    data: Mapping[str, Any],
    place: Path,
    default: str,
    file: str,
    taken: set[str],
    found: ProblemCollector,
) -> Task:
    name = data.get("name", default)
    if name in taken:
        found.add(file, place_of((*place, "name")), f"{name!r} is the name of another task")
    taken.add(name)
    kind = data["type"]
    if kind == "endpoint":
        return EndpointTask(name=name, endpoint=data["endpoint"], input=data.get("input"))
    if kind == "transform":
        return TransformTask(
            name=name,
            template=data.get("template"),
            select=data.get("select", ""),
            callable=data.get("callable", ""),
        )
    if kind == "duplicate":
        return DuplicateTask(name=name)
    then, otherwise = (
        _tasks(data.get(key, ()), (*place, key), f"{name}-{key}-", file, taken, found)
        for key in ("then", "else")
    )
    return ConditionTask(name=name, when=data["if"], then=then, otherwise=otherwise)
