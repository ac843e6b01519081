"""`gitexp validate`."""

from __future__ import annotations

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
        "gitexp validate --revision origin/main",
        "gitexp validate --format github",
    ],
)
@click.argument("paths", nargs=-1, metavar="[PATH]...", type=click.Path())
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

    Without PATH, the whole project is checked. Exits with 3 when something is wrong.
    """
    from gitexp.validation import validate_directory

    chosen = [session.directory / path for path in paths]
    report = validate_directory(
        session.directory, chosen, revision=revision, surroundings=session.surroundings
    )
    if not quiet:
        write_out(WRITERS[form](report, session.terminal))
    if report.problems:
        raise AnswerIsNo
