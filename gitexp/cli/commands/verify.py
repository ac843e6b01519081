"""`gitexp verify`."""

from __future__ import annotations

import click

from gitexp.cli.failures import AnswerIsNo
from gitexp.cli.files import write_whole
from gitexp.cli.groups import command
from gitexp.cli.output import Output, output_options
from gitexp.cli.verify_views import (
    findings_junit,
    findings_summary,
    findings_table,
    findings_text,
)


@command(
    "verify",
    examples=[
        "gitexp verify",
        "gitexp verify runs environments",
        "gitexp verify --signatures",
        "gitexp verify --full --format json",
    ],
)
@click.argument("what", nargs=-1, metavar="[WHAT]...")
@click.option("--signatures", is_flag=True, help="Check who signed versions and promotions too")
@click.option("--full", is_flag=True, help="Look again at what was in order the last time")
@click.option("--junit", metavar="FILE", help="Write the findings as JUnit XML as well")
@output_options
def verify_command(
    output: Output, what: tuple[str, ...], signatures: bool, full: bool, junit: str | None
) -> None:
    """Check that a repository is whole and agrees with itself

    WHAT is any of objects, documents, versions, environments, runs, analyses, changes and
    signatures; without it, everything but signatures is looked at. Nothing is fetched or changed.
    Exits with 3 when something is wrong; `gitexp doctor` says what can be mended.
    """
    session = output.session
    found = session.repository.verify(*what, signatures=signatures, full=full)
    if junit is not None:
        write_whole(session.directory / junit, findings_junit(found))
    if output.format == "table" and not output.quiet:
        output.text(findings_text(found))
        session.say(findings_summary(found))
    else:
        output.listing(
            [one.to_dict() for one in found.findings],
            findings_table(found),
            ids=[one.place or one.check for one in found.problems],
            document=found.to_dict(),
        )
    if not found.sound:
        raise AnswerIsNo
