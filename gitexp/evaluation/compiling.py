"""Templates, compiled: what they may name, and the shortest way to work each of them out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from gitexp.documents.problems import MISSING, shown

if TYPE_CHECKING:
    from jinja2 import Template as JinjaTemplate
    from jinja2 import nodes

    from gitexp.evaluation.sandbox import Sandbox

SECRETS = "secrets"
"""The variable by which a template that may hold secrets names them, as `secrets.SLOT`."""

TRUSTED = frozenset(["parameters", SECRETS])
"""What stands in an address as it is; everything else is data, and percent-encoded."""

MARK = "\ufdd0"
"""Stands in a rendered address in front of everything that came from data."""

Values = Mapping[str, Any]


def reason_of(exc: Exception) -> str:
    """Return in words why a template cannot be compiled or rendered."""
    from jinja2 import TemplateError

    if isinstance(exc, TemplateError):
        return str(exc)
    if isinstance(exc, RecursionError):
        return "it is nested too deep"
    return f"{type(exc).__name__}: {exc}"


@dataclass(frozen=True, kw_only=True)
class Compiled:
    """A template, or what is wrong with it.

    Attributes:
        work_out: gives the value or the text; it may raise anything.
        secrets: the secret slots that it names.
        fault: what is wrong; empty when nothing is.
    """

    work_out: Callable[[Values], Any] = lambda variables: None
    secrets: frozenset[str] = frozenset()
    fault: str = ""
    hint: str | None = None


@lru_cache(maxsize=1024)
def compiled(source: str, names: frozenset[str] | None, address: bool) -> Compiled:
    """Return a template, compiled; see `Template` for what is given."""
    if not is_template(source):
        return Compiled(work_out=lambda variables: source)
    sandbox = _sandbox()
    from jinja2 import TemplateError

    try:
        tree = sandbox.parse(source)
        fault = _fault(tree, names)
        if fault:
            return fault
        return Compiled(
            work_out=_working_out(sandbox, tree, address), secrets=frozenset(_secrets_in(tree))
        )
    except TemplateError as exc:
        line = getattr(exc, "lineno", None)
        where = f"line {line}: " if line and "\n" in source.strip() else ""
        return Compiled(fault=f"{where}{exc.message}", hint=_HINT)
    except (ValueError, RecursionError, MemoryError, SyntaxError, OverflowError) as exc:
        return Compiled(fault=f"it cannot be compiled: {reason_of(exc)}", hint=_HINT)


_HINT = "Write values as {{ input }} or {{ parameters.NAME }}."


def is_template(source: str) -> bool:
    """Return whether anything in a text would be worked out."""
    return "{{" in source or "{%" in source or "{#" in source


@lru_cache(maxsize=1)
def _sandbox() -> Sandbox:
    from gitexp.evaluation.sandbox import Sandbox

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


def _fault(tree: nodes.Template, names: frozenset[str] | None) -> Compiled | None:
    from jinja2 import nodes
    from jinja2.meta import find_undeclared_variables

    known = {"range", *(names or ())}
    for node in tree.find_all(nodes.Name):
        if node.ctx != "load" and node.name in {*known, SECRETS}:
            return Compiled(fault=f"{node.name!r} is the name of a variable already", hint=_HINT)
    wrong = sorted(find_undeclared_variables(tree) - known) if names is not None else []
    if wrong:
        return _unknown(wrong[0], known - {"range"})
    if _is_secret_at_large(tree):
        return Compiled(
            fault="secrets are named one by one", hint="Write {{ secrets.SLOT }}, with its name."
        )
    return None


def _unknown(name: str, known: Iterable[str]) -> Compiled:
    from difflib import get_close_matches

    if name == SECRETS:
        return Compiled(
            fault="secrets are not given to this part",
            hint="They stand in headers, url, query, body and api_key alone.",
        )
    close = get_close_matches(name, known, n=1)
    meant = f"did you mean {shown(close[0])}?" if close else f"there are {', '.join(sorted(known))}"
    return Compiled(fault=f"there is no variable {shown(name)}; {meant}", hint=_HINT)


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
