"""Functions of a project, and endpoints of the type `python`, which are such functions.

A function is named as `package.module:function`; it is imported only when a run asks it, with the
project's directory first on the module path. An endpoint's function is called with a sample's input
and a read-only mapping of the values; one that has a third parameter named `asking` is given all
that is known of the call. A function may be synchronous or asynchronous.
"""

from __future__ import annotations

import copy
import inspect
import sys
import threading
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from operator import attrgetter
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from gitexp.errors import InvalidInput
from gitexp.evaluation.answers import Answer, Asking, CallFailed, Usage, is_amount

if TYPE_CHECKING:
    from gitexp.evaluation.endpoints.loading import Price
    from gitexp.evaluation.running.calls import CallThreads

Function = Callable[..., Any]
"""A function of the project: it gives a result, or an awaitable of it."""

_ASKING = "asking"


# --- importing -------------------------------------------------------------------------------


@contextmanager
def project_code(directory: Path) -> Iterator[None]:
    """Import from a project's directory first, for as long as the block lasts.

    Modules of the project that this process imported earlier are put aside and come back
    afterwards, so that a second run sees edited code, and two projects may use the same names.
    While a block of a directory lasts, further blocks of the same one share its modules, as all
    functions of a run do; the last one to end, in whatever thread it is, puts everything back.
    """
    place = str(directory.resolve())
    with _LOCK:
        opened = _OPEN.get(place) or _begun(place)
        opened.holders += 1
    try:
        yield
    finally:
        with _LOCK:
            opened.holders -= 1
            if not opened.holders:
                del _OPEN[place]
                opened.end.close()


@contextmanager
def imported_function(
    callable_: str, directory: Path, *, what: str = "the function"
) -> Iterator[Function]:
    """Yield a function of a project, imported from the files as they are.

    Args:
        callable_: `package.module:function`.
        what: what names it, in front of messages: `endpoint 'bot'`.

    Raises:
        InvalidInput: it cannot be imported, or is nothing that can be called.
    """
    with project_code(directory):
        yield _import(callable_, str(directory.resolve()), what)


def _import(callable_: str, place: str, what: str) -> Function:
    import importlib

    module, _, name = callable_.partition(":")
    _OPEN[place].put_aside(_namesakes(place, module.partition(".")[0]))
    try:
        function = attrgetter(name)(importlib.import_module(module))
    except (Exception, SystemExit) as exc:  # the module's code may raise anything
        raise InvalidInput(
            f"{what}: {callable_} cannot be imported: {type(exc).__name__}: {exc}",
            hint="Name it as `package.module:function`, seen from the project's directory.",
        ) from exc
    if not callable(function):
        raise InvalidInput(f"{what}: {callable_} cannot be called")
    found: Function = function
    return found


@dataclass(kw_only=True)
class _Opened:
    """Modules that were put aside, how many blocks go on, and what ends the last of them."""

    aside: dict[str, ModuleType] = field(default_factory=dict)
    holders: int = 0
    end: ExitStack = field(default_factory=ExitStack)

    def put_aside(self, modules: Mapping[str, ModuleType]) -> None:
        self.aside.update(modules)
        for name in modules:
            del sys.modules[name]


_OPEN: dict[str, _Opened] = {}
"""The directories from which this process imports now."""

_LOCK = threading.RLock()


def _begun(place: str) -> _Opened:
    with ExitStack() as stack:
        _OPEN[place] = opened = stack.enter_context(_module_path(place))
        opened.end = stack.pop_all()
    return opened


@contextmanager
def _module_path(place: str) -> Iterator[_Opened]:
    import importlib

    opened, writes = _Opened(), sys.dont_write_bytecode
    opened.put_aside(_modules_in(place))
    sys.path.insert(0, place)
    # Caches of compiled code would be new files in the project.
    sys.dont_write_bytecode = True
    importlib.invalidate_caches()
    try:
        yield opened
    finally:
        sys.dont_write_bytecode = writes
        if place in sys.path:
            sys.path.remove(place)
        for name in _modules_in(place):
            del sys.modules[name]
        sys.modules.update(opened.aside)


def _modules_in(place: str) -> dict[str, ModuleType]:
    """Return the imported modules whose files are the project's own.

    Packages installed into a directory inside the project, such as `.venv`, are not its own, and
    neither are the program at work and this package.
    """
    return {
        name: module
        for name, module in list(sys.modules.items())
        if name.partition(".")[0] not in ("__main__", "gitexp")
        and _is_own(getattr(module, "__spec__", None), place)
    }


def _namesakes(place: str, top: str) -> dict[str, ModuleType]:
    """Return what was imported from elsewhere under the name of a module of the project."""
    if top == "gitexp" or not (Path(place, top).is_dir() or Path(place, f"{top}.py").is_file()):
        return {}
    return {
        name: module
        for name, module in list(sys.modules.items())
        if name.partition(".")[0] == top and not _is_own(getattr(module, "__spec__", None), place)
    }


