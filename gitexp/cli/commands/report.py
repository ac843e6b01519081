"""`gitexp report`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from gitexp.cli.annotations import annotate
from gitexp.cli.files import read_bounded, write_whole
from gitexp.cli.forges import ForgeOptions, comment_options, keep, project_of
from gitexp.cli.groups import UsageFault, command
from gitexp.cli.plain import json_text
from gitexp.cli.safety import visible
from gitexp.cli.session import Session, current_session
from gitexp.cli.terminal import write_out
from gitexp.errors import InvalidInput

if TYPE_CHECKING:
    from gitexp.review.reporting.report import Report

FORMATS = ("markdown", "html", "json")
SUMMARY_VARIABLE = "GITHUB_STEP_SUMMARY"
_LONGEST_SUMMARY = 1_000_000
_LIMIT = 50


@command(
    "report",
    examples=[
        "gitexp report --base origin/main",
        "gitexp report --base origin/main --head origin/exp/bot/tone --format html --output r.html",
        "gitexp report --base env:production --head origin/change/bot/20261121-k3f9q2x7",
        "gitexp report --base $BASE --head $HEAD --format json --output report.json",
        "gitexp report --from report.json --comment github",
    ],
)
@click.option("--base", metavar="REV", help="Compare with this, into which would be merged")
@click.option(
    "--head", metavar="REV", help="Report on this, which would be merged  [default: HEAD]"
)
@click.option("--from", "file", metavar="FILE", help="Show a report that was written as JSON")
@click.option(
    "--format",
    "form",
    type=click.Choice(FORMATS),
    default="markdown",
    metavar="|".join(FORMATS),
    help="Choose the form of the report  [default: markdown]",
)
@click.option("-o", "--output", metavar="FILE", help="Write it to this file")
@click.option(
    "--limit",
    type=click.IntRange(1),
    default=_LIMIT,
    metavar="N",
    help=f"Show at most N rows of a table  [default: {_LIMIT}]",
)
@click.option(
    "--fetch/--no-fetch",
    default=None,
    help="Fetch first, or never  [default: what a shallow clone lacks]",
)
@click.option("--results/--no-results", default=True, help="Look for runs and their results")
@click.option(
    "--trust-votes", is_flag=True, help="Count votes that nobody signed, where a hook checks them"
)
@click.option("--summary", is_flag=True, help="Add it to the summary of the job in CI")
@click.option("--annotations", is_flag=True, help="Annotate files with problems, in CI")
@comment_options
def report_command(
    options: ForgeOptions,
    form: str,
    output: str | None,
    limit: int,
    summary: bool,
    annotations: bool,
    **asked: Any,
) -> None:
    """Report on a change for those who review it

    Says what changes, whether it is valid, which runs used exactly these values and how they did,
    and what the policies of each environment ask. Both ends are read as data: nothing of them is
    checked out or run. With --comment it is kept as one comment on the pull request, changed in
    place from then on.
    """
    session = current_session()
    options.check(session, "--comment")
    report = _report(session, **asked)
    _write(session, _FORMS[form](report, limit), output, quietly=bool(options.forge or summary))
    if summary:
        _summarize(session, report, limit)
    if annotations:
        annotate(report)
    if options.forge:
        keep(session, options, report, limit)


def _report(
    session: Session,
    *,
    base: str | None,
    head: str | None,
    file: str | None,
    trunk: str | None,
    project: str | None,
    fetch: bool | None,
    results: bool,
    trust_votes: bool,
) -> Report:
    if (base is None) == (file is None):
        raise UsageFault(
            "a report is either made or read",
            hint="Give `--base REV`, or `--from FILE` for one that was written as JSON.",
        )
    if file is not None:
        from gitexp.review.reporting.forms import LARGEST_JSON, read_json

        return read_json(read_bounded(session.directory / file, LARGEST_JSON), file=file)
    from gitexp.review.reporting.building import build
    from gitexp.review.reporting.work import Request

    workspace = project_of(session, trunk, project)
    request = Request(
        base=base or "",
        head=head or "HEAD",
        trunk=trunk,
        fetch=fetch,
        results=results,
        trusts_votes=trust_votes,
    )
    report = build(workspace, request)
    workspace.cache.flush()
    return report


def _markdown(report: Report, limit: int) -> str:
    from gitexp.review.reporting.forms import markdown

    return markdown(report, limit=limit)


def _html(report: Report, limit: int) -> str:
    from gitexp.review.reporting.forms import html

    return html(report, limit=limit)


_FORMS: dict[str, Callable[[Report, int], str]] = {
    "markdown": _markdown,
    "html": _html,
    "json": lambda report, limit: json_text(report),
}


def _write(session: Session, text: str, output: str | None, *, quietly: bool) -> None:
    """Write the report where it was asked for; nowhere if it goes into a comment alone."""
    if output is not None:
        write_whole(session.directory / output, text.encode("utf-8", "backslashreplace"))
    elif not quietly:
        write_out(visible(text, keep="\n\t") if session.terminal.output else text)


def _summarize(session: Session, report: Report, limit: int) -> None:
    """Add the report to the file that the CI runner names.

    Raises:
        InvalidInput: it names none.
    """
    from gitexp.review.reporting.forms import markdown

    path = session.environ.get(SUMMARY_VARIABLE)
    if not path:
        raise InvalidInput(
            f"there is no summary: {SUMMARY_VARIABLE} is not set",
            hint="The runner of GitHub and Gitea Actions sets it; leave --summary out elsewhere.",
        )
    with open(path, "a", encoding="utf-8", errors="backslashreplace") as summary:
        summary.write(markdown(report, limit=limit, longest=_LONGEST_SUMMARY) + "\n")
