"""`gitexp job reset|defer|cancel`."""

from __future__ import annotations

import click

from gitexp.cli.arguments import reason_option
from gitexp.cli.groups import command
from gitexp.cli.job_views import job_argument, job_fields, jobs_of, moment_of
from gitexp.cli.output import Output, output_options


@command("reset", examples=["gitexp job reset 20260131T060000-k3fgq2x7 -m 'the disk was full'"])
@job_argument
@reason_option
@output_options
def reset_command(output: Output, job: str, reason: str | None) -> None:
    """Put a job into its queue again

    One that is over gets another attempt, with all that it was created with; the attempts before
    keep their results. One that is deferred waits no longer.
    """
    jobs = jobs_of(output.session)
    found = jobs.reset(job, reason=reason or "")
    output.session.say(f"job {found.id} is {found.status}: attempt {found.run.attempt}")
    output.entry(found.to_dict(), job_fields(jobs, found), quiet=found.id, text="")


@command(
    "defer",
    examples=[
        "gitexp job defer 20260131T060000-k3fgq2x7 --until 2026-01-31T22:00:00+01:00",
        "gitexp job defer 20260131T060000-k3fgq2x7 --after 20260131T050000-a2bcd3ef",
    ],
)
@job_argument
@click.option("--until", metavar="MOMENT", help="Do not begin before this moment")
@click.option("--after", default="", metavar="JOB", help="Do not begin before it has finished")
@reason_option
@output_options
def defer_command(
    output: Output, job: str, until: str | None, after: str, reason: str | None
) -> None:
    """Let a job wait for a moment or for another job

    Where the other job fails, this one waits on until that one is reset and finishes.
    """
    jobs = jobs_of(output.session)
    found = jobs.defer(job, until=moment_of(until, "--until"), after=after, reason=reason or "")
    output.session.say(f"job {found.id} is {found.status}")
    output.entry(found.to_dict(), job_fields(jobs, found), quiet=found.id, text="")


@command("cancel", examples=["gitexp job cancel 20260131T060000-k3fgq2x7 -m 'wrong dataset'"])
@job_argument
@reason_option
@output_options
def cancel_command(output: Output, job: str, reason: str | None) -> None:
    """Give a job up

    One that waits has failed then. One that is started finishes what is in flight, and is killed
    when that takes too long.
    """
    jobs = jobs_of(output.session)
    found = jobs.cancel(job, reason=reason or "")
    said = "is asked to stop" if found.status == "started" else f"is {found.status}"
    output.session.say(f"job {found.id} {said}")
    output.entry(found.to_dict(), job_fields(jobs, found), quiet=found.id, text="")
