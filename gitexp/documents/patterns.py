"""Matching a text against somebody's regular expression, in time that grows with the text alone.

Python's `re` tries one way after the other, and a pattern such as `(a+)+$` has it try more ways
than there are atoms, on a text of 80 letters. Patterns come with a project, and values with its
experiments, so neither can be trusted to end. Here all ways are followed side by side.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache

from gitexp.documents.automata import (
    Around,
    Automaton,
    Look,
    State,
    UnsupportedPattern,
    compile_pattern,
)
from gitexp.documents.problems import shown
from gitexp.errors import InvalidInput

MAX_PATTERN_LENGTH = 2_000
"""The longest pattern, in characters."""

MAX_MATCHED_LENGTH = 200_000
"""The longest text that is matched against a pattern, in characters."""

_MAX_STEPS = 1_000_000
"""How many states one match looks at by default: only those met for the first time count."""

_MAX_KEPT = 20_000

States = frozenset[int]

_MATCHED: States = frozenset([0])


def pattern_fault(pattern: str) -> str | None:
    """Return why a text cannot be used as a pattern, or None when it can."""
    try:
        _compiled(pattern)
    except UnsupportedPattern as exc:
        return f"{shown(pattern)} {exc}"
    return None


def matches(pattern: str, text: str, *, steps: int = _MAX_STEPS) -> bool:
    """Return whether a text matches a pattern somewhere; `$` stands for the end alone.

    Args:
        steps: how many states may be looked at; a million take about a second.

    Raises:
        InvalidInput: the pattern cannot be used, or the text is too long for it.
    """
    try:
        matcher = _compiled(pattern)
    except UnsupportedPattern as exc:
        raise InvalidInput(
            f"the pattern {shown(pattern)} {exc}",
            hint="Write it without references to groups, or check the value where it is used.",
        ) from exc
    if len(text) > MAX_MATCHED_LENGTH:
        raise _too_long(pattern, text)
    try:
        return _Search(matcher, text, steps).from_anywhere()
    except _OutOfSteps as exc:
        raise _too_long(pattern, text) from exc


def _too_long(pattern: str, text: str) -> InvalidInput:
    return InvalidInput(
        f"text of {len(text)} characters is too long to be matched with {shown(pattern)}",
        hint="Shorten the text, or take the pattern out of the definition.",
    )


class _OutOfSteps(Exception):
    """A match took more steps than it may."""


@dataclass(frozen=True, kw_only=True)
class _Matcher:
    """An automaton, and what earlier matches found out about it.

    Attributes:
        moves: from states, the kind of the character before and the one after, to the next states.
    """

    automaton: Automaton
    moves: dict[tuple[States, str | None, str], States] = field(default_factory=dict)


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> _Matcher:
    if len(pattern) > MAX_PATTERN_LENGTH:
        raise UnsupportedPattern(f"is longer than {MAX_PATTERN_LENGTH} characters")
    return _Matcher(automaton=compile_pattern(pattern))


class _Search:
    """One match of one text; searches ahead and behind spend from the same steps."""

    def __init__(self, matcher: _Matcher, text: str, steps: int) -> None:
        self.matcher = matcher
        self.text = text
        self.steps = steps

    def from_anywhere(self) -> bool:
        """Return whether the text matches, beginning at any character."""
        automaton = self.matcher.automaton
        start = frozenset([automaton.start])
        states = start
        for position in range(len(self.text) + 1):
            states = self._after(states, position)
            if states is _MATCHED:
                return True
            if not automaton.anchored:
                states |= start
            elif not states:
                return False
        return False

    def _after(self, states: States, position: int) -> States:
        """Return the states after the character at a position, `_MATCHED` if one had matched."""
        automaton, moves = self.matcher.automaton, self.matcher.moves
        if automaton.looking:
            return self._move(automaton, states, position)
        before = self._before(position) if automaton.conditional else None
        key = (states, before, self.text[position : position + 1])
        found = moves.get(key)
        if found is None:
            if len(moves) >= _MAX_KEPT:
                moves.clear()
            found = moves[key] = self._move(automaton, states, position)
        return found

    def _before(self, position: int) -> str | None:
        """Return a character that conditions take for the one before a position."""
        character = self.text[position - 1] if position else None
        if character is None or character == "\n":
            return character
        word = character.isalnum() or character == "_"
        return ("a" if character.isascii() else "\u00e9") if word else " "

    def _move(self, automaton: Automaton, states: States, position: int) -> States:
        reached = self._reached(automaton, states, position)
        return _MATCHED if 0 in reached else self._taken(automaton, reached, position)

    def _taken(self, automaton: Automaton, reached: set[int], position: int) -> States:
        """Return the states that take the character at a position, which is none at the end."""
        character = self.text[position : position + 1]
        if not character:
            return frozenset()
        states = (automaton.states[number] for number in reached)
        return frozenset(
            s.following[0] for s in states if s.characters and s.characters.match(character)
        )

    def _reached(self, automaton: Automaton, states: States, position: int) -> set[int]:
        """Return the states that are reached without taking a character."""
        reached: set[int] = set()
        waiting = list(states)
        while waiting:
            number = waiting.pop()
            if number not in reached:
                reached.add(number)
                waiting += self._onward(automaton.states[number], position)
        self.steps -= len(reached)
        if self.steps < 0:
            raise _OutOfSteps
        return reached

    def _onward(self, state: State, position: int) -> tuple[int, ...]:
        """Return the states that a state leads on to at once, where its conditions hold."""
        if state.characters is not None:
            return ()
        if state.condition is not None and not state.condition(self._around(position)):
            return ()
        if state.look is not None and not self._sees(state.look, position):
            return ()
        return state.following

    def _around(self, position: int) -> Around:
        after = self.text[position : position + 1]
        return Around(self._before(position), after or None)

    def _sees(self, look: Look, position: int) -> bool:
        """Return whether the text ahead or behind is as a condition wants it."""
        if look.behind is None:
            found = self._matches_from(look.automaton, position, None)
        else:
            begin = position - look.behind
            found = begin >= 0 and self._matches_from(look.automaton, begin, position)
        return found != look.negated

    def _matches_from(self, automaton: Automaton, begin: int, end: int | None) -> bool:
        """Return whether the text matches from a position, up to another where one is given."""
        states: States = frozenset([automaton.start])
        for position in range(begin, len(self.text) + 1):
            reached = self._reached(automaton, states, position)
            if end in (None, position) and 0 in reached:
                return True
            states = self._taken(automaton, reached, position)
            if not states or position == end:
                return False
        return False
