"""A page as Markdown for GitHub, GitLab and Gitea: one comment, of a length that all of them take.

Foreign text stands in code spans and fenced blocks alone, or is free of everything that Markdown
or a forge would act on. No line begins with foreign text, so none of it can be a command.
"""

from __future__ import annotations

from collections.abc import Iterator

from gitexp.review.reporting.escaping import (
    html_text,
    markdown_block,
    markdown_code,
    markdown_text,
)
from gitexp.review.reporting.page import (
    Block,
    Bullets,
    Code,
    Details,
    Difference,
    Line,
    Mark,
    Page,
    Paragraph,
    Section,
    Span,
    Table,
    Text,
    Tone,
    plural,
)

LONGEST = 65_536
"""The most characters of a comment on every one of these forges."""

_LONGEST_SPAN = 600
_MARKS: dict[Tone, str] = {"": "", "good": "✅", "bad": "❌", "unsure": "⚠️"}


def mark_of(project: str) -> str:
    """Return the line by which the comment of a project's report is found again."""
    return f"<!-- gitexp:report:{project} -->"


def render(page: Page, *, longest: int = LONGEST) -> str:
    """Return a page as Markdown of at most so many characters, its mark in the first line.

    What does not fit is left out from the end, section by section; a note says what.
    """
    top = f"{mark_of(page.project)}\n{_section(page.top)}"
    sections = [_section(section) for section in page.sections]
    kept = list(sections)
    while kept and _length([top, *kept, _left_out(page, len(kept))]) > longest:
        kept.pop()
    note = _left_out(page, len(kept)) if len(kept) < len(sections) else ""
    text = "\n".join([top, *kept, note] if note else [top, *kept])
    return text if _units(text) <= longest else _cut(top, longest)


def fits(page: Page, longest: int = LONGEST) -> bool:
    """Return whether all of a page fits into so many characters."""
    parts = [f"{mark_of(page.project)}\n{_section(page.top)}", *map(_section, page.sections)]
    return _length(parts) <= longest


def _length(parts: list[str]) -> int:
    return sum(_units(part) + 1 for part in parts)


def _units(text: str) -> int:
    """Return how long a text is for a program that counts UTF-16 code units, as forges do."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def _left_out(page: Page, kept: int) -> str:
    left = page.sections[kept:]
    names = [_line(section.heading) for section in left[:5]]
    more = f" and {len(left) - 5} more" if len(left) > 5 else ""
    what = plural(len(left), "section does", "sections do")
    listed = ", ".join(names)
    return f"> {what} not fit into a comment and left out here: {listed}{more}.\n"


def _cut(top: str, longest: int) -> str:
    """Return the lines of a text that fit; the top of a report is short but for a hostile one."""
    lines: list[str] = []
    for line in top.split("\n"):
        if _length([*lines, line]) > longest - 200:
            break
        lines.append(line)
    return "\n".join([*lines, "", "> The rest does not fit into a comment.", ""])


def _section(section: Section) -> str:
    blocks = [_block(block) for block in section.blocks]
    heading = f"{'#' * section.level} {_line(section.heading)}"
    return "\n\n".join(part for part in [heading, *blocks] if part) + "\n"


def _block(block: Block) -> str:
    if isinstance(block, Paragraph):
        return _line(block.line)
    if isinstance(block, Bullets):
        return "\n".join(f"- {_led(line)}" for line in block.lines)
    if isinstance(block, Table):
        return "\n".join(_table(block))
    if isinstance(block, Difference):
        return markdown_block((sign + text for sign, text in block.lines), language="diff")
    return _details(block)


def _details(block: Details) -> str:
    inside = "\n\n".join(_block(one) for one in block.blocks)
    return f"<details><summary>{html_text(block.title)}</summary>\n\n{inside}\n\n</details>"


def _table(table: Table) -> Iterator[str]:
    yield "| " + " | ".join(markdown_text(title) or " " for title in table.titles) + " |"
    yield "|" + " --- |" * len(table.titles)
    for row in table.rows:
        yield "| " + " | ".join(_line(cell) or " " for cell in row) + " |"
    if table.more:
        yield ""
        yield f"and {plural(table.more, 'row')} more"


def _led(line: Line) -> str:
    """Return a line that may begin an item: foreign text at its beginning becomes code."""
    if line and not isinstance(line[0], (Text, Mark)):
        return _line((Code(line[0].text), *line[1:]))
    return _line(line)


def _line(line: Line) -> str:
    text = ""
    for span in line:
        written = _span(span)
        # Two code spans that touch would be read as one with another fence.
        text += f" {written}" if text.endswith("`") and written.startswith("`") else written
    return text.strip()


def _span(span: Span) -> str:
    if isinstance(span, Text):
        return f"**{span.text}**" if span.strong else span.text
    if isinstance(span, Mark):
        return _MARKS[span.tone]
    text = shortened(span.text)
    return markdown_code(text) if isinstance(span, Code) else markdown_text(text)


def shortened(text: str, longest: int = _LONGEST_SPAN) -> str:
    """Return a text, of a long one the beginning and how long it is."""
    if len(text) <= longest:
        return text
    return f"{text[:longest]}… ({len(text):,} characters)"
