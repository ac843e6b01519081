"""Processes that write until they are killed, or all at once; run as a program of its own.

A fresh process with one thread may fork, which is the cheapest way to have many of them. What
came of it is printed as JSON, to be judged by the test that started this.
"""

from __future__ import annotations

import json
import os
import random
import select
import signal
import subprocess
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path

from gitexp.ids import ObjectId
from gitexp.store.disk import DiskStore
from gitexp.store.trees import read_commit, walk_files
from tests.builders import commit_files
from tests.faults.injection import Fault, injected
from tests.faults.saves import SAVES, assert_whole, copy_of, make_template, state

Work = Callable[[Callable[[str], None]], None]
"""What a child does; it calls its argument with every commit that was acknowledged."""


_alive: set[int] = set()


class Child:
    """A forked process and what it acknowledged so far."""

    def __init__(self, work: Work) -> None:
        self._read, write = os.pipe()
        self._data = b""
        self.process = os.fork()
        if self.process == 0:
            _run(work, write)
        os.close(write)
        _alive.add(self.process)

    def wait_for(self, seconds: float) -> None:
        """Wait a while, or until it ends."""
        select.select([self._end()], [], [], seconds)

    def has_acknowledged(self, number: int) -> bool:
        """Return whether so many things were acknowledged up to now."""
        while select.select([self._read], [], [], 0)[0]:
            if not (part := os.read(self._read, 1 << 16)):
                return True
            self._data += part
        return self._data.count(b"\n") >= number

    def kill(self) -> list[str]:
        """Kill it at once and return what it acknowledged."""
        os.kill(self.process, signal.SIGKILL)
        return self.finish()

    def finish(self) -> list[str]:
        """Wait for its end and return what it acknowledged."""
        while part := os.read(self._read, 1 << 16):
            self._data += part
        os.close(self._read)
        os.waitpid(self.process, 0)
        _alive.discard(self.process)
        return self._data.decode().split()

    def _end(self) -> int:
        """Return a descriptor that becomes readable when the process ends."""
        return os.pidfd_open(self.process)


def _run(work: Work, write: int) -> None:
    def acknowledge(text: str) -> None:
        os.write(write, text.encode() + b"\n")

    # What this process prints to is awaited to its end by the test, also when this child lives on.
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in range(3):
        os.dup2(nowhere, descriptor)
    try:
        work(acknowledge)
    except BaseException:
        acknowledge("error:" + traceback.format_exc().replace("\n", "|").replace(" ", "_"))
    finally:
        os._exit(0)


def killed(repository: Path, seed: int, kills: int) -> dict[str, list[str]]:
    """Kill writers at random moments; return what each branch acknowledged."""
    draw = random.Random(seed)
    acknowledged: dict[str, list[str]] = {"main": [], "topic": []}
    for number in range(kills):
        branch = draw.choice(["main", "topic"])
        child = Child(_endless(repository, branch, number))
        child.wait_for(draw.uniform(0.0, 0.25))
        acknowledged[branch] += child.kill()
    return acknowledged


def _endless(repository: Path, branch: str, number: int) -> Work:
    def work(acknowledge: Callable[[str], None]) -> None:
        with DiskStore.open(repository) as store:
            for step in range(1_000_000):
                text = f"{number} {step}\n".encode()
                files: dict[str, bytes | None] = {
                    "a.txt": text,
                    f"d{step % 3}/x.txt": text,
                    f"d{(step + 1) % 3}/x.txt": None,
                }
                if step % 5 == 0:
                    files |= {f"many/{n}.txt": text + b"%d" % n for n in range(12)}
                acknowledge(commit_files(store, files, branch=branch, at=number * 1000 + step))

    return work


def killed_at_calls(repository: Path, *calls: int) -> dict[str, list[str]]:
    """Kill every kind of save at its n-th system call; return how many calls there were.

    A save is killed at the calls whose numbers leave a remainder of `calls[0]` by `calls[1]`.
    """
    remainder, divisor = calls
    os.fsync = lambda descriptor: None
    template = make_template(repository / "template").path
    return {
        name: [str(_killed_at_calls(template, repository / "copy", name, remainder, divisor))]
        for name in SAVES
    }


def _killed_at_calls(template: Path, target: Path, name: str, remainder: int, divisor: int) -> int:
    git = copy_of(template, target)
    before = state(git)
    with DiskStore.open(git.path) as store, injected(Fault(at=0, code=None)) as fault:
        SAVES[name](store)
    after = state(git)
    for number in range(1, len(fault.calls) + 1):
        if number % divisor == remainder:
            git = copy_of(template, target)
            Child(_killing_itself(git.path, name, number)).finish()
            assert_whole(git, before, after, f"{name} killed at {number}")
    return len(fault.calls)


