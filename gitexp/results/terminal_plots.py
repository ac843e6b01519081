"""Charts as text for a terminal: lines in braille dots, bars in blocks, plain ASCII where it must.

A braille character holds two by four dots, so a line of 60 columns shows 120 places. Colours tell
several curves apart; without colours each is drawn with a letter-like mark of its own.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, pairwise
from typing import Literal

from gitexp.results.curves import Bar, BarChart, Chart, Curve, Dot, LineChart, Panel, bar_text
from gitexp.results.ticks import (
    number_texts,
    number_ticks,
    power_ticks,
    time_texts,
    time_ticks,
)

Characters = Literal["unicode", "ascii"]

MARKS = "ox+*#@%&$=abcdefghijklmnpqrstuvwyz"
COLORS = (33, 208, 36, 175, 214, 81, 250)
"""Near the colours of the pictures in the palette of 256, seen on black and on white."""

_BITS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
_BRAILLE = 0x2800
_EIGHTHS = " ▏▎▍▌▋▊▉█"
_NARROWEST = 20
_LOWEST = 4
_LONGEST_BAR = 60


@dataclass(frozen=True, kw_only=True)
class Screen:
    """What a chart is drawn on.

    Attributes:
        width: columns; nothing is drawn beyond them, but for labels that cannot be shorter.
        height: lines of the field in which curves are drawn.
        styled: whether colours may be used.
        measure: how many columns a text takes.
    """

    width: int = 80
    height: int = 16
    styled: bool = False
    characters: Characters = "unicode"
    measure: Callable[[str], int] = len

    @property
    def frame(self) -> tuple[str, str, str, str]:
        """The characters of an axis: upright, with a tick, corner, level."""
        return ("│", "┤", "└", "─") if self.characters == "unicode" else ("|", "+", "+", "-")


def draw(chart: Chart, screen: Screen) -> str:
    """Return a chart as lines of text, each with a newline at its end."""
    lines = _line_chart(chart, screen) if isinstance(chart, LineChart) else _bars(chart, screen)
    return "".join(line.rstrip() + "\n" for line in lines)


def _colored(text: str, position: int, screen: Screen) -> str:
    if not screen.styled or not text.strip():
        return text
    return f"\x1b[38;5;{COLORS[position % len(COLORS)]}m{text}\x1b[0m"


# --- lines ------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class _Axis:
    """The values at both ends of an axis, and what is written on it."""

    low: float
    high: float
    ticks: Sequence[float]
    texts: Sequence[str]

    def place(self, value: float, last: int) -> int:
        """Return where a value is among the places from 0 to `last`."""
        # Halves keep the span of the largest floats finite.
        span = self.high / 2 - self.low / 2
        share = (value / 2 - self.low / 2) / span if span else 0.5
        return round(min(max(share, 0.0), 1.0) * last)


def _line_chart(chart: LineChart, screen: Screen) -> Iterator[str]:
    height = max(_LOWEST, screen.height)
    vertical = _value_axis(chart, height)
    margin = max(map(len, vertical.texts)) + 1
    width = max(_NARROWEST, screen.width - margin - 1)
    horizontal = _course_axis(chart, width)
    upright, tick, corner, level = screen.frame
    scaled = _with_logarithms(chart) if chart.log_y else chart
    field = _field(scaled, horizontal, vertical, replace(screen, width=width, height=height))
    rows = {height - 1 - vertical.place(t, height - 1): i for i, t in enumerate(vertical.ticks)}
    yield chart.title
    for row, cells in enumerate(field):
        label = vertical.texts[rows[row]] if row in rows else ""
        yield f"{label:>{margin}}{tick if row in rows else upright}{cells}"
    yield f"{'':{margin}}{corner}{level * width}"
    yield " " * (margin + 1) + _tick_line(horizontal, width)
    yield " " * (margin + 1) + f"{chart.x_label:^{width}}"
    yield from _legend(chart.curves, screen)


def _with_logarithms(chart: LineChart) -> LineChart:
    curves = [
        replace(curve, lines=tuple(tuple(map(_logarithm, line)) for line in curve.lines))
        for curve in chart.curves
    ]
    return replace(chart, curves=tuple(curves))


def _logarithm(dot: Dot) -> Dot:
    return dot[0], math.log10(dot[1])


def _value_axis(chart: LineChart, height: int) -> _Axis:
    """Return the vertical axis; with logarithms its ends and ticks are logarithms."""
    ys = [y for _, y in chart.dots]
    most = max(2, (height + 1) // 2)
    if not chart.log_y:
        low, high = _room(min(ys), max(ys))
        ticks = number_ticks(low, high, most=most)
        return _Axis(low=low, high=high, ticks=ticks, texts=number_texts(ticks))
    low, high = _room_in_powers(min(ys), max(ys))
    ticks = power_ticks(low, high, most=most)
    return _Axis(
        low=math.log10(low),
        high=math.log10(high),
        ticks=[math.log10(tick) for tick in ticks],
        texts=[f"{tick:.3g}" for tick in ticks],
    )


def _room(low: float, high: float) -> tuple[float, float]:
    """Return ends that are apart; a level line runs through the middle."""
    if low < high:
        return low, high
    half = abs(low) / 2 or 1.0
    return low - half, high + half


def _room_in_powers(low: float, high: float) -> tuple[float, float]:
    return (low, high) if low < high else (low / 2 or low, min(high * 2, 1e308))


def _course_axis(chart: LineChart, width: int) -> _Axis:
    xs = [x for x, _ in chart.dots]
    low, high = min(xs), max(xs)
    if chart.x == "time":
        ticks = time_ticks(low, high, most=max(2, width // 10))
        return _Axis(low=low, high=high, ticks=ticks, texts=time_texts(ticks))
    whole = chart.x == "step"
    ticks = number_ticks(low, high, most=max(2, width // 10), whole=whole)
    return _Axis(low=low, high=high, ticks=ticks, texts=number_texts(ticks))


def _tick_line(axis: _Axis, width: int) -> str:
    """Return the line of texts below the axis, each around its place, as far as they fit."""
    line, free = "", 0
    for tick, text in zip(axis.ticks, axis.texts, strict=True):
        start = axis.place(tick, width - 1) - len(text) // 2
        start = min(max(start, 0), max(0, width - len(text)))
        if start >= free:
            line = f"{line:<{start}}{text}"
            free = start + len(text) + 1
    return line


def _legend(curves: Sequence[Curve], screen: Screen) -> Iterator[str]:
    if len(curves) == 1:
        yield f"  {curves[0].label}"
        return
    for position, curve in enumerate(curves):
        yield f"  {_colored(_mark(position, screen), position, screen)} {curve.label}"


def _mark(position: int, screen: Screen) -> str:
    if screen.styled and screen.characters == "unicode":
        return "━━"
    return MARKS[position % len(MARKS)]


def _field(chart: LineChart, x: _Axis, y: _Axis, screen: Screen) -> list[str]:
    """Return the lines of the field in which the curves are drawn."""
    fine = screen.characters == "unicode" and (screen.styled or len(chart.curves) == 1)
    canvas = _Canvas(screen.width, screen.height, fine=fine)
    for position, curve in enumerate(chart.curves):
        for line in curve.lines:
            canvas.line(_thinned([canvas.dot(dot, x, y) for dot in line]), position)
    return [_row(cells, screen) for cells in canvas.rows()]


def _row(cells: Sequence[tuple[str, int]], screen: Screen) -> str:
    """Return a line of cells; neighbours of one colour share its escape sequences."""
    text, run, color = "", "", -1
    for character, position in cells:
        if position != color:
            text += _colored(run, color, screen)
            run, color = "", position
        run += character
    return text + _colored(run, color, screen)


class _Canvas:
    """A field of cells in which lines are drawn, dot by dot."""

    def __init__(self, width: int, height: int, *, fine: bool) -> None:
        self._width, self._height = width, height
        self._across, self._down = (2, 4) if fine else (1, 1)
        self._fine = fine
        self._cells: dict[tuple[int, int], tuple[int, int]] = {}

    def dot(self, dot: Dot, x: _Axis, y: _Axis) -> tuple[int, int]:
        """Return the column and row of dots, counted from the top left, at which a place is."""
        last_row = self._height * self._down - 1
        column = x.place(dot[0], self._width * self._across - 1)
        return column, last_row - y.place(dot[1], last_row)

    def line(self, dots: Sequence[tuple[int, int]], position: int) -> None:
        """Draw straight lines from each dot to the next."""
        self._set(*dots[0], position)
        for start, end in pairwise(dots):
            for column, row in _between(start, end):
                self._set(column, row, position)

    def _set(self, column: int, row: int, position: int) -> None:
        cell = (row // self._down, column // self._across)
        bit = _BITS[row % self._down][column % self._across]
        self._cells[cell] = (self._cells.get(cell, (0, 0))[0] | bit, position)

    def rows(self) -> Iterator[list[tuple[str, int]]]:
        """Yield for each line the character and the curve of every cell; -1 is no curve."""
        for row in range(self._height):
            yield [self._cell((row, column)) for column in range(self._width)]

    def _cell(self, place: tuple[int, int]) -> tuple[str, int]:
        bits, position = self._cells.get(place, (0, -1))
        if not bits:
            return " ", -1
        return (chr(_BRAILLE + bits) if self._fine else MARKS[position % len(MARKS)]), position


def _thinned(dots: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return dots that draw the same line: of each stay in a column the ends and the extremes."""
    kept = []
    for column, stay in groupby(dots, key=lambda dot: dot[0]):
        rows = [row for _, row in stay]
        kept += [(column, row) for row in (rows[0], min(rows), max(rows), rows[-1])]
    return kept


