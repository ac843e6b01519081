"""The sandbox in which templates run: plain data in, plain data out, in bounded time and space.

A template reaches items of mappings and lists, a few methods of text and mappings, and a few
filters; no other attribute of anything. What multiplies or adds is bounded, and so are the passes
of its loops. It names no other template, and defines no macro that could call itself.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache, partial
from typing import Any, NoReturn

from jinja2 import StrictUndefined, nodes, pass_context
from jinja2.exceptions import SecurityError, TemplateSyntaxError
from jinja2.filters import FILTERS
from jinja2.runtime import Context, LoopContext
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.visitor import NodeTransformer

from gitexp.documents.limits import MAX_JSON_BYTES
from gitexp.documents.problems import shown
from gitexp.evaluation.compiling import MARK

MAX_TEXT = 4 * MAX_JSON_BYTES
"""The longest text that a template makes, in characters."""

MAX_PASSES = 1_000_000
"""How many passes the loops of one rendering make, all together."""

MAX_RANGE = 100_000
"""The longest range of numbers."""

_MAX_BITS = 2**14
_MAX_INDENT = 32
_MAX_PLACES = 400
_PASSES = "_passes"

_TEXT_METHODS = frozenset([
    "capitalize", "casefold", "count", "endswith", "find", "index", "isalnum", "isalpha",
    "isdecimal", "isdigit", "islower", "isnumeric", "isspace", "isupper", "lower", "lstrip",
    "partition", "removeprefix", "removesuffix", "rfind", "rindex", "rpartition", "rsplit",
    "rstrip", "split", "splitlines", "startswith", "strip", "swapcase", "title", "upper",
])  # fmt: skip
_MAPPING_METHODS = frozenset(["get", "items", "keys", "values"])
_LIST_METHODS = frozenset(["count", "index"])
_LOOP = frozenset([
    "changed", "cycle", "depth", "depth0", "first", "index", "index0", "last", "length",
    "nextitem", "previtem", "revindex", "revindex0",
])  # fmt: skip
_ALLOWED: tuple[tuple[type, frozenset[str]], ...] = (
    (str, _TEXT_METHODS),
    (Mapping, _MAPPING_METHODS),
    (list, _LIST_METHODS),
    (tuple, _LIST_METHODS),
    (LoopContext, _LOOP),
)

_FILTERS = frozenset([
    "abs", "capitalize", "count", "d", "default", "dictsort", "first", "float", "int", "items",
    "last", "length", "list", "lower", "map", "max", "min", "reject", "rejectattr", "reverse",
    "select", "selectattr", "sort", "sum", "title", "trim", "truncate", "unique",
    "upper", "urlencode", "wordcount",
])  # fmt: skip

_FORBIDDEN: Mapping[type[nodes.Node], str] = {
    nodes.Include: "include",
    nodes.Import: "import",
    nodes.FromImport: "from",
    nodes.Extends: "extends",
    nodes.Block: "block",
    nodes.Macro: "macro",
    nodes.CallBlock: "call",
    nodes.FilterBlock: "filter",
}


class Nothing(StrictUndefined):
    """What is not there: using it is an error that says what was probably meant."""

    __slots__ = ()

    @property
    def _undefined_message(self) -> str:
        if self._undefined_hint:
            return self._undefined_hint
        return absent(self._undefined_obj, self._undefined_name)


def absent(owner: Any, name: Any) -> str:
    """Return the message for an item or variable that is not there."""
    if isinstance(owner, Mapping):
        return f"there is no {shown(name)}{_suggestion(name, owner)}"
    if isinstance(owner, (list, tuple)):
        return f"there is no item {shown(name)} in a list of {len(owner)}"
    if isinstance(owner, (str, int, float)) or owner is None:
        return f"{shown(owner, 40)} has no {shown(name)}"
    return f"there is no {shown(name)}"


def _suggestion(name: Any, known: Iterable[Any]) -> str:
    from difflib import get_close_matches

    names = sorted(key for key in known if isinstance(key, str))
    close = get_close_matches(name, names, n=1) if isinstance(name, str) else []
    if close:
        return f"; did you mean {shown(close[0])}?"
    return f"; there are {shown(names)[1:-1]}" if names else "; it is empty"


class Sandbox(ImmutableSandboxedEnvironment):
    """The environment of all templates."""

    intercepted_binops = frozenset(["+", "*", "**", "%"])

    def __init__(self) -> None:
        super().__init__(
            undefined=Nothing,
            autoescape=False,
            keep_trailing_newline=True,
            finalize=as_text,
            cache_size=0,
        )
        self.globals = {"range": _range}
        self.filters = {**{name: FILTERS[name] for name in _FILTERS}, **_OWN_FILTERS}

    def getattr(self, obj: Any, attribute: str) -> Any:
        """Return an item of a mapping, else one of the methods that are allowed."""
        return self.getitem(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        """Return an item, else one of the methods that are allowed."""
        if isinstance(obj, (Mapping, list, tuple, str)):
            try:
                return obj[argument]
            except (LookupError, TypeError):
                pass
        if isinstance(argument, str):
            if isinstance(obj, str) and argument in _BOUNDED_METHODS:
                return partial(_BOUNDED_METHODS[argument], obj)
            for kind, names in _ALLOWED:
                if isinstance(obj, kind) and argument in names:
                    return getattr(obj, argument)
        return self.undefined(obj=obj, name=argument)

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """Return the result of an operator whose result is bounded."""
        _BOUNDS[operator](left, right)
        return super().call_binop(context, operator, left, right)


# --- what is bounded -------------------------------------------------------------------------


def _too_large(what: str = "the text") -> NoReturn:
    raise SecurityError(f"{what} becomes too large")


def require_length(length: int) -> None:
    """Check that a text may be so long.

    Raises:
        SecurityError: it may not.
    """
    if length > MAX_TEXT:
        _too_large()


def _check_sum(left: Any, right: Any) -> None:
    if isinstance(left, (str, list, tuple)) and isinstance(right, (str, list, tuple)):
        require_length(len(left) + len(right))


def _check_product(left: Any, right: Any) -> None:
    if isinstance(left, int) and isinstance(right, int):
        if left.bit_length() + right.bit_length() > _MAX_BITS:
            _too_large("the number")
        return
    times, text = (left, right) if isinstance(left, int) else (right, left)
    if isinstance(times, int) and isinstance(text, str):
        require_length(len(text) * times)
    elif isinstance(text, (list, tuple)):
        raise SecurityError("a list is not repeated with *")


def _check_power(left: Any, right: Any) -> None:
    if not (isinstance(left, int) and isinstance(right, int)):
        return
    if left.bit_length() * right > _MAX_BITS:
        _too_large("the number")


def _check_remainder(left: Any, right: Any) -> None:
    if isinstance(left, str):
        raise SecurityError("text is not formatted with %; write {{ ... }} in it")


_BOUNDS: Mapping[str, Callable[[Any, Any], None]] = {
    "+": _check_sum,
    "*": _check_product,
    "**": _check_power,
    "%": _check_remainder,
}


def _range(*bounds: Any) -> range:
    found = range(*bounds)
    if len(found) > MAX_RANGE:
        raise SecurityError(f"a range of {len(found)} numbers, more than {MAX_RANGE}")
    return found


@pass_context
def _counted(context: Context, values: Any) -> Iterator[Any]:
    """Yield the items of a loop, as long as there are not too many passes in all."""
    left: list[int] = context.parent[_PASSES]  # which no {% set %} reaches
    for value in values:
        left[0] -= 1
        if left[0] < 0:
            raise SecurityError(f"the loops make more than {MAX_PASSES} passes")
        yield value


def hidden_variables() -> dict[str, Any]:
    """Return what every rendering is given beside its variables."""
    return {_PASSES: [MAX_PASSES]}


# --- filters ---------------------------------------------------------------------------------


def as_text(value: Any) -> str:
    """Return what stands in a text for a value: text as it is, anything else as JSON."""
    return value if isinstance(value, str) else _encoder(None).encode(value)


@cache
def _encoder(indent: int | None) -> json.JSONEncoder:
    return json.JSONEncoder(ensure_ascii=False, allow_nan=False, indent=indent, default=plain)


def plain(value: Any) -> Any:
    """Return a value of a template as one that JSON knows.

    Raises:
        TypeError: it is a method or another thing that is no data.
    """
    if value is None or isinstance(value, (str, int, float, list, dict)):
        return value
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, StrictUndefined):
        str(value)  # raises what is missing
    if isinstance(value, (Iterator, Sequence)) or type(value).__name__.startswith("dict_"):
        return list(value)
    raise TypeError(f"{type(value).__name__} is no data; call it, if it is a method")


def deeply_plain(value: Any) -> Any:
    """Return the same for a value that a template made of parts, which are looked at too."""
    value = plain(value)
    if isinstance(value, dict):
        return {key: deeply_plain(part) for key, part in value.items()}
    return [deeply_plain(part) for part in value] if isinstance(value, list) else value


def _tojson(value: Any, indent: int | None = None) -> str:
    return _encoder(None if indent is None else min(int(indent), _MAX_INDENT)).encode(value)


def _join(values: Iterable[Any], d: str = "") -> str:
    texts = [as_text(value) for value in values]
    require_length(sum(map(len, texts)) + len(d) * len(texts))
    return d.join(texts)


def _concatenate(values: Sequence[Any]) -> str:
    return _join(values)


def _replace(text: Any, old: str, new: str, count: int = -1) -> str:
    text = as_text(text)
    times = text.count(old) if count < 0 else min(count, text.count(old))
    require_length(len(text) + times * max(len(new) - len(old), 0))
    return str(text.replace(old, new, count))


def _indent(text: Any, width: int = 4, first: bool = False) -> str:
    blank = " " * min(width, _MAX_INDENT)
    begin, *others = as_text(text).split("\n")
    return "\n".join([blank * first + begin, *(blank * bool(line) + line for line in others)])


def _round(value: Any, precision: int = 0, method: Any = "common") -> Any:
    if abs(precision) > _MAX_PLACES:
        raise SecurityError(f"a number is rounded to at most {_MAX_PLACES} places")
    return FILTERS["round"](value, precision, method)


def _escape(value: Any) -> str:
    from html import escape

    return escape(as_text(value))


def in_address(value: Any) -> str:
    """Return a value as it stands in an address: percent-encoded, behind a mark."""
    from urllib.parse import quote

    return MARK + quote(as_text(value), safe="")


_OWN_FILTERS: Mapping[str, Callable[..., Any]] = {
    "string": as_text,
    "tojson": _tojson,
    "join": _join,
    "replace": _replace,
    "indent": _indent,
    "round": _round,
    "e": _escape,
    "escape": _escape,
    "_concatenate": _concatenate,
    "_counted": _counted,
    "_in_address": in_address,
}


_BOUNDED_METHODS: Mapping[str, Callable[..., Any]] = {
    "join": lambda text, values: _join(values, text),
    "replace": _replace,
}


# --- rewriting -------------------------------------------------------------------------------


def names_in(node: nodes.Node) -> set[str]:
    """Return the variables that a part of a template names."""
    inside = {name.name for name in node.find_all(nodes.Name)}
    return inside | {node.name} if isinstance(node, nodes.Name) else inside


class Rewriter(NodeTransformer):
    """Makes the loops and concatenations of a template bounded; refuses what is not allowed.

    Args:
        trusted: for a template of an address: the variables whose text stands in it as it is;
            anything else is percent-encoded. None for other templates.
    """

    def __init__(self, trusted: frozenset[str] | None) -> None:
        self._trusted = trusted

    def generic_visit(self, node: nodes.Node, *args: Any, **kwargs: Any) -> nodes.Node:
        word = _FORBIDDEN.get(type(node))
        if word:
            raise TemplateSyntaxError(f"{{% {word} %}} is not allowed", node.lineno)
        if isinstance(node, nodes.Filter) and node.name.startswith("_"):
            raise TemplateSyntaxError(f"there is no filter {node.name!r}", node.lineno)
        return super().generic_visit(node, *args, **kwargs)

    def visit_Concat(self, node: nodes.Concat) -> nodes.Node:  # noqa: N802
        self.generic_visit(node)
        return _filtered(nodes.List(node.nodes, lineno=node.lineno), "_concatenate")

    def visit_AssignBlock(self, node: nodes.AssignBlock) -> nodes.Node:  # noqa: N802
        # What stands in it would be put together before its length is known.
        raise TemplateSyntaxError("{% endset %} is not allowed; use {% set x = ... %}", node.lineno)

    def visit_For(self, node: nodes.For) -> nodes.Node:  # noqa: N802
        if node.recursive:  # it could call itself
            raise TemplateSyntaxError("a loop that is recursive is not allowed", node.lineno)
        self.generic_visit(node)
        node.iter = _filtered(node.iter, "_counted")
        return node

    def visit_Output(self, node: nodes.Output) -> nodes.Node:  # noqa: N802
        untrusted = [self._is_untrusted(part) for part in node.nodes]
        self.generic_visit(node)
        node.nodes = [
            _filtered(part, "_in_address") if wrapped else part
            for part, wrapped in zip(node.nodes, untrusted, strict=True)
        ]
        return node

    def _is_untrusted(self, part: nodes.Node) -> bool:
        if self._trusted is None or isinstance(part, nodes.TemplateData):
            return False
        return not names_in(part) <= self._trusted


def _filtered(node: Any, name: str) -> nodes.Filter:
    return nodes.Filter(node, name, [], [], None, None, lineno=node.lineno)
