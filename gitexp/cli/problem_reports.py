"""Reports of what is wrong in documents: for people, for programs, and as CI annotations."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from gitexp.cli.plain import json_text, plain
from gitexp.cli.safety import annotation_property, annotation_text, no_workflow_commands, visible
from gitexp.cli.terminal import Terminal
from gitexp.documents.layout import PROJECT_FILE
from gitexp.documents.problems import Problem

if TYPE_CHECKING:
    from gitexp.review.validating import ValidationReport

ANNOTATIONS = 10
"""More than ten annotations of a step are not shown by the forge."""


def text_report(report: ValidationReport, terminal: Terminal) -> str:
    """Return a line for each problem and a count."""
    lines = [terminal.line(str(problem)) for problem in report.problems]
    return "".join(f"{line}\n" for line in [*lines, _count(report)])


def json_report(report: ValidationReport, terminal: Terminal) -> str:
    """Return `{"valid", "files", "problems"}`."""
    problems = [plain(problem) for problem in report.problems]
    return json_text({"valid": not problems, "files": report.files, "problems": problems})


def github_report(report: ValidationReport, terminal: Terminal) -> str:
    """Return workflow annotations for the worst problems, and the others as plain lines."""
    worst = worst_first(report.problems)
    lines = [annotation(problem) for problem in worst[:ANNOTATIONS]]
    lines += [no_workflow_commands(visible(str(problem))) for problem in worst[ANNOTATIONS:]]
    return "".join(f"{line}\n" for line in [*lines, _count(report)])


def worst_first(problems: Sequence[Problem]) -> list[Problem]:
    """Return the problems that bring about others first.

    Those are the project's definition, then whole files that cannot be read.
    """
    return sorted(problems, key=lambda p: (not p.file.endswith(PROJECT_FILE), bool(p.place)))


def annotation(problem: Problem) -> str:
    """Return the line by which a CI runner marks what is wrong in a file."""
    properties = {
        "file": problem.file,
        "line": problem.line,
        "col": problem.column,
        "title": problem.place or "invalid document",
    }
    listed = ",".join(
        f"{name}={annotation_property(str(value))}"
        for name, value in properties.items()
        if value is not None
    )
    return f"::error {listed}::{annotation_text(problem.message)}"


def _count(report: ValidationReport) -> str:
    problems, files = len(report.problems), report.files
    checked = f"{files} file{'s' if files != 1 else ''} checked"
    if not problems:
        return f"{checked}, nothing is wrong"
    return f"{checked}, {problems} problem{'s' if problems != 1 else ''}"


WRITERS: dict[str, Callable[[ValidationReport, Terminal], str]] = {
    "text": text_report,
    "json": json_report,
    "github": github_report,
}