def _between(start: tuple[int, int], end: tuple[int, int]) -> Iterator[tuple[int, int]]:
    """Yield the dots of a straight line, its end included and its start not."""
    across, down = end[0] - start[0], end[1] - start[1]
    count = max(abs(across), abs(down))
    for number in range(1, count + 1):
        yield start[0] + round(across * number / count), start[1] + round(down * number / count)


# --- bars -------------------------------------------------------------------------------------


def _bars(chart: BarChart, screen: Screen) -> Iterator[str]:
    for number, panel in enumerate(chart.panels):
        if number:
            yield ""
        yield f"{panel.title} ({panel.note})" if panel.note else panel.title
        yield from _panel(panel, screen)


def _panel(panel: Panel, screen: Screen) -> Iterator[str]:
    labels = max(screen.measure(bar.label) for bar in panel.bars)
    texts = [bar_text(bar, ratio=panel.ratio) for bar in panel.bars]
    room = screen.width - labels - max(map(len, texts)) - 5
    widest = max(8, min(room, _LONGEST_BAR))
    lengths = [_length(bar) for bar in panel.bars]
    low, high = min(0.0, *lengths), max(0.0, *lengths)
    for position, (bar, text) in enumerate(zip(panel.bars, texts, strict=True)):
        pad = " " * (labels - screen.measure(bar.label))
        drawn = _bar(lengths[position], low, high, widest, screen)
        yield f"  {bar.label}{pad} {_colored(drawn, position, screen)} {text}"


def _length(bar: Bar) -> float:
    return bar.value if bar.value is not None and math.isfinite(bar.value) else 0.0


def _bar(value: float, low: float, high: float, width: int, screen: Screen) -> str:
    """Return a bar from where 0 is to the value, in the room for all values from low to high."""
    if low < 0:
        return _signed_bar(value, low, high, width, screen)
    eighths = round(8 * width * (value / high)) if high else 0
    if screen.characters == "ascii":
        return "#" * round(eighths / 8)
    whole, rest = divmod(eighths, 8)
    return "█" * whole + (_EIGHTHS[rest] if rest else "")


def _signed_bar(value: float, low: float, high: float, width: int, screen: Screen) -> str:
    """Return a bar on either side of 0, in whole columns, padded to the full width."""
    upright = screen.frame[0]
    block = "█" if screen.characters == "unicode" else "#"
    # In parts of the longest bar, the sum of both sides is finite and not 0.
    longest = max(-low, high)
    span = high / longest - low / longest
    before = round(width * (-low / longest / span))
    length = round(width * (value / longest / span))
    left = block * -length if length < 0 else ""
    right = block * length if length > 0 else ""
    return f"{left:>{before}}{upright}{right:<{width - before}}"
