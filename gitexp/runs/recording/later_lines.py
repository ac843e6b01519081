"""Lines of rows that came later than the rows of a run, put in order without being held together.

Of each line a few bytes are in memory. The lines themselves stand in a temporary file that nobody
else sees and that is gone with the process, unless they are few.
"""

from __future__ import annotations

import tempfile
from array import array
from collections.abc import Iterable, Iterator
from itertools import chain
from types import TracebackType

from gitexp.store.files import write_errors

_IN_MEMORY = 4 << 20


class LaterLines:
    """Lines with numbers, to be added in whatever order and taken in that of their numbers."""

    def __init__(self) -> None:
        self._file = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115
        self._numbers = array("Q")
        self._places = array("Q", [0])
        self._order = array("Q")
        self._taken = 0

    def __enter__(self) -> LaterLines:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._file.close()

    def __len__(self) -> int:
        return len(self._numbers)

    def add(self, number: int, line: bytes) -> None:
        """Add a line.

        Raises:
            StoreError: there is no room for it.
        """
        with write_errors("the rows cannot be put in order"):
            self._file.write(line)
        self._numbers.append(number)
        self._places.append(self._places[-1] + len(line))

    def sort(self, *, last: int = 0) -> None:
        """Make all lines ready to be taken, again too; those of one number as they were added.

        Args:
            last: how many of those that were added first come last nevertheless.
        """
        added = chain(range(last, len(self)), range(last))
        self._order = array("Q", sorted(added, key=self._numbers.__getitem__))
        self._taken = 0

    def take(self, below: int) -> Iterator[tuple[int, Iterable[bytes]]]:
        """Yield each number below another one that was not taken yet, with its lines."""
        while (number := self._next()) is not None and number < below:
            yield number, list(self._lines(number))

    def _next(self) -> int | None:
        more = self._taken < len(self._order)
        return self._numbers[self._order[self._taken]] if more else None

    def _lines(self, number: int) -> Iterator[bytes]:
        while self._next() == number:
            index = self._order[self._taken]
            self._taken += 1
            self._file.seek(self._places[index])
            yield self._file.read(self._places[index + 1] - self._places[index])
