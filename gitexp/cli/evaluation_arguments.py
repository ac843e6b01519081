"""Arguments and options of an evaluation, and the request that they make."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import click

from gitexp.cli.arguments import patch_of, set_file_option, tags_of, version_option
from gitexp.cli.dataset_arguments import CHOOSING, selection_of
from gitexp.cli.groups import UsageFault
from gitexp.cli.run_arguments import description_option, name_option, override_option, tag_option
from gitexp.cli.session import Session

if TYPE_CHECKING:
    from gitexp.evaluation.running.requests import EvaluationRequest

_CONCURRENCY = 15
_BATCH_SIZE = 100
_AT_LEAST_ONE = click.IntRange(min=1)
_NOT_NEGATIVE = click.IntRange(min=0)
_SHARE = click.FloatRange(0, 1)
_MORE_THAN_NOTHING = click.FloatRange(min=0, min_open=True)

PASSES = (
    click.option("--seed", type=int, metavar="N", help="Make what is random repeatable"),
    click.option("--repeats", type=_AT_LEAST_ONE, metavar="N", help="Do each sample N times"),
)
"""How often the samples are done, and what is random then."""

LIMITS = (
    click.option("--fail-fast", is_flag=True, help="Stop at the first error"),
    click.option(
        "--max-errors", type=_NOT_NEGATIVE, metavar="N", help="Stop when more rows are errors"
    ),
    click.option(
        "--max-error-rate", type=_SHARE, metavar="RATE", help="Stop when a larger share is errors"
    ),
    click.option("--max-cost", type=_MORE_THAN_NOTHING, metavar="COST", help="Stop at this cost"),
    click.option("--max-tokens", type=_AT_LEAST_ONE, metavar="N", help="Stop at so many tokens"),
    click.option(
        "--max-seconds", type=_MORE_THAN_NOTHING, metavar="SECONDS", help="Stop after so long"
    ),
)
"""When an evaluation stops before its last sample."""

_CONCURRENCY_OPTION = click.option(
    "--concurrency",
    type=_AT_LEAST_ONE,
    default=_CONCURRENCY,
    metavar="N",
    help=f"Work on N samples at a time  [default: {_CONCURRENCY}]",
)
_OPTIONS = (
    click.option("--dataset", metavar="NAME", help="Take the samples of this dataset"),
    click.option("--endpoint", metavar="NAME", help="Ask this system under test"),
    click.option("--workflow", metavar="NAME", help="Do the tasks of this workflow instead"),
    click.option(
        "--evaluator",
        "evaluators",
        multiple=True,
        metavar="NAME",
        help="Score with this evaluator; may be repeated  [default: the experiment's]",
    ),
    click.option(
        "--evaluator-workflow",
        "evaluator_workflows",
        multiple=True,
        metavar="NAME",
        help="Score with this evaluation workflow instead; may be repeated",
    ),
    version_option,
    override_option,
    set_file_option,
    name_option,
    description_option,
    tag_option,
    *CHOOSING,
    *PASSES,
    _CONCURRENCY_OPTION,
    click.option(
        "--batch-size",
        type=_AT_LEAST_ONE,
        default=_BATCH_SIZE,
        metavar="N",
        help=f"Load N samples together, and save after N rows  [default: {_BATCH_SIZE}]",
    ),
    click.option(
        "--retries", type=_NOT_NEGATIVE, metavar="N", help="Try a call N times more  [default: its]"
    ),
    click.option(
        "--timeout",
        type=_MORE_THAN_NOTHING,
        metavar="SECONDS",
        help="Give an attempt up after so long  [default: the endpoint's]",
    ),
    click.option("--cache", is_flag=True, help="Take answers from earlier runs where they are"),
    *LIMITS,
    click.option("--no-tracing", is_flag=True, help="Record no spans"),
    click.option("--capture-content", is_flag=True, help="Put inputs and outputs into spans too"),
    click.option(
        "--span-workflow-name",
        default="workflow",
        metavar="NAME",
        help="Name the root spans  [default: workflow]",
    ),
    click.option("--generation-method", metavar="TEXT", help="Note how the outputs come about"),
    click.option(
        "--executor",
        type=click.Choice(["local", "threads", "processes", "dask"]),
        default="local",
        help="Where the samples are worked on  [default: local]",
    ),
    click.option("--scheduler", metavar="URL", help="Use this Dask scheduler, tcp://HOST:PORT"),
    click.option("--exact", is_flag=True, help="Take code and files as they stood at the version"),
)
_LIMIT_NAMES = (
    "fail_fast",
    "max_errors",
    "max_error_rate",
    "max_cost",
    "max_tokens",
    "max_seconds",
)


def evaluation_options(function: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of an evaluation, which are the arguments of `asked_for`."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


def sparing_options(function: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options that say on how much runs are done; see `sparing`."""
    for option in reversed((*CHOOSING, *PASSES, _CONCURRENCY_OPTION, *LIMITS)):
        function = option(function)
    return function


