"""A project on disk with everything in it that can be verified: versions, promotions, runs."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from gitexp.ids import ObjectId
from gitexp.repository import Repository
from gitexp.review.verifying.findings import Verification
from gitexp.review.verifying.verification import verify
from gitexp.store.transaction import Transaction, transact
from gitexp.store.trees import read_commit
from gitexp.surroundings import Surroundings
from tests.builders import FixedClock, seeded_bits, signature
from tests.real_git import Git

DEFINITION = """\
format: 1
id: bot

parameters:
  temperature: {type: number, default: 0.7}
  model: {type: string, required: true}

environments:
  staging: {}
  production: {}
"""
EXPERIMENT = "tone"
EXP, ENV, RUNS = "exp/bot/tone", "env/bot/production", "runs/bot/tone"


@dataclass
class Ground:
    """Ada's clone of a shared remote."""

    repository: Repository
    git: Git
    remote: Git

    def verified(self, *checks: str, full: bool = False, signatures: bool = False) -> Verification:
        """Return what a verification finds."""
        return verify(self.repository.workspace, checks, full=full, signatures=signatures)

    def problems(self, *checks: str, full: bool = False) -> list[str]:
        """Return the problems that a verification finds, a line each."""
        return [str(found) for found in self.verified(*checks, full=full).problems]

    def reopened(self, **environ: str) -> Ground:
        """Return the same clone as another process has it, with nothing in memory."""
        self.repository.close()
        around = surroundings(self.git.path.parent, environ)
        return Ground(Repository.open(self.git.path, surroundings=around), self.git, self.remote)

    def put(
        self,
        branch: str,
        files: dict[str, bytes | None],
        *,
        parents: list[ObjectId] | None = None,
        message: str = "by hand",
        remote: bool = True,
    ) -> ObjectId:
        """Return a commit made by hand on a branch of this clone, and where it is tracked."""
        store = self.repository.workspace.store
        local, tracking = f"refs/heads/{branch}", f"refs/remotes/origin/{branch}"

        def work(tx: Transaction) -> ObjectId:
            tip = tx.ref(tracking) or tx.ref(local)
            base = read_commit(tx, tip).tree if tip else None
            commit = tx.commit(
                tree=tx.tree(base, files),
                parents=parents if parents is not None else ([tip] if tip else []),
                message=message,
                author=signature(900),
            )
            refs = [local, tracking] if tx.ref(local) else [tracking]
            for ref in refs if remote else [local]:
                tx.set_ref(ref, old=tx.ref(ref), new=commit)
            return commit

        return transact(store, work)


def surroundings(home: Path, environ: dict[str, str] | None = None) -> Surroundings:
    """Return surroundings with an identity, a fixed clock and nothing of the user's."""
    return Surroundings(
        environ={
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_AUTHOR_NAME": "Ada Example",
            "GIT_AUTHOR_EMAIL": "ada@example.org",
            "GIT_COMMITTER_NAME": "Ada Example",
            "GIT_COMMITTER_EMAIL": "ada@example.org",
            **(environ or {}),
        },
        directory=home,
        cache_root=home / "cache",
        clock=FixedClock(),
        random_bits=seeded_bits(7),
    )


def made_ground(home: Path) -> Ground:
    """Return a clone with three versions, two promotions and two runs, all of them shared."""
    remote = home / "shared.git"
    remote.mkdir()
    shared = Git(remote)
    shared("init", "-q", "--bare", "-b", "main")
    work = home / "work"
    work.mkdir()
    git = Git(work)
    git("init", "-q", "-b", "main")
    git("remote", "add", "origin", str(remote))
    (work / "gitexp.yaml").write_text(DEFINITION)
    git("add", ".")
    git("commit", "-q", "-m", "project")
    git("push", "-q", "origin", "main")
    repository = Repository.open(work, surroundings=surroundings(home))
    experiment = repository.experiments.create(EXPERIMENT)
    for temperature in (0.1, 0.2, 0.3):
        experiment.commit({"model": "small", "temperature": temperature})
    experiment.share()
    experiment.promote("production", version="latest~1", reason="it is better")
    experiment.promote("production", reason="it is best")
    with experiment.start_run(name="first") as run:
        run.log_metric("loss", 0.5, step=1)
    with experiment.start_run(name="second", parameters={"temperature": 0.9}) as run:
        run.log_params({"seed": 7})
        run.log_text("hello\n", "note.txt")
    repository.runs.sync()
    git("fetch", "-q", "origin")
    return Ground(repository, git, shared)
