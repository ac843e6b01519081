"""One of several people who push to one server at once; run as a program of its own.

It waits for a line on standard input, does a seeded series of things by the real `git push`, and
prints a JSON line for each: what was done, or with which error it was refused.
"""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gitexp.errors import ApprovalRequired, GitexpError
from gitexp.repository import Repository
from gitexp.runs.tracking.resuming import resume_run
from gitexp.surroundings import Surroundings
from tests.real_git import Git
from tests.review.enforcement.serving import environ_of

EXPERIMENT = "tone"
Done = dict[str, Any]


class Pusher:
    """Somebody with a clone, and what they do in it."""

    def __init__(self, path: Path, name: str, chance: random.Random) -> None:
        environ = Git(path, environ=environ_of(name)).environ
        self.repository = Repository.open(
            path, surroundings=Surroundings(environ=environ, directory=path)
        )
        self.name, self.chance, self.count = name, chance, 0

    def record(self) -> Done:
        """Record a run, and push it."""
        with self.repository.experiments.get(EXPERIMENT).start_run(name="training") as run:
            run.log_metric("loss", 0.5)
        self.repository.push_runs([EXPERIMENT])
        return {"run": run.id}

    def reopen(self) -> Done:
        """Go on with a run that ended, maybe another person's, and push what came to it."""
        run_id = self._any_run("name = 'training'")
        self.count += 1
        metric = f"again-{self.name}-{self.count}"
        active = resume_run(self.repository.workspace, run_id)
        active.log_metric(metric, 1.0)
        active.end()
        self.repository.push_runs([EXPERIMENT])
        return {"run": run_id, "metric": metric}

    def tag(self) -> Done:
        """Tag a run that ended, maybe another person's, and push that."""
        run_id = self._any_run()
        self.repository.runs.set_tags(run_id, {f"seen-{self.name}": "yes"})
        self.repository.push_runs([EXPERIMENT])
        return {"run": run_id, "tag": f"seen-{self.name}"}

    def score(self) -> Done:
        """Score an evaluation again that ended, which others do as well, and push the scores."""
        run_id = self._any_run("dataset = 'q'")
        self.repository.runs.score(run_id, [f"by-{self.name}"])
        self.repository.push_runs([EXPERIMENT])
        return {"run": run_id, "score": f"by-{self.name}"}

    def promote(self) -> Done:
        """Move the environment that nothing protects."""
        binding = self.repository.environments.promote(
            EXPERIMENT, "staging", version=self._any_version()
        )
        return {"commit": binding.commit}

    def ask(self) -> Done:
        """Ask for a move of the environment that takes approval; what is live stays as it is."""
        try:
            binding = self.repository.environments.promote(
                EXPERIMENT, "production", version=self._any_version()
            )
        except ApprovalRequired as exc:
            return {"change": exc.change}
        return {"live": binding.commit}

    def vote(self) -> Done:
        """Approve what waits for this person, which makes it live."""
        self.repository.fetch()
        waiting = self.repository.changes.list(waiting_for_me=True)
        if not waiting:
            return {}
        change = self.chance.choice(waiting).id
        self.repository.changes.approve(change)
        return {"change": change}

    def _any_run(self, wanted: str = "") -> str:
        self.repository.fetch()
        found = self.repository.runs.search(wanted, experiments=[EXPERIMENT])
        return self.chance.choice(sorted(run.id for run in found.runs if run.ended_at))

    def _any_version(self) -> str:
        versions = self.repository.experiments.get(EXPERIMENT).versions()
        return self.chance.choice(sorted(version.version for version in versions))


def main(path: Path, name: str, seed: int, rounds: int) -> None:
    """Do everything once in each round, in an order of its own."""
    chance = random.Random(f"{seed}-{name}")
    pusher = Pusher(path, name, chance)
    acts: list[Callable[[], Done]] = [
        *(pusher.record, pusher.reopen, pusher.tag, pusher.score),
        *(pusher.promote, pusher.ask, pusher.vote),
    ]
    sys.stdin.readline()
    for _ in range(rounds):
        for act in chance.sample(acts, len(acts)):
            try:
                done = {"did": act.__name__, **act()}
            except GitexpError as exc:
                done = {"did": act.__name__, "error": type(exc).__name__, "said": str(exc)}
            print(json.dumps(done), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
