"""Answers of systems: decoded strictly, and the output and usage found in them."""

from __future__ import annotations

import codecs
import json
from collections.abc import Callable, Mapping
from typing import Any

from gitexp.documents.problems import MISSING, shown
from gitexp.errors import InvalidInput
from gitexp.evaluation.answers import NOTHING_USED, CallFailed, Usage, is_amount
from gitexp.evaluation.endpoints.loading import Price
from gitexp.evaluation.endpoints.paths import compile_path
from gitexp.evaluation.running.outputs import plain_output

MAX_BYTES = 10 * 2**20
"""The most bytes that are read of an answer, unless an endpoint says otherwise."""

MAX_MESSAGE = 10_000
"""The longest message of a failure that a program or a function names, in characters."""

_LONGEST_KIND = 100
_SHOWN = 300
_SLOW_CODECS = frozenset(["punycode", "idna"])
"""Encodings of host names; decoding them takes time that grows with the square of the length."""


def bad_response(message: str) -> CallFailed:
    """Return the failure of an answer that cannot be used."""
    return CallFailed(message, kind="BadResponse")


def kind_of(named: Any) -> str:
    """Return the kind of a failure that a program or a function names, else `Error`."""
    return named if isinstance(named, str) and 0 < len(named) <= _LONGEST_KIND else "Error"


def message_of(named: str) -> str:
    """Return the message of a failure that a program or a function names, cut where it is long."""
    return named if len(named) <= MAX_MESSAGE else f"{named[:MAX_MESSAGE]}…"


def _no_number(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


_DECODE = json.JSONDecoder(parse_constant=_no_number).decode


def json_of(text: str) -> Any:
    """Return the value of a JSON text.

    Raises:
        CallFailed: it is none.
    """
    try:
        return _DECODE(text)
    except (ValueError, RecursionError) as exc:
        reason = "it is nested too deep" if isinstance(exc, RecursionError) else str(exc)
        raise bad_response(f"the answer is no JSON: {reason}: {excerpt(text)}") from exc


def text_of(data: bytes, charset: str | None = None) -> str:
    """Return the text of an answer; a mark of the byte order in front is left out.

    Raises:
        CallFailed: it is not in the encoding that it claims, which is UTF-8 where it claims none.
    """
    try:
        if charset and codecs.lookup(charset).name in _SLOW_CODECS:
            raise LookupError("no encoding of texts")
        return data.decode(charset or "utf-8").removeprefix("\ufeff")
    except (ValueError, LookupError) as exc:
        raise bad_response(f"the answer is no text in {charset or 'UTF-8'}: {exc}") from exc


def excerpt(text: str) -> str:
    """Return the beginning of an answer for a message."""
    return shown(text.strip(), _SHOWN) if text.strip() else "it is empty"


class Reader:
    """Finds the output and the usage in answers, as an endpoint's `response` says."""

    def __init__(self, response: Mapping[str, Any], price: Price | None, *, form: str) -> None:
        self._is_json = response.get("format", form) == "json" or "extract" in response
        self._extract = compile_path(response["extract"]) if "extract" in response else None
        self._wanted = response.get("extract", "")
        usage = response.get("usage", {})
        self._usage = {key: compile_path(path) for key, path in usage.items()}
        self._price = price

    def read(self, data: bytes, charset: str | None = None) -> tuple[Any, Usage]:
        """Return the output of an answer and what it used up.

        Raises:
            CallFailed: it cannot be read, or has no output where one is expected.
        """
        text = text_of(data, charset)
        return self.found_in(json_of(text) if self._is_json else text)

    def found_in(self, value: Any) -> tuple[Any, Usage]:
        """Return the same of an answer that is decoded."""
        usage = self._usage_of(value) if self._usage else NOTHING_USED
        try:
            return checked_output(self._extracted(value)), usage
        except CallFailed as exc:
            exc.usage = usage
            raise

    def _extracted(self, value: Any) -> Any:
        output = self._extract(value) if self._extract is not None else value
        if output is MISSING:
            raise bad_response(
                f"nothing stands at {shown(self._wanted)} in the answer {shown(value, _SHOWN)}"
            )
        return output

    def _usage_of(self, value: Any) -> Usage:
        numbers = {key: _number(find(value)) for key, find in self._usage.items()}
        return with_cost(_usage(numbers), self._price)


_KINDS: Mapping[str, Callable[[float | None], Any]] = {
    "input_tokens": lambda number: None if number is None else int(number),
    "output_tokens": lambda number: None if number is None else int(number),
    "cost": lambda number: number,
}


def _number(value: Any) -> float | None:
    return value if is_amount(value) else None


def _usage(numbers: Mapping[str, float | None]) -> Usage:
    return Usage(**{key: _KINDS[key](number) for key, number in numbers.items()})


def usage_of(data: Any) -> Usage:
    """Return the usage that a program or a function names, as it can be recorded.

    Raises:
        CallFailed: it is no mapping of numbers.
    """
    if data is None:
        return NOTHING_USED
    named = data.to_dict() if isinstance(data, Usage) else data
    numbers = {key: named.get(key) for key in _KINDS} if isinstance(named, Mapping) else None
    if numbers is None or not all(n is None or is_amount(n) for n in numbers.values()):
        raise bad_response(f"the usage is no mapping of numbers: {shown(named, _SHOWN)}")
    return _usage(numbers)


def with_cost(usage: Usage, price: Price | None) -> Usage:
    """Return a usage with its cost, where the endpoint has a price and the answer named none."""
    if price is None or usage.cost is not None:
        return usage
    return Usage(
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        cost=price.cost_of(usage),
    )


def checked_output(output: Any) -> Any:
    """Return an output as plain data of its own.

    Raises:
        CallFailed: it cannot be stored.
    """
    if type(output) is str and output.isascii() and len(output) <= MAX_BYTES:
        return output
    try:
        return plain_output(output)
    except InvalidInput as exc:
        raise bad_response(f"the output cannot be used: {exc.message}") from exc
