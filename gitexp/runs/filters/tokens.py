"""The words of a filter: quoted texts, numbers, dates, fields and signs, each with its place."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal, NamedTuple, NoReturn

from gitexp.documents.problems import shown
from gitexp.errors import InvalidInput

MAX_LENGTH = 100_000
"""The longest filter that is read."""

_LONGEST_NUMBER = 64

TokenKind = Literal["text", "name", "number", "date", "word", "sign", "end"]

_TOKEN = re.compile(
    r"""
    (?P<space>\s+)
  | (?P<text>'(?:[^']|'')*')
  | (?P<name>`[^`]*`|"(?:[^"]|"")*")
  | (?P<date>\d{4}-\d{2}-\d{2}
       (?:T\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?(?:Z|[+-]\d{2}:?\d{2})?)?(?![\w.:+-]))
  | (?P<number>[+-]?(?:(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|(?i:infinity|inf|nan))(?![\w.]))
  | (?P<word>[^\W\d]\w*(?:\.(?:`[^`]*`|"(?:[^"]|"")*"|[\w./:@-]+))?)
  | (?P<sign>==|!=|<>|<=|>=|[=<>(),])
    """,
    re.VERBOSE,
)


class Token(NamedTuple):
    """One word of a filter.

    Attributes:
        text: as it was written.
        column: where it begins, from 1.
    """

    kind: TokenKind
    text: str
    column: int

    @property
    def keyword(self) -> str:
        """The word in capitals; nothing for what is no word."""
        return self.text.upper() if self.kind == "word" else ""

    @property
    def content(self) -> str:
        """What stands between the quotes."""
        return unquoted(self.text)


def tokens_of(text: str, what: str) -> Iterator[Token]:
    """Yield the words of a filter and, at last, its end.

    Raises:
        InvalidInput: something in it is no word, or it is too long.
    """
    if len(text) > MAX_LENGTH:
        raise InvalidInput(
            f"the {what} is longer than {MAX_LENGTH} characters", hint="Ask in several steps."
        )
    position = 0
    while position < len(text):
        found = _TOKEN.match(text, position)
        if found is None:
            _refuse(text, position, what)
        kind = found.lastgroup
        if kind != "space":
            token = Token(kind, found.group(), position + 1)  # type: ignore[arg-type]
            if kind == "number" and len(token.text) > _LONGEST_NUMBER:
                raise fault(what, token.column, "a number of so many digits cannot be compared")
            yield token
        position = found.end()
    yield Token("end", "", len(text) + 1)


def fault(what: str, column: int, message: str, *, hint: str | None = None) -> InvalidInput:
    """Return the error for a place in a filter or an order."""
    return InvalidInput(f"{what}, column {column}: {message}", hint=hint)


def unquoted(text: str) -> str:
    """Return what stands between quotes, a doubled quote as one."""
    quote = text[0]
    return text[1:-1] if quote == "`" else text[1:-1].replace(quote * 2, quote)


def _refuse(text: str, position: int, what: str) -> NoReturn:
    if text[position] == "." and text[position + 1 : position + 2] in ("`", '"'):
        position += 1
    character, column = text[position], position + 1
    if character in "'\"`":
        raise fault(
            what,
            column,
            f"the quote {character} is never closed",
            hint="Close it; a quote inside a quoted text is written twice.",
        )
    word = re.match(r"[^\s()=<>!,]+", text[position:])
    raise fault(what, column, f"cannot read {shown(word.group() if word else character)}")
