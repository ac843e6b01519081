"""`gitexp change approve|reject|cancel|renew|apply|tidy`."""

from __future__ import annotations

import click

from gitexp.cli.arguments import bypass_option, reason_option
from gitexp.cli.change_views import change_argument, change_entry, change_table, tell_state
from gitexp.cli.groups import UsageFault, command
from gitexp.cli.output import Output, output_options
from gitexp.cli.views import show_binding


@command(
    "approve",
    examples=[
        "gitexp change approve 20260131-k3fgq2x7",
        "gitexp change approve k3fgq2x7 -m 'Tried it in staging' --no-apply",
    ],
)
@change_argument
@reason_option
@click.option(
    "--apply/--no-apply",
    "applies",
    default=True,
    help="Apply it once it has all approvals  [default: apply]",
)
@output_options
def approve_command(output: Output, change: str, reason: str | None, applies: bool) -> None:
    """Approve a change request

    The vote is for exactly what is asked: these values, on top of what is live, in this
    environment, under these policies. It counts for nothing else, and it stays. Where a policy or
    `gitexp.sign` asks for it, the vote is signed.
    """
    changes = output.session.repository.changes
    found = changes.approve(change, reason=reason, apply=applies)
    tell_state(output, found)
    output.entry(change_entry(found), change_table([found]), quiet=found.id, text="")


@command("reject", examples=["gitexp change reject 20260131-k3fgq2x7 -m 'Answers get too short'"])
@change_argument
@reason_option
@output_options
def reject_command(output: Output, change: str, reason: str | None) -> None:
    """Reject a change request, which ends it

    A reason is needed. The vote stays; whoever asked can ask anew.
    """
    if reason is None:
        raise UsageFault("a rejection needs a reason", hint="Give it with -m TEXT.")
    found = output.session.repository.changes.reject(change, reason=reason)
    tell_state(output, found)
    output.entry(change_entry(found), change_table([found]), quiet=found.id, text="")


@command("cancel", examples=["gitexp change cancel 20260131-k3fgq2x7 -m 'Not needed any more'"])
@change_argument
@reason_option
@output_options
def cancel_command(output: Output, change: str, reason: str | None) -> None:
    """Give up a change request that you asked for"""
    found = output.session.repository.changes.cancel(change, reason=reason)
    tell_state(output, found)
    output.entry(change_entry(found), change_table([found]), quiet=found.id, text="")


@command("renew", examples=["gitexp change renew 20260131-k3fgq2x7"])
@change_argument
@reason_option
@output_options
def renew_command(output: Output, change: str, reason: str | None) -> None:
    """Put a stale change request on top of what is live now

    It is stale when the environment or its policies have moved since it was asked for. Votes
    that were given before do not count any more.
    """
    found = output.session.repository.changes.renew(change, reason=reason)
    tell_state(output, found)
    output.entry(change_entry(found), change_table([found]), quiet=found.id, text="")


@command(
    "apply",
    examples=[
        "gitexp change apply 20260131-k3fgq2x7",
        "gitexp change apply k3fgq2x7 --bypass 'Production is down'",
    ],
)
@change_argument
@bypass_option
@output_options
def apply_command(output: Output, change: str, bypass: str | None) -> None:
    """Make what a change request asks for live

    The environment's branch gets one commit, pushed together with the note that it was applied.
    One that is applied already stays as it is. The exit code is 4 where approvals are missing.
    """
    binding = output.session.repository.changes.apply(change, bypass=bypass)
    show_binding(output, binding)


@command("tidy", examples=["gitexp change tidy"])
@output_options
def tidy_command(output: Output) -> None:
    """Write down what forges have merged, and tidy branches up

    The branches of change requests that are over are removed. Nothing depends on it:
    how a change request stands is read off the environment's branch. The ids of those that it
    wrote an end of are printed.
    """
    changes = output.session.repository.changes
    ended = changes.tidy()
    found = [changes.get(change) for change in ended]
    output.listing([change_entry(c) for c in found], change_table(found), ids=ended)
