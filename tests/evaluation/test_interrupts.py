"""SIGTERM inside a block: raised there, and handed on afterwards."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator

import pytest

from gitexp.evaluation.running import loops
from gitexp.runs.tracking.interrupts import Terminated, interrupts_held, termination_raised
from tests.evaluation.projects import Project


@pytest.fixture
def received() -> Iterator[list[int]]:
    """The signals that the handler from before was given."""
    numbers: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, frame: numbers.append(number))
    yield numbers
    signal.signal(signal.SIGTERM, before)


def test_the_signal_is_raised_inside_and_handed_on(received: list[int]) -> None:
    inside: list[list[int]] = []

    def block() -> None:
        try:
            signal.raise_signal(signal.SIGTERM)
        except Terminated:
            inside.append(list(received))
            raise

    with pytest.raises(SystemExit) as caught, termination_raised():
        block()
    assert (inside, received, caught.value.code) == ([[]], [signal.SIGTERM], 143)


def test_the_handler_from_before_comes_back(received: list[int]) -> None:
    before = signal.getsignal(signal.SIGTERM)
    with termination_raised():
        assert signal.getsignal(signal.SIGTERM) is not before
    assert signal.getsignal(signal.SIGTERM) is before
    assert received == []


def test_signals_wait_until_what_was_begun_is_noted(received: list[int]) -> None:
    noted: list[list[int]] = []

    def block() -> None:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGTERM)
        noted.append(list(received))

    with pytest.raises(KeyboardInterrupt), interrupts_held():
        block()
    assert (noted, received) == ([[]], [signal.SIGTERM])


def test_a_signal_that_is_ignored_stays_ignored(received: list[int]) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    with termination_raised():
        signal.raise_signal(signal.SIGTERM)
    assert received == []


def test_another_thread_changes_nothing(received: list[int]) -> None:
    before = signal.getsignal(signal.SIGTERM)
    seen = []

    def inside() -> None:
        with termination_raised():
            seen.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=inside)
    thread.start()
    thread.join()
    assert seen == [before]


def test_being_told_to_end_during_the_import_is_no_failed_import(
    project: Project, received: list[int]
) -> None:
    project.code("import signal\nsignal.raise_signal(signal.SIGTERM)\nanswer = print\n")
    with pytest.raises(SystemExit):
        project.run()
    assert received == [signal.SIGTERM]
    assert project.runs() == []


def test_a_run_that_is_told_to_end_is_recorded_first(
    project: Project, received: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loops, "_PATIENCE", 0.5)
    project.code(
        "import os, signal, threading\n"
        "def answer(x, p):\n"
        "    if x == 2:\n"
        "        os.kill(os.getpid(), signal.SIGTERM)\n"
        "        threading.Event().wait()\n"
        "    return x + 1\n"
    )
    with pytest.raises(SystemExit):
        project.run(concurrency=1)
    [run] = project.runs()
    assert (run.status, run.stats.total) == ("killed", 2)
    assert run.error is not None
    assert run.error.message == "stopped by SIGTERM"
    assert received == [signal.SIGTERM]
