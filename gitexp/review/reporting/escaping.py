"""Text from repositories, remotes and people, made harmless for the place where it is shown.

A terminal obeys control sequences, a forge turns `@name`, `#1` and addresses in Markdown into
notifications and links, and a browser obeys HTML. Names, messages and values are data in all of
them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

_UNSAFE = (
    "[\x00-\x1f\x7f-\x9f"  # C0, DEL and C1 controls
    "\u061c\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff"  # bidi and invisible
    "\u2028\u2029\ud800-\udfff\U000e0000-\U000e007f]"  # separators, surrogates, tags
)
_SHORT = {"\n": "\\n", "\t": "\\t", "\r": "\\r"}

# Compiled when they are used, because every command imports this, and few write Markdown.
_MARKDOWN_PLAIN = r"[\w ,.;%()'\"?!/=+:-]*\Z"
_MARKDOWN_ACTIVE = (
    r"(?i::(?!\s)|www\.|\bgh-\d|\b[0-9a-f]{7,64}\b|^\s|\s\Z|\s\s"
    r"|^[/=]|^[+-](?![0-9.])|^\d+[.)](?:\s|\Z)"  # what begins a line: a list and so on
    r"|![0-9]|%[\w\"]|\b[a-z][a-z0-9_]*-[0-9]+\b)"  # merge requests, milestones, issues
)


_COMMAND = re.compile(r"(\s*)(/|:(?=:)|#(?=#\[))")


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


def markdown_text(text: str) -> str:
    """Return a cell of a Markdown table that renders as this text and as nothing else.

    What a forge would link, mention or interpret becomes a code span, in which nothing is.
    """
    text = visible(text)
    if re.match(_MARKDOWN_PLAIN, text) and not re.search(_MARKDOWN_ACTIVE, text):
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


def markdown_block(lines: Iterable[str], *, language: str = "") -> str:
    """Return lines as a fenced block of code, in which nothing is interpreted.

    Each line begins with a character of the caller's own, such as the sign of a difference. Where
    that is a space, what could be a command of a forge or of a CI runner is written out.
    """
    safe = [_harmless(visible(line, keep="\t")) for line in lines]
    longest = max((len(run) for line in safe for run in re.findall("`+", line)), default=0)
    fence = "`" * max(3, longest + 1)
    return "\n".join([f"{fence}{language}", *safe, fence])


def _harmless(line: str) -> str:
    found = _COMMAND.match(line)
    return f"{found[1]}\\x{ord(found[2]):02x}{line[found.end() :]}" if found else line


def html_text(text: str, *, keep: str = "") -> str:
    """Return text for HTML, in an element or in a quoted attribute."""
    from html import escape

    return escape(visible(text, keep=keep), quote=True)
