"""The five ways of reading an environment, from clones and addresses that real Git made."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from gitexp.environments.history import history
from gitexp.environments.locking import lock
from gitexp.environments.parameters import Parameters
from gitexp.environments.pinning import Pin
from gitexp.environments.promotion import promote, rollback, unbind
from gitexp.environments.reading import read, read_environment_checkout, read_from_url
from gitexp.errors import (
    Conflict,
    InvalidDocuments,
    InvalidInput,
    NotBound,
    NotFound,
    RemoteUnavailable,
)
from gitexp.experiments.lifecycle import NewExperiment, create
from gitexp.experiments.saving import Edit, save
from gitexp.experiments.sharing import share
from gitexp.experiments.versions import Version
from gitexp.opening import open_workspace
from gitexp.project.workspace import Workspace
from gitexp.store.disk import DiskStore
from gitexp.surroundings import Surroundings
from tests.builders import FixedClock, seeded_bits

DEFINITION = """\
format: 1

id: {project}

parameters:
  temperature: {{type: number, default: 0.7}}
  model: {{type: string, default: small}}

environments:
  production: {{}}
  staging: {{}}
"""


@dataclass
class Place:
    """A directory with a bare shared repository, and an environment of its own."""

    directory: Path
    environ: dict[str, str] = field(default_factory=dict)

    @property
    def shared(self) -> Path:
        return self.directory / "shared.git"

    @property
    def url(self) -> str:
        return f"file://{self.shared}"

    @property
    def surroundings(self) -> Surroundings:
        return Surroundings(
            environ=self.environ,
            directory=self.directory,
            cache_root=self.directory / "cache",
            clock=FixedClock(),
            random_bits=seeded_bits(3),
        )

    def git(self, *arguments: str, cwd: Path | None = None) -> str:
        done = subprocess.run(
            ["git", *arguments],
            cwd=cwd or self.directory,
            env=self.environ,
            check=True,
            capture_output=True,
            text=True,
        )
        return done.stdout.strip()

    def clone(self, name: str, *options: str) -> Path:
        self.git("clone", "--quiet", *options, self.url, name)
        return self.directory / name

    @contextmanager
    def opened(self, name: str) -> Iterator[Workspace]:
        where = self.directory / name
        workspace = open_workspace(where, project=None, surroundings=self.surroundings)
        try:
            yield workspace
        finally:
            workspace.cache.close()
            workspace.store.close()  # type: ignore[attr-defined]

    def promoted(self, temperature: float, environment: str = "production") -> Version:
        """Return a new version that somebody made live."""
        with self.opened("work") as workspace:
            version = save(workspace, "tone", Edit(patch={"temperature": temperature}))
            share(workspace, "tone")
            promote(workspace, "tone", environment)
        return version

    def from_url(self, environment: str = "production", **options: Any) -> Parameters:
        return read_from_url(self.url, environment, surroundings=self.surroundings, **options)

    @contextmanager
    def taken_down(self) -> Iterator[None]:
        """Make the shared repository unreachable for a while."""
        away = self.directory / "away.git"
        self.shared.rename(away)
        try:
            yield
        finally:
            away.rename(self.shared)


def place_at(directory: Path) -> Place:
    """Return a place without anybody's own settings."""
    home = directory / "home"
    environ = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "GIT_CONFIG_GLOBAL": str(home / "config"),
        "GIT_CONFIG_SYSTEM": os.devnull,
        "GIT_TEMPLATE_DIR": "",
    }
    return Place(directory=directory, environ=environ)


@pytest.fixture(scope="module")
def made_place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """A place that is only ever copied."""
    made = place_at(tmp_path_factory.mktemp("place"))
    (made.directory / "home").mkdir()
    made.git("config", "--global", "user.name", "Ada Example")
    made.git("config", "--global", "user.email", "ada@example.org")
    made.git("init", "--quiet", "--bare", "--initial-branch=main", "shared.git")
    _add_project(made, "work", "bot")
    return made


@pytest.fixture
def place(made_place: Place, tmp_path: Path) -> Place:
    """A shared repository with project `bot` and one shared experiment, and a clone `work`."""
    shutil.copytree(made_place.directory, tmp_path, symlinks=True, dirs_exist_ok=True)
    made = place_at(tmp_path)
    made.git("remote", "set-url", "origin", made.url, cwd=tmp_path / "work")
    return made


def _add_project(place: Place, name: str, project: str) -> None:
    work = place.clone(name)
    place.git("switch", "--quiet", "-C", "main", cwd=work)
    (work / "gitexp.yaml").write_text(DEFINITION.format(project=project))
    place.git("add", ".", cwd=work)
    place.git("commit", "--quiet", "--message=project", cwd=work)
    place.git("push", "--quiet", "origin", "main", cwd=work)
    with place.opened(name) as workspace:
        create(workspace, NewExperiment(name="tone"))


