"""Scenarios of many processes that track runs at once, are killed, or meet git at work."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
import traceback
from collections.abc import Iterator

from gitexp.errors import GitexpError, NotAllowed
from gitexp.runs.tracking.active import ActiveRun
from gitexp.runs.tracking.resuming import resume_run
from gitexp.runs.tracking.starting import NewRun, start_run
from tests.faults.run_acts import EXPERIMENT, Account, Worker, opened
from tests.faults.run_checks import check_equal, check_git
from tests.faults.run_world import World
from tests.real_git import Git


def many_track(world: World) -> int:
    """Eight processes track runs of one experiment at once."""
    left = world.until()

    def work(worker: Worker) -> None:
        while left():
            worker.track()

    def searcher(worker: Worker) -> None:
        while left():
            worker.search()

    for _ in range(8):
        world.start(work)
    for _ in range(2):
        world.start(searcher)
    world.wait_for_all()
    return world.check()


def clones_push(world: World) -> int:
    """Two clones push runs to one remote while git packs and prunes all three repositories."""
    left = world.until()

    def work(worker: Worker) -> None:
        while left():
            try:
                worker.track(push=True)
                worker.repository.runs.sync()
                worker.search()
            except GitexpError as exc:
                # Git has removed what was being written; nothing was acknowledged.
                worker.account.note("refused", "", {"refused": str(exc)})

    with packing(world):
        for number in range(4):
            world.start(work, clone=number % 2)
        world.wait_for_all()
    check_git(world.shared)
    check_equal([world.clone(0), world.clone(1)])
    return world.check(0, 1)


@contextlib.contextmanager
def packing(world: World) -> Iterator[None]:
    """Have git pack and prune all repositories of a world, again and again."""
    script = f"while :; do git gc --quiet {world.gc}; git pack-refs --all; git repack -adq; done"
    each = [
        subprocess.Popen(
            ["sh", "-c", script],
            cwd=path,
            env=Git(path).environ,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        for path in (world.shared, world.clone(0), world.clone(1))
    ]
    try:
        yield
    finally:
        for process in each:
            os.kill(process.pid, signal.SIGTERM)
            process.wait()
        # What was running in one of the shells ends by itself, and its locks with it.
        for process in each:
            while _is_group_alive(process.pid):
                time.sleep(0.05)


def _is_group_alive(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def killed_anywhere(world: World) -> int:
    """Trackers that push are killed at any moment, while others go on."""
    left, draw = world.until(), world.draw()

    def work(worker: Worker) -> None:
        while True:
            worker.track(push=worker.draw.random() < 0.3)
            worker.search()

    while left():
        processes = [world.start(work) for _ in range(2)]
        for process in processes:
            world.wait(process, draw.uniform(0.0, 0.4))
            if process in world.alive:
                world.kill(process)
    found = world.check()
    check_git(world.shared)
    return found


def ended_by_one(world: World) -> int:
    """Forked children and other processes log to a run until somebody ends it."""
    left = world.until()

    def owner(worker: Worker) -> None:
        active = worker.begin()
        others = [_forked(world, worker, active, number) for number in range(2)]
        (world.directory / "run").write_text(active.id)
        ends = worker.draw.random() < 0.5
        for _ in range(worker.draw.randrange(1, 150)):
            try:
                worker.log(active)
            except NotAllowed:
                break
        if ends:
            with contextlib.suppress(NotAllowed):
                worker.end(active)
        else:
            worker.log_until_over(active)
        for process in others:
            os.waitpid(process, 0)

    def other(worker: Worker) -> None:
        active = opened(worker, (world.directory / "run").read_text())
        if active is not None:
            worker.log_until_over(active)

    def ender(worker: Worker) -> None:
        active = opened(worker, (world.directory / "run").read_text())
        if active is not None:
            for _ in range(worker.draw.randrange(60)):
                with contextlib.suppress(NotAllowed):
                    worker.log(active)
            with contextlib.suppress(NotAllowed):
                worker.end(active)

    while left():
        (world.directory / "run").unlink(missing_ok=True)
        world.start(owner)
        while not (world.directory / "run").exists():
            time.sleep(0.005)
        for work in (other, other, ender):
            world.start(work)
        world.wait_for_all()
    return world.check()


def _forked(world: World, parent: Worker, active: ActiveRun, number: int) -> int:
    """Return a forked process that logs to the run of its parent."""
    process = os.fork()
    if process:
        return process
    name = f"{os.path.basename(parent.name)}-{number}"
    account = Account(world.directory / f"{name}-{os.getpid()}.account")
    try:
        child = Worker(world.clone(), account, f"{name} {os.getpid()}")
        child.log_until_over(active)
    except BaseException:
        account.note("error", "", {"error": traceback.format_exc()})
    finally:
        os._exit(0)


def reaped_meanwhile(world: World) -> int:
    """Several processes reap while runs with short leases are logged to, ended and killed."""
    left, draw = world.until(), world.draw()

    def leased(worker: Worker) -> None:
        new = NewRun(experiment=EXPERIMENT, held=False, lease=0.03)
        while left():
            active = start_run(worker.repository.workspace, new)
            worker.account.note("did", active.id, {"began": True})
            with contextlib.suppress(NotAllowed):
                for _ in range(30):
                    worker.log(active)
                    time.sleep(worker.draw.choice([0, 0, 0.001, 0.03]))
                worker.end(active)
            active.close()

    def reaper(worker: Worker) -> None:
        while left():
            worker.repository.runs.reap()
            worker.search()

    for work in (leased, leased, reaper, reaper, reaper):
        world.start(work)

    def endless(worker: Worker) -> None:
        while True:
            worker.track()

    while left():
        process = world.start(endless)
        world.wait(process, draw.uniform(0.1, 0.4))
        if process in world.alive:
            world.kill(process)
    world.wait_for_all()
    time.sleep(0.05)
    return world.check()


def gone_on_with(world: World) -> int:
    """Several processes go on with one run that is over, and others tag it meanwhile."""
    left = world.until()

    def first(worker: Worker) -> None:
        active = worker.begin()
        worker.end(active)
        (world.directory / "run").write_text(active.id)

    def again(worker: Worker) -> None:
        run_id = (world.directory / "run").read_text()
        for _ in range(3):
            active = resume_run(worker.repository.workspace, run_id)
            with contextlib.suppress(NotAllowed):
                for _ in range(5):
                    worker.log(active)
                    worker.contend(active)
                if worker.draw.random() < 0.3:
                    active.checkpoint()
                worker.end(active)
            active.close()

    def tagger(worker: Worker) -> None:
        run_id = (world.directory / "run").read_text()
        for _ in range(8):
            worker.tag(run_id)

    while left():
        world.start(first)
        world.wait_for_all()
        for work in (again, again, again, tagger):
            world.start(work)
        world.wait_for_all()
    return world.check()
