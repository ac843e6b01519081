"""Endpoints as they are described by `endpoints/NAME.yaml`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from gitexp.documents import layout
from gitexp.documents.canonical import digest_of
from gitexp.documents.problems import Problem, place_of
from gitexp.errors import InvalidDocuments
from gitexp.evaluation.answers import Usage
from gitexp.evaluation.files import read_document
from gitexp.ids import parse_name
from gitexp.runs.run import Reference

EndpointType = Literal["python", "http", "command", "chat", "replay"]

ANSWER_SECONDS = 300.0
"""How long an answer over the network may take, unless an endpoint says otherwise."""

NETWORK_ATTEMPTS = 3
"""How often a call over the network is tried, unless an endpoint says otherwise."""

_OVER_NETWORK = frozenset(["http", "chat"])
_COMMON = frozenset(
    ["type", "description", "timeout", "concurrency", "retry", "rate_limit", "price", "cache"]
)


@dataclass(frozen=True, kw_only=True)
class Retry:
    """How a call that failed is tried again.

    Attributes:
        attempts: how often it is tried at most; 1 for never again.
        backoff_seconds: before the second attempt; they double from attempt to attempt.
        statuses: the HTTP statuses after which it is tried again; None for the usual ones.
    """

    attempts: int = 1
    backoff_seconds: float = 1.0
    max_backoff_seconds: float = 60.0
    statuses: tuple[int, ...] | None = None

    def is_retryable(self, status: int) -> bool:
        """Return whether asking again may help after an HTTP status."""
        if self.statuses is not None:
            return status in self.statuses
        return status >= 500 or status in (408, 409, 425, 429)


@dataclass(frozen=True, kw_only=True)
class RateLimit:
    """How much may be asked of a system in a minute; None for as much as one likes."""

    requests_per_minute: float | None = None
    tokens_per_minute: float | None = None


@dataclass(frozen=True, kw_only=True)
class Price:
    """What a million tokens cost."""

    input_per_million: float
    output_per_million: float
    currency: str = "USD"

    def cost_of(self, usage: Usage) -> float | None:
        """Return what a usage costs; None where its tokens are not known."""
        if usage.input_tokens is None and usage.output_tokens is None:
            return None
        bought = (usage.input_tokens or 0) * self.input_per_million
        return (bought + (usage.output_tokens or 0) * self.output_per_million) / 1e6


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """The description of a system under test.

    Attributes:
        digest: over the description.
        timeout: the seconds after which an attempt is an error; None for none.
        concurrency: how many calls may be in flight at once; None for as many as the run has.
        cache: whether its responses may be cached; the code of functions and programs is no part
            of what they are filed under, so theirs are cached only where the file says so.
        options: what only its type knows.
    """

    name: str
    type: EndpointType
    digest: str
    description: str = ""
    timeout: float | None = None
    concurrency: int | None = None
    retry: Retry = field(default_factory=Retry)
    rate_limit: RateLimit = field(default_factory=RateLimit)
    price: Price | None = None
    cache: bool = True
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def reference(self) -> Reference:
        """What a run records of it."""
        return Reference(name=self.name, digest=self.digest)

    @property
    def what(self) -> str:
        """What it is called in messages."""
        return f"endpoint {self.name!r}"


def load_endpoint(directory: Path, name: str, *, root: str = "") -> Endpoint:
    """Return an endpoint of a project's working tree; nothing of it is imported or asked.

    Raises:
        NotFound: the project has no endpoint of that name.
        InvalidDocuments: everything that is wrong in its file, its templates among it.
    """
    path = layout.endpoint_path("", parse_name(name, "endpoint name"))
    file = layout.join(root, path)
    data = read_document(directory, path, "endpoint", what=f"endpoint {name!r}", file=file)
    from gitexp.evaluation.endpoints.checking import faults_in

    problems = [
        Problem(file=file, place=place_of(place), message=message)
        for place, message in faults_in(data)
    ]
    if problems:
        raise InvalidDocuments(
            problems, hint="Write values as {{ input }}, {{ parameters.NAME }} or {{ sample.id }}."
        )
    return endpoint_of(name, data)


def endpoint_of(name: str, data: Mapping[str, Any]) -> Endpoint:
    """Return the endpoint that a checked document describes."""
    kind: EndpointType = data["type"]
    over_network = kind in _OVER_NETWORK
    price = data.get("price")
    return Endpoint(
        name=name,
        type=kind,
        digest=digest_of(data),
        description=data.get("description", ""),
        timeout=data.get("timeout", ANSWER_SECONDS if over_network else None),
        concurrency=data.get("concurrency"),
        retry=_retry(data.get("retry", {}), NETWORK_ATTEMPTS if over_network else 1),
        rate_limit=RateLimit(**data.get("rate_limit", {})),
        price=Price(**price) if price else None,
        cache=data.get("cache", over_network),
        options={key: value for key, value in data.items() if key not in _COMMON},
    )


def _retry(data: Mapping[str, Any], attempts: int) -> Retry:
    statuses = data.get("statuses")
    known = {"attempts": attempts, **data}
    return Retry(**{**known, "statuses": None if statuses is None else tuple(statuses)})
