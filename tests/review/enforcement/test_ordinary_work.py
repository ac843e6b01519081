"""What people and servers do every day is let through."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from gitexp.review.enforcement.identity import parse_source
from gitexp.review.enforcement.installing import install
from gitexp.surroundings import Surroundings
from tests.real_git import Git
from tests.review.enforcement.conftest import DEFINITION, LEADS
from tests.review.enforcement.serving import Person, Server, environ_of

pytestmark = pytest.mark.interop


def other_server(directory: Path, *options: str, branch: str = "main") -> Server:
    """Return an empty server with the hook."""
    path = directory / "other.git"
    Git(directory, environ=environ_of("root"))("init", "--quiet", "--bare", *options, path)
    git = Git(path, environ=environ_of("root"))
    git("symbolic-ref", "HEAD", f"refs/heads/{branch}")
    around = Surroundings(environ=git.environ, directory=path)
    source = parse_source("variable:GITEXP_USER")
    install(path, source, around, program=f"'{sys.executable}' -I -m gitexp")
    return Server(git=git, directory=directory)


def defined(person: Person, branch: str = "main", directory: str = "", text: str = "") -> None:
    person.git("switch", "--quiet", "--create", branch)
    files = {"gitexp.yaml": text or DEFINITION, "groups/leads.yaml": LEADS}
    person.git.commit({f"{directory}{path}": text for path, text in files.items()})
    person.takes(branch)


def work(person: Person, name: str = "tone") -> None:
    """Share an experiment with a run, promote it, rename it, and go on."""
    repository = person.repository
    tone = repository.experiments.create(name)
    tone.commit({"temperature": 0.1})
    tone.share()
    with tone.start_run() as run:
        run.log_metric("score", 0.5)
    repository.push()
    repository.environments.promote(name, "staging")
    tone.commit({"temperature": 0.2})
    repository.push()
    repository.environments.promote(name, "staging")


def test_a_repository_of_longer_hashes(tmp_path: Path) -> None:
    server = other_server(tmp_path, "--object-format=sha256")
    git = Git(tmp_path / "mine", environ=environ_of("carol"))
    Git(tmp_path)("init", "--quiet", "--object-format=sha256", "--initial-branch=first", git.path)
    git("remote", "add", "origin", server.git.path)
    carol = Person(name="carol", git=git)
    defined(carol)
    work(carol)
    assert len(server.tip("env/bot/staging") or "") == 64


def test_a_trunk_of_another_name(tmp_path: Path) -> None:
    server = other_server(tmp_path, branch="develop")
    carol = server.person("carol")
    defined(carol, "develop", text=DEFINITION + "trunk: develop\n")
    work(carol)
    assert server.tip("env/bot/staging") is not None


def test_two_projects_in_one_repository(tmp_path: Path) -> None:
    server = other_server(tmp_path)
    carol = server.person("carol")
    defined(carol, directory="apps/bot/")
    text = DEFINITION.replace("id: bot", "id: search")
    carol.git.commit({"apps/search/gitexp.yaml": text, "apps/search/groups/leads.yaml": LEADS})
    carol.takes("main")
    person = Person(
        name="carol", git=Git(carol.git.path / "apps/search", environ=carol.git.environ)
    )
    person.git.environ["HOME"] = str(tmp_path)
    work(person)
    assert server.tip("env/search/staging") is not None


def test_a_renamed_experiment_takes_its_runs_along(server: Server) -> None:
    carol = server.person("carol")
    work(carol)
    carol.repository.experiments.get("tone").rename("warm")
    assert server.tip("exp/bot/warm") is not None
    assert server.tip("runs/bot/warm") is not None
    assert (server.tip("exp/bot/tone"), server.tip("runs/bot/tone")) == (None, None)
    carol.repository.environments.rollback("staging")
    carol.repository.environments.promote("warm", "staging")


def test_runs_do_not_go_to_another_experiment(server: Server) -> None:
    carol = server.person("carol")
    work(carol)
    carol.repository.experiments.create("other").share()
    said = carol.refused("runs/bot/tone:refs/heads/runs/bot/other", ":refs/heads/runs/bot/tone")
    assert "the runs of 'tone' cannot be removed" in said


def test_what_a_merge_request_squashes_is_promoted(server: Server) -> None:
    carol = server.person("carol")
    work(carol)
    carol.git("merge", "--quiet", "--squash", "exp/bot/tone")
    carol.git("commit", "--quiet", "--message", "Add tone")
    carol.takes("main")
    carol.takes("--delete", "exp/bot/tone")
    carol.git("branch", "--quiet", "-D", "exp/bot/tone")
    carol.repository.fetch()
    carol.repository.environments.promote("tone", "staging")


def test_tags_and_pushes_by_lease(server: Server) -> None:
    carol = server.person("carol")
    carol.git("tag", "--annotate", "--message", "one", "v1")
    carol.git("switch", "--quiet", "--create", "feature/x")
    carol.git.commit({"notes.txt": "mine"})
    carol.takes("v1", "feature/x")
    carol.git("commit", "--quiet", "--amend", "--message", "again")
    carol.git("tag", "--force", "--annotate", "--message", "two", "v1")
    carol.takes("--force-with-lease", "--force", "v1", "feature/x")
    carol.takes("--delete", "v1", "feature/x")


def test_a_trunk_that_head_does_not_name_says_so(tmp_path: Path) -> None:
    server = other_server(tmp_path, branch="master")
    carol = server.person("carol")
    defined(carol)
    said = carol.refused("main:refs/heads/exp/bot/tone")
    assert "HEAD of the server names 'master'" in said
