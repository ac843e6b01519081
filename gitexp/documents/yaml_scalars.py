"""What an unquoted YAML scalar means: the core schema of YAML 1.2, and nothing ambiguous."""

from __future__ import annotations

import math
import re

from gitexp.documents.limits import MAX_INTEGER_DIGITS
from gitexp.documents.problems import shown

Scalar = str | int | float | bool | None

_WORDS: dict[str, Scalar] = {
    "": None,
    "~": None,
    **dict.fromkeys(("null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_DECIMAL = re.compile(r"[-+]?[0-9]+\Z")
_OCTAL = re.compile(r"0o[0-7]+\Z")
_HEXADECIMAL = re.compile(r"0x[0-9a-fA-F]+\Z")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?\Z")
_NOT_FINITE = re.compile(r"(?:[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))\Z")
_NUMBER_START = frozenset("0123456789+-.")


def resolve_plain(text: str) -> Scalar:
    """Return the value of an unquoted scalar.

    Raises:
        ValueError: it stands for a number that cannot be kept, or that readers take for
            different numbers; the message says which.
    """
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in _NUMBER_START:
        return text
    return _resolve_number(text)


def _resolve_number(text: str) -> Scalar:
    if _DECIMAL.match(text):
        return _decimal(text)
    if _OCTAL.match(text):
        return _based(text, 8)
    if _HEXADECIMAL.match(text):
        return _based(text, 16)
    if _NOT_FINITE.match(text):
        raise ValueError(f'{text} is not a finite number; for the text write "{text}"')
    return _float(text) if _FLOAT.match(text) else text


def _decimal(text: str) -> int:
    digits = text.lstrip("+-")
    if len(digits) > 1 and digits[0] == "0":
        raise ValueError(
            f"{shown_digits(text)} begins with 0, which is octal to some readers; "
            "leave the 0 out, or put the text in quotes"
        )
    if len(digits) > MAX_INTEGER_DIGITS:
        raise ValueError(_too_long())
    return int(text)


def _based(text: str, base: int) -> int:
    bits_a_digit = 3 if base == 8 else 4
    if (len(text) - 2) * bits_a_digit > MAX_INTEGER_DIGITS * math.log2(10):
        raise ValueError(_too_long())
    return int(text[2:], base)


def _float(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise ValueError(f"{shown_digits(text)} is too large for a floating-point number")
    return value


def _too_long() -> str:
    return f"an integer of more than {MAX_INTEGER_DIGITS} digits is not accepted"


def shown_digits(text: str) -> str:
    """Return a number as it was written, short enough for a message."""
    return shown(text, 42)[1:-1] if len(text) <= 40 else text[:39] + "…"
