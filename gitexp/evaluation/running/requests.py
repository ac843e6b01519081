"""What somebody asks to be evaluated: a version's values, a dataset, a workflow and evaluators."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal

from gitexp.errors import InvalidInput
from gitexp.evaluation.running.request_fields import LIMITS, REQUEST, SELECTION, check_kinds

CONCURRENCY = 15
"""Samples in flight at once, unless a request says otherwise."""

BATCH_SIZE = 100
"""Rows that are loaded together, and after which rows are made durable at the latest."""

SPAN_WORKFLOW_NAME = "workflow"
"""The name of the root span of a sample."""

ExecutorName = Literal["local", "threads", "processes", "dask"]
EXECUTORS: tuple[ExecutorName, ...] = ("local", "threads", "processes", "dask")


@dataclass(frozen=True, kw_only=True)
class Limits:
    """When an evaluation stops before its last sample; None for never.

    Attributes:
        fail_fast: at the first error.
        max_errors: when more rows than this are errors.
        max_error_rate: when more than this share of the rows so far are errors; looked at from
            the first 20 rows on.
        max_cost: when the calls have cost this much.
        max_tokens: when the calls have used this many tokens.
        max_seconds: when it has gone on for this long.
    """

    fail_fast: bool = False
    max_errors: int | None = None
    max_error_rate: float | None = None
    max_cost: float | None = None
    max_tokens: int | None = None
    max_seconds: float | None = None

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Limits:
        """Return the limits that a record describes."""
        return cls(**data)

    def to_dict(self) -> dict[str, Any]:
        """Return the limits that there are."""
        found = {one.name: getattr(self, one.name) for one in fields(self)}
        return {
            name: value for name, value in found.items() if value is not None and value is not False
        }


@dataclass(frozen=True, kw_only=True)
class EvaluationRequest:
    """What somebody asks to be evaluated.

    Attributes:
        experiment: its name.
        dataset: the name of a dataset of the working tree.
        selection: which of its samples: `split`, `where`, `limit`, `sample` and `seed`.
        endpoint: the name of an endpoint, for the workflow that only asks it.
        workflow: the name of a workflow, or a list of tasks; instead of an endpoint.
        evaluators: names or ids; those of the experiment's header when empty, else
            `exact-match`.
        evaluator_workflows: names of evaluation workflows; instead of evaluators.
        generation_method: a note on how the outputs come about, for the record.
        version: a revision of the experiment.
        capture_content: whether spans hold inputs and outputs, which may be sensitive.
        overrides: values that replace the version's for this run alone.
        arguments: values beside those of the project's slots, such as those of an entrypoint.
        repeats: how often each sample is done.
        seed: what random choices of a task depend on.
        cache: whether responses are taken from and put into the cache.
        retries: how often a call is tried again at most; the endpoint's own where it is None.
        timeout: the seconds of one attempt at most; the endpoint's own where it is None.
        exact: everything stands as at the version, in a working tree of its own.
        executor, scheduler: where the samples are worked on.
    """

    experiment: str
    dataset: str
    selection: Mapping[str, Any] = field(default_factory=dict)
    endpoint: str = ""
    workflow: str | tuple[Mapping[str, Any], ...] = ()
    evaluators: tuple[str, ...] = ()
    evaluator_workflows: tuple[str, ...] = ()
    version: str = "latest"
    overrides: Mapping[str, Any] = field(default_factory=dict)
    arguments: Mapping[str, Any] = field(default_factory=dict)
    name: str = ""
    description: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    span_workflow_name: str = SPAN_WORKFLOW_NAME
    enable_tracing: bool = True
    capture_content: bool = False
    batch_size: int = BATCH_SIZE
    concurrency: int = CONCURRENCY
    generation_method: str = ""
    repeats: int = 1
    seed: int | None = None
    cache: bool = False
    retries: int | None = None
    timeout: float | None = None
    limits: Limits = field(default_factory=Limits)
    exact: bool = False
    executor: ExecutorName = "local"
    scheduler: str = ""

    def __post_init__(self) -> None:
        for name in ("concurrency", "batch_size", "repeats"):
            if getattr(self, name) < 1:
                raise InvalidInput(f"{name} is {getattr(self, name)}; it must be at least 1")
        if self.retries is not None and self.retries < 0:
            raise InvalidInput(f"retries is {self.retries}; it must be at least 0")
        if self.timeout is not None and not self.timeout > 0:
            raise InvalidInput(f"timeout is {self.timeout}; it must be more than 0")
        if bool(self.endpoint) == bool(self.workflow):
            raise InvalidInput(
                "an evaluation needs an endpoint or a workflow, and not both",
                hint="Name one: `--endpoint NAME` or `--workflow NAME`.",
            )
        if self.evaluators and self.evaluator_workflows:
            raise InvalidInput(
                "evaluators and evaluation workflows are both given",
                hint="Score in one way: `--evaluator NAME` or `--evaluator-workflow NAME`.",
            )
        if self.executor not in EXECUTORS:
            raise InvalidInput(
                f"there is no executor {self.executor!r}", hint=f"Use {', '.join(EXECUTORS)}."
            )

    def recorded(self) -> dict[str, Any]:
        """Return what the run's document keeps, so that the evaluation can be gone on with.

        What the document says elsewhere, such as version, overrides and tags, is left out.
        """
        defaults = _DEFAULTS
        found = {name: getattr(self, name) for name in _RECORDED}
        found["limits"] = self.limits.to_dict()
        kept = {name: value for name, value in found.items() if value != defaults.get(name)}
        return {**kept, **({"workflow": _listed(self.workflow)} if self.workflow else {})}

    def to_dict(self) -> dict[str, Any]:
        """Return all of it as plain data, which `request_of` reads."""
        found = {
            "experiment": self.experiment,
            "version": self.version,
            "overrides": dict(self.overrides),
            "name": self.name,
            "description": self.description,
            "tags": dict(self.tags),
            **self.recorded(),
        }
        return {name: value for name, value in found.items() if value not in ("", {}, ())}

    @classmethod
    def from_record(cls, data: Mapping[str, Any], **known: Any) -> EvaluationRequest:
        """Return the request that a run's document keeps.

        Args:
            known: what the document says elsewhere.
        """
        given: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value
            for key, value in data.items()
            if key not in ("rows", "limits")
        }
        return cls(limits=Limits.from_dict(data.get("limits", {})), **given, **known)


def _listed(workflow: str | Sequence[Mapping[str, Any]]) -> Any:
    return workflow if isinstance(workflow, str) else [dict(task) for task in workflow]


_RECORDED = (
    "dataset",
    "selection",
    "endpoint",
    "evaluators",
    "evaluator_workflows",
    "span_workflow_name",
    "enable_tracing",
    "capture_content",
    "batch_size",
    "concurrency",
    "generation_method",
    "arguments",
    "repeats",
    "seed",
    "cache",
    "retries",
    "timeout",
    "exact",
    "executor",
    "scheduler",
)
_DEFAULTS: Mapping[str, Any] = {
    one.name: one.default for one in fields(EvaluationRequest) if one.name in _RECORDED
} | {"selection": {}, "arguments": {}, "limits": {}}


# --- the request of an evaluation service ----------------------------------------------------

_SERVICE: Mapping[str, str] = {
    "dataset_id": "dataset",
    "experiment_id": "experiment",
    "evaluator_ids": "evaluators",
    "evaluator_slugs": "evaluators",
    "evaluator_workflow_ids": "evaluator_workflows",
}


def request_of(data: Mapping[str, Any], *, experiment: str = "") -> EvaluationRequest:
    """Return the request that a mapping of plain data makes.

    The names are those of evaluation services: `dataset_id`, `workflow`, `evaluator_ids` (or the
    older `evaluator_slugs`, which count only without the former), `evaluator_workflow_ids`,
    `experiment_id`, `name`, `description`, `span_workflow_name`, `enable_tracing`, `batch_size`,
    `concurrency` and `generation_method`; all other fields of a request go by their own names.

    Args:
        experiment: the experiment where the mapping names none.

    Raises:
        InvalidInput: a field is unknown, missing or contradicts another one.
    """
    given = {key: value for key, value in data.items() if value is not None}
    if "evaluator_ids" in given:
        given.pop("evaluator_slugs", None)
    found: dict[str, Any] = {}
    known = {one.name for one in fields(EvaluationRequest)}
    for key, value in given.items():
        name = _SERVICE.get(key, key)
        if name not in known:
            raise InvalidInput(_unknown(key, known), hint="See `gitexp run evaluate --help`.")
        if name in found:
            raise InvalidInput(f"{key} is given twice, under two names")
        found[name] = tuple(value) if isinstance(value, list) else value
    found.setdefault("experiment", experiment)
    check_kinds(found, REQUEST, what="a request has")
    check_kinds(found.get("selection", {}), SELECTION, what="a selection has")
    check_kinds(found.get("limits", {}), LIMITS, what="limits have")
    if "limits" in found:
        found["limits"] = Limits.from_dict(found["limits"])
    for name in ("experiment", "dataset"):
        if not found.get(name):
            raise InvalidInput(f"the request names no {name}")
    return EvaluationRequest(**found)


def _unknown(key: str, known: set[str]) -> str:
    from difflib import get_close_matches

    close = get_close_matches(key, sorted(known | set(_SERVICE)), n=1)
    return f"a request has no field {key!r}" + (f"; did you mean {close[0]!r}?" if close else "")


def limited(request: EvaluationRequest, limit: int | None) -> EvaluationRequest:
    """Return the request for the first samples alone."""
    if limit is None:
        return request
    return replace(request, selection={**request.selection, "limit": limit})
