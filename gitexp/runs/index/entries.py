"""What the index keeps of one run, made from its document."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta, timezone
from functools import lru_cache
from typing import Any, NamedTuple

from gitexp.clock import parse_iso
from gitexp.runs.index.schema import LONGEST_TEXT, shortened

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_MICROSECOND = timedelta(microseconds=1)
_NUMERIC = re.compile(r"[+-]?(?:(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|(?i:inf(?:inity)?))\Z")
_INTEGER = re.compile(r"[+-]?\d{1,18}\Z")
_LARGEST = 2**53
_CONTEXT_TAG = "mlflow.data.context"

_dumps = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode

Subject = tuple["str | None", "str | None", "str | None", "str | None", "str | None", int, str]
"""Version, digest, dataset's name, path, digest and samples, and evaluators: what runs share."""


class Entry(NamedTuple):
    """The rows of one run; the numbers of keys, run and subject are still to be given.

    Attributes:
        attributes: from `experiment_id` to `error`, in the order of `schema.RUN_COLUMNS`.
        counts: passed, failed, errors, unscored, total.
        metrics: kind (`metric` or `score`), name, value (None for NaN).
        params: name, text, number (None for what is none).
        texts: long texts by what stands for them.
    """

    id: str
    attributes: tuple[Any, ...]
    subject: Subject
    counts: tuple[int, int, int, int, int]
    metrics: list[tuple[str, str, float | None]]
    params: list[tuple[str, str, int | float | None]]
    tags: list[tuple[str, str]]
    datasets: list[tuple[str, str, str | None]]
    texts: dict[str, str]
    document: str


def entry_of(document: Mapping[str, Any]) -> Entry:
    """Return what the index keeps of a run with this document.

    Raises:
        ArithmeticError, LookupError, TypeError, ValueError: it is no document of a run.
    """
    texts = _Texts()
    return Entry(
        id=document["id"],
        attributes=_attributes(document, texts),
        subject=_subject(document),
        counts=_counts(document.get("stats") or {}),
        metrics=[*_metrics(document), *_scores(document)],
        params=_params(document, texts),
        tags=[(name, texts.short(text)) for name, text in document.get("tags", {}).items()],
        datasets=[*_datasets(document, texts)],
        texts=texts.long,
        document=_dumps(document),
    )


class _Texts:
    """Shortens texts, and keeps the long ones."""

    def __init__(self) -> None:
        self.long: dict[str, str] = {}

    def short(self, text: str) -> str:
        if len(text) <= LONGEST_TEXT:
            return text
        short = shortened(text)
        self.long[short] = text
        return short

    def optional(self, text: str | None) -> str | None:
        return self.short(text) if text else None


def _attributes(document: Mapping[str, Any], texts: _Texts) -> tuple[Any, ...]:
    code = document["code"]
    exit_code, duration = (document.get("exit") or {}).get("code"), document.get("duration_seconds")
    return (
        document["experiment"]["id"],
        texts.optional(document.get("name")),
        texts.optional(document.get("description")),
        document["status"],
        microseconds(document["created_at"]),
        _moment(document.get("started_at")),
        _moment(document.get("ended_at")),
        float(duration) if duration is not None else None,
        document["version"],
        document["digest"],
        code["commit"],
        texts.optional(code.get("branch")),
        code["dirty"],
        texts.short(document["who"]),
        texts.optional((document.get("dataset") or {}).get("name")),
        texts.optional((document.get("endpoint") or {}).get("name")),
        document.get("lifecycle", "active"),
        document.get("parent"),
        _held(document.get("attempt", 1)),
        document.get("retry_of"),
        _held(exit_code),
        texts.optional(_error(document.get("error"))),
    )


def _held(number: int | None) -> int | None:
    """Return an integer that a column holds, also when those of many runs are added up.

    Raises:
        ValueError: it is larger than anything that can be counted.
    """
    if number is None or abs(number) <= _LARGEST:
        return number
    raise ValueError("a count is larger than 2**53")


def microseconds(text: str) -> int:
    """Return an ISO-8601 moment as microseconds since 1970."""
    return int((parse_iso(text) - _EPOCH) // _MICROSECOND)


def _moment(text: str | None) -> int | None:
    return microseconds(text) if text else None


def _error(error: Mapping[str, str] | None) -> str | None:
    return f"{error['type']}: {error['message']}" if error else None


def _subject(document: Mapping[str, Any]) -> Subject:
    dataset = document.get("dataset") or {}
    samples: int = dataset.get("samples", -1)
    _held(samples)
    evaluators = sorted((e["name"], e["digest"]) for e in document.get("evaluators", ()))
    return (
        document["version"],
        document["digest"],
        dataset.get("name"),
        dataset.get("path"),
        dataset.get("digest"),
        samples,
        _evaluators_text(tuple(evaluators)),
    )


@lru_cache(maxsize=256)
def _evaluators_text(evaluators: tuple[tuple[str, str], ...]) -> str:
    return _dumps(evaluators)


def _counts(stats: Mapping[str, int]) -> tuple[int, int, int, int, int]:
    passed, failed, errors = (stats.get(name, 0) for name in ("passed", "failed", "errors"))
    unscored, total = stats.get("unscored", 0), passed + failed + errors
    _held(max(unscored, total))
    return passed, failed, errors, unscored, total


def _metrics(document: Mapping[str, Any]) -> Iterator[tuple[str, str, float | None]]:
    for name, point in document.get("metrics", {}).items():
        yield "metric", name, _number(point["value"])


def _scores(document: Mapping[str, Any]) -> Iterator[tuple[str, str, float | None]]:
    for name, numbers in document.get("scores", {}).items():
        if numbers.get("mean") is not None:
            yield "score", name, _number(numbers["mean"])


def _number(value: float | str) -> float | None:
    number = float(value)
    return number if number == number else None


def _params(
    document: Mapping[str, Any], texts: _Texts
) -> list[tuple[str, str, int | float | None]]:
    """Return what was logged, and the resolved parameters of which nothing was logged."""
    values = {**document["parameters"], **document.get("params", {})}
    return [(name, texts.short(param_text(v)), param_number(v)) for name, v in values.items()]


def param_text(value: Any) -> str:
    """Return how a param reads as text: a text as it is, anything else as JSON."""
    if isinstance(value, str):
        return value
    # What JSON makes of these as well, in a part of the time.
    return repr(value) if type(value) in (int, float) else _dumps(value)


def param_number(value: Any) -> int | float | None:
    """Return the number that a param is, or that its text says; None for any other."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    if isinstance(value, str):
        if not _NUMERIC.match(value):
            return None
        return int(value) if _INTEGER.match(value) else float(value)
    return value if isinstance(value, float) or -(2**63) <= value < 2**63 else _as_float(value)


def _as_float(value: int) -> float:
    try:
        return float(value)
    except OverflowError:
        return float("inf") if value > 0 else float("-inf")


def _datasets(document: Mapping[str, Any], texts: _Texts) -> Iterator[tuple[str, str, str | None]]:
    """Yield name, digest and context of the dataset of an evaluation and of all inputs."""
    dataset = document.get("dataset")
    if dataset:
        yield texts.short(dataset["name"]), dataset["digest"], None
    for given in document.get("inputs", ()):
        context = given.get("tags", {}).get(_CONTEXT_TAG)
        yield texts.short(given["name"]), texts.short(given["digest"]), texts.optional(context)
