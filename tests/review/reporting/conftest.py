"""A project on disk with a shared remote, policies, people, and an experiment that is live."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from gitexp.documents.canonical import digest_of
from gitexp.repository import Repository
from gitexp.runs.recording import ledger
from gitexp.runs.recording.records import record_of
from gitexp.runs.run import Run
from gitexp.surroundings import Surroundings
from tests.builders import FixedClock, seeded_bits
from tests.runs.making import dataset_reference, make_row, make_run, references, run_id

DEFINITION = """\
format: 1

id: bot

group: leads

parameters:
  temperature:
    type: number
    default: 0.5

  prompt:
    type: text
    default: |
      Be kind.
      Be short.

  key:
    type: secret
    default: BOT_KEY

environments:
  staging: {}

  production:
    policies:
      - name: reviewed
        approvals: {count: 1, groups: [leads]}

      - name: good
        gates: [{dataset: golden, rules: ["min exact-match.pass_rate=0.9"]}]
"""
LEADS = """\
description: Those who decide

members:
  ada@example.org: {name: Ada, roles: [admin], usernames: [ada]}

  grace@example.org: {roles: [write], usernames: [grace]}

  lin@example.org: {roles: [approve], usernames: [lin]}
"""

_DATES = dict.fromkeys(("GIT_AUTHOR_DATE", "GIT_COMMITTER_DATE"), "2026-01-02T03:04:30Z")


@dataclass
class World:
    """A shared bare repository, and Ada's clone of it."""

    path: Path
    surroundings: Surroundings

    @property
    def shared(self) -> Path:
        """The bare repository."""
        return self.path / "shared.git"

    @property
    def clone(self) -> Path:
        """Ada's clone."""
        return self.path / "bot"

    def git(self, *arguments: str, directory: Path | None = None) -> str:
        """Return what git says; it must succeed."""
        done = subprocess.run(
            ["git", *arguments],
            cwd=directory or self.clone,
            env={**self.surroundings.environ, **_DATES},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == 0, (arguments, done.stdout, done.stderr)
        return done.stdout.strip()

    def open(self, directory: Path | None = None) -> Repository:
        """Return the project in a clone; Ada's by default."""
        return Repository.open(directory or self.clone, surroundings=self.surroundings)

    def values(self, **values: object) -> dict[str, object]:
        """Return values of `tone` with those that are said."""
        defaults = {"temperature": 0.5, "prompt": "Be kind.\nBe short.\n", "key": "BOT_KEY"}
        return {**defaults, **values}

    def branch(self, name: str, files: dict[str, str | None], *, start: str = "main") -> str:
        """Return the commit of a new shared branch that changes files."""
        self.git("switch", "--quiet", "-c", name, start)
        for path, text in files.items():
            file = self.clone / path
            if text is None:
                file.unlink()
            else:
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(text, encoding="utf-8")
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", f"change on {name}")
        self.git("push", "--quiet", "origin", name)
        commit = self.git("rev-parse", "HEAD")
        self.git("switch", "--quiet", "main")
        return commit

    def run(
        self, number: int, passed: Sequence[bool], *, experiment: str = "tone", **values: object
    ) -> Run:
        """Return a recorded and shared run of these values over the dataset `golden`."""
        with self.open() as repository:
            used = self.values(**values)
            identity = repository.experiments.get(experiment).id
            made = make_run(
                run_id(number),
                experiment=experiment,
                digest=digest_of(used),
                parameters=used,
                dataset=dataset_reference("golden", samples=len(passed)),
                evaluators=references("exact-match"),
            )
            made = replace(made, experiment_id=identity)
            rows = [
                make_row(f"s{n}", "passed" if ok else "failed", position=n)
                for n, ok in enumerate(passed)
            ]
            ledger.append(repository.workspace, experiment, [record_of(made, rows)])
            repository.push_runs([experiment])
        return made

    def proposed(self, **values: object) -> str:
        """Return the branch of a change of production that is one commit ahead of it."""
        with self.open() as repository:
            tone = repository.experiments.get("tone")
            tone.commit(values, message="warmer")
            tone.share()
            tone.promote("staging")
            repository.fetch()
        self.git("switch", "--quiet", "--detach", "origin/env/bot/production")
        staging = self.git("show", "origin/env/bot/staging:environment.yaml")
        tip = self.git("rev-parse", "HEAD")
        text = re.sub(r"(?m)^environment: .*$", "environment: production", staging)
        text = re.sub(r"(?m)^from: .*\n", "", text)
        (self.clone / "environment.yaml").write_text(f"{text}\n\nfrom: {tip}\n")
        kept = self.git("show", "origin/env/bot/staging:parameters.yaml")
        (self.clone / "parameters.yaml").write_text(f"{kept}\n")
        self.git("commit", "--quiet", "--all", "--message=production: promote tone")
        self.git("push", "--quiet", "origin", "HEAD:refs/heads/change/bot/20260102-aaaaaaaa")
        self.git("switch", "--quiet", "main")
        self.git("fetch", "--quiet", "origin")
        return "origin/change/bot/20260102-aaaaaaaa"

    def shallow(self, branch: str = "main", name: str = "ci") -> Path:
        """Return a checkout as CI makes it: one commit of one branch."""
        where = self.path / name
        self.git(
            *("clone", "--quiet", "--depth=1", "--single-branch", f"--branch={branch}"),
            *(f"file://{self.shared}", str(where)),
            directory=self.path,
        )
        return where


@pytest.fixture(scope="session")
def made_world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of a world that is only ever copied."""
    return _made(_empty(tmp_path_factory.mktemp("world"), seed=8)).path


@pytest.fixture
def world(made_world: Path, tmp_path: Path) -> World:
    """The project with the experiment `tone` on its trunk, live in production."""
    for name in ("bot", "shared.git"):
        shutil.copytree(made_world / name, tmp_path / name, symlinks=True)
    return _empty(tmp_path, seed=7)


def _empty(tmp_path: Path, *, seed: int) -> World:
    home = tmp_path / "home"
    home.mkdir()
    environ = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_TEMPLATE_DIR": "",
        "GIT_AUTHOR_NAME": "Ada Example",
        "GIT_AUTHOR_EMAIL": "ada@example.org",
        "GIT_COMMITTER_NAME": "Ada Example",
        "GIT_COMMITTER_EMAIL": "ada@example.org",
    }
    surroundings = Surroundings(
        environ=environ,
        directory=tmp_path,
        cache_root=tmp_path / "cache",
        clock=FixedClock(),
        random_bits=seeded_bits(seed),
    )
    return World(path=tmp_path, surroundings=surroundings)


def _made(made: World) -> World:
    made.git(
        *("init", "--quiet", "--bare", "--initial-branch=main", "shared.git"), directory=made.path
    )
    Repository.init(made.clone, surroundings=made.surroundings).close()
    without = DEFINITION.partition("    policies:")[0].replace("production:", "production: {}")
    (made.clone / "gitexp.yaml").write_text(without, encoding="utf-8")
    (made.clone / "groups").mkdir()
    (made.clone / "groups" / "leads.yaml").write_text(LEADS, encoding="utf-8")
    (made.clone / "datasets").mkdir()
    (made.clone / "datasets" / "golden.jsonl").write_text('{"id": "s0", "input": "x"}\n')
    made.git("add", "--all")
    made.git("commit", "--quiet", "--message=slots")
    made.git("remote", "add", "origin", "../shared.git")
    made.git("push", "--quiet", "origin", "main")
    with made.open() as repository:
        tone = repository.experiments.create("tone")
        tone.commit({"temperature": 0.5}, message="first")
        tone.share()
        tone.promote("production")
    made.git("merge", "--quiet", "--ff-only", "exp/bot/tone")
    (made.clone / "gitexp.yaml").write_text(DEFINITION, encoding="utf-8")
    made.git("commit", "--quiet", "--all", "--message=policies")
    made.git("push", "--quiet", "origin", "main")
    return made


def parameters(text: str) -> dict[str, str | None]:
    """Return the change of the values of `tone` to these."""
    return {"experiments/tone/parameters.yaml": text}
