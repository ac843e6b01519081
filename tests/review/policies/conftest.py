"""A project on disk with a shared bare remote, and the people who work with it by their clones."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from gitexp.experiments.versions import Version
from gitexp.ids import new_run_id
from gitexp.repository import Repository
from gitexp.runs.metrics import MetricPoint
from gitexp.runs.recording import exchange, ledger
from gitexp.runs.recording.records import Record
from gitexp.runs.run import Run
from gitexp.surroundings import Surroundings
from tests.builders import MOMENT, seeded_bits
from tests.runs.making import dataset_reference, make_run

HEAD = """\
format: 1

id: bot

parameters:
  temperature:
    type: number
    default: 0.7
  model:
    type: string
    default: small

environments:
  default: {}

  staging: {}

  production:
"""


class Hands:
    """A clock that stands still until somebody moves it on."""

    def __init__(self) -> None:
        self.moment = MOMENT

    def now(self) -> datetime:
        """Return the present moment."""
        return self.moment

    def monotonic(self) -> float:
        """Return the seconds since it began."""
        return (self.moment - MOMENT).total_seconds()

    def on(self, **time: float) -> None:
        """Move it on."""
        self.moment += timedelta(**time)


@dataclass
class Team:
    """A shared remote, and what the people who work with it do."""

    directory: Path
    clock: Hands = field(default_factory=Hands)
    people: dict[str, Repository] = field(default_factory=dict)
    runs: int = 0

    def environ(self, name: str) -> dict[str, str]:
        """Return the environment variables of a person."""
        home = self.directory / f"home-{name.lower()}"
        home.mkdir(exist_ok=True)
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_AUTHOR_NAME": name,
            "GIT_AUTHOR_EMAIL": f"{name.lower()}@example.org",
            "GIT_COMMITTER_NAME": name,
            "GIT_COMMITTER_EMAIL": f"{name.lower()}@example.org",
        }

    def git(self, name: str, *arguments: str) -> str:
        """Return what git says to somebody in their clone."""
        done = subprocess.run(
            ["git", *arguments],
            cwd=self.directory / name.lower(),
            env=self.environ(name),
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == 0, (arguments, done.stdout, done.stderr)
        return done.stdout.strip()

    def person(self, name: str) -> Repository:
        """Return somebody's clone, made when it is first asked for."""
        if name not in self.people:
            around = Surroundings(
                environ=self.environ(name),
                directory=self.directory,
                cache_root=self.directory / "cache",
                clock=self.clock,
                random_bits=seeded_bits(len(self.people)),
            )
            shared = self.directory / "shared.git"
            self.people[name] = Repository.clone(
                str(shared), self.directory / name.lower(), surroundings=around
            )
        return self.people[name]

    def define(self, production: str = "{}", files: dict[str, str] | None = None) -> None:
        """Put another definition, and other files, on the shared trunk."""
        self.person("Ada")
        where = self.directory / "ada"
        text = HEAD + "".join(f"    {line}\n" for line in production.splitlines())
        for path, content in {"gitexp.yaml": text, **(files or {})}.items():
            (where / path).parent.mkdir(exist_ok=True)
            (where / path).write_text(content, encoding="utf-8")
        self.git("Ada", "pull", "--quiet", "--rebase", "--autostash", "origin", "main")
        self.git("Ada", "add", "--all")
        self.git("Ada", "commit", "--quiet", "--allow-empty", "--message=definition")
        self.git("Ada", "push", "--quiet", "origin", "main")

    def shared(self, name: str = "Ada", *, experiment: str = "tone", **values: Any) -> Version:
        """Return a version that somebody saved and shared."""
        repository = self.person(name)
        repository.fetch()
        known = repository.experiments.exists(experiment)
        made = (repository.experiments.get if known else repository.experiments.create)(experiment)
        version = made.commit(values)
        made.share()
        return version

    def tip(self, branch: str = "env/bot/production") -> str:
        """Return where a branch stands on the shared remote, empty where it is not there."""
        listed = self.git("Ada", "ls-remote", "origin", f"refs/heads/{branch}")
        return listed.partition("\t")[0]

    def evaluated(
        self,
        version: Version,
        accuracy: float,
        *,
        experiment: str = "tone",
        shared: bool = True,
        **fields: Any,
    ) -> Run:
        """Record a run of a version over the dataset `golden`, as having just ended."""
        workspace = self.person("Ada").workspace
        ended = self.clock.now()
        run = make_run(
            new_run_id(ended - timedelta(seconds=5), seeded_bits(self.runs)),
            **{
                "version": version.version,
                "digest": version.digest,
                "dataset": dataset_reference("golden"),
                "metrics": {"accuracy": MetricPoint(accuracy)},
                "experiment": experiment,
                "experiment_id": self.person("Ada").experiments.get(experiment).id,
                **fields,
            },
        )
        self.runs += 1
        ledger.append(workspace, experiment, [Record(run=run)])
        if shared:
            exchange.push(workspace)
        return run


@pytest.fixture
def team(tmp_path: Path) -> Team:
    """A team whose project asks for nothing yet."""
    made = Team(tmp_path)
    start = tmp_path / "start"
    start.mkdir()
    for arguments in (
        ["init", "--quiet", "--bare", "--initial-branch=main", "shared.git"],
        ["init", "--quiet", "--initial-branch=main", "start"],
    ):
        subprocess.run(["git", *arguments], cwd=tmp_path, check=True, timeout=60)
    (start / "gitexp.yaml").write_text(HEAD + "    {}\n", encoding="utf-8")
    made.git("start", "add", "--all")
    made.git("start", "commit", "--quiet", "--message=project")
    made.git("start", "push", "--quiet", "../shared.git", "main")
    return made


@pytest.fixture
def reviewed(team: Team) -> Callable[..., Team]:
    """Returns the team once production has these policies, one a line; with other files by path."""

    def define(policies: str, files: dict[str, str] | None = None) -> Team:
        indented = "".join(f"  {line}\n" for line in policies.splitlines())
        team.define("policies:\n" + indented, files)
        return team

    return define