def _killing_itself(repository: Path, name: str, number: int) -> Work:
    def work(acknowledge: Callable[[str], None]) -> None:
        fault = Fault(at=number, code=None, kills=True)
        with DiskStore.open(repository) as store, injected(fault):
            SAVES[name](store)

    return work


def racing(repository: Path, writers: int, saves: int) -> dict[str, list[str]]:
    """Let writers save on one branch at the same time; return what they acknowledged."""
    children = [Child(_counted(repository, f"w{n}", saves)) for n in range(writers)]
    return {f"w{n}": child.finish() for n, child in enumerate(children)}


def _counted(repository: Path, name: str, saves: int) -> Work:
    def work(acknowledge: Callable[[str], None]) -> None:
        with DiskStore.open(repository) as store:
            for step in range(saves):
                files = {f"{name}/{step}.txt": name.encode()}
                acknowledge(commit_files(store, files, branch="main", at=step))

    return work


def beside_git(repository: Path, rounds: int) -> dict[str, list[str]]:
    """Let writers and readers work while git packs; return what was acknowledged or went wrong."""
    writers = [Child(_endless(repository, branch, n)) for n, branch in enumerate(["main", "topic"])]
    readers = [Child(_reading(repository)) for _ in range(2)]
    for number in range(rounds):
        for command in (
            ["pack-refs", "--all", "--prune"],
            ["repack", "-a", "-d", "-q"],
            ["gc", "--quiet"],
            ["update-ref", f"refs/heads/by-git-{number}", "main"],
        ):
            subprocess.run(["git", *command], cwd=repository, check=True)
    found = {"main": writers[0].kill(), "topic": writers[1].kill()}
    return {**found, "readers": [line for reader in readers for line in reader.kill()]}


def beside_prune(repository: Path, rounds: int) -> dict[str, list[str]]:
    """Let writers work while git removes whatever no reference names; return what they did.

    On a busy machine it goes on for longer than `rounds`, until every writer has had its turn.
    """
    names = ["main", "topic", "third", "topic"]
    writers = [Child(_endless(repository, branch, n)) for n, branch in enumerate(names)]
    done = 0
    while done < rounds or not all(writer.has_acknowledged(2) for writer in writers):
        subprocess.run(["git", "gc", "--quiet", "--prune=now"], cwd=repository, check=True)
        done += 1
    found: dict[str, list[str]] = {name: [] for name in names}
    for name, writer in zip(names, writers, strict=True):
        acknowledged = writer.kill()
        assert len(acknowledged) > 1, f"a writer on {name} gave up: {acknowledged}"
        found[name] += acknowledged
    return found


def _reading(repository: Path) -> Work:
    def work(acknowledge: Callable[[str], None]) -> None:
        with DiskStore.open(repository) as store:
            while True:
                for tip in set(store.refs("refs/heads/").values()):
                    tree = read_commit(store, tip).tree
                    for _, entry in walk_files(store, tree):
                        store.read(ObjectId(entry.id))
                acknowledge("read")

    return work


def committing(repository: Path, commits: int) -> dict[str, list[str]]:
    """Let git commit on the branch that gitexp saves on; return what both acknowledged."""
    writer = Child(_endless(repository, "main", 1))
    by_git: list[str] = []
    refusals: list[str] = []
    while len(by_git) < commits:
        done = subprocess.run(
            ["git", "commit", "--quiet", "--allow-empty", "--message", "by git"],
            cwd=repository,
            capture_output=True,
            check=False,
        )
        if done.returncode == 0:
            by_git.append("commit")
        else:
            refusals.append(done.stderr.decode().replace(" ", "_").replace("\n", "|"))
    return {"main": writer.kill(), "git": by_git, "refusals": refusals}


def main(arguments: Sequence[str]) -> None:
    """Run one of the scenarios and print what came of it."""
    name, repository, *numbers = arguments
    scenario = {
        function.__name__: function
        for function in (killed, killed_at_calls, racing, beside_git, beside_prune, committing)
    }[name]
    try:
        print(json.dumps(scenario(Path(repository), *map(int, numbers))))
    finally:
        for process in _alive:
            os.kill(process, signal.SIGKILL)


if __name__ == "__main__":
    main(sys.argv[1:])
