"""Where the nodes of a YAML text begin and end, for edits that leave the rest as it is."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Literal

from gitexp.documents.yaml_reader import yaml_events

NodeKind = Literal["scalar", "block", "flow", "mapping", "sequence"]
"""A text on a line or folded over lines; a `|` or `>` text; a `[...]` or `{...}`; and the two
collections whose parts stand on lines of their own."""

_KEEPS = re.compile(r"[|>][0-9]?\+")


@dataclass(frozen=True, kw_only=True)
class Node:
    """A value in the text.

    Attributes:
        start: the offset of its first character.
        end: the offset after its last character; a block's end is before its last line feed.
        column: the column of its first character, from 0.
        style: the quotes or the `|` or `>` of a text, else empty.
        keeps: whether blank lines below it belong to its text.
        entries: the parts of a collection that stands on lines of its own.
    """

    kind: NodeKind
    start: int
    end: int
    column: int
    style: str = ""
    keeps: bool = False
    entries: tuple[Entry, ...] = ()

    @property
    def last(self) -> Node:
        """The part with which the node ends: itself, unless it is a collection."""
        return self.entries[-1].node.last if self.entries else self


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A key with its value, or an item of a list, which has no key."""

    node: Node
    key: str | None = None
    key_start: int = 0
    key_end: int = 0


@dataclass(frozen=True, kw_only=True)
class Tree:
    """The root of a text, and whether the document is ended by `...` or begun by `---`."""

    root: Node | None
    explicit: bool


@dataclass
class _Open:
    event: Any
    entries: list[Entry] = field(default_factory=list)
    key: Any = None


def read_tree(text: str) -> Tree:
    """Return the nodes of a text that `parse_yaml` has accepted."""
    import yaml

    builder = _Builder(text=text)
    explicit = False
    for event in yaml_events(text):
        if isinstance(event, yaml.ScalarEvent):
            builder.scalar(event)
        elif isinstance(event, yaml.CollectionStartEvent):
            builder.open.append(_Open(event=event))
        elif isinstance(event, yaml.CollectionEndEvent):
            builder.close(event)
        elif isinstance(event, (yaml.DocumentStartEvent, yaml.DocumentEndEvent)):
            explicit = explicit or bool(event.explicit)
    return Tree(root=builder.root, explicit=explicit)


@dataclass
class _Builder:
    text: str
    root: Node | None = None
    open: list[_Open] = field(default_factory=list)

    def scalar(self, event: Any) -> None:
        import yaml

        top = self.open[-1] if self.open else None
        if top and isinstance(top.event, yaml.MappingStartEvent) and top.key is None:
            top.key = event
        else:
            self._add(self._scalar_node(event))

    def _scalar_node(self, event: Any) -> Node:
        start, end = event.start_mark.index, event.end_mark.index
        style = event.style or ""
        block = style in ("|", ">") and bool(style)
        keeps = block and bool(_KEEPS.match(self.text, start))
        if block:
            end = self._end_of_block(start, end, keeps)
        return Node(
            kind="block" if block else "scalar",
            start=start,
            end=end,
            column=event.start_mark.column,
            style=style,
            keeps=keeps,
        )

    def _end_of_block(self, start: int, end: int, keeps: bool) -> int:
        written = self.text[start:end]
        kept = written.removesuffix("\n").removesuffix("\r") if keeps else written.rstrip()
        return start + len(kept)

    def close(self, end: Any) -> None:
        closed = self.open.pop()
        start = closed.event.start_mark
        if closed.event.flow_style:
            node = Node(kind="flow", start=start.index, end=end.end_mark.index, column=start.column)
        else:
            node = Node(
                kind="mapping" if closed.entries[0].key is not None else "sequence",
                start=start.index,
                end=closed.entries[-1].node.end,
                column=start.column,
                entries=tuple(closed.entries),
            )
        self._add(node)

    def _add(self, node: Node) -> None:
        if not self.open:
            self.root = node
            return
        top = self.open[-1]
        if top.key is None:
            top.entries.append(Entry(node=node))
            return
        top.entries.append(
            Entry(
                node=node,
                key=top.key.value,
                key_start=top.key.start_mark.index,
                key_end=top.key.end_mark.index,
            )
        )
        top.key = None
