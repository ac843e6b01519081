"""`gitexp check`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from gitexp.cli.failures import AnswerIsNo
from gitexp.cli.forges import ForgeOptions, project_of, review_options
from gitexp.cli.groups import command
from gitexp.cli.output import Output, output_options
from gitexp.cli.tables import Column, Table

if TYPE_CHECKING:
    from gitexp.review.checking.checking import CheckReport
    from gitexp.review.checking.proposals import Review

_COLUMNS = (
    Column(key="message", title="why"),
    Column(key="hint", title="what to do", optional=True),
)


@command(
    "check",
    examples=[
        "gitexp check --base origin/main",
        "gitexp check --base $BASE --head $HEAD --branch main --actor octocat",
        "gitexp check --base env:production --head origin/change/bot/20261121-k3f9q2x7",
        "gitexp check --base $BASE --head $HEAD --branch main --actor octocat --reviews github",
    ],
)
@click.option("--base", required=True, metavar="REV", help="Say what would be merged into")
@click.option(
    "--head", default="HEAD", metavar="REV", help="Say what would be merged  [default: HEAD]"
)
@click.option("--branch", metavar="BRANCH", help="Name the base's branch, where it is a commit")
@click.option("--actor", default="", metavar="USER", help="Name who asks, as the forge knows them")
@click.option(
    "--trust-votes", is_flag=True, help="Count votes that nobody signed, where a hook checks them"
)
@output_options
@review_options
def check_command(
    output: Output,
    options: ForgeOptions,
    base: str,
    head: str,
    branch: str | None,
    trunk: str | None,
    project: str | None,
    actor: str,
    trust_votes: bool,
) -> None:
    """Check in CI what a merge would move

    For forges that run no hooks: make it a check that is required before a merge. It judges as the
    hook of a server does, by the rules of the trunk of the shared remote, whatever the change
    says. Exits with 3 when the merge is not allowed.
    """
    from gitexp.review.checking.checking import Question, check

    session = output.session
    options.check(session, "--reviews")
    workspace = project_of(session, trunk, project)
    question = Question(
        base=base,
        head=head,
        branch=branch,
        trunk=trunk,
        actor=actor,
        reviews=_reviews(output, options),
        trusts_votes=trust_votes,
    )
    report = check(workspace, question)
    workspace.cache.flush()
    _show(output, report)
    if not report.allowed:
        raise AnswerIsNo


def _reviews(output: Output, options: ForgeOptions) -> list[Review]:
    if options.forge is None:
        return []
    from gitexp.integrations.forges.reviews import reviews_of

    forge, place = options.opened(output.session)
    return reviews_of(options.forge, forge.web, place)


def _show(output: Output, report: CheckReport) -> None:
    rows = [{"message": r.message, "hint": r.hint} for r in report.refusals]
    note = "" if rows else f"nothing forbids the merge into {report.branch}"
    if report.kind == "other":
        note = f"gitexp has no rules for the branch {report.branch}"
    if output.format == "table" and rows and not output.quiet:
        _tell(output, report)
        return
    table = Table(columns=_COLUMNS, rows=rows, note=note)
    output.listing(rows, table, ids=[r.message for r in report.refusals], document=report)


def _tell(output: Output, report: CheckReport) -> None:
    """Write why a merge is not allowed, for people who read the log of a job."""
    lines = [f"the merge into {report.branch} is not allowed:"]
    for refusal in report.refusals:
        lines += [f"  {line}" for line in refusal.message.splitlines()]
        lines += [f"  hint: {refusal.hint}"] * bool(refusal.hint)
    if report.approvers:
        lines.append(f"  who can approve: {', '.join(report.approvers)}")
    output.text("\n".join(lines) + "\n")
