"""Canonical YAML: the same values give the same bytes, and every reader understands them alike.

Written without a YAML library, so that saving starts fast. Text stands unquoted only where
readers of YAML 1.1 and 1.2 agree that it is text; everything else is quoted as in JSON or, when it
has several lines or is long, a literal block that diffs and merges line by line.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from gitexp.documents.kinds import DocumentKind, schema_url
from gitexp.documents.limits import DECEPTIVE, MAX_YAML_BYTES, deceptive
from gitexp.documents.values import control_fault, require_plain
from gitexp.errors import InvalidInput

INDENT = 2
LONG_TEXT = 80
"""Text of more characters than this becomes a literal block."""

_LONGEST_SIMPLE_KEY = 1000
_SPACES = "\u0020\u00a0\u1680\u2000-\u200d\u202f\u205f\u2060\u3000"
_PLAIN = re.compile(
    rf"(?:[A-Za-z_/]|[^\x00-\x7f{_SPACES}])"
    rf"(?:[^\x00-\x1f\x7f]*[^\x00-\x1f\x7f:{_SPACES}])?\Z"
)
_NOT_PLAIN = re.compile(r":\s|\s#")
_FLOW_PLAIN = re.compile(r"[A-Za-z_](?:[A-Za-z0-9_./ -]*[A-Za-z0-9_./-])?\Z")
_RESERVED = frozenset(["y", "n", "yes", "no", "on", "off", "true", "false", "null"])
_ESCAPED = DECEPTIVE + r'|["\\]'
_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}


@dataclass(frozen=True, kw_only=True)
class Written:
    """A value as text: what follows `key:` or `-` on its line, and the lines below it."""

    head: str
    lines: list[str]


def dump_yaml(value: Mapping[str, Any], *, schema: DocumentKind | None = None) -> bytes:
    """Return a mapping as canonical YAML.

    Keys keep their order, and a blank line stands between those of the top level, so that edits
    of different keys merge. With `schema`, the first line names the JSON Schema for editors.

    Raises:
        InvalidInput: a part cannot be written such that it reads back as the same value.
    """
    require_plain(value, text_fault=control_fault)
    lines = [schema_line(schema)] if schema else []
    lines += mapping_lines(value, 0, apart=True) if value else ["{}"]
    data = ("\n".join(lines) + "\n").encode("utf-8")
    if len(data) > MAX_YAML_BYTES:
        raise InvalidInput(
            f"the document takes {len(data)} bytes, more than the {MAX_YAML_BYTES} that are read",
            hint="Put large values into files of their own and refer to them by path.",
        )
    return data


def schema_line(kind: DocumentKind) -> str:
    """Return the comment by which editors find the JSON Schema of a document."""
    return f"# yaml-language-server: $schema={schema_url(kind)}"


def mapping_lines(value: Mapping[str, Any], indent: int, *, apart: bool = False) -> list[str]:
    """Return the lines of a mapping that is not empty; `apart` puts blank lines between keys."""
    lines: list[str] = []
    for key, child in value.items():
        # A literal block that keeps its last blank line already stands apart; one more blank
        # line would become part of its text.
        if apart and lines and lines[-1]:
            lines.append("")
        lines += entry_lines(key, child, indent)
    return lines


def entry_lines(key: str, value: Any, indent: int) -> list[str]:
    """Return the lines of one key with its value."""
    pad = " " * indent
    name = scalar_text(key)
    written = write_value(value, indent)
    start = f"{pad}{name}:"
    if len(name) > _LONGEST_SIMPLE_KEY:
        start = f"{pad}? {name}\n{pad}:"
    return [f"{start} {written.head}" if written.head else start, *written.lines]


def item_lines(value: Any, indent: int) -> list[str]:
    """Return the lines of one item of a list."""
    pad = " " * indent
    if isinstance(value, Mapping) and value:
        return _after_dash(mapping_lines(value, indent + INDENT), indent)
    if isinstance(value, (list, tuple)) and value:
        return _after_dash(list_lines(value, indent + INDENT), indent)
    written = write_value(value, indent)
    return [f"{pad}- {written.head}", *written.lines]


def list_lines(values: Iterable[Any], indent: int) -> list[str]:
    """Return the lines of a list that is not empty."""
    return [line for value in values for line in item_lines(value, indent)]


def _after_dash(lines: list[str], indent: int) -> list[str]:
    # A first line that holds a long key is two lines in one text; both are indented already.
    return [" " * indent + "- " + lines[0][indent + INDENT :], *lines[1:]]


def write_value(value: Any, indent: int, *, step: int = INDENT) -> Written:
    """Return a value as it stands after `key:` or `-` in a collection at `indent`.

    `step` is the indentation of a literal block.
    """
    if isinstance(value, str) and is_block_text(value):
        return _write_block(value, indent, step)
    if isinstance(value, Mapping) and value:
        return Written(head="", lines=mapping_lines(value, indent + INDENT))
    if isinstance(value, (list, tuple)) and value:
        return Written(head="", lines=list_lines(value, indent + INDENT))
    return Written(head=scalar_text(value), lines=[])


def is_block_text(text: str) -> bool:
    """Return whether a text is written as a literal block: long or in lines, and it round-trips."""
    if "\n" not in text and len(text) <= LONG_TEXT:
        return False
    if deceptive(text.replace("\n", "").replace("\t", "")):
        return False
    lines = text.split("\n")
    # Lines of nothing but spaces at either end are where readers and editors differ.
    return bool(text.strip()) and all(not line or line.strip() for line in (lines[0], lines[-1]))


def _write_block(text: str, indent: int, step: int) -> Written:
    indicator = str(step) if text[0] in " \t\n" else ""
    chomping = "-" if text[-1] != "\n" else "+" if text.endswith("\n\n") else ""
    pad = " " * (indent + step)
    lines = text.removesuffix("\n").split("\n")
    return Written(
        head=f"|{indicator}{chomping}", lines=[pad + line if line else "" for line in lines]
    )


def scalar_text(value: Any) -> str:
    """Return text, a number, a boolean, null or an empty collection on one line."""
    if isinstance(value, str):
        return value if is_plain(value) else quoted(value)
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return _float_text(value)
    if isinstance(value, int):
        return int.__repr__(value)
    return "{}" if isinstance(value, Mapping) else "[]"


def is_plain(text: str) -> bool:
    """Return whether every reader takes the unquoted text for this very text."""
    return bool(
        _PLAIN.match(text)
        and not _NOT_PLAIN.search(text)
        and not deceptive(text)
        and text.lower() not in _RESERVED
    )


def quoted(text: str) -> str:
    """Return a text in double quotes, with the escapes that JSON has too."""
    return '"' + re.sub(_ESCAPED, _escape, text) + '"'


def _escape(found: re.Match[str]) -> str:
    character = found.group()
    return _ESCAPES.get(character) or f"\\u{ord(character):04x}"


def _float_text(value: float) -> str:
    # Readers of YAML 1.1 take `1e-05` for text: they want a point before the exponent.
    text = float.__repr__(value)
    mantissa, exponent_mark, exponent = text.partition("e")
    if exponent_mark and "." not in mantissa:
        mantissa += ".0"
    return mantissa + exponent_mark + exponent


def flow_text(value: Any) -> str:
    """Return a value on one line, collections in brackets and braces."""
    if isinstance(value, Mapping):
        inside = ", ".join(f"{flow_text(key)}: {flow_text(child)}" for key, child in value.items())
        return "{" + inside + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(flow_text(child) for child in value) + "]"
    if isinstance(value, str):
        plain = _FLOW_PLAIN.match(value) and is_plain(value)
        return value if plain else quoted(value)
    return scalar_text(value)
