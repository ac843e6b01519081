from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from gitexp.review.reporting.composing import page_of
from gitexp.review.reporting.escaping import markdown_block, markdown_text
from gitexp.review.reporting.markdown import LONGEST, mark_of, render
from gitexp.review.reporting.page import Code, Page, Paragraph, Said, Section, words
from tests.review.reporting.reports import HOSTILE, report

_GFM = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
_OURS = re.compile(
    r"<!-- gitexp:report:bot -->\n?\Z|<details><summary>[\w ,:]*</summary>\n?\Z|</details>\n?\Z"
)
_ACTIVE = re.compile(
    r"@\w|#\d|\b\w+://|www\.|!\d|~\w|%\w|\$|\b(GH|JIRA)-\d|:\w+:|\b[0-9a-f]{7,}\b|<|\[",
    re.IGNORECASE,
)
_PAIRS = (
    *("heading", "paragraph", "table", "thead", "tbody", "tr", "th", "td"),
    *("bullet_list", "list_item", "blockquote"),
)
_BLOCKS = {"inline", "fence", "html_block"} | {
    f"{p}_{e}" for p in _PAIRS for e in ("open", "close")
}
_ELEMENTS = {
    *("h2", "h3", "p", "table", "thead", "tbody", "tr", "th", "td", "ul", "li", "code", "pre"),
    *("details", "summary", "strong", "blockquote"),
}
_INLINE = frozenset(["text", "code_inline", "strong_open", "strong_close", "softbreak"])


def tokens(text: str) -> list[Token]:
    return _GFM.parse(text)


def inline(text: str) -> Iterator[Token]:
    for token in tokens(text):
        yield from token.children or ()


def check_harmless(text: str) -> None:
    """Require that a report holds no element, link, image or mention that is not ours."""
    assert text.startswith("<!-- gitexp:report:bot -->\n")
    assert len(text) <= LONGEST
    assert {token.type for token in tokens(text)} <= _BLOCKS
    for token in tokens(text):
        if token.type == "html_block":
            assert _OURS.match(token.content), token.content
    for token in inline(text):
        assert token.type in _INLINE, token
        if token.type == "text":
            assert not _ACTIVE.search(token.content), token.content
    for line in text.splitlines():
        assert not re.match(r"\s*(::|/|##\[)", line), line
    assert not re.search(
        "[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]", text
    )


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: repr(text[:24]))
def test_no_text_of_a_repository_becomes_more_than_text(text: str) -> None:
    check_harmless(render(page_of(report(text))))


@given(st.text(alphabet=st.sampled_from("`|\\<>&@#![]()*_~$%:/-=+ \n\tab1."), max_size=30))
def test_no_made_up_text_becomes_more_than_text(text: str) -> None:
    check_harmless(render(page_of(report(text))))


@pytest.mark.parametrize(
    "text",
    [text for text in HOSTILE if text.strip() and "\n" not in text and len(text) < 60],
    ids=lambda text: repr(text[:24]),
)
def test_hostile_text_changes_nothing_about_the_blocks_of_a_report(text: str) -> None:
    def blocks(of: str) -> list[str]:
        return [token.type for token in tokens(of)]

    ours, theirs = (render(page_of(report(t))) for t in ("plain", text))
    assert [b for b in blocks(theirs) if b != "fence"] == [b for b in blocks(ours) if b != "fence"]


def test_a_difference_of_texts_cannot_leave_its_block() -> None:
    text = render(page_of(report("```\n</details>\n/close\n````\n@org/team")))
    fences = [token for token in tokens(text) if token.type == "fence"]
    assert any("@org/team" in fence.content for fence in fences)
    for fence in fences:
        assert all(line[:1] in (" ", "+", "-", "!", "@") for line in fence.content.splitlines())


@given(st.lists(st.text(alphabet="`~ab\n", max_size=12), max_size=5))
def test_a_fenced_block_holds_its_lines_and_nothing_more(lines: list[str]) -> None:
    block = markdown_block([f" {line}" for line in lines])
    (token,) = tokens(block)
    assert token.type == "fence"
    shown = [" " + line.replace("\n", "\\n") for line in lines]
    assert token.content == "".join(f"{line}\n" for line in shown)


@given(st.text(max_size=40))
def test_a_text_reads_as_itself(text: str) -> None:
    found = list(inline(f"x {markdown_text(text)} x"))
    assert {token.type for token in found} <= {"text", "code_inline"}


def test_code_spans_that_touch_stay_apart() -> None:
    line = words(Code("a"), Code("b"), Said("#1"), Code("`"))
    page = Page(project="bot", top=Section(heading=words("x"), blocks=(Paragraph(line),)))
    found = [t.content for t in inline(render(page)) if t.type == "code_inline"]
    assert found == ["a", "b", "#1", "`"]


def test_a_report_that_is_too_long_says_what_it_leaves_out() -> None:
    text = render(page_of(report("tone", experiments=400)))
    assert len(text) <= LONGEST
    assert re.search(r"> \d+ sections do not fit into a comment and left out here: ", text)
    check_harmless(text)


def test_what_matters_most_is_never_left_out() -> None:
    text = render(page_of(report("x" * 70_000, experiments=50)))
    assert "x" * 600 in text
    assert "70,000 characters" in text
    assert "| compared |" in text


def test_length_is_counted_as_forges_count_it() -> None:
    text = render(page_of(report("🙂" * 500, experiments=200)))
    assert len(text.encode("utf-16-le")) // 2 <= LONGEST


def test_a_small_limit_leaves_a_whole_comment() -> None:
    text = render(page_of(report("tone")), longest=600)
    assert text.startswith(mark_of("bot"))
    assert len(text) <= 600
    assert "The rest does not fit into a comment." in text


class Elements(HTMLParser):
    """The elements of rendered Markdown."""

    def __init__(self) -> None:
        super().__init__()
        self.found: set[str] = set()
        self.attributes: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.add(tag)
        self.attributes |= {name for name, _ in attrs}


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: repr(text[:24]))
def test_rendered_as_html_it_holds_the_elements_of_a_report_alone(text: str) -> None:
    elements = Elements()
    elements.feed(_GFM.render(render(page_of(report(text)))))
    assert elements.found <= _ELEMENTS
    assert elements.attributes <= {"class"}


def test_notes_that_are_left_out_are_counted() -> None:
    made = report("a")
    many = replace(made, notes=tuple(f"note {n}" for n in range(30)))
    text = render(page_of(many))
    left = 30 + len(made.diff.notes) - 20
    assert f"\n- and {left} more\n" in text
    assert "and 1 more" not in render(page_of(made))
