"""Every act on a run, cut short at any of its system calls: by a kill or by a failing disk."""

from __future__ import annotations

import contextlib
import itertools
import os
import time
import traceback
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from unittest.mock import patch

from gitexp.errors import GitexpError
from gitexp.runs.recording.closing import reap
from gitexp.runs.tracking.active import ActiveRun
from gitexp.runs.tracking.resuming import resume_run
from tests.faults.injection import KINDS, Fault, injected
from tests.faults.run_acts import Worker
from tests.faults.run_checks import check_git
from tests.faults.run_world import Work, World

_LEASE = 0.01
_READING = ("store/packs.py", "store/objectfiles.py")


def killed_at_calls(world: World) -> int:
    """Every act is killed at its n-th system call."""
    with _without_fsync():
        for act in [*ACTS.values(), PUSH]:
            _at_each_call(world, act, Fault(at=0, code=None, kills=True))
    time.sleep(2 * _LEASE)
    check_git(world.shared)
    return world.check()


def failing_calls(world: World) -> int:
    """Every act has its n-th system call fail, in every way; then the run is ended."""
    with _without_fsync():
        for kind, act in itertools.product(KINDS.values(), ACTS.values()):
            _at_each_call(world, act, kind)
    time.sleep(2 * _LEASE)
    return world.check(damaged=True)


def _without_fsync() -> AbstractContextManager[object]:
    """Leave out fsync, which here only takes time."""
    return patch.object(os, "fsync", lambda descriptor: None)


def _at_each_call(world: World, act: Act, kind: Fault) -> None:
    first, step = world.part
    for number in itertools.count(1 + first, step):
        world.start(_acting(act, replace(kind, at=number, calls=[])))
        world.wait_for_all()
        newest = max(world.directory.glob("*.account")).read_text()
        if '"complete"' in newest or '"kind": "error"' in newest:
            return


def _acting(act: Act, fault: Fault) -> Work:
    def work(worker: Worker) -> None:
        active = act.prepare(worker)
        try:
            with contextlib.suppress(GitexpError), injected(fault):
                act.carry_out(worker, active)
        except OSError as exc:
            # What reads objects says what the disk says.
            frames = traceback.extract_tb(exc.__traceback__)
            if not any(frame.filename.endswith(_READING) for frame in frames):
                raise
        if not fault.happened:
            worker.account.note("did", active.id, {"complete": True})
        if active.is_open:
            worker.log(active)
            worker.end(active)

    return work


@dataclass(frozen=True, kw_only=True)
class Act:
    """Something to be cut short: what comes before it, and the act itself."""

    prepare: Callable[[Worker], ActiveRun]
    carry_out: Callable[[Worker, ActiveRun], None]


def _with_something(worker: Worker) -> ActiveRun:
    active = worker.begin()
    for _ in range(6):
        worker.log(active)
    return active


def _over(worker: Worker) -> ActiveRun:
    active = _with_something(worker)
    worker.end(active)
    return active


def _left_behind(worker: Worker) -> ActiveRun:
    """Return a run that nobody holds any more."""
    active = _with_something(worker)
    active.checkpoint()
    worker.log(active)
    active.close()
    return active


def _log(worker: Worker, active: ActiveRun) -> None:
    for _ in range(8):
        with contextlib.suppress(GitexpError):
            worker.log(active)


def _checkpoint(worker: Worker, active: ActiveRun) -> None:
    active.checkpoint()
    worker.log(active)
    active.checkpoint()


def _go_on(worker: Worker, active: ActiveRun) -> None:
    # It may end once more, or be left behind.
    for status in ("finished", "failed", "killed"):
        worker.account.note("did", active.id, {"end": status})
    again = resume_run(worker.repository.workspace, active.id, lease=_LEASE)
    worker.log(again)
    again.checkpoint()
    worker.log(again)
    worker.end(again)


def _reap(worker: Worker, active: ActiveRun) -> None:
    reap(worker.repository.workspace)


ACTS = {
    "log": Act(prepare=_with_something, carry_out=_log),
    "checkpoint": Act(prepare=_with_something, carry_out=_checkpoint),
    "end": Act(prepare=_with_something, carry_out=Worker.end),
    "amend": Act(prepare=_over, carry_out=lambda worker, active: worker.tag(active.id)),
    "go on": Act(prepare=_over, carry_out=_go_on),
    "reap": Act(prepare=_left_behind, carry_out=_reap),
}

PUSH = Act(
    prepare=_over,
    carry_out=lambda worker, active: worker.push(),
)
