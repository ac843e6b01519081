"""Text from repositories, remotes and people, made harmless for the place where it is shown.

A terminal obeys control sequences, a CI log obeys lines of workflow commands, a spreadsheet obeys
formulas, and a forge turns `@name`, `#1` and addresses in Markdown into notifications and links.
Names, messages and values are data in all of them.
"""

from __future__ import annotations

import re

from gitexp.review.reporting.escaping import markdown_code, markdown_text, visible

__all__ = [
    "annotation_property",
    "annotation_text",
    "csv_text",
    "markdown_code",
    "markdown_text",
    "no_workflow_commands",
    "visible",
]

_WORKFLOW_LINE = re.compile(r"^(\s*):(?=:)", re.MULTILINE)
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def no_workflow_commands(text: str) -> str:
    """Return the text such that no line of it is a command to a CI runner.

    A runner takes lines that begin with `::` (white space before it does not count) and, in the
    older form, anything with `##[`.
    """
    return _WORKFLOW_LINE.sub(r"\1\\x3a", text).replace("##[", "\\x23#[")


def csv_text(text: str) -> str:
    """Return a cell that a spreadsheet takes as text: a formula gets a leading apostrophe.

    Newlines and tabs stay; other control and bidi characters are written out, since a CSV file
    is looked at in terminals, and not every version of `csv` can write a NUL.
    """
    text = visible(text, keep="\n\t")
    if text.startswith(_FORMULA) and not _is_number(text):
        return "'" + text
    return text


def _is_number(text: str) -> bool:
    return re.match(r"[+-]?(\d+(\.\d+)?([eE][+-]?\d+)?|Infinity)\Z", text) is not None


def annotation_text(text: str) -> str:
    """Return the message of a workflow annotation, escaped as the runner unescapes it."""
    return visible(text, keep="\n\r").translate({37: "%25", 13: "%0D", 10: "%0A"})


def annotation_property(text: str) -> str:
    """Return a property of a workflow annotation, escaped as the runner unescapes it."""
    return annotation_text(text).translate({58: "%3A", 44: "%2C"})
