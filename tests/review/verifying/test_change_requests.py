"""Change requests, locks and bare repositories under verification."""

from __future__ import annotations

import pytest

from gitexp.errors import ApprovalRequired
from gitexp.repository import Repository
from tests.real_git import Git
from tests.review.verifying.world import ENV, Ground, surroundings

CHANGES = "origin/changes/bot"


def asked(ground: Ground, *, self_approval: bool = True) -> str:
    """Return a change request to promote a new version, which needs an approval."""
    definition = (ground.git.path / "gitexp.yaml").read_text()
    rule = f"[{{approvals: {{count: 1, self_approval: {str(self_approval).lower()}}}}}]"
    (ground.git.path / "gitexp.yaml").write_text(
        definition.replace("production: {}", f"production: {{policies: {rule}}}")
    )
    ground.git("switch", "-q", "main")
    ground.git("commit", "-q", "-a", "-m", "ask for approval")
    ground.git("push", "-q", "origin", "main")
    experiment = ground.repository.experiments.get("tone")
    experiment.commit({"model": "large", "temperature": 1.0})
    experiment.share()
    with pytest.raises(ApprovalRequired) as found:
        experiment.promote("production")
    assert found.value.change is not None
    return found.value.change


def test_change_requests_that_were_carried_out_are_in_order(ground: Ground) -> None:
    change = asked(ground)
    assert ground.problems(full=True) == []
    ground.repository.changes.approve(change)
    ground.repository.fetch()
    assert ground.problems(full=True) == []
    assert ground.verified("changes", full=True).looked_at["changes"] == 1


@pytest.mark.parametrize("way", ["merge", "squash", "rebase"])
def test_a_change_request_that_a_forge_merged_is_in_order(ground: Ground, way: str) -> None:
    change = asked(ground)
    ground.git("fetch", "-q", "origin", f"+refs/heads/{ENV}:refs/forge/base")
    ground.git("fetch", "-q", "origin", f"+refs/heads/change/bot/{change}:refs/forge/head")
    base, head = (
        ground.git("rev-parse", "refs/forge/base"),
        ground.git("rev-parse", "refs/forge/head"),
    )
    parents = {"merge": ["-p", base, "-p", head], "squash": ["-p", base], "rebase": ["-p", base]}
    tree = f"{head}^{{tree}}"
    merged = ground.git("commit-tree", tree, *parents[way], "-m", f"{way} by a forge")
    ground.git("push", "-q", "origin", f"{merged}:refs/heads/{ENV}")
    ground.repository.fetch()
    ground.git("fetch", "-q", "origin")
    assert ground.problems(full=True) == []


def test_a_vote_that_was_changed_is_named(ground: Ground) -> None:
    change = asked(ground)
    ground.repository.changes.approve(change, apply=False)
    ground.git("fetch", "-q", "origin")
    path = ground.git("ls-tree", "-r", "--name-only", CHANGES, f"changes/{change}/votes")
    text = ground.git.raw("show", f"{CHANGES}:{path}").replace(
        b"ada@example.org", b"eve@example.org"
    )
    commit = ground.put("changes/bot", {path: text})
    problems = ground.problems("changes")
    assert any(
        one.startswith(f"{CHANGES}@{commit[:10]}:{path}: a file was changed by") for one in problems
    )
    assert any("holds a vote that belongs elsewhere" in one for one in problems)


def test_a_branch_of_a_change_request_with_something_else_is_named(ground: Ground) -> None:
    change = asked(ground)
    ground.git("fetch", "-q", "origin")
    commit = ground.put(f"change/bot/{change}", {"environment.yaml": None})
    (found,) = ground.problems("changes")
    assert found == f"origin/change/bot/{change}@{commit[:10]}: it holds no binding"


def test_a_lock_that_does_not_say_what_it_pins_is_named(ground: Ground) -> None:
    ground.repository.environments.lock("production")
    path = ground.git.path / "gitexp.lock"
    ground.git("switch", "-q", "main")
    ground.git("add", "gitexp.lock")
    ground.git("commit", "-q", "-m", "lock")
    assert ground.problems("documents") == []
    text = path.read_text()
    digest = text.partition("digest: ")[2].split()[0]
    path.write_text(text.replace(digest, "sha256:" + "0" * 64))
    ground.git("commit", "-q", "-a", "-m", "by hand")
    (found,) = ground.problems("documents")
    assert ":gitexp.lock: environments.production: it is not what commit " in found


def test_a_bare_remote_is_verified_and_mended_as_it_stands(ground: Ground) -> None:
    around = surroundings(ground.git.path.parent)
    with Repository.open(ground.remote.path, surroundings=around) as repository:
        bare = Ground(repository, Git(ground.remote.path), ground.remote)
        found = bare.verified(full=True)
        assert found.findings == ()
        assert (found.looked_at["runs"], found.looked_at["bindings"]) == (2, 2)
        assert repository.doctor().healthy
        version = repository.experiments.get("tone").versions()[-1].version
        bare.git("update-ref", "-d", f"refs/gitexp/pins/{version}")
        (mended,) = repository.doctor(fix=True).ailments
        assert (mended.kind, mended.outcome) == ("pin", "pinned")
        assert bare.git("rev-parse", f"refs/gitexp/pins/{version}") == version
