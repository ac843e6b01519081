"""`gitexp job` and the verbs that create and read jobs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import click

from gitexp.cli.arguments import experiment_argument, pairs, tags_of, version_option, versionless
from gitexp.cli.catalogue import JOB_COMMANDS
from gitexp.cli.dataset_arguments import CHOOSING, selection_of
from gitexp.cli.evaluation_arguments import LIMITS, PASSES, limits_of
from gitexp.cli.groups import LazyGroup, command, group
from gitexp.cli.job_views import (
    change_table,
    job_argument,
    job_fields,
    job_table,
    jobs_of,
    moment_of,
)
from gitexp.cli.output import Output, output_options
from gitexp.cli.run_arguments import description_option, name_option

_STATUSES = ("queued", "deferred", "started", "finished", "failed")
_DO = "do"


class _JobGroup(LazyGroup):
    """The verbs that people use, and the one that workers start."""

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name == _DO:
            from gitexp.cli.commands.job_work import do_command

            return do_command
        return super().get_command(ctx, cmd_name)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] == _DO:
            return _DO, self.get_command(ctx, _DO), args[1:]
        return super().resolve_command(ctx, args)


def _evaluation_options(function: Callable[..., None]) -> Callable[..., None]:
    for option in reversed((*CHOOSING, *PASSES, *LIMITS)):
        function = option(function)
    return function


def _evaluation(chosen: Mapping[str, Any]) -> dict[str, Any]:
    """Return how the samples of a job are worked on, as far as somebody said."""
    passes = {name: chosen[name] for name in ("repeats", "seed") if chosen[name] is not None}
    parts = {"selection": selection_of(chosen), "limits": limits_of(chosen)}
    return {**passes, **{name: part for name, part in parts.items() if part}}


@group("job", sections=JOB_COMMANDS, cls=_JobGroup)
@click.pass_context
def job_command(context: click.Context) -> None:
    """Create jobs, work on them, and change where they stand

    A job is a run that is made through an entrypoint. It waits in a queue of this repository until
    `gitexp job work` takes it. Without a command, the jobs are listed.
    """
    if context.invoked_subcommand is None:
        context.invoke(list_command)


@command(
    "create",
    examples=[
        "gitexp job create tone --entrypoint nightly",
        "gitexp job create tone --entrypoint nightly --set epochs=5 --dataset questions",
        "gitexp job create tone --entrypoint nightly --limit 20 --repeats 3 --max-cost 5",
        "gitexp job create tone --entrypoint report --after 20260131T060000-k3fgq2x7",
        "gitexp job create tone --entrypoint nightly --defer-until 2026-01-31T06:00:00Z",
    ],
)
@experiment_argument(callback=versionless)
@click.option("--entrypoint", required=True, metavar="NAME", help="Do it through this entrypoint")
@click.option("--queue", metavar="NAME", help="Wait in this queue  [default: the entrypoint's]")
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="NAME=VALUE",
    help="Give a parameter of the entrypoint a value; may be repeated",
)
@click.option("--dataset", metavar="NAME", help="Take the samples of this dataset")
@click.option(
    "--artifact",
    "artifacts",
    multiple=True,
    metavar="NAME=RUN/PATH",
    help="Give it an artifact of a run; may be repeated",
)
@_evaluation_options
@version_option
@click.option("--defer-until", metavar="MOMENT", help="Do not begin before this moment")
@click.option("--after", metavar="JOB", help="Do not begin before this job has finished")
@click.option("--timeout", metavar="DURATION", help="Give one attempt this long, such as 15m")
@click.option(
    "--max-attempts",
    type=click.IntRange(min=1),
    metavar="N",
    help="Begin it so often at most when workers die  [default: the entrypoint's]",
)
@name_option
@description_option
@click.option("--tag", "tags", multiple=True, metavar="NAME=VALUE", help="Tag the run")
@output_options
def create_command(output: Output, experiment: str, entrypoint: str, **chosen: Any) -> None:
    """Create a job, which waits in its queue

    Everything is resolved and checked at once, and pinned: what changes afterwards in files or in
    code does not change the job. Its id is all that is printed.
    """
    from gitexp.evaluation.jobs.creating import JobRequest, create_job
    from gitexp.evaluation.jobs.entrypoints import seconds_of

    session = output.session
    timeout = chosen["timeout"]
    request = JobRequest(
        experiment=session.experiment(experiment).name,
        entrypoint=entrypoint,
        queue=chosen["queue"] or "",
        texts=dict(pairs(chosen["settings"], "--set")),
        dataset=chosen["dataset"] or "",
        artifacts=dict(pairs(chosen["artifacts"], "--artifact")),
        version=chosen["version"] or "latest",
        name=chosen["name"] or "",
        description=chosen["description"] or "",
        tags=tags_of(chosen["tags"]),
        timeout=None if timeout is None else seconds_of(timeout),
        max_attempts=chosen["max_attempts"],
        defer_until=moment_of(chosen["defer_until"], "--defer-until"),
        after=chosen["after"] or "",
        evaluation=_evaluation(chosen),
    )
    job = create_job(session.repository.workspace, request)
    jobs = jobs_of(session)
    session.say(f"job {job.id} is {job.status} in {job.queue}: `gitexp job work {job.queue}`")
    output.entry(job.to_dict(), job_fields(jobs, job), quiet=job.id, text=f"{job.id}\n")


@command(
    "list",
    examples=[
        "gitexp job list",
        "gitexp job list --queue gpu --status queued",
        "gitexp job list --experiment tone --format json",
    ],
)
@click.option("--queue", default="", metavar="NAME", help="Only those of this queue")
@click.option("--status", type=click.Choice(_STATUSES), help="Only those that stand so")
@click.option("--experiment", default="", metavar="EXPERIMENT", help="Only those of this one")
@click.option("--entrypoint", default="", metavar="NAME", help="Only those through this one")
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="The newest N alone")
@output_options
def list_command(output: Output, **chosen: Any) -> None:
    """List jobs

    The newest come first. Each is shown as its latest attempt stands.
    """
    jobs = jobs_of(output.session)
    found = jobs.list(**chosen)
    note = "" if found else "there is none: make one with `gitexp job create`"
    output.listing(
        [job.to_dict() for job in found],
        job_table(jobs, found, note=note),
        ids=[job.id for job in found],
    )


@command("show", examples=["gitexp job show 20260131T060000-k3fgq2x7 --format json"])
@job_argument
@output_options
def show_command(output: Output, job: str) -> None:
    """Show a job

    It is named by its id, by that of one of its attempts, or by the beginning of one.
    """
    jobs = jobs_of(output.session)
    found = jobs.get(job)
    output.entry(found.to_dict(), job_fields(jobs, found), quiet=found.id)


@command("history", examples=["gitexp job history 20260131T060000-k3fgq2x7"])
@job_argument
@output_options
def history_command(output: Output, job: str) -> None:
    """List every step of a job, and who took it

    The steps of earlier attempts come first.
    """
    changes = jobs_of(output.session).history(job)
    output.listing(
        [change.to_dict() for change in changes],
        change_table(changes),
        ids=[change.status for change in changes],
    )