def test_a_full_clone_reads_its_tracking_reference(place: Place) -> None:
    version = place.promoted(0.1)
    place.clone("full")
    with place.taken_down(), place.opened("full") as workspace:
        found = read(workspace, "production")
    assert found.to_dict() == {"temperature": 0.1, "model": "small"}
    assert found.provenance.version == version.version
    assert not found.provenance.stale


def test_plain_git_reads_the_same(place: Place) -> None:
    place.promoted(0.1)
    full = place.clone("full")
    text = place.git("show", "origin/env/bot/production:parameters.yaml", cwd=full)
    assert "temperature: 0.1" in text.splitlines()
    assert place.git("fsck", "--strict", cwd=place.shared) == ""


def test_a_shallow_checkout_of_the_trunk_fetches_one_commit(place: Place) -> None:
    place.promoted(0.1)
    place.promoted(0.2)
    ci = place.clone("ci", "--depth=1", "--branch=main")
    with place.opened("ci") as workspace:
        assert read(workspace, "production")["temperature"] == 0.2
    assert place.git("rev-list", "--count", "origin/env/bot/production", cwd=ci) == "1"
    with place.taken_down(), place.opened("ci") as workspace:
        assert read(workspace, "production")["temperature"] == 0.2


def test_a_shallow_checkout_that_is_offline_says_what_to_do(place: Place) -> None:
    place.promoted(0.1)
    place.clone("ci", "--depth=1", "--branch=main")
    with place.opened("ci") as workspace:
        with pytest.raises(NotFound) as caught:
            read(workspace, "production", Pin(offline=True))
        assert "gitexp fetch" in (caught.value.hint or "")
        with place.taken_down(), pytest.raises(RemoteUnavailable):
            read(workspace, "production")


def test_a_full_single_branch_clone_stays_complete(place: Place) -> None:
    place.promoted(0.1)
    place.promoted(0.2)
    clone = place.clone("single", "--single-branch", "--branch=main")
    with place.opened("single") as workspace:
        assert read(workspace, "production")["temperature"] == 0.2
    assert place.git("rev-parse", "--is-shallow-repository", cwd=clone) == "false"
    assert place.git("rev-list", "--count", "origin/env/bot/production", cwd=clone) == "2"


def test_a_shallow_checkout_of_the_environment_is_two_files(place: Place) -> None:
    version = place.promoted(0.1)
    ci = place.clone("ci", "--depth=1", "--branch=env/bot/production")
    assert sorted(p.name for p in ci.iterdir()) == [".git", "environment.yaml", "parameters.yaml"]
    with DiskStore.discover(ci, environ=place.environ) as store:
        found = read_environment_checkout(store, environ=place.environ)
    assert found.to_dict() == {"temperature": 0.1, "model": "small"}
    assert found.provenance.version == version.version


def test_history_of_a_shallow_checkout_is_fetched(place: Place) -> None:
    place.promoted(0.1)
    place.promoted(0.2)
    place.clone("ci", "--depth=1", "--branch=main")
    with place.opened("ci") as workspace:
        read(workspace, "production")
        entries = history(workspace, "production")
        assert [c.after for e in entries for c in e.changes if c.name == "temperature"] == [
            0.2,
            0.1,
        ]


def test_a_shallow_checkout_can_roll_back(place: Place) -> None:
    old = place.promoted(0.1)
    place.promoted(0.2)
    place.clone("ci", "--depth=1", "--branch=main")
    with place.opened("ci") as workspace:
        binding = rollback(workspace, "production")
    assert binding.version == old.version
    assert place.git("rev-list", "--count", "env/bot/production", cwd=place.shared) == "3"


def test_a_shallow_checkout_can_promote(place: Place) -> None:
    place.promoted(0.1)
    newest = place.promoted(0.2, "staging")
    place.clone("ci", "--depth=1", "--branch=main")
    with place.opened("ci") as workspace:
        assert promote(workspace, "tone", "production").version == newest.version
    assert place.from_url(project="bot")["temperature"] == 0.2


def test_a_plain_checkout_of_the_branch_does_not_get_in_the_way(place: Place) -> None:
    place.promoted(0.1)
    work = place.directory / "work"
    place.git("switch", "--quiet", "env/bot/production", cwd=work)
    before = place.git("rev-parse", "HEAD", cwd=work)
    place.git("switch", "--quiet", "main", cwd=work)
    place.promoted(0.2)
    assert place.git("rev-parse", "env/bot/production", cwd=work) == before
    with place.opened("work") as workspace:
        assert read(workspace, "production")["temperature"] == 0.2