def sparing(chosen: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of an `EvaluationRequest` that `sparing_options` set."""
    from gitexp.evaluation.running.requests import Limits

    return {
        "selection": selection_of(chosen),
        "repeats": chosen["repeats"] or 1,
        "seed": chosen["seed"],
        "concurrency": chosen["concurrency"],
        "limits": Limits(**limits_of(chosen)),
    }


def limits_of(chosen: Mapping[str, Any]) -> dict[str, Any]:
    """Return the limits that the options set."""
    given = {name: chosen[name] for name in _LIMIT_NAMES}
    return {
        name: limit for name, limit in given.items() if limit is not None and limit is not False
    }


def asked_for(
    session: Session,
    experiment: str | None,
    request: str | None,
    chosen: Mapping[str, Any],
) -> EvaluationRequest:
    """Return what the options of an evaluation ask for.

    Args:
        request: the text of a request, which says everything instead of the options.

    Raises:
        UsageFault: nothing says which experiment or dataset.
        InvalidInput, InvalidDocuments: the request or a value is wrong.
    """
    from gitexp.evaluation.running.requests import EvaluationRequest, Limits

    if request is not None:
        return _written(session, experiment, request)
    if not experiment or not chosen["dataset"]:
        missing = "dataset" if experiment else "experiment"
        raise UsageFault(
            f"which {missing}?", hint="Name it: `gitexp run EXPERIMENT --dataset NAME ...`."
        )
    return EvaluationRequest(
        experiment=session.experiment(experiment).name,
        dataset=chosen["dataset"],
        selection=selection_of(chosen),
        endpoint=chosen["endpoint"] or "",
        workflow=chosen["workflow"] or (),
        evaluators=chosen["evaluators"],
        evaluator_workflows=chosen["evaluator_workflows"],
        version=chosen["version"] or "latest",
        overrides=patch_of(session, chosen["settings"], chosen["files"]),
        name=chosen["name"] or "",
        description=chosen["description"] or "",
        tags=tags_of(chosen["tags"]),
        span_workflow_name=chosen["span_workflow_name"],
        enable_tracing=not chosen["no_tracing"],
        capture_content=chosen["capture_content"],
        batch_size=chosen["batch_size"],
        concurrency=chosen["concurrency"],
        generation_method=chosen["generation_method"] or "",
        repeats=chosen["repeats"] or 1,
        seed=chosen["seed"],
        cache=chosen["cache"],
        retries=chosen["retries"],
        timeout=chosen["timeout"],
        limits=Limits(**limits_of(chosen)),
        exact=chosen["exact"],
        executor=chosen["executor"],
        scheduler=chosen["scheduler"] or "",
    )


def _written(session: Session, experiment: str | None, text: str) -> EvaluationRequest:
    from gitexp.documents.yaml_reader import parse_yaml
    from gitexp.evaluation.running.requests import request_of

    data = parse_yaml(text, file="request").value
    if not isinstance(data, Mapping):
        raise UsageFault("the request is no mapping", hint='Write it as {"dataset_id": "q", ...}.')
    found = request_of(data, experiment=experiment or "")
    session.experiment(found.experiment)
    return found
