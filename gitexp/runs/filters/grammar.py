"""The grammar of filters and orders, by recursive descent.

    or         = and { OR and }
    and        = not { AND not }
    not        = NOT not | "(" or ")" | comparison
    comparison = field ( "=" | "==" | "!=" | "<>" | "<" | "<=" | ">" | ">=" ) value
               | field [ NOT ] IN "(" value { "," value } ")"
               | field [ NOT ] ( LIKE | ILIKE ) text
               | field [ NOT ] BETWEEN value AND value
               | field IS [ NOT ] NULL
    order      = field [ ASC | DESC ] { "," field [ ASC | DESC ] }

Words are read in capitals or small letters.
"""

from __future__ import annotations

from collections.abc import Callable

from gitexp.documents.problems import shown
from gitexp.runs.filters.conditions import (
    And,
    Between,
    Comparator,
    Comparison,
    Condition,
    Field,
    In,
    Like,
    Not,
    Null,
    Or,
    Order,
    Value,
)
from gitexp.runs.filters.fields import RUNS, Vocabulary
from gitexp.runs.filters.tokens import Token, fault, tokens_of
from gitexp.runs.filters.values import refuse_order, require_pattern, value_of

MAX_DEPTH = 32
"""How deep parentheses and NOT may nest."""

MAX_COMPARISONS = 500
"""How many comparisons a filter may hold."""

_COMPARATORS: dict[str, Comparator] = {
    "=": "=",
    "==": "=",
    "!=": "!=",
    "<>": "!=",
    "<": "<",
    "<=": "<=",
    ">": ">",
    ">=": ">=",
}
_KEYWORDS = frozenset(["AND", "OR", "NOT", "IN", "LIKE", "ILIKE", "BETWEEN", "IS", "NULL"])


def parse_filter(text: str, vocabulary: Vocabulary = RUNS) -> Condition | None:
    """Return what a filter says, or None for one that says nothing.

    Args:
        vocabulary: the fields that it may name.

    Raises:
        InvalidInput: it cannot be read, names a field that does not exist, or compares a field
            with a value that does not fit it; the message says at which column.
    """
    reader = _Reader(text, "filter", vocabulary)
    if reader.next.kind == "end":
        return None
    condition = reader.either()
    reader.require_end("AND, OR or the end")
    return condition


def parse_order(text: str) -> tuple[Order, ...]:
    """Return the fields that a text such as `metrics.loss DESC, name` orders by.

    Raises:
        InvalidInput: it cannot be read, or names a field that does not exist.
    """
    reader = _Reader(text, "order")
    found = [reader.order()]
    while reader.takes(","):
        found.append(reader.order())
    reader.require_end("ASC, DESC, a comma or the end")
    return tuple(found)


def parse_fields(text: str) -> tuple[Field, ...]:
    """Return the fields that a text such as `run_id, metrics.loss` names.

    Raises:
        InvalidInput: it cannot be read, or names a field that does not exist.
    """
    reader = _Reader(text, "fields")
    found = [reader.field()]
    while reader.takes(","):
        found.append(reader.field())
    reader.require_end("a comma or the end")
    return tuple(found)


