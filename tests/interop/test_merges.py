"""What forges do to branches: squash, rebase, cherry-pick and merge, by git itself.

Versions are listed once and found by either hash, results are found, bindings and their history
read right, whichever way a branch was merged.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from gitexp.environments.binding import Binding
from gitexp.repository import Repository
from gitexp.review.diffing.comparing import compare
from gitexp.surroundings import Surroundings
from tests.facade.conftest import git, made_project, project, repository, surroundings
from tests.real_git import Git, new_repository

__all__ = ["git", "made_project", "project", "repository", "surroundings"]

Merge = Callable[[Git, str, str], None]
CHANGE = "change/bot/20260102-abcdefgh"


def merge(forge: Git, base: str, head: str) -> None:
    """Merge with a merge commit."""
    forge("switch", "--quiet", base)
    forge("merge", "--quiet", "--no-ff", "--message=merge", head)


def squash(forge: Git, base: str, head: str) -> None:
    """Put all that a branch changed into one commit."""
    forge("switch", "--quiet", base)
    forge("merge", "--quiet", "--squash", head)
    forge("commit", "--quiet", "--message=squashed")


def rebase(forge: Git, base: str, head: str) -> None:
    """Write the commits of a branch anew on top of the base."""
    forge("switch", "--quiet", "--detach", head)
    forge("rebase", "--quiet", "--force-rebase", base)
    forge("branch", "--force", base, "HEAD")
    forge("switch", "--quiet", base)


def cherry_pick(forge: Git, base: str, head: str) -> None:
    """Copy the commits of a branch one by one."""
    forge("switch", "--quiet", base)
    forge("cherry-pick", f"{base}..{head}")


METHODS = [merge, squash, rebase, cherry_pick]


@pytest.fixture
def forge(tmp_path: Path, project: Path) -> Git:
    """A clone in which a forge merges; its commits are of somebody else, and made later."""
    made = new_repository(tmp_path / "forge")
    made("remote", "add", "origin", str(tmp_path / "shared.git"))
    return Git(
        made.path,
        environ={"GIT_COMMITTER_DATE": "2026-03-01T00:00:00Z", "GIT_COMMITTER_NAME": "Forge"},
    )


def merged(forge: Git, base: str, head: str, method: Merge) -> str:
    """Merge a branch of the shared remote, and return the tip that this makes there."""
    forge("fetch", "--quiet", "origin")
    forge("switch", "--quiet", "--force-create", base, f"origin/{base}")
    method(forge, base, f"origin/{head}")
    forge("push", "--quiet", "origin", base)
    return forge("rev-parse", base)


# --- experiments ------------------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
def test_a_merged_experiment_keeps_its_versions_and_results(
    method: Merge, repository: Repository, forge: Git
) -> None:
    tone = repository.experiments.create("tone")
    first = tone.commit({"model": "small", "temperature": 0.1}).version
    second = tone.commit({"model": "small", "temperature": 0.2}).version
    with tone.start_run() as run:
        run.log_metric("loss", 0.5)
    tone.share()
    repository.push()
    forge("fetch", "--quiet", "origin")
    forge("switch", "--quiet", "--force-create", "main", "origin/main")
    forge.commit({"README.md": "the trunk moved on\n"})
    forge("push", "--quiet", "origin", "main")
    tip = merged(forge, "main", "exp/bot/tone", method)

    repository.fetch()
    assert [v.values["temperature"] for v in tone.versions()] == [0.1, 0.2]
    for hash_, temperature in ((first, 0.1), (second, 0.2)):
        assert tone.version(hash_).values["temperature"] == temperature
    assert tone.version(tip).digest == tone.version(second).digest

    forge("push", "--quiet", "origin", "--delete", "exp/bot/tone")
    repository.fetch()
    here = Git(Path(str(repository.root_directory)), environ=dict(forge.environ))
    here("update-ref", "-d", "refs/heads/exp/bot/tone")
    fresh = Repository.open(here.path, surroundings=repository.workspace.surroundings)
    tone = fresh.experiments.get("tone")
    listed = [v.values["temperature"] for v in tone.versions()]
    assert listed == ([0.2] if method is squash else [0.1, 0.2])
    latest = tone.version()
    assert tone.version(second).version == latest.version
    assert tone.version(tip).version == latest.version
    assert (latest.version == second) is (method is merge)

    [found] = tone.results(group_by="version")["items"][-1:]
    assert found["digest"] == latest.digest
    assert [entry["id"] for entry in found["runs"]] == [run.id]
    assert fresh.runs.search(filter=f"digest = '{latest.digest}'").runs[0].id == run.id
    before = compare(fresh.workspace, f"tone@{first}", "tone")
    assert [r.after.id for r in before.experiments[0].results if r.after] == [run.id]


# --- environments -----------------------------------------------------------------------------


def proposed(repository: Repository, tmp_path: Path) -> Binding:
    """Return a promotion that is on the branch of a change request alone, one commit ahead."""
    other = tmp_path / "other.git"
    shutil.copytree(tmp_path / "shared.git", other)
    around = replace(repository.workspace.surroundings, directory=tmp_path)
    apart = Repository.clone(str(other), "apart", surroundings=around)
    binding = apart.environments.promote("tone", "production", reason="colder")
    apart.close()
    pusher = Git(other, environ=dict(around.environ))
    pusher(
        "push",
        "--quiet",
        str(tmp_path / "shared.git"),
        f"refs/heads/env/bot/production:refs/heads/{CHANGE}",
    )
    return binding


@pytest.mark.parametrize("method", METHODS)
def test_a_merged_promotion_is_the_binding_it_proposed(
    method: Merge, repository: Repository, forge: Git, tmp_path: Path
) -> None:
    tone = repository.experiments.create("tone")
    tone.commit({"model": "small", "temperature": 0.1})
    tone.share()
    repository.environments.promote("tone", "production", reason="first")
    later = tone.commit({"model": "small", "temperature": 0.2})
    tone.share()
    proposal = proposed(repository, tmp_path)
    tip = merged(forge, "env/bot/production", CHANGE, method)
    assert (tip == proposal.commit) is False

    repository.fetch()
    live = repository.environments.read("production")
    assert live["temperature"] == 0.2
    source = live.provenance
    assert (source.version, source.digest) == (later.version, later.digest)
    assert source.environment_commit == tip
    history = repository.environments.history("production")
    assert [(e.binding.action, e.binding.reason, e.commit == tip) for e in history] == [
        ("promote", "colder", True),
        ("promote", "first", False),
    ]
    assert [(c.name, c.before, c.after) for c in history[0].changes] == [("temperature", 0.1, 0.2)]
    assert history[0].problem is None

    back = repository.environments.rollback("production", reason="too cold")
    assert back.commit is not None
    assert repository.environments.read("production")["temperature"] == 0.1
    assert [e.binding.action for e in repository.environments.history("production")] == [
        "rollback",
        "promote",
        "promote",
    ]


@pytest.mark.parametrize("method", METHODS)
def test_a_merged_promotion_is_read_at_depth_1_and_from_the_bare_address(
    method: Merge,
    repository: Repository,
    forge: Git,
    tmp_path: Path,
    surroundings: Surroundings,
) -> None:
    tone = repository.experiments.create("tone")
    tone.commit({"model": "small", "temperature": 0.1})
    tone.share()
    repository.environments.promote("tone", "production")
    tone.commit({"model": "small", "temperature": 0.2})
    tone.share()
    proposed(repository, tmp_path)
    merged(forge, "env/bot/production", CHANGE, method)

    address = (tmp_path / "shared.git").as_uri()
    shallow = Git(tmp_path, environ=dict(surroundings.environ))
    shallow("clone", "--quiet", "--depth=1", "--branch=main", address, "shallow")
    around = replace(surroundings, directory=tmp_path / "shallow")
    with Repository.open(surroundings=around) as ci:
        assert ci.environments.read("production")["temperature"] == 0.2
        assert len(ci.environments.history("production")) == 2


def test_a_promotion_conflicts_once_its_environment_has_moved(
    repository: Repository, forge: Git, tmp_path: Path
) -> None:
    tone = repository.experiments.create("tone")
    tone.commit({"model": "small", "temperature": 0.1})
    tone.share()
    repository.environments.promote("tone", "production")
    tone.commit({"model": "small", "temperature": 0.2})
    tone.share()
    proposed(repository, tmp_path)
    tone.commit({"model": "large", "temperature": 0.1})
    tone.share()
    repository.environments.promote("tone", "production")
    forge("fetch", "--quiet", "origin")
    forge("switch", "--quiet", "--force-create", "live", "origin/env/bot/production")
    for method in (merge, squash, cherry_pick):
        with pytest.raises(AssertionError):
            method(forge, "live", f"origin/{CHANGE}")
        assert "environment.yaml" in forge("diff", "--name-only", "--diff-filter=U")
        forge("reset", "--quiet", "--hard", "origin/env/bot/production")


def test_no_order_of_parents_hides_what_was_live_before(
    repository: Repository, forge: Git, tmp_path: Path
) -> None:
    tone = repository.experiments.create("tone")
    for temperature in (0.1, 0.2, 0.3):
        tone.commit({"model": "small", "temperature": temperature})
        tone.share()
        binding = repository.environments.promote("tone", "production", reason=str(temperature))
    forge("fetch", "--quiet", "origin")
    forge("switch", "--quiet", "--create", "live", "origin/env/bot/production")
    first, second = forge("rev-list", "--max-count=2", "--skip=1", "live").split()[::-1]
    turned = forge(
        "commit-tree", "live^{tree}", "-p", first, "-p", second, "-m", "the other way round"
    )
    forge("push", "--quiet", "--force", "origin", f"{turned}:env/bot/production")
    assert binding.previous == second
    fresh = Repository.clone(
        str(tmp_path / "shared.git"),
        "fresh",
        surroundings=replace(repository.workspace.surroundings, directory=tmp_path),
    )
    history = fresh.environments.history("production")
    assert [entry.binding.reason for entry in history] == ["0.3", "0.2", "0.1"]
    assert [entry.commit for entry in history] == [turned, second, first]
