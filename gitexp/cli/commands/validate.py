"""`gitexp validate`."""

from __future__ import annotations

import os

import click

from gitexp.cli.failures import AnswerIsNo
from gitexp.cli.groups import command
from gitexp.cli.problem_reports import WRITERS
from gitexp.cli.session import Session
from gitexp.cli.terminal import write_out

FORMATS = tuple(WRITERS)


@command(
    "validate",
    examples=[
        "gitexp validate",
        "gitexp validate gitexp.yaml experiments/tone/parameters.yaml",
        "gitexp validate origin/main",
        "gitexp validate experiments --revision env:production",
        "gitexp validate --format github",
    ],
)
@click.argument("paths", nargs=-1, metavar="[PATH]...|REVISION")
@click.option("--revision", metavar="REVISION", help="Check this revision, without a checkout")
@click.option(
    "--format",
    "form",
    type=click.Choice(FORMATS),
    default="text",
    metavar="|".join(FORMATS),
    help="Choose the form of the report  [default: text]",
)
@click.option("-q", "--quiet", is_flag=True, help="Print nothing; the exit code tells")
@click.pass_obj
def validate_command(
    session: Session, paths: tuple[str, ...], revision: str | None, form: str, quiet: bool
) -> None:
    """Check files or a revision against their schemas

    Without PATH, the whole project is checked. A single argument that is no file is taken for a
    revision. Exits with 3 when something is wrong.
    """
    from gitexp.validation import validate_directory

    if len(paths) == 1 and revision is None and not os.path.lexists(session.directory / paths[0]):
        revision, paths = paths[0], ()
    session.refuse_another_repository(session.directory)
    report = validate_directory(
        session.directory, paths, revision=revision, surroundings=session.surroundings
    )
    if not quiet:
        write_out(WRITERS[form](report, session.terminal))
    if report.problems:
        raise AnswerIsNo
