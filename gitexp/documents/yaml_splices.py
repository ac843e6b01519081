"""Splices into YAML: the smallest pieces of text that make one set of values another."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gitexp.documents.limits import deceptive
from gitexp.documents.values import same
from gitexp.documents.yaml_lines import Lines
from gitexp.documents.yaml_tree import Entry, Node, Tree
from gitexp.documents.yaml_writer import (
    INDENT,
    entry_lines,
    flow_text,
    is_block_text,
    item_lines,
    list_lines,
    mapping_lines,
    quoted,
    scalar_text,
    write_value,
)

_COLON = re.compile(r"[ \t]*:")
_DASH = re.compile(r"[ \t]*-[ \t]*\Z")
_COMMENT = re.compile(r"(?:^|[ \t])(#[^\r\n]*)")
_LINE_WIDTH = 100


class CannotSplice(Exception):
    """The text is laid out such that this piece of it cannot be replaced on its own."""


@dataclass(frozen=True, kw_only=True)
class _Edit:
    start: int
    end: int
    text: str


@dataclass
class Splicer:
    """Gathers the edits that turn one text into another.

    Attributes:
        lines: the old text; it ends with a line feed.
        newline: the line end of lines that are written.
        deep: whether nested collections are edited in their parts, or replaced whole.
    """

    lines: Lines
    newline: str
    deep: bool
    edits: list[_Edit] = field(default_factory=list)

    def result(self) -> str:
        """Return the text with all edits made.

        Raises:
            CannotSplice: two edits contradict each other.
        """
        pieces: list[str] = []
        done = 0
        for edit in sorted(self.edits, key=lambda edit: (edit.start, edit.end)):
            if edit.start < done and edit.text:
                raise CannotSplice
            pieces += [self.lines.text[done : edit.start], edit.text]
            done = max(done, edit.end)
        return "".join(pieces) + self.lines.text[done:]

    def edit_root(self, tree: Tree, old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
        """Add the edits of a whole document whose root is a mapping on lines of its own.

        Raises:
            CannotSplice: its layout does not allow it.
        """
        root = tree.root
        if root is None or root.kind != "mapping":
            raise CannotSplice
        self._edit_entries(root, old, new)
        open_ended = root.last.keeps and not self.lines.text[root.end :].strip()
        position = self._end_of_root(root, explicit=tree.explicit, open_ended=open_ended)
        apart = not open_ended
        for key in (key for key in new if key not in old):
            lines = entry_lines(key, new[key], root.column)
            self._insert(position, ["", *lines] if apart else lines)
            apart = bool(lines[-1])

    def _end_of_root(self, root: Node, *, explicit: bool, open_ended: bool) -> int:
        if explicit:
            return self.lines.after(root.end)
        if open_ended:
            return len(self.lines.text)
        return self.lines.after(len(self.lines.text.rstrip()))

    def _edit_entries(self, node: Node, old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
        for entry in node.entries:
            key = str(entry.key)
            if key not in new:
                self._remove(node, entry)
            elif not same(old[key], new[key]):
                self._edit_value(entry, old[key], new[key], node.column)

    def _edit_mapping(self, node: Node, old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
        self._edit_entries(node, old, new)
        added = {key: child for key, child in new.items() if key not in old}
        self._insert(self.lines.after(node.end), mapping_lines(added, node.column))

    def _edit_sequence(self, node: Node, old: list[Any], new: list[Any]) -> None:
        first, rest = _common_ends(old, new)
        both = min(len(old), len(new)) - rest
        for position in range(first, both):
            entry = node.entries[position]
            if not same(old[position], new[position]):
                self._edit_value(entry, old[position], new[position], node.column)
        for entry in node.entries[both : len(old) - rest]:
            self._remove(node, entry)
        added = list_lines(new[both : len(new) - rest], node.column)
        self._insert(self._before_item(node, both), added)

    def _before_item(self, node: Node, position: int) -> int:
        if position:
            return self.lines.after(node.entries[position - 1].node.end)
        return self._own_line(node.start)

    def _own_line(self, offset: int) -> int:
        if self.lines.indentation(offset).strip():
            raise CannotSplice
        return self.lines.start_of(offset)

    def _edit_value(self, entry: Entry, old: Any, new: Any, column: int) -> None:
        if self.deep and self._edit_parts(entry.node, old, new):
            return
        inline = self._inline(entry.node, new)
        if inline is not None:
            start, end = entry.node.start, entry.node.end
            separate = "" if self.lines.text[start - 1] in " \t\n" else " "
            self.edits.append(_Edit(start=start, end=end, text=separate + inline))
        elif entry.key is not None:
            self._rewrite_after_key(entry, new, column)
        else:
            lines = item_lines(new, column)
            self._replace_lines(self._dash_line(entry.node, column), entry.node, lines)

    def _edit_parts(self, node: Node, old: Any, new: Any) -> bool:
        """Edit a collection in its parts; return whether that was possible."""
        before = len(self.edits)
        try:
            if node.kind == "mapping" and isinstance(new, Mapping) and new:
                self._edit_mapping(node, old, new)
                return True
            if node.kind == "sequence" and isinstance(new, (list, tuple)) and new:
                self._edit_sequence(node, old, list(new))
                return True
        except CannotSplice:
            del self.edits[before:]
        return False

    def _inline(self, node: Node, new: Any) -> str | None:
        """Return a value that can take the place of a node on its line, in the node's style."""
        if node.kind not in ("scalar", "flow"):
            return None
        if isinstance(new, (Mapping, list, tuple)) and new:
            return self._inline_flow(node, new)
        if isinstance(new, str):
            return None if is_block_text(new) else _quoted_alike(node.style, new)
        return scalar_text(new)

    def _inline_flow(self, node: Node, new: Any) -> str | None:
        text = self.lines.text[node.start : node.end]
        if node.kind != "flow" or "\n" in text:
            return None
        if isinstance(new, Mapping) and not text.strip("{ }"):
            return None  # braces around nothing say nothing of how to write what comes
        written = flow_text(new)
        width = len(self.lines.indentation(node.start)) + len(written)
        return written if width <= _LINE_WIDTH else None

    def _rewrite_after_key(self, entry: Entry, new: Any, column: int) -> None:
        colon = _COLON.match(self.lines.text, entry.key_end)
        if not colon:
            raise CannotSplice
        written = write_value(new, column, step=self._step(entry.node, column))
        comment = self._comment(entry.node, colon.end())
        head = "".join(f" {part}" for part in (written.head, comment) if part)
        self._replace_lines(colon.end(), entry.node, [head, *written.lines])

    def _replace_lines(self, start: int, node: Node, lines: list[str]) -> None:
        end = self.lines.end_of(node.end)
        if len(lines) > 1 and not lines[-1]:
            # This text keeps the blank lines below it: those there now would become part of it.
            end = self.lines.end_above(self.lines.below_blank(self.lines.after(end)))
        self.edits.append(_Edit(start=start, end=end, text=self._joined(lines)))

    def _joined(self, lines: list[str]) -> str:
        return "\n".join(lines).replace("\n", self.newline)

    def _step(self, node: Node, column: int) -> int:
        """Return how far a literal text is indented now, or as much as it usually is."""
        if node.kind != "block":
            return INDENT
        below = self.lines.text[self.lines.after(node.start) : node.end]
        filled = next((line for line in below.split("\n") if line.strip()), "")
        step = len(filled) - len(filled.lstrip(" ")) - column
        return step if 1 <= step <= 9 else INDENT

    def _comment(self, node: Node, after_colon: int) -> str:
        """Return the comment behind a value, or behind the key of one that begins below."""
        below = node.kind in ("block", "mapping", "sequence")
        found = _COMMENT.search(self.lines.rest(after_colon if below else node.end))
        return f" {found.group(1)}" if found else ""

    def _remove(self, node: Node, entry: Entry) -> None:
        """Remove an entry, the comments right above it, and one run of blank lines."""
        own = (
            self._dash_line(entry.node, node.column)
            if entry.key is None
            else self._own_line(entry.key_start)
        )
        start = self.lines.above_comments(own, node.column)
        end = self.lines.after(entry.node.end)
        above = self.lines.above_blank(start)
        if entry is node.entries[-1]:
            start = above
        elif above < start or not start:
            end = self.lines.below_blank(end)
        self.edits.append(_Edit(start=start, end=end, text=""))

    def _dash_line(self, node: Node, column: int) -> int:
        """Return where the line of a list's item begins, which its dash must begin."""
        dash = _DASH.match(self.lines.indentation(node.start))
        if not dash or dash.group().index("-") != column:
            raise CannotSplice
        return self.lines.start_of(node.start)

    def _insert(self, position: int, lines: list[str]) -> None:
        if not lines:
            return
        end = position if lines[-1] else self.lines.below_blank(position)
        text = self._joined([*lines, ""])
        self.edits.append(_Edit(start=position, end=end, text=text))


def _common_ends(old: list[Any], new: list[Any]) -> tuple[int, int]:
    """Return how many items two lists share at their beginning, and then at their end."""
    shorter = min(len(old), len(new))
    first = next((i for i in range(shorter) if not same(old[i], new[i])), shorter)
    rest = next(
        (i for i in range(shorter - first) if not same(old[-1 - i], new[-1 - i])), shorter - first
    )
    return first, rest


def _quoted_alike(style: str, text: str) -> str:
    if style == "'" and not deceptive(text):
        return "'" + text.replace("'", "''") + "'"
    return quoted(text) if style in ("'", '"') and style else scalar_text(text)
