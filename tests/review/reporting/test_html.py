from __future__ import annotations

from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitexp.review.reporting.composing import page_of
from gitexp.review.reporting.html import render
from tests.review.reporting.reports import HOSTILE, report

_ELEMENTS = {
    *("html", "head", "meta", "title", "style", "body", "section", "h2", "h3", "p", "ul", "li"),
    *("table", "thead", "tbody", "tr", "th", "td", "code", "pre", "span", "strong"),
    *("details", "summary"),
}
_ALONE = {"meta"}


class Reader(HTMLParser):
    """Reads a page, and holds it to being well-formed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[str] = []
        self.attributes: set[tuple[str, str]] = set()
        self.comments: list[str] = []
        self.text: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)
        self.attributes |= {(tag, name) for name, _ in attrs}
        if tag not in _ALONE:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_comment(self, data: str) -> None:
        self.comments.append(data)

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def check_harmless(text: str) -> Reader:
    found = Reader(text)
    assert set(found.elements) <= _ELEMENTS
    assert {name for _, name in found.attributes} <= {
        *("lang", "charset", "http-equiv", "content", "name", "class"),
    }
    assert found.comments == []
    return found


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: repr(text[:24]))
def test_no_text_of_a_repository_becomes_an_element(text: str) -> None:
    check_harmless(render(page_of(report(text))))


@given(st.text(max_size=40))
def test_no_made_up_text_becomes_an_element(text: str) -> None:
    check_harmless(render(page_of(report(text))))


def test_a_page_needs_nothing_else() -> None:
    text = render(page_of(report()))
    assert text.startswith("<!doctype html>\n")
    assert "default-src 'none'; style-src 'unsafe-inline'" in text
    assert not any(word in text for word in ("http:", "https:", "url(", "<script", "src=", "href="))


def test_nothing_is_left_out_of_a_page() -> None:
    found = check_harmless(render(page_of(report("tone", experiments=300))))
    assert found.elements.count("h3") > 300


def test_a_text_that_changed_is_shown_word_by_word() -> None:
    text = render(page_of(report("tone")))
    assert '<span class="unsure">!tone{+ more+}</span>' in text
    assert '<span class="added">+/close</span>' in text
