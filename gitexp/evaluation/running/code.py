"""The project's own functions that an evaluation calls, imported before anything is begun."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from gitexp.evaluation.workflows.tasks import TransformTask, all_tasks

if TYPE_CHECKING:
    from gitexp.evaluation.running.planning import Plan

_HERE = ("local", "threads")
"""The executors that call functions in this process."""


@contextmanager
def code_of(plan: Plan) -> Iterator[None]:
    """Hold the functions of endpoints and transforms imported, as the files have them now.

    It is done in the caller's thread, so that modules may set signal handlers, and a module that
    cannot be imported keeps the run from beginning.

    Raises:
        InvalidInput: a function cannot be imported, or is nothing that can be called.
    """
    named = dict(_named(plan)) if plan.request.executor in _HERE else {}
    if not named:
        yield
        return
    from gitexp.evaluation.endpoints.functions import imported_function, project_code

    directory = plan.recipe.directory
    with ExitStack() as stack:
        stack.enter_context(project_code(directory))
        for callable_, what in named.items():
            stack.enter_context(imported_function(callable_, directory, what=what))
        yield


def _named(plan: Plan) -> Iterator[tuple[str, str]]:
    """Yield the functions, and what names each of them."""
    for endpoint in plan.parts.endpoints.values():
        if endpoint.type == "python":
            yield endpoint.options["callable"], endpoint.what
    for task in all_tasks(plan.recipe.workflow.tasks):
        if isinstance(task, TransformTask) and task.callable:
            yield task.callable, f"task {task.name!r}"
