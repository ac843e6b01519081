"""Annotations of a report: lines by which a CI runner marks files."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from gitexp.cli.problem_reports import ANNOTATIONS, annotation, worst_first
from gitexp.cli.safety import annotation_property, annotation_text
from gitexp.cli.terminal import write_error

if TYPE_CHECKING:
    from gitexp.review.reporting.report import Report


def annotate(report: Report) -> None:
    """Write the annotations of a report to standard error, where the runner reads them too."""
    lines = [*_problems(report), *_policies(report)][:ANNOTATIONS]
    write_error("".join(f"{line}\n" for line in lines))


def _problems(report: Report) -> Iterator[str]:
    for problem in worst_first(report.validity.problems):
        yield annotation(problem)


def _policies(report: Report) -> Iterator[str]:
    """Yield a warning for what policies would refuse."""
    for effect in report.effects:
        for asked in effect.requirements:
            if asked.outcome == "refused":
                title = annotation_property(f"{effect.environment}: {asked.policy}")
                text = annotation_text(f"{effect.experiment}: {asked.text}")
                yield f"::warning title={title}::{text}"