def test_an_address_is_read_without_a_clone(place: Place) -> None:
    version = place.promoted(0.1)
    found = place.from_url(project="bot")
    assert found.to_dict() == {"temperature": 0.1, "model": "small"}
    assert found.provenance.version == version.version
    assert found.provenance.environment_commit == place.git(
        "rev-parse", "env/bot/production", cwd=place.shared
    )
    place.promoted(0.2)
    assert place.from_url(project="bot")["temperature"] == 0.2


def test_an_address_with_one_project_needs_no_name(place: Place) -> None:
    place.promoted(0.1)
    assert place.from_url()["temperature"] == 0.1
    assert place.from_url()["temperature"] == 0.1


def test_an_address_with_several_projects_lists_them(place: Place) -> None:
    place.promoted(0.1)
    tip = place.git("rev-parse", "env/bot/production", cwd=place.shared)
    place.git("update-ref", "refs/heads/env/cat/production", tip, cwd=place.shared)
    with pytest.raises(InvalidInput) as caught:
        place.from_url()
    assert caught.value.message == (
        f"several projects have an environment 'production' on {place.url}: bot, cat"
    )
    assert place.from_url(project="bot")["temperature"] == 0.1
    place.git("update-ref", "-d", "refs/heads/env/cat/production", cwd=place.shared)
    assert place.from_url()["temperature"] == 0.1


@pytest.mark.parametrize("project", ["bot", None])
def test_an_address_that_is_down_serves_what_was_read_before(
    place: Place, project: str | None
) -> None:
    place.promoted(0.1)
    fresh = place.from_url(project=project)
    with place.taken_down():
        stale = place.from_url(project=project)
        assert stale == fresh
        assert stale.provenance.stale
        with pytest.raises(RemoteUnavailable):
            place.from_url("staging", project=project)
    assert not place.from_url(project=project).provenance.stale


def test_an_address_that_is_down_and_was_never_read_is_an_error(place: Place) -> None:
    place.promoted(0.1)
    with place.taken_down(), pytest.raises(RemoteUnavailable):
        place.from_url(project="bot")


def test_offline_an_address_is_read_from_the_cache(place: Place) -> None:
    place.promoted(0.1)
    with pytest.raises(NotFound, match="no environment 'production' of project 'bot' is bound in"):
        place.from_url(project="bot", offline=True)
    place.from_url(project="bot")
    place.promoted(0.2)
    found = place.from_url(project="bot", offline=True)
    assert found["temperature"] == 0.1
    assert found.provenance.stale


@pytest.mark.parametrize("project", ["bot", None])
def test_what_the_remote_says_is_gone_is_never_served(place: Place, project: str | None) -> None:
    place.promoted(0.1)
    place.from_url(project=project)
    place.git("update-ref", "-d", "refs/heads/env/bot/production", cwd=place.shared)
    with pytest.raises(NotFound) as caught:
        place.from_url(project=project)
    assert f"is bound on {place.url}" in caught.value.message


def test_what_the_remote_said_is_gone_is_not_served_when_it_is_down_later(place: Place) -> None:
    place.promoted(0.1)
    place.from_url(project="bot")
    place.git("update-ref", "-d", "refs/heads/env/bot/production", cwd=place.shared)
    with pytest.raises(NotFound):
        place.from_url(project="bot")
    with place.taken_down(), pytest.raises(RemoteUnavailable):
        place.from_url(project="bot")


def test_an_unbound_environment_at_an_address_is_said(place: Place) -> None:
    place.promoted(0.1)
    with place.opened("work") as workspace:
        unbind(workspace, "production")
    with pytest.raises(NotBound):
        place.from_url(project="bot")
    with pytest.raises(NotFound, match="no environment 'nothing'"):
        place.from_url("nothing", project="bot")


def test_an_address_is_read_at_a_commit(place: Place) -> None:
    place.promoted(0.1)
    commit = place.git("rev-parse", "env/bot/production", cwd=place.shared)
    place.promoted(0.2)
    found = place.from_url(project="bot", at=commit)
    assert found["temperature"] == 0.1
    assert not found.provenance.stale
    with place.taken_down():
        again = place.from_url(project="bot", at=commit)
        assert again == found
        assert not again.provenance.stale


def test_an_address_is_read_at_a_commit_that_the_server_hands_out_with_its_branch_only(
    place: Place,
) -> None:
    place.promoted(0.1)
    commit = place.git("rev-parse", "env/bot/production", cwd=place.shared)
    place.promoted(0.2)
    place.git("config", "protocol.version", "0", cwd=place.shared)
    place.git("config", "--global", "protocol.version", "0")
    assert place.from_url(project="bot", at=commit)["temperature"] == 0.1


