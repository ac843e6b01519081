"""Endpoints: the systems under test.

An endpoint is described by `endpoints/NAME.yaml`. A `python` endpoint names a function as
`package.module:function`; it is imported only when a run asks it, with the project's directory
first on the module path, and called as `function(input, parameters)` with a sample's input and a
read-only mapping of the values. A function may be synchronous or asynchronous.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from gitexp.documents import layout
from gitexp.documents.canonical import digest_of
from gitexp.errors import InvalidInput
from gitexp.evaluation.files import read_document
from gitexp.ids import parse_name
from gitexp.runs.run import Reference

if TYPE_CHECKING:
    from gitexp.evaluation.running.calls import CallThreads

Function = Callable[[Any, Mapping[str, Any]], Any]
"""A system under test: from a sample's input and the values to an output, or an awaitable of it."""


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """The description of a system under test.

    Attributes:
        digest: over the description.
        callable: `package.module:function`.
        timeout: the seconds after which a call is an error; None for none.
    """

    name: str
    digest: str
    callable: str
    timeout: float | None = None

    @property
    def reference(self) -> Reference:
        """What a run records of it."""
        return Reference(name=self.name, digest=self.digest)


def load_endpoint(directory: Path, name: str, *, root: str = "") -> Endpoint:
    """Return an endpoint of a project's working tree; nothing of it is imported.

    Raises:
        NotFound: the project has no endpoint of that name.
        InvalidDocuments: everything that is wrong in its file.
    """
    path = layout.endpoint_path("", parse_name(name, "endpoint name"))
    data = read_document(
        directory, path, "endpoint", what=f"endpoint {name!r}", file=layout.join(root, path)
    )
    return Endpoint(
        name=name,
        digest=digest_of(data),
        callable=data["callable"],
        timeout=data.get("timeout"),
    )


@contextmanager
def imported(endpoint: Endpoint, directory: Path) -> Iterator[Function]:
    """Yield the function of an endpoint, imported now from the files as they are.

    Modules of the project that this process imported earlier are put aside and come back
    afterwards, so that a second run sees edited code, and two projects may use the same names.

    Raises:
        InvalidInput: it cannot be imported, or is nothing that can be called.
    """
    what = f"endpoint {endpoint.name!r}"
    with imported_function(endpoint.callable, directory, what=what) as function:
        yield function


@contextmanager
def imported_function(name: str, directory: Path, *, what: str = "") -> Iterator[Any]:
    """Yield a function of the project, `package.module:function`, imported as `imported` does.

    While one function of a project is in use, others are imported beside it, so that they share
    their modules.

    Args:
        what: what names the function, for messages, such as `endpoint 'bot'`.

    Raises:
        InvalidInput: it cannot be imported, or is nothing that can be called.
    """
    with _module_path(directory, name.partition(":")[0].partition(".")[0]):
        yield _import(name, f"{what}: {name}" if what else name)


def _import(called: str, what: str) -> Any:
    import importlib

    module, _, name = called.partition(":")
    try:
        function = attrgetter(name)(importlib.import_module(module))
    except (Exception, SystemExit) as exc:  # the module's code may raise anything
        raise InvalidInput(
            f"{what} cannot be imported: {type(exc).__name__}: {exc}",
            hint="Name it as `package.module:function`, seen from the project's directory.",
        ) from exc
    if not callable(function):
        raise InvalidInput(f"{what} cannot be called")
    return function


_in_use: list[str] = []
"""The directories from which functions are imported at present."""


@contextmanager
def _module_path(directory: Path, top: str) -> Iterator[None]:
    """Import from a directory first; `top` is the module or package that will be wanted there."""
    import importlib

    place, writes = str(directory.resolve()), sys.dont_write_bytecode
    if place in _in_use:
        with _beside(directory, top):
            yield
        return
    aside = _modules_in(place) | _namesakes(directory, top)
    for name in aside:
        del sys.modules[name]
    sys.path.insert(0, place)
    _in_use.append(place)
    # Caches of compiled code would be new files in the project.
    sys.dont_write_bytecode = True
    importlib.invalidate_caches()
    try:
        yield
    finally:
        sys.dont_write_bytecode = writes
        _in_use.remove(place)
        if place in sys.path:
            sys.path.remove(place)
        for name in _modules_in(place):
            del sys.modules[name]
        sys.modules.update(aside)


@contextmanager
def _beside(directory: Path, top: str) -> Iterator[None]:
    """Import another module of a project whose modules are in use, and stay so."""
    own = _modules_in(str(directory.resolve()))
    aside = {n: m for n, m in _namesakes(directory, top).items() if n not in own}
    for name in aside:
        del sys.modules[name]
    try:
        yield
    finally:
        sys.modules.update(aside)


def _modules_in(place: str) -> dict[str, ModuleType]:
    """Return the imported modules whose files are the project's own.

    Packages installed into a directory inside the project, such as `.venv`, are not its own, and
    neither are the program at work and this package.
    """
    return {
        name: module
        for name, module in list(sys.modules.items())
        if name.partition(".")[0] not in ("__main__", "gitexp")
        and _is_own(getattr(module, "__spec__", None), Path(place))
    }


def _namesakes(directory: Path, top: str) -> dict[str, ModuleType]:
    """Return what was imported from elsewhere under the name of a module of the project."""
    if top == "gitexp" or not ((directory / top).is_dir() or (directory / f"{top}.py").is_file()):
        return {}
    modules = list(sys.modules.items())
    return {name: module for name, module in modules if name.partition(".")[0] == top}


def _is_own(spec: Any, place: Path) -> bool:
    origin = getattr(spec, "origin", None)
    search = getattr(spec, "submodule_search_locations", None)
    where = origin if origin and spec.has_location else next(iter(search or ()), None)
    if not where or not str(where).startswith(str(place)):
        return False
    parts = Path(where).parts
    return Path(where).is_relative_to(place) and not {"site-packages", "dist-packages"} & set(parts)


def asker(
    function: Function, parameters: Mapping[str, Any], threads: CallThreads
) -> Callable[[Any], Coroutine[Any, Any, Any]]:
    """Return an asynchronous call of a function with a sample's input.

    A synchronous function runs in a thread; one that returns an awaitable is awaited.
    """
    from gitexp.evaluation.running.calls import contained

    async def ask_async(sample_input: Any) -> Any:
        return await contained(function(sample_input, parameters))

    async def ask_in_thread(sample_input: Any) -> Any:
        result = await threads.call(lambda: function(sample_input, parameters))
        return await contained(result) if inspect.isawaitable(result) else result

    return ask_async if _is_async(function) else ask_in_thread


def _is_async(function: Function) -> bool:
    called = getattr(function, "__call__", function)  # noqa: B004  an object's method
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(called)
