"""Templates: text of a file with `{{ ... }}` in it, rendered once for each sample in a sandbox.

A template that is exactly one `{{ expression }}` gives the value of the expression: numbers stay
numbers and lists stay lists. Any other template gives text, in which a value that is no text
stands as JSON. What is rendered is never a template again, so `{{` in a sample is just text.

The language is Jinja2's, without anything that reaches outside: no files, no environment, no
other templates, no attributes of Python's objects.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Protocol

from gitexp.documents.problems import place_of
from gitexp.errors import InvalidInput
from gitexp.evaluation.answers import CallFailed
from gitexp.evaluation.compiling import Values, compiled, is_template, reason_of

VARIABLES = frozenset(["input", "sample", "parameters", "outputs", "repeat", "seed"])
"""What a template of an endpoint may name; see `Asking.variables`."""


class Renders(Protocol):
    """Something that becomes plain data when it is given variables.

    Attributes:
        secrets: the secret slots that it names.
    """

    secrets: frozenset[str]

    def render(self, variables: Values) -> Any:
        """Return the value.

        Raises:
            CallFailed: something that it names is not there, or it cannot be worked out.
        """


class Template:
    """A template, compiled once.

    Args:
        where: what it is, in front of every message: `endpoint 'bot': json.question`.
        names: the variables that it may name; None to find out when it is rendered.
        address: whether it makes a URL, in which data is percent-encoded and marked.

    Raises:
        InvalidInput: it is no template, or names a variable that there is not.
    """

    __slots__ = ("_work_out", "secrets", "where")

    def __init__(
        self,
        source: str,
        *,
        where: str,
        names: Iterable[str] | None = None,
        address: bool = False,
    ) -> None:
        known = None if names is None else frozenset(names)
        found = compiled(source, known, address)
        if found.fault:
            raise InvalidInput(f"{where}: {found.fault}", hint=found.hint)
        self.where = where
        self.secrets = found.secrets
        self._work_out = found.work_out

    def render(self, variables: Values) -> Any:
        """Return the value or the text; see `Renders.render`."""
        try:
            return self._work_out(variables)
        except Exception as exc:  # whatever the operators and filters of a template raise
            raise CallFailed(f"{self.where}: {reason_of(exc)}", kind="Template") from exc


# --- templates in a tree ---------------------------------------------------------------------


def compile_all(
    value: Any, *, where: str, names: Iterable[str] | None = None, place: tuple[str | int, ...] = ()
) -> Renders:
    """Return a value whose texts are templates, wherever in it they stand; keys are not.

    Args:
        where: what the value is, in front of every message; the place in it follows.
        place: where the value stands already.

    Raises:
        InvalidInput: a template is wrong.
    """
    options = (where, names if names is None else frozenset(names))
    return _tree(value, place, options)


def render_all(value: Any, variables: Values, *, where: str) -> Any:
    """Return a value with the templates in it rendered; for values that are rendered once.

    Raises:
        InvalidInput: a template is wrong.
        CallFailed: one cannot be rendered.
    """
    return compile_all(value, where=where).render(variables)


def template_faults(
    value: Any,
    *,
    names: Iterable[str] | None = None,
    place: tuple[str | int, ...] = (),
    address: bool = False,
) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Yield what is wrong with the templates in a value: the place and the reason of each."""
    if isinstance(value, str):
        fault = compiled(value, None if names is None else frozenset(names), address).fault
        if fault:
            yield place, fault
    elif isinstance(value, (Mapping, list, tuple)):
        parts = value.items() if isinstance(value, Mapping) else enumerate(value)
        for step, part in parts:
            yield from template_faults(part, names=names, place=(*place, step), address=address)


def _tree(value: Any, place: tuple[str | int, ...], options: tuple[str, Any]) -> Renders:
    where, names = options
    if isinstance(value, str) and is_template(value):
        return Template(value, where=_where(where, place), names=names)
    if isinstance(value, Mapping):
        parts = {key: _tree(part, (*place, key), options) for key, part in value.items()}
        return Constant(value) if _are_constant(parts.values()) else _Mapping(parts)
    if isinstance(value, (list, tuple)):
        items = [_tree(part, (*place, n), options) for n, part in enumerate(value)]
        return Constant(value) if _are_constant(items) else _List(items)
    return Constant(value)


def _are_constant(parts: Iterable[Renders]) -> bool:
    return all(isinstance(part, Constant) for part in parts)


def _where(where: str, place: tuple[str | int, ...]) -> str:
    return f"{where}: {place_of(place)}" if place else where


class Constant:
    """A value without templates; it is shared, and must not be changed."""

    __slots__ = ("_value", "secrets")

    def __init__(self, value: Any) -> None:
        self._value = value
        self.secrets: frozenset[str] = frozenset()

    def render(self, variables: Values) -> Any:
        """Return the value."""
        return self._value


class _Mapping:
    __slots__ = ("_parts", "secrets")

    def __init__(self, parts: Mapping[str, Renders]) -> None:
        self._parts = [(key, part.render) for key, part in parts.items()]
        self.secrets = frozenset().union(*(part.secrets for part in parts.values()))

    def render(self, variables: Values) -> Any:
        return {key: render(variables) for key, render in self._parts}


class _List:
    __slots__ = ("_parts", "secrets")

    def __init__(self, parts: list[Renders]) -> None:
        self._parts = [part.render for part in parts]
        self.secrets = frozenset().union(*(part.secrets for part in parts))

    def render(self, variables: Values) -> Any:
        return [render(variables) for render in self._parts]
