"""What differs between two texts, word by word, and how that reads line by line."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from typing import Literal

PieceKind = Literal["same", "removed", "added"]
Sign = Literal[" ", "-", "+", "!", "@"]

_WORD = re.compile(r"(\n|\w+|[^\w\s])([^\S\n]*)")
_BLANK = re.compile(r"[^\S\n]*")
_LINE = re.compile(r"[^\n]*\n|[^\n]+")
_MOST_PAIRS = 40_000
"""How many pairs of equal parts are looked at in a stretch; matching takes longer than that."""

_MOST_PAIRS_IN_ALL = 200_000

_CONTEXT = 2


@dataclass(frozen=True, kw_only=True)
class Piece:
    """A stretch of a text: the same in both, removed from the first, or added in the second."""

    kind: PieceKind
    text: str


@dataclass(frozen=True, kw_only=True)
class WordLine:
    """A line of a comparison.

    Attributes:
        sign: ` ` for a line that is the same, `-` and `+` for one that is in one text alone, `!`
            for one in which words differ, `@` before lines that do not follow on the one above.
        text: the line; in one with `!`, `[-these words-]` were removed and `{+these+}` added.
    """

    sign: Sign
    text: str


def word_diff(before: str, after: str) -> tuple[Piece, ...]:
    """Return the pieces that lead from one text to another.

    Those that are the same and those that were removed make up the first text, those that are
    the same and those that were added the second. Long stretches of ever the same words are not
    looked into.
    """
    old, new = _LINE.findall(before), _LINE.findall(after)
    pieces: list[Piece] = []
    effort = _Effort()
    for same, i, j, k, m in _stretches(old, new, effort):
        removed, added = "".join(old[i:j]), "".join(new[k:m])
        if same:
            pieces.append(Piece(kind="same", text=removed))
        elif _are_alike(old[i:j], new[k:m]):
            # Far cheaper than looking for the words of each line in all lines.
            for one, other in zip(old[i:j], new[k:m], strict=True):
                pieces += _words(one, other, effort)
        else:
            pieces += _words(removed, added, effort)
    return tuple(_whole_lines(list(_joined(pieces))))


def _are_alike(old: Sequence[str], new: Sequence[str]) -> bool:
    """Return whether each line is another version of the one in the same place."""
    return len(old) == len(new) > 1 and all(map(_share_words, old, new))


def _share_words(one: str, other: str) -> bool:
    """Return whether two lines have most of their words in common."""
    ours, theirs = (Counter(re.findall(r"\w+", line)) for line in (one, other))
    most = max(ours.total(), theirs.total())
    return 2 * (ours & theirs).total() > most


def word_lines(before: str, after: str, *, context: int = _CONTEXT) -> list[WordLine]:
    """Return the lines in which two texts differ, with some around them that are the same."""
    page = _Page()
    for piece in word_diff(before, after):
        page.add(piece)
    page.end()
    return list(_near_changes(page.lines, context))


@dataclass
class _Effort:
    """How many more pairs of equal parts are looked at in one comparison."""

    left: int = _MOST_PAIRS_IN_ALL

    def affords(self, old: Sequence[str], new: Sequence[str]) -> bool:
        """Return whether two sequences may be matched, and take that into account."""
        counts = Counter(old)
        pairs = sum(counts[part] for part in new)
        if pairs > min(_MOST_PAIRS, self.left):
            return False
        self.left -= pairs
        return True


def _stretches(
    old: Sequence[str], new: Sequence[str], effort: _Effort
) -> Iterator[tuple[bool, int, int, int, int]]:
    """Yield the stretches of two sequences in turn, and whether each is the same in both."""
    shorter = min(len(old), len(new))
    first = next((i for i in range(shorter) if old[i] != new[i]), shorter)
    left = shorter - first
    rest = next((i for i in range(left) if old[-1 - i] != new[-1 - i]), left)
    if first:
        yield True, 0, first, 0, first
    ends = len(old) - rest, len(new) - rest
    inner = old[first : ends[0]], new[first : ends[1]]
    if not effort.affords(*inner):
        yield False, first, ends[0], first, ends[1]
    else:
        matcher = SequenceMatcher(None, *inner, autojunk=False)
        for tag, i, j, k, m in matcher.get_opcodes():
            yield tag == "equal", first + i, first + j, first + k, first + m
    if rest:
        yield True, ends[0], len(old), ends[1], len(new)


@dataclass(frozen=True, kw_only=True)
class _Words:
    """A text as its words, and the blanks behind each of them; `lead` stands before the first.

    Blanks are matched with their words, not by themselves: they are everywhere, and looking for
    the best match of each costs far more than all words do.
    """

    lead: str
    words: Sequence[str]
    blanks: Sequence[str]

    @classmethod
    def of(cls, text: str) -> _Words:
        match = _BLANK.match(text)
        lead = match[0] if match else ""
        found = _WORD.findall(text, len(lead))
        return cls(lead=lead, words=[w for w, _ in found], blanks=[b for _, b in found])

    def text(self, start: int, end: int) -> str:
        """Return some of the words with the blanks behind them."""
        pairs = zip(self.words[start:end], self.blanks[start:end], strict=True)
        return "".join(word + blank for word, blank in pairs)


def _words(before: str, after: str, effort: _Effort) -> list[Piece]:
    old, new = _Words.of(before), _Words.of(after)
    pieces = _changed(old.lead, new.lead)
    for same, i, j, k, m in _stretches(old.words, new.words, effort):
        ours, theirs = old.text(i, j), new.text(k, m)
        if not same or ours == theirs:
            pieces += _changed(ours, theirs)
            continue
        for a, b in zip(range(i, j), range(k, m), strict=True):
            pieces.append(Piece(kind="same", text=old.words[a]))
            pieces += _changed(old.blanks[a], new.blanks[b])
    return pieces


def _changed(removed: str, added: str) -> list[Piece]:
    if removed == added:
        return [Piece(kind="same", text=removed)] if removed else []
    return [Piece(kind="removed", text=removed), Piece(kind="added", text=added)]


def _joined(pieces: Sequence[Piece]) -> Iterator[Piece]:
    """Yield the pieces with neighbours of a kind made one: what was removed before what was added.

    A blank that was folded into the changes around it stays the same where nothing follows it.
    """
    removed = added = ""
    for piece in [*pieces, Piece(kind="same", text="")]:
        if piece.kind == "removed":
            removed += piece.text
        elif piece.kind == "added":
            added += piece.text
        else:
            yield from _pair(removed, added)
            removed = added = ""
            if piece.text:
                yield piece


def _pair(removed: str, added: str) -> Iterator[Piece]:
    """Yield what was removed and what was added, without the end that both share."""
    shared = 0
    while shared < min(len(removed), len(added)) and _is_blank(removed, added, shared):
        shared += 1
    cut = [text[: len(text) - shared] for text in (removed, added)]
    if cut[0]:
        yield Piece(kind="removed", text=cut[0])
    if cut[1]:
        yield Piece(kind="added", text=cut[1])
    if shared:
        yield Piece(kind="same", text=removed[len(removed) - shared :])


def _is_blank(removed: str, added: str, position: int) -> bool:
    character = removed[-1 - position]
    return character == added[-1 - position] and character in " \t"


def _whole_lines(pieces: Sequence[Piece]) -> Iterator[Piece]:
    """Yield the pieces such that a line that came or went ends with its own line feed.

    Of a line feed before a new line and the same one behind it, the first is what stayed.
    """
    moved = ""
    for place, piece in enumerate(pieces):
        text = piece.text
        if moved:
            text, moved = text[1:], ""
        elif piece.kind != "same" and _ends_within_a_line(pieces, place):
            head, _, tail = text.partition("\n")
            if head:
                yield Piece(kind=piece.kind, text=head)
            yield Piece(kind="same", text="\n")
            text, moved = tail + "\n", "\n"
        if text:
            yield Piece(kind=piece.kind, text=text)


def _ends_within_a_line(pieces: Sequence[Piece], place: int) -> bool:
    """Return whether what came or went holds a line feed, and lacks the one right behind it."""
    alone = not place or pieces[place - 1].kind == "same"
    if not alone or "\n" not in pieces[place].text or place + 1 == len(pieces):
        return False
    following = pieces[place + 1]
    return following.kind == "same" and following.text.startswith("\n")


@dataclass
class _Page:
    """Pieces as lines; a line ends with the text in which its line feed stands."""

    lines: list[WordLine] = field(default_factory=list)
    current: list[Piece] = field(default_factory=list)

    def add(self, piece: Piece) -> None:
        for part in _LINE.findall(piece.text):
            self.current.append(Piece(kind=piece.kind, text=part))
            if part.endswith("\n"):
                self.end()

    def end(self) -> None:
        if self.current:
            self.lines.append(_line(self.current))
        self.current = []


def _line(parts: Sequence[Piece]) -> WordLine:
    kinds = {part.kind for part in parts}
    plain = "".join(part.text for part in parts).removesuffix("\n")
    if kinds == {"same"}:
        return WordLine(sign=" ", text=plain)
    if kinds == {"removed"}:
        return WordLine(sign="-", text=plain)
    if kinds == {"added"}:
        return WordLine(sign="+", text=plain)
    return WordLine(sign="!", text="".join(map(_marked, parts)).removesuffix("\n"))


def _marked(part: Piece) -> str:
    if part.kind == "same":
        return part.text
    shown = part.text.replace("\n", "\\n")
    return f"[-{shown}-]" if part.kind == "removed" else f"{{+{shown}+}}"


def _near_changes(lines: Sequence[WordLine], context: int) -> Iterator[WordLine]:
    wanted = sorted(
        {
            near
            for number, line in enumerate(lines)
            if line.sign != " "
            for near in range(max(0, number - context), min(len(lines), number + context + 1))
        }
    )
    for place, number in enumerate(wanted):
        if number and (not place or wanted[place - 1] != number - 1):
            yield WordLine(sign="@", text=f"line {_number(lines, number)}")
        yield lines[number]


def _number(lines: Sequence[WordLine], position: int) -> int:
    """Return the number that a line has in the later text."""
    return 1 + sum(line.sign != "-" for line in lines[:position])
