"""Regular expressions as automata: what Python's own parser reads, without its back-tracking.

Each part of a pattern becomes states; a state either takes one character, or leads on to others
without taking any, some of them only where a condition holds (Thompson, "Regular expression
search algorithm", 1968). What no automaton can do is refused: references back to a group.
"""

from __future__ import annotations

import importlib
import re
import sys
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NamedTuple

MAX_STATES = 20_000
"""The most states of one pattern: `[a-z]{1,5000}` has about twice its larger number."""

_LEAF_FLAGS = re.IGNORECASE | re.ASCII | re.DOTALL
_CATEGORIES = {
    "CATEGORY_DIGIT": r"\d",
    "CATEGORY_NOT_DIGIT": r"\D",
    "CATEGORY_SPACE": r"\s",
    "CATEGORY_NOT_SPACE": r"\S",
    "CATEGORY_WORD": r"\w",
    "CATEGORY_NOT_WORD": r"\W",
}
_REFUSED = {
    "GROUPREF": "refers back to a group",
    "GROUPREF_EXISTS": "depends on whether a group matched",
    "ATOMIC_GROUP": "has an atomic group",
    "POSSESSIVE_REPEAT": "has a possessive quantifier",
}


class UnsupportedPattern(ValueError):
    """A pattern that is no regular expression, or none that an automaton can match."""


class Around(NamedTuple):
    """What surrounds a place between two characters; None stands for an end of the text."""

    before: str | None
    after: str | None


Condition = Callable[[Around], bool]


@dataclass(frozen=True, kw_only=True)
class Look:
    """A condition on the text ahead or behind: whether it matches an automaton of its own."""

    automaton: Automaton
    behind: int | None
    negated: bool


@dataclass(kw_only=True)
class State:
    """One state: it takes a character that is in `characters`, or leads on at once.

    Attributes:
        following: the states after it; none for the last.
        characters: what it takes; None for a state that takes nothing.
        condition: what must hold around the place to go on.
        look: what must hold of the text ahead or behind to go on.
    """

    following: tuple[int, ...] = ()
    characters: re.Pattern[str] | None = None
    condition: Condition | None = None
    look: Look | None = None


@dataclass(frozen=True, kw_only=True)
class Automaton:
    """A compiled pattern; state 0 is the one in which it has matched.

    Attributes:
        start: the state to begin in.
        conditional: whether a condition on neighbouring characters is among the states.
        looking: whether a condition on the text ahead or behind is among the states.
        anchored: whether it can only match from the beginning of the text.
    """

    states: tuple[State, ...]
    start: int
    conditional: bool
    looking: bool
    anchored: bool