def test_an_address_at_a_commit_of_something_else_is_refused(place: Place) -> None:
    place.promoted(0.1)
    place.promoted(0.2, "staging")
    other = place.git("rev-parse", "env/bot/staging", cwd=place.shared)
    with pytest.raises(InvalidDocuments, match='"staging" stands there'):
        place.from_url(project="bot", at=other)
    with pytest.raises(InvalidInput, match="'abcd' is not the full hash of a commit"):
        place.from_url(project="bot", at="abcd")
    with pytest.raises(NotFound):
        place.from_url(project="bot", at="f" * 40)


def test_a_clone_is_read_at_a_commit(place: Place) -> None:
    place.promoted(0.1)
    commit = place.git("rev-parse", "env/bot/production", cwd=place.shared)
    place.promoted(0.2)
    place.clone("full")
    place.clone("ci", "--depth=1", "--branch=main")
    for name in ("full", "ci"):
        with place.opened(name) as workspace:
            assert read(workspace, "production", Pin(at=commit))["temperature"] == 0.1
            assert read(workspace, "production")["temperature"] == 0.2


def test_a_short_commit_is_found_in_a_shallow_checkout(place: Place) -> None:
    place.promoted(0.1)
    commit = place.git("rev-parse", "env/bot/production", cwd=place.shared)
    place.promoted(0.2)
    place.clone("ci", "--depth=1", "--branch=main")
    with place.opened("ci") as workspace:
        assert read(workspace, "production", Pin(at=commit[:12]))["temperature"] == 0.1


def test_a_committed_lock_pins_ci(place: Place) -> None:
    old = place.promoted(0.1)
    work = place.directory / "work"
    with place.opened("work") as workspace:
        lock(workspace, ["production"])
    place.git("add", "gitexp.lock", cwd=work)
    place.git("commit", "--quiet", "--message=lock", cwd=work)
    place.git("push", "--quiet", "origin", "main", cwd=work)
    place.promoted(0.2)
    place.clone("full")
    place.clone("ci", "--depth=1", "--branch=main")
    for name in ("full", "ci"):
        with place.opened(name) as workspace:
            found = read(workspace, "production", Pin(locked=True))
            assert found["temperature"] == 0.1
            assert found.provenance.version == old.version


def test_two_clones_that_promote_at_once(place: Place) -> None:
    place.promoted(0.1)
    place.clone("full")
    seen: list[Conflict] = []
    with place.opened("full") as grace, place.opened("work") as ada:
        save(ada, "tone", Edit(patch={"temperature": 0.2}))
        share(ada, "tone")
        hook = place.shared / "hooks" / "pre-receive"
        hook.parent.mkdir()
        # While the first push arrives, somebody else's is faster.
        newer = place.git("rev-parse", "env/bot/production", cwd=place.shared)
        tree = f"{newer}^{{tree}}"
        hook.write_text(
            "#!/bin/sh\nunset GIT_QUARANTINE_PATH GIT_OBJECT_DIRECTORY\n"
            f"c=$(git -c user.name=Eve -c user.email=e@x commit-tree {tree} -p {newer} -m x)\n"
            "git update-ref refs/heads/env/bot/production $c\nrm hooks/pre-receive\n"
        )
        hook.chmod(0o755)
        try:
            promote(ada, "tone", "production")
        except Conflict as exc:
            seen.append(exc)
        assert read(grace, "production")["temperature"] == 0.1
    assert [exc.message.split(" meanwhile")[0] for exc in seen] == [
        "environment 'production' was moved by Ada Example <ada@example.org>"
    ]


def test_reading_again_imports_nothing_heavy(place: Place) -> None:
    place.promoted(0.1)
    full = place.clone("full")
    with place.opened("full") as workspace:
        read(workspace, "production")
    script = (
        "import json, sys\n"
        "from pathlib import Path\n"
        "from gitexp.environments.reading import read\n"
        "from gitexp.project.workspace import Workspace\n"
        "from gitexp.store.cache import DerivedCache\n"
        "from gitexp.store.disk import DiskStore\n"
        "store = DiskStore.discover(Path(sys.argv[1]))\n"
        "workspace = Workspace(store=store, project_id='bot', open_remote=None,\n"
        "                      cache=DerivedCache(store.private_dir))\n"
        "values = read(workspace, 'production').to_dict()\n"
        "heavy = {'dulwich', 'yaml', 'jsonschema', 'pandas', 'click', 'rich', 'asyncio'}\n"
        "print(json.dumps([values, sorted(heavy & set(sys.modules))]))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(full)], capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout) == [{"temperature": 0.1, "model": "small"}, []]
