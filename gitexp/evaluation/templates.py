"""Templates: text of a file with `{{ ... }}` in it, rendered once for each sample in a sandbox.

A template that is exactly one `{{ expression }}` gives the value of the expression: numbers stay
numbers and lists stay lists. Any other template gives text, in which a value that is no text
stands as JSON. What is rendered is never a template again, so `{{` in a sample is just text.

The language is Jinja2's, without anything that reaches outside: no files, no environment, no
other templates, no attributes of Python's objects.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Protocol

from gitexp.documents.problems import MISSING, place_of, shown
from gitexp.errors import InvalidInput
from gitexp.evaluation.answers import CallFailed

if TYPE_CHECKING:
    from jinja2 import Template as JinjaTemplate
    from jinja2 import nodes

    from gitexp.evaluation.sandbox import Sandbox

VARIABLES = frozenset(["input", "sample", "parameters", "outputs", "repeat", "seed"])
"""What a template of an endpoint may name; see `Asking.variables`."""

SECRETS = "secrets"
"""The variable by which a template that may hold secrets names them, as `secrets.SLOT`."""

TRUSTED = frozenset(["parameters", SECRETS])
"""What stands in an address as it is; everything else is data, and percent-encoded."""

MARK = "\ufdd0"
"""Stands in a rendered address in front of everything that came from data."""

Values = Mapping[str, Any]


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
        compiled = _compiled(source, known, address)
        if compiled.fault:
            raise InvalidInput(f"{where}: {compiled.fault}", hint=compiled.hint)
        self.where = where
        self.secrets = compiled.secrets
        self._work_out = compiled.work_out

    def render(self, variables: Values) -> Any:
        """Return the value or the text; see `Renders.render`."""
        try:
            return self._work_out(variables)
        except Exception as exc:  # whatever the operators and filters of a template raise
            raise CallFailed(f"{self.where}: {_reason(exc)}", kind="Template") from exc


def _reason(exc: Exception) -> str:
    from jinja2 import TemplateError

    if isinstance(exc, TemplateError):
        return str(exc)
    if isinstance(exc, RecursionError):
        return "it is nested too deep"
    return f"{type(exc).__name__}: {exc}"


# --- compiling -------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class _Compiled:
    """A template, or what is wrong with it."""

    work_out: Callable[[Values], Any] = lambda variables: None
    secrets: frozenset[str] = frozenset()
    fault: str = ""
    hint: str | None = None


@lru_cache(maxsize=1024)
def _compiled(source: str, names: frozenset[str] | None, address: bool) -> _Compiled:
    if not is_template(source):
        return _Compiled(work_out=lambda variables: source)
    from jinja2 import TemplateError

    sandbox = _sandbox()
    try:
        tree = sandbox.parse(source)
        fault = _fault(tree, names)
        if fault:
            return fault
        return _Compiled(
            work_out=_working_out(sandbox, tree, address), secrets=frozenset(_secrets_in(tree))
        )
    except TemplateError as exc:
        line = getattr(exc, "lineno", None)
        where = f"line {line}: " if line and "\n" in source.strip() else ""
        return _Compiled(fault=f"{where}{exc.message}", hint=_HINT)
    except (ValueError, RecursionError, MemoryError, SyntaxError, OverflowError) as exc:
        return _Compiled(fault=f"it cannot be compiled: {_reason(exc)}", hint=_HINT)


_HINT = "Write values as {{ input }} or {{ parameters.NAME }}."


def is_template(source: str) -> bool:
    """Return whether anything in a text would be worked out."""
    return "{{" in source or "{%" in source or "{#" in source


@lru_cache(maxsize=1)
def _sandbox() -> Sandbox:
    try:
        from gitexp.evaluation.sandbox import Sandbox
    except ImportError as exc:
        raise InvalidInput(
            "templates need Jinja2, which is not installed",
            hint="Install it: `pip install 'gitexp[eval]'`.",
        ) from exc
    return Sandbox()


def _working_out(sandbox: Sandbox, tree: nodes.Template, address: bool) -> Callable[[Values], Any]:
    from gitexp.evaluation.sandbox import Rewriter

    if short := _short_way(sandbox, tree, address):
        return short
    single = None if address else _single_expression(tree)
    rewritten = Rewriter(TRUSTED if address else None).visit(tree)
    if single is not None:
        return _expression(sandbox, rewritten)
    return _text(_template(sandbox, rewritten))


def _short_way(
    sandbox: Sandbox, tree: nodes.Template, address: bool
) -> Callable[[Values], Any] | None:
    """Return how a template is worked out that only names values, as most of them do."""
    from jinja2 import nodes

    if len(tree.body) != 1 or not isinstance(output := tree.body[0], nodes.Output):
        return None
    parts: list[str | Callable[[Values], Any]] = []
    for node in output.nodes:
        path = _path(node)
        if isinstance(node, nodes.TemplateData):
            parts.append(node.data)
        elif path:
            walk = _walk(sandbox, path)
            parts.append(_encoding(walk) if address and path[0] not in TRUSTED else walk)
        else:
            return None
    if len(parts) == 1 and not address and callable(parts[0]):
        return parts[0]
    return _together(parts)


def _encoding(walk: Callable[[Values], Any]) -> Callable[[Values], str]:
    from gitexp.evaluation.sandbox import in_address

    return lambda variables: in_address(walk(variables))


def _together(parts: list[str | Callable[[Values], Any]]) -> Callable[[Values], str]:
    from gitexp.evaluation.sandbox import as_text, require_length

    def work_out(variables: Values) -> str:
        texts = [part if isinstance(part, str) else as_text(part(variables)) for part in parts]
        require_length(sum(map(len, texts)))
        return "".join(texts)

    return work_out


def _single_expression(tree: nodes.Template) -> nodes.Expr | None:
    from jinja2 import nodes

    if len(tree.body) != 1 or not isinstance(output := tree.body[0], nodes.Output):
        return None
    if len(output.nodes) != 1 or isinstance(output.nodes[0], nodes.TemplateData):
        return None
    return output.nodes[0]


def _template(sandbox: Sandbox, tree: nodes.Template) -> JinjaTemplate:
    from jinja2 import Template as JinjaTemplate

    code: Any = sandbox.compile(tree)
    return JinjaTemplate.from_code(sandbox, code, dict(sandbox.globals))


def _path(node: nodes.Expr) -> tuple[Any, ...]:
    """Return the steps of an expression like `parameters.tone[0]`, none for any other."""
    from jinja2 import nodes

    steps: list[Any] = []
    while isinstance(node, (nodes.Getattr, nodes.Getitem)):
        if isinstance(node, nodes.Getitem):
            if not isinstance(node.arg, nodes.Const):
                return ()
            steps.append(node.arg.value)
        else:
            steps.append(node.attr)
        node = node.node
    return (node.name, *reversed(steps)) if isinstance(node, nodes.Name) else ()


def _walk(sandbox: Sandbox, path: tuple[Any, ...]) -> Callable[[Values], Any]:
    """Return a short way to what most templates ask for."""
    from gitexp.evaluation.sandbox import plain

    name, *steps = path
    begin = sandbox.globals.get(name, MISSING)

    def walk(variables: Values) -> Any:
        value = variables.get(name, begin)
        if value is MISSING:
            value = sandbox.undefined(obj=variables, name=name)
        for step in steps:
            value = sandbox.getitem(value, step)
        return plain(value)

    return walk


def _expression(sandbox: Sandbox, tree: nodes.Template) -> Callable[[Values], Any]:
    from jinja2 import nodes

    from gitexp.evaluation.sandbox import deeply_plain, hidden_variables

    output: Any = tree.body[0]
    name = nodes.Name("result", "store", lineno=1)
    tree.body = [nodes.Assign(name, output.nodes[0], lineno=1)]
    template = _template(sandbox, tree)

    def work_out(variables: Values) -> Any:
        context = template.new_context({**variables, **hidden_variables()})
        for _ in template.root_render_func(context):
            pass
        return deeply_plain(context.vars["result"])

    return work_out


def _text(template: JinjaTemplate) -> Callable[[Values], str]:
    from gitexp.evaluation.sandbox import hidden_variables, require_length

    def work_out(variables: Values) -> str:
        context = template.new_context({**variables, **hidden_variables()})
        parts, length = [], 0
        for part in template.root_render_func(context):
            parts.append(part)
            length += len(part)
            require_length(length)
        return "".join(parts)

    return work_out


# --- what a template may name ----------------------------------------------------------------


def _fault(tree: nodes.Template, names: frozenset[str] | None) -> _Compiled | None:
    from jinja2 import nodes
    from jinja2.meta import find_undeclared_variables

    known = {"range", *(names or ())}
    for node in tree.find_all(nodes.Name):
        if node.ctx == "store" and node.name in {*known, SECRETS}:
            return _Compiled(fault=f"{node.name!r} is the name of a variable already", hint=_HINT)
    wrong = sorted(find_undeclared_variables(tree) - known) if names is not None else []
    if wrong:
        return _unknown(wrong[0], known - {"range"})
    if _is_secret_at_large(tree):
        return _Compiled(
            fault="secrets are named one by one", hint="Write {{ secrets.SLOT }}, with its name."
        )
    return None


def _unknown(name: str, known: Iterable[str]) -> _Compiled:
    from difflib import get_close_matches

    if name == SECRETS:
        return _Compiled(
            fault="secrets are not given to this part",
            hint="They stand in headers, url, query, body and api_key alone.",
        )
    close = get_close_matches(name, known, n=1)
    meant = f"did you mean {shown(close[0])}?" if close else f"there are {', '.join(sorted(known))}"
    return _Compiled(fault=f"there is no variable {shown(name)}; {meant}", hint=_HINT)


def _secrets_in(tree: nodes.Template) -> Iterator[str]:
    from jinja2 import nodes

    for node in tree.find_all((nodes.Getattr, nodes.Getitem)):
        path = _path(node)
        if len(path) == 2 and path[0] == SECRETS:
            yield path[1]


def _is_secret_at_large(tree: nodes.Template) -> bool:
    """Return whether a template names the secrets otherwise than by `secrets.SLOT`."""
    from jinja2 import nodes

    uses = sum(1 for name in tree.find_all(nodes.Name) if name.name == SECRETS)
    return uses != sum(1 for _ in _secrets_in(tree))


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
        fault = _compiled(value, None if names is None else frozenset(names), address).fault
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
