"""One sample on its way through the tasks of a workflow."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, cast

from gitexp.documents.problems import MISSING
from gitexp.evaluation.answers import NOTHING_USED, Asking, Attempt, Caller, CallFailed, Usage
from gitexp.evaluation.running.outputs import plain_output
from gitexp.evaluation.workflows.tasks import (
    ConditionTask,
    DuplicateTask,
    EndpointTask,
    Task,
    TransformTask,
    Workflow,
    all_tasks,
)

if TYPE_CHECKING:
    from gitexp.evaluation.templates import Renders

Transform = Callable[[Any, Mapping[str, Any]], Awaitable[Any]]
"""A transform's function, called with what the task is given and the parameters."""


@dataclass(kw_only=True, slots=True)
class Step:
    """What one task did for one sample.

    Attributes:
        began_ns, ended_ns: nanoseconds since 1970.
        output: what it gave; MISSING where it failed.
        attributes: what a trace says of it.
        attempts: how often its endpoint was asked.
        cached: whether the answer came from the cache of responses.
        failures: the attempts that failed before the last one.
    """

    name: str
    kind: str
    began_ns: int
    ended_ns: int = 0
    output: Any = MISSING
    error: Exception | None = None
    attributes: Mapping[str, Any] = field(default_factory=dict)
    span_id: str = ""
    attempts: int = 1
    cached: bool = False
    failures: tuple[Attempt, ...] = ()


@dataclass(kw_only=True, slots=True)
class Outcome:
    """What all tasks came to for one sample.

    Attributes:
        output: the output of the last task; MISSING where one failed, and `error` says why.
        attempts: the most that any task needed.
        cached: whether every answer came from the cache of responses.
    """

    output: Any = MISSING
    usage: Usage = NOTHING_USED
    attempts: int = 1
    cached: bool = False
    steps: list[Step] = field(default_factory=list)
    error: Exception | None = None


class OpenedWorkflow:
    """A workflow whose endpoints are ready to be asked.

    `now` gives nanoseconds since 1970; `step_ids` the id of a span, where steps are traced.
    """

    def __init__(
        self,
        workflow: Workflow,
        callers: Mapping[str, Caller],
        transforms: Mapping[str, Transform],
        *,
        now: Callable[[], int],
        step_ids: Callable[[], str] | None = None,
    ) -> None:
        self._tasks = workflow.tasks
        self._callers = callers
        self._transforms = transforms
        self._now = now
        self._step_ids = step_ids
        self._templates = templates_of(workflow)

    async def work(self, asking: Asking) -> Outcome:
        """Return what the tasks come to; a task that fails ends the sample.

        Args:
            asking: what the first task is given; its `outputs` are filled with those of the tasks.
        """
        outcome = Outcome(cached=True)
        outputs = cast("dict[str, Any]", asking.outputs)
        try:
            outcome.output = await self._through(self._tasks, asking, outputs, outcome)
        except Exception as exc:
            outcome.error, outcome.cached = exc, False
        outcome.cached = outcome.cached and any(s.kind == "endpoint" for s in outcome.steps)
        return outcome

    async def _through(
        self, tasks: Sequence[Task], asking: Asking, outputs: dict[str, Any], outcome: Outcome
    ) -> Any:
        given = asking.input
        for task in tasks:
            if given is not asking.input:
                asking = replace(asking, input=given)
            given = outputs[task.name] = await self._task(task, asking, outputs, outcome)
        return given

    async def _task(
        self, task: Task, asking: Asking, outputs: dict[str, Any], outcome: Outcome
    ) -> Any:
        if isinstance(task, ConditionTask):
            chosen = task.then if self._templates[task.name].render(_names(asking)) else None
            chosen = task.otherwise if chosen is None else chosen
            return await self._through(chosen, asking, outputs, outcome)
        step = Step(name=task.name, kind=_kind(task), began_ns=self._now())
        if self._step_ids is not None:
            step.span_id = self._step_ids()
            asking = asking.inside(step.span_id)
        outcome.steps.append(step)
        try:
            step.output = await self._done(task, asking, outcome, step)
        except Exception as exc:
            step.error = exc
            if isinstance(exc, CallFailed):
                step.failures = exc.failures
                outcome.usage = outcome.usage + exc.usage
            step.attempts = len(step.failures) + 1
            raise
        finally:
            step.ended_ns = self._now()
        return step.output

    async def _done(self, task: Task, asking: Asking, outcome: Outcome, step: Step) -> Any:
        if isinstance(task, EndpointTask):
            return await self._ask(task, asking, outcome, step)
        if isinstance(task, TransformTask):
            return await self._transform(task, asking)
        if asking.sample.output is MISSING:
            raise CallFailed(
                "the dataset has recorded no output for this sample", kind="NotRecorded"
            )
        return asking.sample.output

    async def _ask(self, task: EndpointTask, asking: Asking, outcome: Outcome, step: Step) -> Any:
        template = self._templates.get(task.name)
        if template is not None:
            asking = replace(asking, input=template.render(_names(asking)))
        answer = await self._callers[task.endpoint].call(asking)
        outcome.usage = outcome.usage + answer.usage
        outcome.attempts = max(outcome.attempts, answer.attempts)
        outcome.cached = outcome.cached and answer.cached
        step.attributes, step.failures = answer.attributes, answer.failures
        step.attempts, step.cached = answer.attempts, answer.cached
        return answer.output

    async def _transform(self, task: TransformTask, asking: Asking) -> Any:
        if task.callable:
            return await self._called(task, asking)
        if task.select:
            from gitexp.evaluation.evaluators.framing import select

            found = select(asking.input, task.select)
            if found is MISSING:
                raise CallFailed(f"the output has no {task.select!r}", kind="Select")
            return found
        return plain_output(self._templates[task.name].render(_names(asking)))

    async def _called(self, task: TransformTask, asking: Asking) -> Any:
        from gitexp.evaluation.endpoints.functions import failed_call

        try:
            return await self._transforms[task.callable](asking.input, asking.parameters)
        except Exception as exc:  # whatever a function of the project raises
            raise failed_call(exc, f"task {task.name!r}") from exc


_NAMES = frozenset(["input", "output", "sample", "parameters", "outputs", "repeat", "seed"])


def _names(asking: Asking) -> dict[str, Any]:
    """Return what a template of a task may use; `output` is another word for what it is given."""
    names = asking.variables()
    return {**names, "output": asking.input}


def _kind(task: Task) -> str:
    if isinstance(task, EndpointTask):
        return "endpoint"
    return "transform" if isinstance(task, TransformTask) else "duplicate"


def templates_of(workflow: Workflow) -> dict[str, Renders]:
    """Return the compiled templates of the tasks that have some, by the tasks' names.

    Raises:
        InvalidInput: one of them is wrong.
    """
    sources = {task.name: _source(task) for task in all_tasks(workflow.tasks)}
    if all(source is None for source in sources.values()):
        return {}
    from gitexp.evaluation.templates import compile_all

    return {
        name: compile_all(source, where=f"workflow {workflow.name!r}: task {name!r}", names=_NAMES)
        for name, source in sources.items()
        if source is not None
    }


def _source(task: Task) -> Any:
    if isinstance(task, EndpointTask):
        return task.input
    if isinstance(task, TransformTask):
        return task.template
    if isinstance(task, DuplicateTask):
        return None
    return task.when if "{" in task.when else f"{{{{ {task.when} }}}}"
