"""Where the spans of a run go: beside its rows, and to a collector where one is configured."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from gitexp.ids import Randomness
from gitexp.runs.run import Run

if TYPE_CHECKING:
    from gitexp.evaluation.running.making import SampleTrace
    from gitexp.evaluation.running.requests import EvaluationRequest


class Spans:
    """Makes the spans of the samples of one run, and hands them on.

    Args:
        name: the name of the root span of each sample.
        send: takes the spans of a sample for a collector; None without one.
    """

    def __init__(
        self,
        run: Run,
        *,
        name: str,
        random_bits: Randomness,
        send: Callable[[list[dict[str, Any]]], None] | None = None,
    ) -> None:
        from gitexp import __version__
        from gitexp.evaluation.tracing.spans import attributes_of

        self._name = name
        self._random_bits = random_bits
        self._send = send
        self._version = __version__
        self._resource = resource_of(run)
        self._attributes = attributes_of(
            {"gitexp.run.id": run.id, "gitexp.experiment.name": run.experiment}
        )

    def take(self, trace: SampleTrace) -> bytes:
        """Return the spans of a sample as a line of a file, after handing them on."""
        from gitexp.evaluation.tracing.spans import encoded, spans_of, traces_data

        spans = spans_of(trace, name=self._name, attributes=self._attributes, new_id=self._new_id)
        if self._send is not None:
            self._send(spans)
        return encoded(traces_data(spans, resource=self._resource, version=self._version))

    def _new_id(self) -> str:
        return f"{self._random_bits(64):016x}"


def resource_of(run: Run) -> dict[str, Any]:
    """Return what made the spans, in OTLP's form."""
    from gitexp.evaluation.tracing.spans import attributes_of

    return {
        "attributes": attributes_of(
            {"service.name": "gitexp", "gitexp.project": run.project, "gitexp.version": run.version}
        )
    }


@contextmanager
def open_spans(
    run: Run, request: EvaluationRequest, environ: Mapping[str, str], random_bits: Randomness
) -> Iterator[Spans | None]:
    """Yield what makes the spans of a run; None where it is not traced."""
    if not request.enable_tracing:
        yield None
        return
    yield Spans(run, name=request.span_workflow_name, random_bits=random_bits)
