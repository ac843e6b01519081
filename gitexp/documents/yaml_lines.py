"""The lines of a text by their offsets; a line ends with a line feed, before which `\\r` may be."""

from __future__ import annotations

import re
from dataclasses import dataclass

_BLANK_LINES = re.compile(r"(?:[ \t]*\r?\n)*")


@dataclass(frozen=True)
class Lines:
    """A text that ends with a line feed, and where its lines are."""

    text: str

    def start_of(self, offset: int) -> int:
        """Return the offset at which the line of an offset begins."""
        return self.text.rfind("\n", 0, offset) + 1

    def end_of(self, offset: int) -> int:
        """Return the offset at which the line of an offset ends, its line end left out."""
        end = self.text.index("\n", offset)
        return end - 1 if end > offset and self.text[end - 1] == "\r" else end

    def after(self, offset: int) -> int:
        """Return the offset at which the line after that of an offset begins."""
        return self.text.index("\n", offset) + 1 if offset < len(self.text) else offset

    def rest(self, offset: int) -> str:
        """Return what follows an offset on its line."""
        return self.text[offset : self.end_of(offset)]

    def indentation(self, offset: int) -> str:
        """Return what precedes an offset on its line."""
        return self.text[self.start_of(offset) : offset]

    def below_blank(self, line: int) -> int:
        """Return where the first line that is not blank begins, from the start of a line on."""
        found = _BLANK_LINES.match(self.text, line)
        return found.end() if found else line

    def above_blank(self, line: int) -> int:
        """Return where the blank lines right above a line begin; the line itself if none are."""
        while line:
            above = self.start_of(line - 1)
            if self.text[above:line].strip():
                break
            line = above
        return line

    def above_comments(self, line: int, column: int) -> int:
        """Return where the comments begin that stand right above a line, at its indentation.

        Comments with which the text begins are about all of it, not about the line.
        """
        first = line
        while first:
            above = self.start_of(first - 1)
            if not self.text.startswith(" " * column + "#", above):
                return first
            first = above
        return line

    def end_above(self, line: int) -> int:
        """Return where the line above the start of a line ends, its line end left out."""
        return self.end_of(self.start_of(line - 1))
