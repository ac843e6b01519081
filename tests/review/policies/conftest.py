"""A project on disk with a shared bare remote, and the people who work with it by their clones."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from copy import copy
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
    """A shared remote, and what the people who work with it do.

    Attributes:
        seed: what the random bits of people begin at, another one in a copy.
    """

    directory: Path
    clock: Hands = field(default_factory=Hands)
    people: dict[str, Repository] = field(default_factory=dict)
    runs: int = 0
    seed: int = 0

    def copied(self, directory: Path) -> Team:
        """Return a team of its own in another directory, which goes on where this one stands."""
        while self.people:
            self.people.popitem()[1].close()
        shutil.copytree(self.directory, directory, symlinks=True, dirs_exist_ok=True)
        for config in directory.glob("*/.git/config"):
            config.write_text(config.read_text().replace(str(self.directory), str(directory)))
        return Team(directory, copy(self.clock), runs=self.runs, seed=self.seed + 100)

    def environ(self, name: str) -> dict[str, str]:
        """Return the environment variables of a person."""
        home = self.directory / f"home-{name.lower()}"
        home.mkdir(exist_ok=True)
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_TEMPLATE_DIR": "",
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
                random_bits=seeded_bits(self.seed + len(self.people)),
            )
            shared, clone = self.directory / "shared.git", self.directory / name.lower()
            self.people[name] = (
                Repository.open(clone, surroundings=around)
                if clone.exists()
                else Repository.clone(str(shared), clone, surroundings=around)
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


@pytest.fixture(scope="session")
def made_team(tmp_path_factory: pytest.TempPathFactory) -> Team:
    """A team that is only ever copied, whose project asks for nothing yet."""
    place = tmp_path_factory.mktemp("team")
    made = Team(place)
    start = place / "start"
    start.mkdir()
    plain = ("init", "--quiet", "--initial-branch=main")
    made.git("start", *plain, "--bare", "../shared.git")
    made.git("start", *plain)
    (start / "gitexp.yaml").write_text(HEAD + "    {}\n", encoding="utf-8")
    made.git("start", "add", "--all")
    made.git("start", "commit", "--quiet", "--message=project")
    made.git("start", "push", "--quiet", "../shared.git", "main")
    made.person("Ada")
    return made


@pytest.fixture
def team(made_team: Team, tmp_path: Path) -> Team:
    """A team whose project asks for nothing yet."""
    return made_team.copied(tmp_path)


@pytest.fixture
def reviewed(team: Team) -> Callable[..., Team]:
    """Returns the team once production has these policies, one a line; with other files by path."""

    def define(policies: str, files: dict[str, str] | None = None) -> Team:
        indented = "".join(f"  {line}\n" for line in policies.splitlines())
        team.define("policies:\n" + indented, files)
        return team

    return define
