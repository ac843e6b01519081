"""`gitexp merge-driver`, which git calls."""

from __future__ import annotations

from pathlib import Path

import click

from gitexp.cli.groups import command
from gitexp.cli.session import current_session

CONFLICT = 1
"""What git takes for a merge that left something to decide."""


@command(
    "merge-driver",
    examples=["gitexp merge-driver base.yaml ours.yaml theirs.yaml 7 gitexp.yaml"],
)
@click.argument("base")
@click.argument("ours")
@click.argument("theirs")
@click.argument("marker_size", metavar="SIZE", type=click.IntRange(min=1, max=1000))
@click.argument("path")
@click.pass_context
def merge_driver_command(
    context: click.Context, base: str, ours: str, theirs: str, marker_size: int, path: str
) -> None:
    """Merge a file key by key, for git merge

    Git calls this where `gitexp git-setup` has set it up. A key that both sides changed gets
    conflict markers and is named; the exit code is 1 then.
    """
    from gitexp.review.merging.driver import MergeFiles, merge_files

    session = current_session()
    around = session.directory
    outcome = merge_files(
        MergeFiles(
            base=around / base,
            ours=around / ours,
            theirs=around / theirs,
            path=path,
            directory=Path(around),
            environ=session.environ,
            marker_size=marker_size,
        )
    )
    if outcome.problem is not None:
        session.say(f"gitexp: {path} is merged line by line: {outcome.problem}")
    for clash in outcome.clashes:
        session.say(f"gitexp: {path}: both sides changed {clash}")
    if not outcome.clean:
        context.exit(CONFLICT)
