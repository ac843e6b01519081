"""Text from repositories, remotes and people, made harmless for the place where it is shown.

A terminal obeys control sequences, a CI log obeys lines of workflow commands, a spreadsheet obeys
formulas, and a forge turns `@name`, `#1` and addresses in Markdown into notifications and links.
Names, messages and values are data in all of them.
"""

from __future__ import annotations

import re

_UNSAFE = (
    "[\x00-\x1f\x7f-\x9f"  # C0, DEL and C1 controls
    "\u061c\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff"  # bidi and invisible
    "\u2028\u2029\ud800-\udfff\U000e0000-\U000e007f]"  # separators, surrogates, tags
)
_SHORT = {"\n": "\\n", "\t": "\\t", "\r": "\\r"}

_WORKFLOW_LINE = re.compile(r"^(\s*):(?=:)", re.MULTILINE)
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")

_MARKDOWN_PLAIN = re.compile(r"[\w ,.;%()'\"?!/=+:-]*\Z")
_MARKDOWN_ACTIVE = re.compile(
    r":(?!\s)|www\.|\bgh-\d|\b[0-9a-f]{7,64}\b|^\s|\s\Z|\s\s", re.IGNORECASE
)


def visible(text: str, *, keep: str = "") -> str:
    r"""Return the text with control, bidi and invisible characters written as `\x1b`, `\u202e`.

    Characters in `keep` (such as a newline and a tab for text of several lines) stay.
    """
    if text.isprintable():
        return text
    return re.sub(_UNSAFE, lambda found: found[0] if found[0] in keep else _escape(found[0]), text)


def _escape(character: str) -> str:
    code = ord(character)
    if character in _SHORT:
        return _SHORT[character]
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


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


def markdown_text(text: str) -> str:
    """Return a cell of a Markdown table that renders as this text and as nothing else.

    What a forge would link, mention or interpret becomes a code span, in which nothing is.
    """
    text = visible(text)
    if _MARKDOWN_PLAIN.match(text) and not _MARKDOWN_ACTIVE.search(text):
        return text.replace("_", "\\_")
    return markdown_code(text)


def markdown_code(text: str) -> str:
    """Return a code span that may stand in a cell of a Markdown table."""
    text = visible(text)
    # Before a pipe a backslash would undo the backslash that keeps the pipe in its cell.
    text = re.sub(r"(?<=\\)\|", r"\\x7c", text).replace("|", "\\|")
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * (longest + 1)
    pad = " " if text.startswith("`") or text.endswith("`") or not text.strip() else ""
    return f"{fence}{pad}{text}{pad}{fence}" if text else ""


def annotation_text(text: str) -> str:
    """Return the message of a workflow annotation, escaped as the runner unescapes it."""
    return visible(text, keep="\n\r").translate({37: "%25", 13: "%0D", 10: "%0A"})


def annotation_property(text: str) -> str:
    """Return a property of a workflow annotation, escaped as the runner unescapes it."""
    return annotation_text(text).translate({58: "%3A", 44: "%2C"})
