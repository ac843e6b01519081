"""`gitexp doctor`."""

from __future__ import annotations

import click

from gitexp.cli.doctor_views import ailments_summary, ailments_table, ailments_text
from gitexp.cli.failures import AnswerIsNo
from gitexp.cli.groups import command
from gitexp.cli.output import Output, output_options


@command("doctor", examples=["gitexp doctor", "gitexp doctor --fix", "gitexp doctor --format json"])
@click.option("--fix", is_flag=True, help="Mend what is safe to mend")
@output_options
def doctor_command(output: Output, fix: bool) -> None:
    """Explain what is wrong with a repository, and mend it

    Looks for damaged and missing objects, references that cannot be read, locks and runs of
    processes that are gone, renames that were broken off, versions that nothing keeps, and for
    everything that `gitexp verify` finds, and says what each means, what is lost, and what --fix
    does. No history is rewritten, no file of the working tree is touched, and damaged files are
    set aside, not deleted. Exits with 3 while something is wrong.
    """
    session = output.session
    found = session.repository.doctor(fix=fix)
    if output.format == "table" and not output.quiet:
        output.text(ailments_text(found))
        for note in found.notes:
            session.say(f"note: {note}")
        session.say(ailments_summary(found))
    else:
        output.listing(
            [one.to_dict() for one in found.ailments],
            ailments_table(found),
            ids=[one.what for one in found.remaining],
            document=found.to_dict(),
        )
    if not found.healthy:
        raise AnswerIsNo
