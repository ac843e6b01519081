"""Where the spans of a run go: beside its rows, and to a collector where one is configured.

Nothing else of tracing is imported for a run that is not traced.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from gitexp.runs.rows import Failure
from gitexp.runs.run import RunStatus
from gitexp.runs.tallies import Stats

if TYPE_CHECKING:
    from gitexp.evaluation.running.making import Made
    from gitexp.evaluation.running.planning import Plan
    from gitexp.evaluation.tracing.collectors import Collector
    from gitexp.evaluation.tracing.exporting import Exporter
    from gitexp.evaluation.tracing.runs import RunSpan
    from gitexp.evaluation.tracing.spans import SampleSpans
    from gitexp.surroundings import Surroundings

_MOST_PENDING = 1 << 15
"""Bytes of spans, those of some twenty samples, that only this process knows of."""

Keep = Callable[[bytes], None]
Ending = Callable[[], tuple[Failure | None, Stats]]


class Spans:
    """Takes what happened for the samples of one run.

    Spans are kept a few samples at a time: a system call for each would take longer than making
    them.

    Args:
        keep: appends a line to the spans beside the run's rows.
        exporter: sends spans to a collector; None without one.
    """

    def __init__(self, samples: SampleSpans, keep: Keep, exporter: Exporter | None) -> None:
        self._of = samples.of
        self._keep = keep
        self._put = exporter.put if exporter is not None else None
        self._pending: list[bytes] = []
        self._size = 0

    def take(self, made: Made) -> None:
        """Keep the spans of a sample, and have them sent.

        Raises:
            StoreError: they cannot be written.
        """
        text, count = self._of(made)
        self.put(text, count)

    def put(self, text: str, count: int) -> None:
        """Keep spans and have them sent."""
        data = text.encode("utf-8", "replace")
        self._pending.append(data)
        self._size += len(data)
        if self._put is not None:
            self._put(data, count)
        if self._size >= _MOST_PENDING:
            self.flush()

    def flush(self) -> None:
        """Make the spans survive the death of this process.

        Raises:
            StoreError: they cannot be written.
        """
        pending, self._pending, self._size = self._pending, [], 0
        if pending:
            self._keep(b",".join(pending))


@contextmanager
def open_spans(
    plan: Plan, surroundings: Surroundings, *, keep: Keep, ending: Ending
) -> Iterator[Spans | None]:
    """Yield what takes the spans of a run; None where it is not traced.

    When the block is left, the run's own span is kept too, and what a collector did not take is
    said once, as a notice.

    Args:
        keep: appends a line to the spans beside the run's rows.
        ending: returns why the run stopped early, if it did, and what became of its rows.
    """
    if not plan.request.enable_tracing:
        yield None
        return
    from gitexp.evaluation.tracing.runs import begin_run, head_of, samples_of

    head = head_of(plan, surroundings.environ)
    span = begin_run(plan, surroundings)
    keep(head)
    exporter = _exporter(head, surroundings)
    spans = Spans(samples_of(plan, surroundings, span), keep, exporter)
    try:
        yield spans
    except BaseException as exc:
        _end(spans, span, *_ended_by(exc), ending()[1])
        raise
    else:
        failure, stats = ending()
        _end(spans, span, "failed" if failure else "finished", failure, stats)
    finally:
        if exporter is not None:
            _close(exporter, surroundings)


def _ended_by(exc: BaseException) -> tuple[RunStatus, Failure | None]:
    from gitexp.runs.tracking.endings import ending_of

    return ending_of(exc)


def _end(
    spans: Spans, span: RunSpan, status: RunStatus, failure: Failure | None, stats: Stats
) -> None:
    """Keep the span of the run; where that cannot be done, the run is what counts."""
    from contextlib import suppress

    from gitexp.errors import StoreError

    with suppress(StoreError):
        spans.put(span.ended(status, failure, stats), 1)
        spans.flush()


def _exporter(head: bytes, surroundings: Surroundings) -> Exporter | None:
    """Return what sends spans, where a collector is named that can be used."""
    from gitexp.errors import InvalidInput
    from gitexp.evaluation.tracing.collectors import collector_of

    try:
        collector = collector_of(surroundings.environ)
        if collector is None:
            return None
        return _opened(head, collector, surroundings)
    except InvalidInput as exc:
        surroundings.notice(f"spans are not sent: {exc.message}")
        return None


def _opened(head: bytes, collector: Collector, surroundings: Surroundings) -> Exporter:
    from gitexp import __version__
    from gitexp.evaluation.tracing.exporting import Exporter
    from gitexp.evaluation.tracing.requests import sender_of

    send = sender_of(collector, version=__version__, clock=surroundings.clock)
    return Exporter(collector.name, head, send, random=lambda: surroundings.random_bits(53) / 2**53)


def _close(exporter: Exporter, surroundings: Surroundings) -> None:
    lost, problem = exporter.close()
    if lost:
        what = "1 span was" if lost == 1 else f"{lost} spans were"
        surroundings.notice(f"{what} not delivered to {exporter.name}: {problem}")