def compile_pattern(pattern: str) -> Automaton:
    """Return the automaton of a pattern; `$` stands for the end of the text alone.

    Raises:
        UnsupportedPattern: it is no regular expression, or not one that can be matched in time
            that grows with the text alone.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            parsed = _parser().parse(pattern)
        return _automaton(parsed, parsed.state.flags)
    except (re.error, OverflowError) as exc:
        raise UnsupportedPattern(f"is not a regular expression: {exc}") from exc
    except RecursionError as exc:
        raise UnsupportedPattern("is nested too deeply") from exc


def _parser() -> Any:
    name = "re._parser" if sys.version_info >= (3, 11) else "sre_parse"
    return importlib.import_module(name)


def _automaton(parsed: Any, flags: int) -> Automaton:
    builder = _Builder()
    start = builder.sequence(parsed, flags, 0)
    states = tuple(builder.states)
    return Automaton(
        states=states,
        start=start,
        conditional=any(state.condition for state in states),
        looking=any(state.look for state in states),
        anchored=_is_anchored(parsed, flags),
    )


def _is_anchored(parsed: Any, flags: int) -> bool:
    first = next(iter(parsed), (None, None))
    names = ("AT_BEGINNING", "AT_BEGINNING_STRING")
    return str(first[0]) == "AT" and str(first[1]) in names and not flags & re.MULTILINE


@dataclass(kw_only=True)
class _Builder:
    """Makes states from back to front, so that each knows what follows it."""

    states: list[State] = field(default_factory=lambda: [State()])

    def add(self, state: State) -> int:
        if len(self.states) >= MAX_STATES:
            raise UnsupportedPattern(f"has more than {MAX_STATES} states once it is written out")
        self.states.append(state)
        return len(self.states) - 1

    def sequence(self, items: Iterable[Any], flags: int, then: int) -> int:
        """Return the first state of a sequence that goes on with the state `then`."""
        for operator, argument in reversed(list(items)):
            then = self._part(str(operator), argument, flags, then)
        return then

    def _part(self, operator: str, argument: Any, flags: int, then: int) -> int:
        if operator in _REFUSED:
            raise UnsupportedPattern(f"cannot be matched in bounded time: it {_REFUSED[operator]}")
        return _PARTS[operator](self, argument, flags, then)

    def leaf(self, characters: str, flags: int, then: int) -> int:
        return self.add(State(following=(then,), characters=_leaf(characters, flags & _LEAF_FLAGS)))

    def branch(self, argument: Any, flags: int, then: int) -> int:
        choices = tuple(self.sequence(items, flags, then) for items in argument[1])
        return self.add(State(following=choices))

    def group(self, argument: Any, flags: int, then: int) -> int:
        _, added, removed, items = argument
        return self.sequence(items, (flags | added) & ~removed, then)

    def repeat(self, argument: Any, flags: int, then: int) -> int:
        least, most, items = argument
        unbounded = most == _parser().MAXREPEAT
        entry = self._loop(items, flags, then) if unbounded else then
        for _ in range(0 if unbounded else most - least):
            entry = self.add(State(following=(self.sequence(items, flags, entry), then)))
        for _ in range(least):
            entry = self.sequence(items, flags, entry)
        return entry

    def _loop(self, items: Any, flags: int, then: int) -> int:
        entry = self.add(State())
        self.states[entry].following = (self.sequence(items, flags, entry), then)
        return entry

    def place(self, argument: Any, flags: int, then: int) -> int:
        return self.add(State(following=(then,), condition=_condition(str(argument), flags)))

    def look(self, argument: Any, flags: int, then: int, *, negated: bool) -> int:
        direction, items = argument
        least, most = items.getwidth()
        if direction < 0 and least != most:
            raise UnsupportedPattern("looks behind for texts of different lengths")
        behind = least if direction < 0 else None
        found = Look(automaton=_automaton(items, flags), behind=behind, negated=negated)
        return self.add(State(following=(then,), look=found))

    def failure(self, argument: Any, flags: int, then: int) -> int:
        return self.add(State(following=(then,), condition=lambda around: False))


_PARTS: dict[str, Callable[[_Builder, Any, int, int], int]] = {
    "LITERAL": lambda b, code, flags, then: b.leaf(f"[{_escaped(code)}]", flags, then),
    "NOT_LITERAL": lambda b, code, flags, then: b.leaf(f"[^{_escaped(code)}]", flags, then),
    "ANY": lambda b, _, flags, then: b.leaf(".", flags, then),
    "IN": lambda b, items, flags, then: b.leaf(_class_text(items), flags, then),
    "BRANCH": _Builder.branch,
    "SUBPATTERN": _Builder.group,
    "MAX_REPEAT": _Builder.repeat,
    "MIN_REPEAT": _Builder.repeat,
    "AT": _Builder.place,
    "ASSERT": lambda b, argument, flags, then: b.look(argument, flags, then, negated=False),
    "ASSERT_NOT": lambda b, argument, flags, then: b.look(argument, flags, then, negated=True),
    "FAILURE": _Builder.failure,
}


@lru_cache(maxsize=1024)
def _leaf(characters: str, flags: int) -> re.Pattern[str]:
    return re.compile(characters, flags)


def _escaped(code: int) -> str:
    return f"\\U{code:08x}"


def _class_text(items: Iterable[Any]) -> str:
    return "[" + "".join(_class_item(str(operator), argument) for operator, argument in items) + "]"


def _class_item(operator: str, argument: Any) -> str:
    if operator == "NEGATE":
        return "^"
    if operator == "RANGE":
        return f"{_escaped(argument[0])}-{_escaped(argument[1])}"
    return _CATEGORIES[str(argument)] if operator == "CATEGORY" else _escaped(argument)


def _condition(name: str, flags: int) -> Condition:
    multiline = bool(flags & re.MULTILINE)
    if name == "AT_BEGINNING" and multiline:
        return lambda around: around.before in (None, "\n")
    if name == "AT_END" and multiline:
        return lambda around: around.after in (None, "\n")
    if name in ("AT_BEGINNING", "AT_BEGINNING_STRING"):
        return lambda around: around.before is None
    if name in ("AT_END", "AT_END_STRING"):
        return lambda around: around.after is None
    word = _leaf(r"\w", flags & _LEAF_FLAGS)
    wanted = name == "AT_BOUNDARY"
    return lambda around: wanted == (_is_in(word, around.before) != _is_in(word, around.after))


def _is_in(characters: re.Pattern[str], character: str | None) -> bool:
    return character is not None and characters.match(character) is not None
