"""The evaluator `python`: a function of the project that scores."""

from __future__ import annotations

import copy
import inspect
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from gitexp.documents.problems import MISSING
from gitexp.evaluation.evaluators.cases import AsyncJudge, Case, Described, Judging, Opening
from gitexp.evaluation.evaluators.verdicts import brief, unscored
from gitexp.runs.rows import Score

if TYPE_CHECKING:
    from gitexp.evaluation.running.calls import CallThreads

Function = Callable[..., Any]
"""A function of the project, synchronous or not."""

_TIMEOUT = 60.0
_KEYS = frozenset(["value", "score", "passed", "reason", "label"])


def python(described: Described) -> Judging:
    """Return what calls a function as `function(output, expected, sample, parameters)`.

    It gives a number, a boolean, a label, None for what it cannot tell, a mapping of `score` (or
    `value` or `label`), `passed` and `reason`, or a `Score`. It is imported when a run opens it,
    with the project's directory first on the module path. A synchronous one runs in a thread.
    """
    from gitexp.evaluation.endpoints.functions import imported_function

    name = described.options["callable"]

    @asynccontextmanager
    async def connect(opening: Opening) -> AsyncIterator[AsyncJudge]:
        with imported_function(name, opening.directory, what=described.file) as function:

            async def judge(case: Case) -> Score:
                return score_of(await called(function, _own(case), opening.threads))

            yield judge

    scale = (described.get("min", 0.0), described.get("max", 1.0))
    return Judging(
        connect=connect,
        expects=False,
        scale=scale,
        timeout=described.get("timeout", _TIMEOUT),
    )


def _own(case: Case) -> tuple[Any, ...]:
    """Return what a function is given; what it changes in it changes nothing that is recorded."""
    expected = None if case.expected is MISSING else case.expected
    given = (case.output, expected, case.sample)
    return (*copy.deepcopy(given, {id(MISSING): MISSING}), case.parameters)


def score_of(result: Any) -> Score:
    """Return the score that a function's result means.

    Raises:
        TypeError: it means none.
        CallFailed: it names a usage that is none.
    """
    if isinstance(result, Score):
        return _own_score(result)
    if result is None:
        return unscored("the function gave no score")
    if isinstance(result, Mapping):
        return _from_mapping(result)
    return Score(value=_plain(result))


def _from_mapping(result: Mapping[str, Any]) -> Score:
    unknown = [key for key in result if key not in _KEYS]
    values = [result[key] for key in ("value", "score", "label") if result.get(key) is not None]
    if unknown or len(values) > 1:
        raise TypeError(
            f"the function gave {brief(dict(result))}; a mapping holds `score`, `passed` and "
            "`reason`"
        )
    passed, reason = result.get("passed"), result.get("reason")
    return Score(
        value=_plain(values[0]) if values else passed,
        passed=_plain(passed),
        reason="" if reason is None else str(reason),
    )


def _own_score(score: Score) -> Score:
    """Return a score that a function made, as it can be recorded."""
    from gitexp.evaluation.endpoints.responses import usage_of

    return Score(
        value=_plain(score.value),
        passed=_plain(score.passed),
        reason=str(score.reason),
        error=str(score.error),
        usage=usage_of(score.usage).to_dict() or None,
    )


def _plain(value: Any) -> Any:
    """Return a number of NumPy as Python's."""
    return value.item() if type(value).__module__ == "numpy" and hasattr(value, "item") else value


async def called(function: Function, given: tuple[Any, ...], threads: CallThreads) -> Any:
    """Return what a function gives; a synchronous one runs in a thread."""
    from gitexp.evaluation.running.calls import contained

    if is_async(function):
        return await contained(function(*given))
    result = await threads.call(lambda: function(*given))
    return await contained(result) if inspect.isawaitable(result) else result


def is_async(function: Function) -> bool:
    """Return whether calling a function gives a coroutine."""
    called = getattr(function, "__call__", function)  # noqa: B004  an object's method
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(called)
