"""The spans of samples in the JSON form of OTLP.

The format is OpenTelemetry's "OTLP/JSON" (opentelemetry-proto 1.x, `trace.proto`): ids in
hexadecimal, 64-bit integers as decimal text. What calls of language models and what scores say
follows the semantic conventions for GenAI: a call is named `chat MODEL`, a score's attributes begin
with `gen_ai.evaluation`. Everything else is named `gitexp.*`, `error.type`, `exception.*`.

A sample is a trace of its own: a root span, below it a span for each task and each evaluator. Its
root links to the span of the run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from gitexp.documents.problems import MISSING
from gitexp.evaluation.answers import Attempt
from gitexp.evaluation.running.making import Made, SampleTrace, ScoreStep
from gitexp.evaluation.running.outputs import masked
from gitexp.evaluation.tracing.attributes import (
    as_json,
    attribute,
    attributes,
    number,
    quoted,
    shortened,
    text_attribute,
)
from gitexp.evaluation.workflows.work import Step
from gitexp.runs.rows import ResultRow, Score

INTERNAL, CLIENT = 1, 3

OPERATION = "gen_ai.operation.name"
MODEL = "gen_ai.request.model"

LONGEST_CONTENT = 1 << 16
"""Characters of an input or an output, where spans hold them at all."""

_RESULT = "gen_ai.evaluation.result"
_MESSAGES = "gen_ai.output.messages"


@dataclass(frozen=True, kw_only=True)
class TaskFacts:
    """What is known of a task before it is done.

    Attributes:
        kind: whether its span is one of a client.
        known: its attributes, as text.
        presumed: attributes of a call that count only where it failed, since an answer says more.
    """

    kind: int = INTERNAL
    known: str
    presumed: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class SampleSpans:
    """Writes the spans of one sample after the other.

    Attributes:
        name: of every root span.
        workflow: of the workflow, in the words of the GenAI conventions.
        known: the attributes of every root span, as text; at least one.
        run_span: trace id and span id of the run's own span.
        tasks: what is known of the tasks, by their names.
        new_id: returns the id of a span in hexadecimal.
        secrets: texts that no span may hold.
        with_content: whether spans hold inputs and outputs.
    """

    name: str
    workflow: str
    known: str
    run_span: tuple[str, str]
    tasks: Mapping[str, TaskFacts]
    new_id: Callable[[], str]
    secrets: tuple[str, ...] = ()
    with_content: bool = False
    _head: str = field(init=False)
    _links: str = field(init=False)
    _evaluators: dict[str, str] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        trace_id, span_id = self.run_span
        head = f'"name":{quoted(self.name)},"kind":{INTERNAL}'
        object.__setattr__(self, "_head", head)
        links = f',"links":[{{"traceId":"{trace_id}","spanId":"{span_id}"}}]'
        object.__setattr__(self, "_links", links)

    def of(self, made: Made) -> tuple[str, int]:
        """Return the spans of a sample with commas between them, and how many they are."""
        trace = made.trace
        assert trace is not None, "only what was traced has spans"
        spans = [self._root(trace, made.row)]
        spans += [self._of_step(trace, step) for step in trace.steps]
        spans += [self._of_score(trace, step) for step in trace.scores]
        return ",".join(spans), len(spans)

    # --- the root -------------------------------------------------------------------------------

    def _root(self, trace: SampleTrace, row: ResultRow) -> str:
        sample_id = masked(row.sample, self.secrets) if self.secrets else row.sample
        own = (
            f"{text_attribute('gitexp.sample.id', sample_id)},"
            f'{{"key":"gitexp.sample.position","value":{{"intValue":"{trace.item.position}"}}}},'
            f'{{"key":"gitexp.sample.repeat","value":{{"intValue":"{row.repeat}"}}}},'
            f'{{"key":"gitexp.sample.status","value":{{"stringValue":"{row.status}"}}}},'
            f"{self.known}"
        )
        status = ""
        if trace.failure is not None:
            own += f",{text_attribute('error.type', trace.failure.type)}"
            status = status_of_error(trace.failure.message)
        more = self._more(trace, row)
        return (
            f'{{"traceId":"{trace.trace_id}","spanId":"{trace.span_id}",{self._head},'
            f'"startTimeUnixNano":"{trace.began_ns}","endTimeUnixNano":"{trace.ended_ns}",'
            f'"attributes":[{own}{"," + more if more else ""}]'
            f"{self._root_events(trace, row)}{self._links}{status}}}"
        )

    def _more(self, trace: SampleTrace, row: ResultRow) -> str:
        """Return attributes that few samples have."""
        found: list[str] = []
        if any(OPERATION in step.attributes for step in trace.steps):
            found.append(text_attribute(OPERATION, "invoke_workflow"))
            found.append(text_attribute("gen_ai.workflow.name", self.workflow))
        if row.usage and "cost" in row.usage:
            found.append(attribute("gitexp.usage.cost", float(row.usage["cost"])))
        if self.with_content:
            content = {
                "gitexp.sample.input": masked(row.input, self.secrets),
                "gitexp.sample.expected": masked(row.expected, self.secrets),
                "gitexp.sample.output": row.output,
            }
            found += [
                _content(key, value) for key, value in content.items() if value is not MISSING
            ]
        return ",".join(found)

    def _root_events(self, trace: SampleTrace, row: ResultRow) -> str:
        found: list[str] = []
        if trace.failure is not None and all(step.error is None for step in trace.steps):
            found.append(exception(trace.ended_ns, trace.failure.type, trace.failure.message))
        if len(row.scores) != len(trace.scores):
            asked = {step.evaluator for step in trace.scores}
            found += [
                _event(trace.ended_ns, _RESULT, f"{self._evaluator(name)}{self._of_value(score)}")
                for name, score in row.scores.items()
                if name not in asked
            ]
        return events(found)

    # --- tasks ----------------------------------------------------------------------------------

    def _of_step(self, trace: SampleTrace, step: Step) -> str:
        facts = self.tasks[step.name]
        given = dict(step.attributes)
        name = f"{step.kind} {step.name}"
        status = ""
        if step.error is not None:
            given = {**facts.presumed, **given, "error.type": kind_of(step.error)}
            status = status_of_error(str(step.error))
        if OPERATION in given:
            name = f"{given[OPERATION]} {given.get(MODEL) or ''}".strip()
        if step.attempts > 1:
            given["gitexp.attempts"] = step.attempts
        if step.cached:
            given["gitexp.cached"] = True
        more = attributes(given) if given else ""
        if self.with_content and step.output is not MISSING:
            more += f"{',' if more else ''}{_task_output(step)}"
        return (
            f'{{"traceId":"{trace.trace_id}","spanId":"{step.span_id}",'
            f'"parentSpanId":"{trace.span_id}","name":{quoted(name)},"kind":{facts.kind},'
            f'"startTimeUnixNano":"{step.began_ns}","endTimeUnixNano":"{step.ended_ns}",'
            f'"attributes":[{facts.known}{"," + more if more else ""}]'
            f"{_step_events(step) if step.failures or status else ''}{status}}}"
        )

    # --- evaluators -----------------------------------------------------------------------------

    def _of_score(self, trace: SampleTrace, step: ScoreStep) -> str:
        score = step.score
        status = ""
        if score.error:
            status = f"{events([exception(step.ended_ns, 'EvaluatorError', score.error)])}"
            status += status_of_error(score.error)
        return (
            f'{{"traceId":"{trace.trace_id}","spanId":"{self.new_id()}",'
            f'"parentSpanId":"{trace.span_id}","name":{self._evaluator_name(step.evaluator)},'
            f'"kind":{INTERNAL},'
            f'"startTimeUnixNano":"{step.began_ns}","endTimeUnixNano":"{step.ended_ns}",'
            f'"attributes":[{self._evaluator(step.evaluator)}{self._of_value(score)}]{status}}}'
        )

    def _of_value(self, score: Score) -> str:
        """Return what a score says; its reason may quote an output, so it counts as content."""
        found = _of_value(score)
        if score.reason and self.with_content:
            found += f",{text_attribute('gen_ai.evaluation.explanation', score.reason)}"
        if score.error:
            found += f",{text_attribute('error.type', 'EvaluatorError')}"
        return found

    def _evaluator_name(self, name: str) -> str:
        return quoted(f"evaluate {name}")

    def _evaluator(self, name: str) -> str:
        found = self._evaluators.get(name)
        if found is None:
            found = self._evaluators[name] = text_attribute("gen_ai.evaluation.name", name)
        return found


def _of_value(score: Score) -> str:
    """Return what a score comes to, as attributes that follow another one."""
    value, passed = score.value, score.passed
    label = value if isinstance(value, str) else None
    found = ""
    if isinstance(value, (int, float)):
        try:
            found = f',{{"key":"{_VALUE}","value":{{"doubleValue":{number(float(value))}}}}}'
        except OverflowError:
            label = str(value)
    if label is None and passed is not None:
        label = "pass" if passed else "fail"
    if label is not None:
        found += f",{text_attribute('gen_ai.evaluation.score.label', label)}"
    if passed is not None:
        found += f',{{"key":"gitexp.score.passed","value":{{"boolValue":{_BOOLS[passed]}}}}}'
    return found


_VALUE = "gen_ai.evaluation.score.value"
_BOOLS = {True: "true", False: "false"}


# --- pieces of spans --------------------------------------------------------------------------


def kind_of(error: Exception) -> str:
    """Return the kind of a failure: what it says itself, where that is a text, else its class."""
    kind = getattr(error, "kind", None)
    return kind if isinstance(kind, str) else type(error).__name__


def status_of_error(message: str) -> str:
    """Return the status of a span that failed, as a field that follows another one."""
    return f',"status":{{"code":2,"message":{quoted(shortened(message))}}}'


def events(found: list[str]) -> str:
    """Return the events of a span, as a field that follows another one."""
    return f',"events":[{",".join(found)}]' if found else ""


def _event(at: int, name: str, known: str) -> str:
    return f'{{"timeUnixNano":"{at}","name":"{name}","attributes":[{known}]}}'


def exception(at: int, kind: str, message: str, more: str = "") -> str:
    """Return the event of an exception at a moment in nanoseconds since 1970."""
    known = (
        f"{text_attribute('exception.type', kind)},{text_attribute('exception.message', message)}"
    )
    return _event(at, "exception", known + more)


def _step_events(step: Step) -> str:
    """Return the attempts that failed, and why there is no output, as exceptions."""
    found = [_of_attempt(step.began_ns, number, one) for number, one in _numbered(step.failures)]
    if step.error is not None:
        found.append(exception(step.ended_ns, kind_of(step.error), str(step.error)))
    return events(found)


def _numbered(failures: Iterable[Attempt]) -> Iterable[tuple[int, Attempt]]:
    return enumerate(failures, start=1)


def _of_attempt(began: int, number: int, failed: Attempt) -> str:
    more = attributes({"gitexp.attempt": number, "gitexp.retry_after_seconds": failed.wait})
    at = began + round(failed.seconds * 1e9)
    return exception(at, failed.kind, failed.message, f",{more}")


def _content(key: str, value: Any) -> str:
    text = value if isinstance(value, str) else as_json(value)
    return text_attribute(key, text, LONGEST_CONTENT)


def _task_output(step: Step) -> str:
    """Return what a task gave; an answer of a language model as the conventions have it."""
    if step.attributes.get(OPERATION) != "chat":
        return _content("gitexp.task.output", step.output)
    text = step.output if isinstance(step.output, str) else as_json(step.output)
    reasons = step.attributes.get("gen_ai.response.finish_reasons") or ["stop"]
    parts = [{"type": "text", "content": shortened(text, LONGEST_CONTENT)}]
    message = {"role": "assistant", "parts": parts, "finish_reason": reasons[0]}
    return text_attribute(_MESSAGES, as_json([message]), 2 * LONGEST_CONTENT)
