"""`gitexp diff`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from gitexp.cli.arguments import side_argument
from gitexp.cli.changes import change_table, fenced, text_diffs
from gitexp.cli.failures import AnswerIsNo
from gitexp.cli.groups import command
from gitexp.cli.output import Output, output_options
from gitexp.cli.safety import visible

if TYPE_CHECKING:
    from gitexp.environments.diffing import Diff

exit_code_option = click.option(
    "--exit-code", is_flag=True, help="Exit with 3 when there are differences"
)


@command(
    "diff",
    examples=[
        "gitexp diff tone@latest~1 tone",
        "gitexp diff env:staging env:production",
        "gitexp diff tone env:production --exit-code",
    ],
)
@side_argument("a")
@side_argument("b")
@exit_code_option
@output_options
def diff_command(output: Output, a: str, b: str, exit_code: bool) -> None:
    """Compare two versions or environments value by value

    Each side is EXPERIMENT, EXPERIMENT@REVISION, env:ENVIRONMENT, or a commit.
    """
    diff = output.session.repository.diff(a, b)
    show_diff(output, diff)
    if exit_code and diff.changes:
        raise AnswerIsNo


def show_diff(output: Output, diff: Diff) -> None:
    """Write a comparison; long texts follow the table as unified diffs."""
    labels = (visible(diff.a.label), visible(diff.b.label))
    table = change_table(diff.changes, note="" if diff.changes else "no differences")
    output.listing(diff.changes, table, ids=[change.name for change in diff.changes], document=diff)
    if output.quiet or output.format not in ("table", "md"):
        return
    for name, text in text_diffs(diff.changes, labels):
        if output.format == "md":
            output.data(f"\n`{name}`\n\n{fenced(text)}")
        else:
            output.text(f"\n{text}")
