"""A page as one HTML file that needs nothing else: no script, no address that is loaded."""

from __future__ import annotations

from gitexp.review.reporting.escaping import html_text
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

_MARKS: dict[Tone, tuple[str, str]] = {
    "": ("", ""),
    "good": ("✓", "good"),
    "bad": ("✗", "bad"),
    "unsure": ("!", "unsure"),
}
_KINDS = {" ": "kept", "-": "removed", "+": "added", "!": "unsure", "@": "note"}

_STYLE = """
:root { color-scheme: light dark; --line: #8884; --good: #1a7f37; --bad: #cf222e; --unsure: #9a6700;
  --soft: #8882; }
@media (prefers-color-scheme: dark) {
  :root { --good: #3fb950; --bad: #f85149; --unsure: #d29922; } }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 76rem; margin: 2rem auto; padding: 0 1rem; }
h2 { margin: 0 0 1rem; } h3 { margin: 2rem 0 .5rem; }
table { border-collapse: collapse; margin: .75rem 0; display: block; overflow-x: auto; }
th, td { border: 1px solid var(--line); padding: .25rem .6rem; text-align: left;
  vertical-align: top; }
th { background: var(--soft); }
code, pre { font: 13px/1.45 ui-monospace, monospace; }
code { background: var(--soft); padding: .1em .3em; border-radius: 4px; white-space: pre-wrap;
  overflow-wrap: anywhere; }
pre { border: 1px solid var(--line); border-radius: 6px; padding: .5rem; overflow-x: auto; }
pre span { display: block; min-height: 1.45em; }
.added, .good { color: var(--good); } .removed, .bad { color: var(--bad); }
.unsure { color: var(--unsure); } .note { opacity: .7; }
.mark { font-weight: 700; }
"""


def render(page: Page) -> str:
    """Return a page as HTML."""
    sections = "\n".join(_section(section) for section in (page.top, *page.sections))
    title = html_text("".join(_plain(span) for span in page.top.heading))
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>{_STYLE}</style>
</head>
<body>
{sections}
</body>
</html>
"""


def _plain(span: Span) -> str:
    return "" if isinstance(span, Mark) else span.text


def _section(section: Section) -> str:
    blocks = "\n".join(_block(block) for block in section.blocks)
    tag = f"h{section.level}"
    return f"<section>\n<{tag}>{_line(section.heading)}</{tag}>\n{blocks}\n</section>"


def _block(block: Block) -> str:
    if isinstance(block, Paragraph):
        return f"<p>{_line(block.line)}</p>"
    if isinstance(block, Bullets):
        return "<ul>" + "".join(f"<li>{_line(line)}</li>" for line in block.lines) + "</ul>"
    if isinstance(block, Table):
        return _table(block)
    if isinstance(block, Difference):
        return _difference(block)
    return _details(block)


def _details(block: Details) -> str:
    inside = "\n".join(_block(one) for one in block.blocks)
    return f"<details><summary>{html_text(block.title)}</summary>\n{inside}\n</details>"


def _table(table: Table) -> str:
    titles = "".join(f"<th>{html_text(title)}</th>" for title in table.titles)
    rows = "\n".join(
        "<tr>" + "".join(f"<td>{_line(cell)}</td>" for cell in row) + "</tr>" for row in table.rows
    )
    more = f'\n<p class="note">and {plural(table.more, "row")} more</p>' if table.more else ""
    body = f"<tbody>\n{rows}\n</tbody>"
    return f"<table>\n<thead><tr>{titles}</tr></thead>\n{body}\n</table>{more}"


def _difference(block: Difference) -> str:
    lines = "".join(
        f'<span class="{_KINDS[sign]}">{html_text(sign + text, keep=chr(9))}</span>'
        for sign, text in block.lines
    )
    return f"<pre>{lines}</pre>"


def _line(line: Line) -> str:
    return "".join(_span(span) for span in line)


def _span(span: Span) -> str:
    if isinstance(span, Text):
        text = html_text(span.text)
        return f"<strong>{text}</strong>" if span.strong else text
    if isinstance(span, Mark):
        sign, name = _MARKS[span.tone]
        return f'<span class="mark {name}">{sign}</span>' if sign else ""
    text = html_text(span.text)
    return f"<code>{text}</code>" if isinstance(span, Code) else text
