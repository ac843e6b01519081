"""Two clones of a shared repository, and the processes that work in them under pressure."""

from __future__ import annotations

import itertools
import os
import random
import select
import signal
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from gitexp.repository import Repository
from tests.faults.run_acts import EXPERIMENT, Account, Worker, surroundings_of, told_in
from tests.faults.run_checks import check
from tests.real_git import Git

Work = Callable[[Worker], None]


@dataclass(kw_only=True)
class World:
    """Two clones of a shared repository, and the processes that work in them.

    Attributes:
        seconds: how long a scenario that has no end of its own goes on.
        part: which part of the calls is tried, as the remainder and the divisor of their numbers.
        gc: an option of `git gc`, where that runs meanwhile.
    """

    directory: Path
    seed: int
    seconds: float
    part: tuple[int, int] = (0, 1)
    gc: str = ""
    alive: dict[int, int] = field(default_factory=dict)
    _count: Iterator[int] = field(default_factory=itertools.count)

    @property
    def shared(self) -> Path:
        """The shared repository."""
        return self.directory / "shared.git"

    def clone(self, number: int = 0) -> Path:
        """Return one of the clones."""
        return self.directory / f"clone-{number}"

    def draw(self) -> random.Random:
        """Return a source of randomness of its own."""
        return random.Random(f"{self.seed} {next(self._count)}")

    def start(self, work: Work, clone: int = 0) -> int:
        """Return a new process that works in a clone and gives an account of it."""
        number = next(self._count)
        read, write = os.pipe()
        process = os.fork()
        if process == 0:
            os.close(read)
            self._carry_out(work, clone, number)
        os.close(write)
        self.alive[process] = read
        return process

    def _carry_out(self, work: Work, clone: int, number: int) -> None:
        account = Account(self.directory / f"{number:04}.account")
        try:
            work(Worker(self.clone(clone), account, f"{self.seed} {number}"))
        except BaseException:
            account.note("error", "", {"error": traceback.format_exc()})
        finally:
            os._exit(0)

    def wait(self, process: int, seconds: float | None = None) -> bool:
        """Wait for the end of a process, or for a while; return whether it ended."""
        ended, _, _ = select.select([self.alive[process]], [], [], seconds)
        if ended:
            os.close(self.alive.pop(process))
            os.waitpid(process, 0)
        return bool(ended)

    def kill(self, process: int) -> None:
        """Kill a process at once, and wait for it."""
        os.kill(process, signal.SIGKILL)
        os.close(self.alive.pop(process))
        os.waitpid(process, 0)

    def wait_for_all(self) -> None:
        """Wait for the end of all processes."""
        for process in list(self.alive):
            assert self.wait(process, 300), "a process hangs"

    def until(self) -> Callable[[], bool]:
        """Return what says whether there is time left."""
        deadline = time.monotonic() + self.seconds
        return lambda: time.monotonic() < deadline

    def check(self, *clones: int, damaged: bool = False) -> int:
        """Require that the clones hold what was told, each its own; return how many runs."""
        told = told_in(self.directory)
        return sum(check(self.clone(n), told, damaged=damaged) for n in clones or (0,))


def make_template(directory: Path) -> Path:
    """Return a directory with a shared repository and two clones of it."""
    git = Git(directory)
    git("init", "--quiet", "--bare", "--initial-branch=main", "shared.git")
    around = surroundings_of(directory)
    with Repository.init(directory / "clone-0", surroundings=around) as made:
        root = made.root_directory
        assert root is not None
        definition = "format: 1\n\nid: bot\n\nparameters:\n  model:\n    type: string\n"
        (root / "gitexp.yaml").write_text(definition)
        mine = Git(root)
        mine("commit", "--quiet", "--all", "--message=slots")
        mine("remote", "add", "origin", "../shared.git")
        mine("push", "--quiet", "origin", "main")
    with Repository.open(directory / "clone-0", surroundings=around) as repository:
        experiment = repository.experiments.create(EXPERIMENT)
        experiment.commit({"model": "small"}, message="first")
        experiment.share()
    Repository.clone(
        str(directory / "shared.git"), directory / "clone-1", surroundings=around
    ).close()
    Git(directory / "clone-1")("remote", "set-url", "origin", "../shared.git")
    return directory