def _is_own(spec: Any, place: str) -> bool:
    origin = getattr(spec, "origin", None)
    search = getattr(spec, "submodule_search_locations", None)
    where = origin if origin and spec.has_location else next(iter(search or ()), None)
    if not where or not str(where).startswith(place):
        return False
    path = Path(where)
    return path.is_relative_to(place) and not {"site-packages", "dist-packages"} & set(path.parts)


# --- calling ---------------------------------------------------------------------------------


def asker(
    function: Function, parameters: Mapping[str, Any], threads: CallThreads
) -> Callable[[Any], Coroutine[Any, Any, Any]]:
    """Return an asynchronous call of a function with an input and the parameters.

    A synchronous function runs in a thread; one that returns an awaitable is awaited.
    """
    call = _calling(function, threads)

    def ask(given: Any) -> Coroutine[Any, Any, Any]:
        return call(partial(function, given, parameters))

    return ask


def _calling(
    function: Function, threads: CallThreads
) -> Callable[[Callable[[], Any]], Coroutine[Any, Any, Any]]:
    from gitexp.evaluation.running.calls import contained

    async def here(call: Callable[[], Any]) -> Any:
        return await contained(call())

    async def in_thread(call: Callable[[], Any]) -> Any:
        result = await threads.call(call)
        return await contained(result) if inspect.isawaitable(result) else result

    return here if is_async(function) else in_thread


def is_async(function: Function) -> bool:
    """Return whether a function gives an awaitable by its definition."""
    called = getattr(function, "__call__", function)  # noqa: B004  an object's method
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(called)


def takes_asking(function: Function) -> bool:
    """Return whether a function has a parameter named `asking`."""
    try:
        return _ASKING in inspect.signature(function).parameters
    except (TypeError, ValueError):  # some functions of C have no signature
        return False


class PythonCaller:
    """A system that is a function.

    Args:
        what: what it is called in messages.
        timeout: the seconds after which a call is given up; None for never.
        price: of the tokens that it names; None where it has none.
    """

    def __init__(
        self,
        function: Function,
        *,
        what: str,
        timeout: float | None,
        threads: CallThreads,
        price: Price | None = None,
    ) -> None:
        self._function = function
        self._what = what
        self._timeout = timeout
        self._price = price
        self._call = _calling(function, threads)
        self._takes_asking = takes_asking(function)
        # A thread's call cannot cancel itself; then it needs no task of its own.
        self._is_plain = timeout is None and not is_async(function)

    async def call(self, asking: Asking) -> Answer:
        """Return the answer of the function; see `Caller.call`."""
        from gitexp.evaluation.endpoints.responses import checked_output, usage_of, with_cost
        from gitexp.evaluation.running.calls import within

        call = partial(self._function, _own(asking.input), asking.parameters)
        if self._takes_asking:
            call = partial(call, asking=asking)
        try:
            working = self._call(call)
            result = await (working if self._is_plain else within(self._timeout, working))
        except Exception as exc:
            raise failed_call(exc, self._what) from exc
        if not isinstance(result, Answer):
            return Answer(output=checked_output(result))
        return Answer(
            output=checked_output(result.output),
            usage=with_cost(usage_of(result.usage), self._price),
            attributes={str(name): value for name, value in dict(result.attributes).items()},
        )

    async def close(self) -> None:
        """Do nothing; threads are let go by those who gave them."""


def failed_call(exc: Exception, what: str) -> CallFailed:
    """Return the failure of a call of a function that raised, as it can be recorded.

    Args:
        what: what was called, in messages.
    """
    from gitexp.evaluation.endpoints.responses import message_of
    from gitexp.evaluation.running.calls import CallEnded, CallTimeout
    from gitexp.runs.tracking.endings import failure_of

    if isinstance(exc, CallFailed):
        return _checked_failure(exc)
    if isinstance(exc, CallTimeout):
        return CallFailed(f"{what}: {exc}", kind="Timeout", retryable=True)
    failure = failure_of(exc.reason if isinstance(exc, CallEnded) else exc)
    return CallFailed(
        message_of(failure.message),
        kind=failure.type,
        retryable=isinstance(exc, (ConnectionError, TimeoutError)),
    )


def _checked_failure(exc: CallFailed) -> CallFailed:
    """Return a failure that a function made, as it can be recorded and waited for."""
    from gitexp.evaluation.endpoints.responses import kind_of, message_of, usage_of

    try:
        usage = usage_of(exc.usage)
    except CallFailed:
        usage = Usage()
    return CallFailed(
        message_of(str(exc)),
        kind=kind_of(exc.kind),
        retryable=exc.retryable is True,
        retry_after=exc.retry_after if is_amount(exc.retry_after) else None,
        usage=usage,
    )


def _own(value: Any) -> Any:
    """Return an input that the function may change."""
    return copy.deepcopy(value) if isinstance(value, (dict, list)) else value
