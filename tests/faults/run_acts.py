"""What a worker does to a run under pressure, and the account that it gives of it.

A worker writes down what it is about to log and, once the call has returned, that it was logged.
So whatever happens to the worker, its account tells what must be there and what may be there.
"""

from __future__ import annotations

import json
import os
import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gitexp.errors import Conflict, NotAllowed, NotFound
from gitexp.repository import Repository
from gitexp.runs.tracking.active import ActiveRun
from gitexp.surroundings import Surroundings

EXPERIMENT = "tone"

Line = Mapping[str, Any]


def surroundings_of(directory: Path) -> Surroundings:
    """Return surroundings with an identity and nothing of the user's configuration."""
    environ = {
        "PATH": os.environ["PATH"],
        "HOME": str(directory),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_AUTHOR_NAME": "Ada Example",
        "GIT_AUTHOR_EMAIL": "ada@example.org",
        "GIT_COMMITTER_NAME": "Ada Example",
        "GIT_COMMITTER_EMAIL": "ada@example.org",
    }
    return Surroundings(environ=environ, directory=directory, cache_root=directory / "cache")


class Account:
    """The file in which one worker writes what it does."""

    def __init__(self, path: Path) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        self._descriptor = os.open(path, flags, 0o666)
        # Taken before any of them can be made to fail.
        self._write = os.write

    def note(self, kind: str, run: str, what: Line) -> None:
        """Write one line, which survives this process."""
        line = json.dumps({"kind": kind, "run": run, **what})
        self._write(self._descriptor, f"{line}\n".encode())

    @contextmanager
    def doing(self, run: str, **what: Any) -> Iterator[None]:
        """Write what is about to be done, and that it was done."""
        self.note("means", run, what)
        yield
        self.note("did", run, what)


@dataclass(kw_only=True)
class Told:
    """What the workers told of one run.

    Attributes:
        means, did: what was about to be done, and what was done.
    """

    means: list[Line] = field(default_factory=list)
    did: list[Line] = field(default_factory=list)

    def things(self, kind: str, what: str) -> list[Any]:
        """Return what was told of one thing: `metric`, `param`, `tag`, `end`, `began`."""
        return [line[what] for line in getattr(self, kind) if what in line]


def told_in(directory: Path) -> dict[str, Told]:
    """Return what all workers told, by run.

    Raises:
        AssertionError: a worker met an error that it should not have met.
    """
    told: dict[str, Told] = {}
    for path in sorted(directory.glob("*.account")):
        for text in path.read_text().split("\n")[:-1]:
            line = json.loads(text)
            assert line["kind"] != "error", line["error"]
            if line["kind"] != "refused":
                getattr(told.setdefault(line["run"], Told()), line["kind"]).append(line)
    return told


class Worker:
    """Does things to runs at random, and tells of each."""

    def __init__(self, repository: Path, account: Account, seed: object) -> None:
        self.repository = Repository.open(
            repository, surroundings=surroundings_of(repository.parent)
        )
        self.account = account
        self.draw = random.Random(str(seed))
        self.name = f"w{seed}".replace(" ", "-")
        self._count = 0

    def begin(self) -> ActiveRun:
        """Return a new run."""
        active = self.repository.experiments.get(EXPERIMENT).start_run(tags={"by": self.name})
        self.account.note("did", active.id, {"began": True})
        return active

    def log(self, active: ActiveRun) -> None:
        """Log something new, alone or together."""
        self._count += 1
        name, value = f"{self.name}/{self._count % 3}", self._count
        at = 1_700_000_000_000 + self._count
        metric = [name, value, self._count, at]
        kind = self.draw.randrange(6)
        if kind < 3:
            with self.account.doing(active.id, metric=metric):
                active.log_metric(name, value, step=self._count, timestamp=at)
        elif kind == 3:
            with self.account.doing(active.id, param=[f"{self.name}-{self._count}", value]):
                active.log_params({f"{self.name}-{self._count}": value})
        elif kind == 4:
            with self.account.doing(active.id, tag=[f"{self.name}-{self._count}", str(value)]):
                active.set_tags({f"{self.name}-{self._count}": value})
        else:
            self._log_together(active, metric)

    def contend(self, active: ActiveRun) -> None:
        """Log a param that others log with other values."""
        key, value = f"contended-{self._count % 4}", self.name
        with suppress(Conflict), self.account.doing(active.id, param=[key, value]):
            active.log_params({key: value})

    def _log_together(self, active: ActiveRun, metric: list[Any]) -> None:
        key, value = f"{self.name}-{self._count}", self._count
        with self.account.doing(
            active.id, metric=metric, param=[key, value], tag=[key, str(value)]
        ):
            active.log_batch(
                metrics=[tuple(metric)],
                params={key: value},
                tags={key: value},
            )

    def log_until_over(self, active: ActiveRun) -> None:
        """Log until that is refused, because the run is over."""
        try:
            while True:
                self.log(active)
                self.contend(active)
        except NotAllowed:
            self.account.note("did", active.id, {"refused": self.name})

    def push(self) -> None:
        """Send the runs to the shared repository."""
        self.repository.push_runs([EXPERIMENT])

    def search(self) -> None:
        """Look at the newest runs, which brings the index up to date."""
        self.repository.runs.search(limit=3)

    def checkpoint(self, active: ActiveRun, *, push: bool = False) -> None:
        """Share what there is so far."""
        active.checkpoint(push=push)

    def end(self, active: ActiveRun) -> None:
        """End a run."""
        status = self.draw.choice(["finished", "failed"])
        with self.account.doing(active.id, end=status):
            active.end(status)  # type: ignore[arg-type]

    def tag(self, run_id: str) -> None:
        """Set a tag of a run, which may be over."""
        self._count += 1
        key = f"{self.name}-{self._count}"
        with self.account.doing(run_id, tag=[key, "later"]):
            self.repository.runs.set_tags(run_id, {key: "later"})

    def track(self, *, push: bool = False) -> None:
        """Track a whole run."""
        active = self.begin()
        for _ in range(self.draw.randrange(1, 12)):
            self.log(active)
            if self.draw.random() < 0.15:
                self.checkpoint(active, push=push)
        self.end(active)
        if push:
            self.push()
        if self.draw.random() < 0.3:
            self.tag(active.id)


def opened(worker: Worker, run_id: str) -> ActiveRun | None:
    """Return a run as another process has it, or None when it is over."""
    try:
        return worker.repository.runs.open(run_id)
    except (NotAllowed, NotFound):
        return None
