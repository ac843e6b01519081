"""What a task is given for a sample, and what a system under test answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from gitexp.documents.problems import MISSING
from gitexp.evaluation.datasets.sample import Sample


@dataclass(frozen=True, kw_only=True, slots=True)
class Usage:
    """What a call used up.

    Attributes:
        input_tokens, output_tokens: None where the system does not say.
        cost: in the currency of the endpoint's prices; None where it has none.
    """

    input_tokens: int | None = None
    output_tokens: int | None = None
    cost: float | None = None

    def __add__(self, other: Usage) -> Usage:
        if other is NOTHING_USED:
            return self
        return Usage(
            input_tokens=_sum(self.input_tokens, other.input_tokens),
            output_tokens=_sum(self.output_tokens, other.output_tokens),
            cost=_sum(self.cost, other.cost),
        )

    @property
    def tokens(self) -> int:
        """All tokens that are known of."""
        return (self.input_tokens or 0) + (self.output_tokens or 0)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Usage:
        """Return the usage that a checked mapping describes."""
        return cls(
            input_tokens=data.get("input_tokens"),
            output_tokens=data.get("output_tokens"),
            cost=data.get("cost"),
        )

    def to_dict(self) -> dict[str, Any]:
        """Return what is known; an empty mapping where nothing is."""
        found = {
            "input_tokens": self.input_tokens,
            "output_tokens": self.output_tokens,
            "cost": self.cost,
        }
        return {name: value for name, value in found.items() if value is not None}


NOTHING_USED = Usage()
"""What most calls say that they used up."""

MAX_AMOUNT = 1e15
"""The most tokens, and the highest cost, that a call is believed to have taken."""


def is_amount(value: Any) -> bool:
    """Return whether a value that a system names is a number of tokens, or a cost, that can be."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    return 0 <= value <= MAX_AMOUNT


def _sum(left: Any, right: Any) -> Any:
    if left is None or right is None:
        return right if left is None else left
    return left + right


@dataclass(frozen=True, kw_only=True, slots=True)
class Attempt:
    """An attempt of a call that failed, after which another one was made.

    Attributes:
        kind, message: of the failure.
        seconds: when it failed, counted from the beginning of the call.
        wait: the seconds until the next attempt.
    """

    kind: str
    message: str
    seconds: float
    wait: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What one call gave.

    Attributes:
        output: plain JSON data.
        attempts: how often the system was asked until it answered.
        cached: whether it was answered from the cache of responses, without asking.
        attributes: what a trace says of the call, by the names of the GenAI conventions.
        failures: the attempts before the one that gave the answer.
    """

    output: Any
    usage: Usage = NOTHING_USED
    attempts: int = 1
    cached: bool = False
    attributes: Mapping[str, Any] = field(default_factory=dict)
    failures: tuple[Attempt, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Asking:
    """What one task is given for one sample.

    Attributes:
        input: what the task works on: the sample's input for the first task, else the output of
            the task before it.
        outputs: the outputs of the earlier tasks of this sample, by the tasks' names.
        repeat: which pass over the sample it is, from 0.
        seed: the same for the same run, sample and repeat; None where the run has no seed.
        trace_id, span_id: what spans of the call belong to, in hexadecimal; empty where nothing
            is traced.
    """

    sample: Sample
    input: Any
    parameters: Mapping[str, Any]
    outputs: Mapping[str, Any] = field(default_factory=dict)
    repeat: int = 0
    seed: int | None = None
    trace_id: str = ""
    span_id: str = ""

    @property
    def traceparent(self) -> str:
        """The header of W3C Trace Context for this call; empty where nothing is traced."""
        return f"00-{self.trace_id}-{self.span_id}-01" if self.trace_id else ""

    def inside(self, span_id: str) -> Asking:
        """Return the same for a call inside a span; it takes a third of what `replace` takes."""
        return Asking(
            sample=self.sample,
            input=self.input,
            parameters=self.parameters,
            outputs=self.outputs,
            repeat=self.repeat,
            seed=self.seed,
            trace_id=self.trace_id,
            span_id=span_id,
        )

    def variables(self) -> dict[str, Any]:
        """Return the names that a template may use."""
        expected = self.sample.expected
        return {
            "input": self.input,
            "sample": {
                "id": self.sample.id,
                "input": self.sample.input,
                "expected": None if expected is MISSING else expected,
                "metadata": self.sample.metadata,
            },
            "parameters": self.parameters,
            "outputs": self.outputs,
            "repeat": self.repeat,
            "seed": self.seed,
        }


class CallFailed(Exception):
    """A system under test did not give an answer that can be used.

    Attributes:
        kind: a stable word for statistics, such as `HTTP 503`, `Timeout`, `BadResponse`.
        retryable: whether asking again may help.
        retry_after: the seconds that the system asked to wait; None where it did not.
        failures: the attempts before the last one.
        usage: what the call used up all the same, its attempts before the last one included.
    """

    def __init__(
        self,
        message: str,
        *,
        kind: str,
        retryable: bool = False,
        retry_after: float | None = None,
        failures: tuple[Attempt, ...] = (),
        usage: Usage | None = None,
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.retryable = retryable
        self.retry_after = retry_after
        self.failures = failures
        self.usage = usage or NOTHING_USED

    def __reduce__(self) -> Any:
        return _call_failed, (str(self), self.__dict__.copy())


def _call_failed(message: str, named: Mapping[str, Any]) -> CallFailed:
    return CallFailed(message, **named)


class Caller(Protocol):
    """A system under test that is ready to be asked, inside one event loop."""

    async def call(self, asking: Asking) -> Answer:
        """Return its answer.

        Raises:
            CallFailed: it gave none.
        """

    async def close(self) -> None:
        """Let go of connections, threads and processes."""
