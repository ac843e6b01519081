"""The end of what a program writes, kept in bounded memory."""

from __future__ import annotations

from collections.abc import Sequence

from gitexp.runs.masking import masked_end

OUTPUT_TAIL_BYTES = 64 * 2**10
"""How much of the end of a program's output a run records."""

_LONGEST_CHARACTER = 4


class OutputEnd:
    """The end of an output, secrets left out.

    Args:
        secrets: texts that must not be kept.
        size: how many bytes are kept.
    """

    def __init__(self, secrets: Sequence[str] = (), *, size: int = OUTPUT_TAIL_BYTES) -> None:
        self._secrets = secrets
        self._size = size
        longest = max((len(s.encode("utf-8", "surrogateescape")) for s in secrets), default=0)
        # A secret may have been cut where the kept bytes begin; then all of it is in front.
        self._kept = size + longest
        self._data = bytearray()
        self._is_cut = False

    def add(self, data: bytes) -> None:
        """Add what was written last."""
        self._data += data
        if len(self._data) > 2 * self._kept:
            del self._data[: -self._kept]
            self._is_cut = True

    def text(self) -> str:
        """Return the end as text; what is no UTF-8 is replaced."""
        end = masked_end(bytes(self._data), self._secrets, self._size)
        if self._is_cut or len(self._data) > self._size:
            end = _whole_characters(end)
        return end.decode("utf-8", "replace")


def _whole_characters(data: bytes) -> bytes:
    """Return bytes without what is left of a character that was cut at their beginning."""
    begin = 0
    while begin < min(len(data), _LONGEST_CHARACTER - 1) and data[begin] & 0xC0 == 0x80:
        begin += 1
    return data[begin:]