class _Reader:
    """Reads the words of one text from left to right."""

    def __init__(self, text: str, what: str, vocabulary: Vocabulary = RUNS) -> None:
        self._what = what
        self._vocabulary = vocabulary
        self._tokens = tokens_of(text, what)
        self._depth = 0
        self._comparisons = 0
        self.next = next(self._tokens)

    def either(self) -> Condition:
        parts = self._joined(self._both, "OR")
        return parts[0] if len(parts) == 1 else Or(tuple(parts))

    def _both(self) -> Condition:
        parts = self._joined(self._negation, "AND")
        return parts[0] if len(parts) == 1 else And(tuple(parts))

    def _joined(self, part: Callable[[], Condition], word: str) -> list[Condition]:
        parts = [part()]
        while self._takes_word(word):
            parts.append(part())
        return parts

    def _negation(self) -> Condition:
        opening = self.next
        if self._takes_word("NOT"):
            return Not(self._deeper(opening, self._negation))
        if self.takes("("):
            condition = self._deeper(opening, self.either)
            if not self.takes(")"):
                raise self._unexpected("AND, OR or ')'")
            return condition
        return self._comparison()

    def _deeper(self, opening: Token, part: Callable[[], Condition]) -> Condition:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise fault(self._what, opening.column, f"nested more than {MAX_DEPTH} deep")
        condition = part()
        self._depth -= 1
        return condition

    def _comparison(self) -> Condition:
        self._comparisons += 1
        if self._comparisons > MAX_COMPARISONS:
            message = f"more than {MAX_COMPARISONS} comparisons"
            raise fault(self._what, self.next.column, message, hint="Use IN for many values.")
        field = self.field()
        sign = self.next
        if sign.kind == "sign" and sign.text in _COMPARATORS:
            return self._compared(field, self._take())
        if self._takes_word("IS"):
            negated = self._takes_word("NOT")
            self._require_word("NULL")
            return Null(field, negated)
        negated = self._takes_word("NOT")
        word = self.next.keyword
        if word not in ("IN", "LIKE", "ILIKE", "BETWEEN"):
            raise self._unexpected("a comparison such as =, <, IN, LIKE or IS NULL")
        self._take()
        return self._worded(field, word, negated)

    def _compared(self, field: Field, sign: Token) -> Condition:
        comparator = _COMPARATORS[sign.text]
        if error := refuse_order(field, comparator, sign, self._what):
            raise error
        return Comparison(field, comparator, self._value(field))

    def _worded(self, field: Field, word: str, negated: bool) -> Condition:
        if word == "IN":
            return In(field, self._values(field), negated)
        if word == "BETWEEN":
            return self._between(field, negated)
        pattern = require_pattern(field, self._take(), self._what)
        return Like(field, pattern, ignore_case=word == "ILIKE", negated=negated)

    def _between(self, field: Field, negated: bool) -> Condition:
        if error := refuse_order(field, "BETWEEN", self.next, self._what):
            raise error
        low = self._value(field)
        self._require_word("AND")
        return Between(field, low, self._value(field), negated)

    def _values(self, field: Field) -> tuple[Value, ...]:
        if not self.takes("("):
            raise self._unexpected("'(' and the values")
        values = [self._value(field)]
        while self.takes(",") and self.next.text != ")":
            values.append(self._value(field))
        if not self.takes(")"):
            raise self._unexpected("',' or ')'")
        return tuple(values)

    def _value(self, field: Field) -> Value:
        return value_of(field, self._take(), self._what)

    def order(self) -> Order:
        """Read a field and its direction."""
        token = self.next
        field = self.field()
        if field.kind == "dataset":
            message = f"runs cannot be ordered by {field.text}, of which one may have several"
            raise fault(self._what, token.column, message)
        descending = self._takes_word("DESC")
        if not descending:
            self._takes_word("ASC")
        return Order(field, descending)

    def field(self) -> Field:
        """Read a field."""
        token = self.next
        is_name = token.kind in ("word", "name") and token.text not in ("``", '""')
        if not is_name or token.keyword in _KEYWORDS:
            raise self._unexpected(f"a field such as {self._vocabulary.example}")
        return self._vocabulary.field_of(self._take().text, token.column, self._what)

    def takes(self, sign: str) -> bool:
        """Read a sign if it comes next."""
        found = self.next.kind == "sign" and self.next.text == sign
        if found:
            self._take()
        return found

    def _takes_word(self, word: str) -> bool:
        found = self.next.keyword == word
        if found:
            self._take()
        return found

    def _require_word(self, word: str) -> None:
        if not self._takes_word(word):
            raise self._unexpected(word)

    def require_end(self, expected: str) -> None:
        """Refuse what follows."""
        if self.next.kind != "end":
            raise self._unexpected(expected)

    def _take(self) -> Token:
        token = self.next
        if token.kind != "end":
            self.next = next(self._tokens)
        return token

    def _unexpected(self, expected: str) -> Exception:
        found = "the end" if self.next.kind == "end" else shown(self.next.text)
        return fault(self._what, self.next.column, f"expected {expected}, found {found}")
