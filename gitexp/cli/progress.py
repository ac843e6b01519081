"""A run's progress on standard error, where somebody watches."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gitexp.cli.session import Session
    from gitexp.evaluation.running.runner import Progress

Report = Callable[["Progress"], None]


@contextmanager
def progress_bar(session: Session, title: str) -> Iterator[Report | None]:
    """Yield what takes progress and shows it as a bar; None where nobody watches."""
    if not session.terminal.errors:
        yield None
        return
    with _bar(session) as bar:
        task = bar.add_task(session.terminal.line(title), total=None, tally="")

        def show(progress: Progress) -> None:
            bar.update(
                task, total=progress.total, completed=progress.done, tally=tally_text(progress)
            )

        yield show


def _bar(session: Session) -> Any:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    console = Console(
        stderr=True,
        no_color=not session.terminal.styled,
        width=session.terminal.width,
        _environ=dict(session.environ),
    )
    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[tally]}", markup=False),
        TimeRemainingColumn(),
        console=console,
        transient=True,
    )


def tally_text(tally: Any) -> str:
    """Return counts in words; those that are nothing are left out, passed ones never."""
    errors = "error" if tally.errors == 1 else "errors"
    counts = [(tally.failed, "failed"), (tally.errors, errors), (tally.unscored, "unscored")]
    others = [f"{count} {what}" for count, what in counts if count]
    return ", ".join([f"{tally.passed} passed", *others])
