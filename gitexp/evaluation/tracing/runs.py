"""What the spans of one run have in common, and the run's own span."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from random import Random

from gitexp import __version__
from gitexp.clock import Timeline
from gitexp.evaluation.endpoints.loading import Endpoint
from gitexp.evaluation.running.planning import Plan
from gitexp.evaluation.tracing.attributes import attributes, quoted, shortened
from gitexp.evaluation.tracing.collectors import service_of
from gitexp.evaluation.tracing.spans import (
    CLIENT,
    INTERNAL,
    MODEL,
    OPERATION,
    SampleSpans,
    TaskFacts,
    events,
    exception,
    status_of_error,
)
from gitexp.evaluation.workflows.tasks import (
    ConditionTask,
    DuplicateTask,
    EndpointTask,
    Task,
    all_tasks,
)
from gitexp.ids import Randomness
from gitexp.runs.masking import masked_text, secrets_of
from gitexp.runs.recording.spans import HEAD
from gitexp.runs.rows import Failure
from gitexp.runs.run import Run, RunStatus
from gitexp.runs.tallies import Stats
from gitexp.surroundings import Surroundings

_OVER_NETWORK = frozenset(["http", "chat"])


def trace_id_of(run_id: str) -> str:
    """Return the trace that the spans of a run itself belong to, the same on every resumption."""
    return hashlib.sha256(f"gitexp run {run_id}".encode()).hexdigest()[:32]


def head_of(plan: Plan, environ: Mapping[str, str]) -> bytes:
    """Return how a TracesData of a run begins, up to its spans."""
    secrets = secrets_of(plan.recipe.parameters)
    given = {
        key: masked_text(value, secrets) if isinstance(value, str) else value
        for key, value in _resource(plan.run, environ).items()
    }
    scope = f'{{"name":"gitexp.evaluation","version":{quoted(__version__)}}}'
    text = (
        f'[{{"resource":{{"attributes":[{attributes(given)}]}},'
        f'"scopeSpans":[{{"scope":{scope},"spans":['
    )
    return HEAD + text.encode("utf-8", "replace")


def _resource(run: Run, environ: Mapping[str, str]) -> dict[str, object]:
    return {
        **service_of(environ),
        "telemetry.sdk.language": "python",
        "telemetry.sdk.name": "gitexp",
        "telemetry.sdk.version": __version__,
        "gitexp.project": run.project,
        "gitexp.run.id": run.id,
        "gitexp.experiment.name": run.experiment,
        "gitexp.version": run.version,
        "gitexp.dataset.name": run.dataset.name if run.dataset else None,
        "vcs.ref.head.revision": run.code.commit,
        "vcs.ref.head.name": run.code.branch,
    }


@dataclass(frozen=True, kw_only=True)
class RunSpan:
    """The span of a run, or of one more attempt to bring it to its end.

    Attributes:
        now: returns the present moment in nanoseconds since 1970.
        secrets: texts that it may not hold.
    """

    run: Run
    trace_id: str
    span_id: str
    began_ns: int
    now: Callable[[], int]
    secrets: tuple[str, ...] = ()

    def ended(self, status: RunStatus, failure: Failure | None, stats: Stats) -> str:
        """Return the span of a run that ends now."""
        if failure is not None:
            message = masked_text(failure.message, self.secrets)
            failure = replace(failure, message=message)
        began, ended = self.began_ns, self.now()
        return (
            f'{{"traceId":"{self.trace_id}","spanId":"{self.span_id}",'
            f'"name":{quoted(f"run {self.run.experiment}")},"kind":{INTERNAL},'
            f'"startTimeUnixNano":"{began}","endTimeUnixNano":"{max(began, ended)}",'
            f'"attributes":[{attributes(self._attributes(status, failure, stats))}]'
            f"{_broken(ended, failure)}}}"
        )

    def _attributes(
        self, status: RunStatus, failure: Failure | None, stats: Stats
    ) -> dict[str, object]:
        run = self.run
        return {
            "gitexp.run.id": run.id,
            "gitexp.run.name": masked_text(run.name, self.secrets) or None,
            "gitexp.run.status": status,
            "gitexp.experiment.name": run.experiment,
            "gitexp.endpoint.name": run.endpoint.name if run.endpoint else None,
            "gitexp.workflow.name": run.workflow.name if run.workflow else None,
            "gitexp.evaluator.names": [one.name for one in run.evaluators],
            "gitexp.rows.passed": stats.passed,
            "gitexp.rows.failed": stats.failed,
            "gitexp.rows.errors": stats.errors,
            "gitexp.rows.unscored": stats.unscored,
            "error.type": failure.type if failure else None,
        }


def _broken(at: int, failure: Failure | None) -> str:
    if failure is None:
        return ""
    message = shortened(failure.message)
    return events([exception(at, failure.type, message)]) + status_of_error(message)


def begin_run(plan: Plan, surroundings: Surroundings) -> RunSpan:
    """Return the span of a run that begins now, or goes on."""
    now = Timeline(surroundings.clock).nanoseconds
    return RunSpan(
        run=plan.run,
        trace_id=trace_id_of(plan.run.id),
        span_id=_span_ids(surroundings.random_bits)(),
        began_ns=now(),
        now=now,
        secrets=secrets_of(plan.recipe.parameters),
    )


def samples_of(plan: Plan, surroundings: Surroundings, span: RunSpan) -> SampleSpans:
    """Return what writes the spans of the samples of a run."""
    run, workflow = plan.run, plan.recipe.workflow
    known = {"gitexp.run.id": run.id, "gitexp.experiment.name": run.experiment}
    return SampleSpans(
        name=plan.request.span_workflow_name,
        workflow=workflow.name,
        known=attributes(known),
        run_span=(span.trace_id, span.span_id),
        tasks={
            task.name: _facts(task, plan.parts.endpoints)
            for task in all_tasks(workflow.tasks)
            if not isinstance(task, ConditionTask)
        },
        new_id=_span_ids(surroundings.random_bits),
        secrets=span.secrets,
        with_content=plan.request.capture_content,
    )


def _facts(task: Task, endpoints: Mapping[str, Endpoint]) -> TaskFacts:
    if not isinstance(task, EndpointTask):
        kind = "duplicate" if isinstance(task, DuplicateTask) else "transform"
        return TaskFacts(
            known=attributes({"gitexp.task.name": task.name, "gitexp.task.type": kind})
        )
    endpoint = endpoints[task.endpoint]
    known = {
        "gitexp.task.name": task.name,
        "gitexp.task.type": "endpoint",
        "gitexp.endpoint.name": endpoint.name,
        "gitexp.endpoint.type": endpoint.type,
    }
    return TaskFacts(
        kind=CLIENT if endpoint.type in _OVER_NETWORK else INTERNAL,
        known=attributes(known),
        presumed=_presumed(endpoint),
    )


def _presumed(endpoint: Endpoint) -> dict[str, object]:
    """Return what a call of a language model says that gave no answer."""
    if endpoint.type != "chat":
        return {}
    model = endpoint.options.get("model")
    is_known = isinstance(model, str) and "{" not in model
    return {OPERATION: "chat", **({MODEL: model} if is_known else {})}


def _span_ids(random_bits: Randomness) -> Callable[[], str]:
    """Return what makes ids of spans, of which none is zero, without a system call for each."""
    bits = Random(random_bits(256)).getrandbits
    return lambda: (bits(64) or 1).to_bytes(8, "big").hex()
