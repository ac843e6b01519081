"""Edits of YAML that a person wrote: what did not change stays as it is, byte for byte.

Only the lines of keys and items that changed are written anew. Every edit is read back; one that
does not give exactly the values wanted is made again more coarsely: first whole top-level keys,
at last the whole document under its leading comments.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from gitexp.documents.texts import BOM
from gitexp.documents.values import control_fault, require_plain, same
from gitexp.documents.yaml_lines import Lines
from gitexp.documents.yaml_reader import parse_yaml
from gitexp.documents.yaml_splices import CannotSplice, Splicer
from gitexp.documents.yaml_tree import read_tree
from gitexp.documents.yaml_writer import dump_yaml
from gitexp.errors import InvalidDocuments


def edit_yaml(old: bytes, value: Mapping[str, Any], *, file: str) -> bytes:
    """Return the text of a document with other values, all else kept as its author wrote it.

    Comments, order, blank lines, quoting and line ends stay; new keys come last. Values that are
    equal, in type too, give the very same bytes.

    Raises:
        InvalidDocuments: the old text cannot be read.
        InvalidInput: a new value cannot be written.
    """
    require_plain(value, text_fault=control_fault)
    before = parse_yaml(old, file=file).value
    if same(before, value):
        return old
    text = old.decode("utf-8")
    mark, body = (BOM, text[1:]) if text.startswith(BOM) else ("", text)
    for attempt in (_spliced, _spliced_by_key):
        edited = _verified(attempt, body, before, value)
        if edited is not None:
            return (mark + edited).encode("utf-8")
    return (mark + _rewritten(body, value)).encode("utf-8")


Attempt = Callable[[str, Any, Mapping[str, Any]], str]


def _verified(attempt: Attempt, body: str, before: Any, value: Mapping[str, Any]) -> str | None:
    """Return an edited text, or None when it does not read back as the values wanted."""
    try:
        edited = attempt(body, before, value)
        after = parse_yaml(edited, file="").value
    except (CannotSplice, InvalidDocuments):
        return None
    return edited if same(after, value) else None


def _spliced(body: str, before: Any, value: Mapping[str, Any]) -> str:
    return _splice(body, before, value, deep=True)


def _spliced_by_key(body: str, before: Any, value: Mapping[str, Any]) -> str:
    return _splice(body, before, value, deep=False)


def _splice(body: str, before: Any, value: Mapping[str, Any], *, deep: bool) -> str:
    newline = _newline(body)
    text = body if body.endswith("\n") else body + newline
    if not isinstance(before, Mapping) or not value:
        raise CannotSplice
    splicer = Splicer(lines=Lines(text), newline=newline, deep=deep)
    splicer.edit_root(read_tree(text), before, value)
    return splicer.result()


def _rewritten(body: str, value: Mapping[str, Any]) -> str:
    newline = _newline(body)
    written = dump_yaml(value).decode("utf-8").replace("\n", newline)
    return _leading_comments(body) + written


def _leading_comments(body: str) -> str:
    lines: list[str] = []
    for line in body.splitlines(keepends=True):
        if line.strip() and not line.lstrip(" ").startswith("#"):
            break
        lines.append(line)
    comments = "".join(lines)
    return comments if comments.strip() else ""


def _newline(body: str) -> str:
    return "\r\n" if "\r\n" in body[: body.find("\n") + 1] else "\n"
