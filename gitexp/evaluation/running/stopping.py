"""Reasons to stop an evaluation before its last sample: its limits, and people who cancel it."""

from __future__ import annotations

from pathlib import Path

from gitexp.evaluation.running.requests import Limits
from gitexp.runs.journalling.contents import entries
from gitexp.runs.rows import Failure
from gitexp.runs.tallies import Tally
from gitexp.store.files import read_error

LIMIT = "LimitReached"
CANCELLED = "Cancelled"

NONE = Limits()
"""No limits, as most evaluations have."""

_LEAST_ROWS = 20
"""Rows before a share of errors says something."""


def limit_reached(limits: Limits, tally: Tally, seconds: float) -> Failure | None:
    """Return why an evaluation with these totals stops now, or None.

    Args:
        seconds: how long it has gone on.
    """
    errors, rows, used = tally.stats.errors, tally.rows, tally.usage_so_far
    tokens = used.get("input_tokens", 0) + used.get("output_tokens", 0)
    reasons: list[tuple[bool, str]] = [
        (limits.fail_fast and errors > 0, "a row is an error, and the run fails fast"),
        (_over(errors, limits.max_errors), f"more than {limits.max_errors} rows are errors"),
        (
            rows >= _LEAST_ROWS and _over(errors / rows, limits.max_error_rate),
            f"{errors} of {rows} rows are errors, more than a share of {limits.max_error_rate}",
        ),
        (
            _reached(used.get("cost", 0.0), limits.max_cost),
            f"the calls cost {used.get('cost', 0.0):.6g}, and {limits.max_cost} is the most",
        ),
        (
            _reached(tokens, limits.max_tokens),
            f"the calls used {tokens} tokens, and {limits.max_tokens} is the most",
        ),
        (
            _reached(seconds, limits.max_seconds),
            f"it went on for {seconds:.0f} s, and {limits.max_seconds} s is the most",
        ),
    ]
    return next((Failure(type=LIMIT, message=text) for holds, text in reasons if holds), None)


def _over(value: float, most: float | None) -> bool:
    return most is not None and value > most


def _reached(value: float, most: float | None) -> bool:
    return most is not None and value >= most


class CancelWatch:
    """Looks whether somebody asked, in the journal of a run, to cancel it.

    It begins where the journal does: a run can be cancelled before its work has begun.
    """

    def __init__(self, journal: Path | None) -> None:
        self._path = journal
        self._at = 0

    def asked(self) -> Failure | None:
        """Return who cancelled the run since the last look, and why; None for nobody.

        Raises:
            StoreError: the journal cannot be read.
        """
        size = self._size()
        if self._path is None or size <= self._at:
            return None
        try:
            with open(self._path, "rb") as source:
                source.seek(self._at)
                data = source.read(size - self._at)
        except OSError as exc:
            raise read_error(exc, str(self._path)) from exc
        whole = data[: data.rfind(b"\n") + 1]
        self._at += len(whole)
        for event in entries(whole, holding=b'"cancel"'):
            cancel = event.get("cancel")
            if cancel:
                return Failure(type=CANCELLED, message=_said(cancel))
        return None

    def _size(self) -> int:
        try:
            return self._path.stat().st_size if self._path is not None else 0
        except OSError:
            return 0


def _said(cancel: dict[str, str]) -> str:
    reason = cancel.get("reason")
    return f"cancelled by {cancel.get('by', 'somebody')}" + (f": {reason}" if reason else "")
