"""Strict YAML: bounded before it is parsed, one meaning for each text, every problem at once.

Values are built from the stream of events. So no constructor runs, nothing is expanded, nesting
is counted before anything recurses, and every part knows its place.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from gitexp.documents.limits import MAX_DEPTH, MAX_PROBLEMS, MAX_YAML_BYTES, forbidden
from gitexp.documents.parsed import LazyPositions, ParsedDocument, Position
from gitexp.documents.problems import Problem, place_of, shown
from gitexp.documents.texts import decode, raw_character_problems
from gitexp.documents.values import Path, character_name
from gitexp.documents.yaml_scalars import resolve_plain, shown_digits
from gitexp.errors import InvalidDocuments

__all__ = ["ParsedDocument", "parse_yaml", "yaml_events"]

_NO_KEY: Any = object()
_HINT = "Correct the file at the places named; `gitexp validate` checks it again."


def parse_yaml(data: bytes | str, *, file: str, max_bytes: int = MAX_YAML_BYTES) -> ParsedDocument:
    """Return the value of a YAML document and the places of its parts.

    An empty document has the value None.

    Raises:
        InvalidDocuments: every problem that could be found. Refused are other encodings than
            UTF-8, more than one document, anchors, aliases, tags, merge keys, repeated keys, keys
            that are not text, control characters, numbers that are not finite or too long, deep
            nesting and large files.
    """
    text = decode(data, file=file, max_bytes=max_bytes)
    problems = list(islice(raw_character_problems(text, file), MAX_PROBLEMS))
    if problems:
        raise InvalidDocuments(problems, hint=_HINT)
    builder = _Builder(file=file)
    value = builder.build(text)
    if builder.problems:
        raise InvalidDocuments(builder.problems, hint=_HINT)
    return ParsedDocument(value=value, positions=LazyPositions(lambda: _positions(text, file)))


def yaml_events(text: str) -> Iterator[Any]:
    """Yield the events of a YAML text, from the C parser where PyYAML was built with it.

    Raises:
        yaml.YAMLError: the text is no YAML; raised between events.
    """
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    yield from yaml.parse(text, Loader=loader)


def _positions(text: str, file: str) -> Mapping[Path, Position]:
    builder = _Builder(file=file, positions={})
    builder.build(text)
    return builder.positions or {}


class _TooMany(Exception):
    """There is no point in reading on."""


@dataclass
class _Frame:
    """A mapping or list that is still open."""

    value: dict[str, Any] | list[Any]
    key: Any = _NO_KEY
    keeps: bool = True
    lines: dict[str, int] = field(default_factory=dict)

    @property
    def awaits_key(self) -> bool:
        return self.key is _NO_KEY and isinstance(self.value, dict)

    @property
    def step(self) -> str | int:
        """The key or position of the value that comes next, or is open inside."""
        if isinstance(self.value, list):
            return len(self.value)
        return "?" if self.key is _NO_KEY else str(self.key)


@dataclass
class _Builder:
    """Folds events into a value."""

    file: str
    positions: dict[Path, Position] | None = None
    problems: list[Problem] = field(default_factory=list)
    frames: list[_Frame] = field(default_factory=list)
    root: Any = None
    documents: int = 0

    def build(self, text: str) -> Any:
        import yaml

        handlers = {
            yaml.ScalarEvent: self._scalar,
            yaml.MappingStartEvent: self._mapping_start,
            yaml.SequenceStartEvent: self._sequence_start,
            yaml.MappingEndEvent: self._end,
            yaml.SequenceEndEvent: self._end,
            yaml.AliasEvent: self._alias,
            yaml.DocumentStartEvent: self._document_start,
        }
        try:
            for event in yaml_events(text):
                handler = handlers.get(type(event))
                if handler:
                    handler(event)
        except yaml.YAMLError as exc:
            self.problems.append(_syntax_problem(exc, self.file))
        except _TooMany:
            pass
        return self.root

    def _document_start(self, event: Any) -> None:
        self.documents += 1
        if self.documents > 1:
            self._problem(event, "a second document begins; a file holds one")
            raise _TooMany
        if event.version not in (None, (1, 2)):
            self._problem(event, "a %YAML directive of another version than 1.2 is not allowed")
        if event.tags:
            self._problem(event, "a %TAG directive is not allowed")

    def _scalar(self, event: Any) -> None:
        self._refuse_decorations(event)
        value = self._resolved(event)
        if self.frames and self.frames[-1].awaits_key:
            self._key(event, value)
        else:
            self._place(value, event)

    def _resolved(self, event: Any) -> Any:
        if event.implicit[0]:
            try:
                return resolve_plain(event.value)
            except ValueError as exc:
                self._problem(event, str(exc))
                return event.value
        found = forbidden(event.value)
        if found:
            self._problem(event, f"{character_name(found.group())} is not allowed")
        return event.value

    def _key(self, event: Any, value: Any) -> None:
        frame = self.frames[-1]
        fault = self._key_fault(event, value, frame)
        if isinstance(value, str):
            frame.key = value
            self._mark(event)
        if fault:
            self._problem(event, fault)
        frame.key, frame.keeps = event.value, fault is None
        frame.lines.setdefault(event.value, event.start_mark.line + 1)

    def _key_fault(self, event: Any, value: Any, frame: _Frame) -> str | None:
        if event.implicit[0] and value == "<<":
            return 'merge keys are not allowed; for the text write "<<"'
        if not isinstance(value, str):
            return f'keys are text: write "{shown_digits(event.value)}" in quotes'
        if value in frame.lines:
            return f"the key is repeated; line {frame.lines[value]} has it"
        return None

    def _mapping_start(self, event: Any) -> None:
        self._open({}, event)

    def _sequence_start(self, event: Any) -> None:
        self._open([], event)

    def _open(self, value: dict[str, Any] | list[Any], event: Any) -> None:
        self._refuse_decorations(event)
        if self.frames and self.frames[-1].awaits_key:
            self._problem(event, "keys are text: a key is a mapping or a list")
            self.frames.append(_Frame(value=value, keeps=False))
            return
        if len(self.frames) >= MAX_DEPTH:
            self._problem(event, f"nested more than {MAX_DEPTH} deep", steps=3)
            raise _TooMany
        self._mark_item(event)
        self.frames.append(_Frame(value=value))

    def _end(self, event: Any) -> None:
        closed = self.frames.pop()
        frame = self.frames[-1] if self.frames else None
        if frame and frame.awaits_key:
            frame.key, frame.keeps = "?", False
        else:
            self._store(closed.value)

    def _alias(self, event: Any) -> None:
        self._problem(
            event, f"aliases (*{_short(event.anchor)}) are not allowed; write the value out"
        )
        if self.frames and self.frames[-1].awaits_key:
            self.frames[-1].key, self.frames[-1].keeps = f"*{event.anchor}", False
        else:
            self._store(None)

    def _place(self, value: Any, event: Any) -> None:
        self._mark_item(event)
        self._store(value)

    def _store(self, value: Any) -> None:
        if not self.frames:
            self.root = value
            return
        frame = self.frames[-1]
        if isinstance(frame.value, list):
            frame.value.append(value)
            return
        if frame.keeps:
            frame.value[frame.key] = value
        frame.key = _NO_KEY

    def _refuse_decorations(self, event: Any) -> None:
        if event.anchor is not None:
            message = f"anchors (&{_short(event.anchor)}) are not allowed; write the value out"
            self._problem(event, message)
        if event.tag is not None:
            self._problem(event, f"tags ({_short(event.tag)}) are not allowed")

    def _mark_item(self, event: Any) -> None:
        if not self.frames or isinstance(self.frames[-1].value, list):
            self._mark(event)

    def _mark(self, event: Any) -> None:
        if self.positions is not None:
            mark = event.start_mark
            self.positions[self._path()] = (mark.line + 1, mark.column + 1)

    def _path(self) -> Path:
        return tuple(frame.step for frame in self.frames)

    def _problem(self, event: Any, message: str, *, steps: int | None = None) -> None:
        at_key = bool(self.frames) and self.frames[-1].awaits_key
        path = self._path()[: -1 if at_key else steps]
        mark = event.start_mark
        self.problems.append(
            Problem(
                file=self.file,
                place=place_of(path),
                message=message,
                line=mark.line + 1,
                column=mark.column + 1,
            )
        )
        if len(self.problems) >= MAX_PROBLEMS:
            raise _TooMany


def _short(text: str) -> str:
    return shown(text)[1:].removesuffix('"')


def _syntax_problem(exc: Any, file: str) -> Problem:
    mark = getattr(exc, "problem_mark", None)
    reason = getattr(exc, "problem", None) or getattr(exc, "reason", None) or "unreadable"
    context = getattr(exc, "context", None)
    message = f"not YAML: {reason}" + (f" {context}" if context else "")
    return Problem(
        file=file,
        message=shown(message, 200)[1:-1].replace('\\"', '"'),
        line=mark.line + 1 if mark else None,
        column=mark.column + 1 if mark else None,
    )
