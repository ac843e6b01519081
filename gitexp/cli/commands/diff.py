"""`gitexp diff`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from gitexp.cli.arguments import side_argument
from gitexp.cli.diff_rows import rows_of
from gitexp.cli.diff_views import (
    difference_table,
    lines_for_people,
    names_of,
    notes_of,
    results_table,
    text_lines,
)
from gitexp.cli.failures import AnswerIsNo
from gitexp.cli.groups import command
from gitexp.cli.output import Output, output_options
from gitexp.cli.safety import visible

if TYPE_CHECKING:
    from gitexp.review.diffing.model import ProjectDiff

exit_code_option = click.option(
    "--exit-code", is_flag=True, help="Exit with 3 when there are differences"
)


@command(
    "diff",
    examples=[
        "gitexp diff tone@latest~1 tone",
        "gitexp diff env:production",
        "gitexp diff main...exp/bot/tone",
        "gitexp diff --merge-base origin/main origin/pull/12/head --format md",
        "gitexp diff env:staging env:production --exit-code",
    ],
)
@side_argument("a", required=False)
@side_argument("b", required=False)
@click.option("--merge-base", is_flag=True, help="Compare what B changed since it left A")
@click.option("--no-results", is_flag=True, help="Leave out the results of runs")
@exit_code_option
@output_options
def diff_command(
    output: Output,
    a: str | None,
    b: str | None,
    merge_base: bool,
    no_results: bool,
    exit_code: bool,
) -> None:
    """Compare versions, environments or revisions value by value

    A side is EXPERIMENT, EXPERIMENT@REVISION, env:ENVIRONMENT, or a revision: a commit, a branch,
    a tag, REMOTE/pull/12/head. A...B compares B with where it left A. Without B, a revision or an
    experiment is compared with the working tree, a version or an environment with the latest
    version; without A, the working tree with HEAD.
    """
    repository = output.session.repository
    diff = repository.diff(a, b, merge_base=merge_base, results=not no_results)
    repository.flush()
    show_diff(output, diff)
    if exit_code and not diff.same:
        raise AnswerIsNo


def show_diff(output: Output, diff: ProjectDiff) -> None:
    """Write a comparison; long texts and results follow the table."""
    items = [*diff.changes] if diff.of_values else [*rows_of(diff)]
    output.listing(items, difference_table(diff), ids=names_of(diff), document=diff)
    if output.quiet or output.format not in ("table", "md"):
        return
    _show_texts(output, diff)
    results = results_table(diff)
    if results.rows:
        output.data("\n") if output.format == "md" else output.text("\n")
        output.table(results)
    for note in notes_of(diff):
        output.session.say(visible(note))


def _show_texts(output: Output, diff: ProjectDiff) -> None:
    from gitexp.review.reporting.escaping import markdown_block, markdown_code

    for name, lines in text_lines(diff):
        if output.format == "md":
            block = markdown_block(lines, language="diff")
            output.data(f"\n{markdown_code(name)}\n\n{block}\n")
        else:
            heads = [f"--- {diff.a.label} {name}", f"+++ {diff.b.label} {name}"]
            output.text("\n" + lines_for_people([*heads, *lines]))
