"""Git and gitexp agree on signatures: each checks what the other made."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

import pytest

from gitexp.environments.binding import binding_at
from gitexp.errors import InvalidInput
from gitexp.ids import ObjectId
from gitexp.opening import open_workspace
from gitexp.project.workspace import Workspace
from gitexp.repository import Repository
from gitexp.review.signatures.answers import UNSIGNED, Answer, Unverified, Verified
from gitexp.review.signatures.commits import commit_answer
from gitexp.review.signatures.promotions import verify
from gitexp.review.signatures.signers import Signers, signers_at
from gitexp.store.trees import tree_of
from gitexp.surroundings import Surroundings
from tests.real_git import Git
from tests.review.signatures.keyring import Gpg, SshKey, gpg_home, ssh_key

pytestmark = pytest.mark.interop

GRACE = "grace@example.org"
DEFINITION = """\
format: 1
id: bot
parameters: {heat: {type: number}}
environments: {live: {}}
"""


@pytest.fixture(scope="module")
def grace(tmp_path_factory: pytest.TempPathFactory) -> SshKey:
    return ssh_key(tmp_path_factory.mktemp("grace"), "grace")


@pytest.fixture(scope="module")
def mallory(tmp_path_factory: pytest.TempPathFactory) -> SshKey:
    return ssh_key(tmp_path_factory.mktemp("mallory"), "mallory")


@pytest.fixture(params=["sha1", "sha256"])
def git(request: pytest.FixtureRequest, tmp_path: Path, grace: SshKey) -> Git:
    """A project of Grace's, whose commits are signed, and whose trunk allows her key."""
    return made_project(tmp_path, grace, object_format=request.param)


def made_project(tmp_path: Path, key: SshKey, *, object_format: str = "sha1") -> Git:
    directory = tmp_path / "work"
    directory.mkdir()
    git = Git(directory)
    git("init", "-q", "-b", "main", f"--object-format={object_format}")
    git("config", "gpg.format", "ssh")
    git("config", "user.signingKey", str(key.file))
    git("config", "commit.gpgSign", "true")
    (directory / "allowed_signers").write_bytes(key.allowed(GRACE))
    git("config", "gpg.ssh.allowedSignersFile", str(directory / "allowed_signers"))
    definition = (
        "format: 1\nid: bot\nparameters:\n  heat: {type: number}\nenvironments: {live: {}}\n"
    )
    (directory / "gitexp.yaml").write_text(definition)
    git("add", ".")
    git("commit", "-q", "-m", "project")
    return git


def opened(git: Git, **environ: str) -> Workspace:
    surroundings = Surroundings(environ={**git.environ, **environ}, directory=git.path)
    return open_workspace(git.path, project=None, surroundings=surroundings)


def asked(workspace: Workspace, commit: str, signers: Signers | None = None) -> Answer:
    trunk = workspace.trunk_tip()
    assert trunk is not None
    allowed = signers or signers_at(workspace, tree_of(workspace.store, trunk))
    now = datetime.now(timezone.utc)
    with allowed.checking(workspace.surroundings.environ, now=now) as check:
        return commit_answer(check, workspace.store, ObjectId(commit))


def test_what_git_signed_is_verified(git: Git, grace: SshKey) -> None:
    found = asked(opened(git), git("rev-parse", "HEAD"))
    assert found == Verified(identity=GRACE, key=grace.fingerprint, kind="ssh")


def test_what_gitexp_signed_git_verifies(git: Git, grace: SshKey) -> None:
    repository = Repository.open(git.path, surroundings=opened(git).surroundings)
    version = repository.experiments.create("tone").commit({"heat": 1.5})
    git("verify-commit", version.version)
    git("fsck", "--strict")
    assert "Good" in git("log", "-1", "--format=%GG", version.version)
    found = asked(opened(git), version.version)
    assert found == Verified(identity=GRACE, key=grace.fingerprint, kind="ssh")


def test_a_merge_and_a_tag_inside_a_merge_change_nothing(git: Git, grace: SshKey) -> None:
    git("switch", "-q", "-c", "side")
    git("commit", "-q", "--allow-empty", "-m", "side")
    git("tag", "-s", "-m", "a tag", "t1")
    git("switch", "-q", "main")
    git("commit", "-q", "--allow-empty", "-m", "main")
    git("merge", "-q", "--no-ff", "-m", "merge", "t1")
    assert "mergetag" in git("cat-file", "commit", "HEAD")
    found = asked(opened(git), git("rev-parse", "HEAD"))
    assert isinstance(found, Verified)
    assert found.key == grace.fingerprint


def test_a_forged_committer_is_told_from_the_owner_of_the_key(
    git: Git, mallory: SshKey, grace: SshKey
) -> None:
    signers = Signers(allowed=grace.allowed(GRACE) + mallory.allowed("mallory@example.org"))
    git("-c", f"user.signingKey={mallory.file}", "commit", "-q", "--allow-empty", "-m", "x")
    assert git("log", "-1", "--format=%ce") == GRACE
    found = asked(opened(git), git("rev-parse", "HEAD"), signers)
    assert isinstance(found, Verified)
    assert found.identity == "mallory@example.org"


def test_an_unsigned_commit_is_said_to_be_unsigned(git: Git) -> None:
    git("-c", "commit.gpgSign=false", "commit", "-q", "--allow-empty", "-m", "x")
    assert asked(opened(git), git("rev-parse", "HEAD")) == UNSIGNED


def test_a_changed_commit_keeps_nobodys_signature(git: Git) -> None:
    text = git.raw("cat-file", "commit", "HEAD").replace(b"\nproject\n", b"\nprojekt\n")
    forged = git.raw("hash-object", "-t", "commit", "-w", "--stdin", data=text).decode().strip()
    assert asked(opened(git), forged) == Unverified(reason="what it signs was changed afterwards")


def test_a_backdated_commit_does_not_save_an_expired_key(git: Git, grace: SshKey) -> None:
    signers = Signers(allowed=grace.allowed(GRACE, 'valid-before="20200101"'))
    dated = Git(git.path, environ={"GIT_COMMITTER_DATE": "2019-06-01T00:00:00Z"})
    dated("commit", "-q", "--allow-empty", "-m", "old")
    found = asked(opened(git), git("rev-parse", "HEAD"), signers)
    assert found == Unverified(reason="its key has expired")


def test_an_agent_signs_for_a_public_key(tmp_path: Path, grace: SshKey) -> None:
    git = made_project(tmp_path, grace)
    socket = f"/tmp/gitexp-agent-{grace.file.parent.name}-{tmp_path.name}"[:90]
    agent = subprocess.Popen(["ssh-agent", "-D", "-a", socket], stdout=subprocess.PIPE)
    try:
        assert agent.stdout is not None
        agent.stdout.readline()
        environ = {**git.environ, "SSH_AUTH_SOCK": socket}
        subprocess.run(["ssh-add", "-q", str(grace.file)], env=environ, check=True)
        for name in (f"key::{grace.public}", grace.public):
            git("config", "user.signingKey", name)
            workspace = opened(git, SSH_AUTH_SOCK=socket)
            repository = Repository.open(git.path, surroundings=workspace.surroundings)
            version = repository.experiments.create(f"tone{len(name)}").commit({"heat": 1.5})
            assert isinstance(asked(workspace, version.version), Verified)
    finally:
        agent.terminate()
        agent.wait()


def test_a_key_that_cannot_be_used_saves_nothing(tmp_path: Path, grace: SshKey) -> None:
    git = made_project(tmp_path, grace)
    git("config", "user.signingKey", str(tmp_path / "gone"))
    before = git("for-each-ref")
    repository = Repository.open(git.path, surroundings=opened(git).surroundings)
    with pytest.raises(InvalidInput, match="there is no SSH key"):
        repository.experiments.create("tone")
    assert git("for-each-ref") == before


def test_a_run_is_recorded_signed_and_without_a_key_unsigned(git: Git, grace: SshKey) -> None:
    notices: list[str] = []
    around = replace(opened(git).surroundings, notice=notices.append)
    experiment = Repository.open(git.path, surroundings=around).experiments.create("tone")
    with experiment.start_run():
        pass
    assert isinstance(asked(opened(git), git("rev-parse", "runs/bot/tone")), Verified)
    git("config", "user.signingKey", str(git.path / "gone"))
    with experiment.start_run() as run:
        pass
    assert asked(opened(git), git("rev-parse", "runs/bot/tone")) == UNSIGNED
    assert experiment.runs()[0].id == run.id
    assert notices == [f"a commit could not be signed: there is no SSH key '{git.path / 'gone'}'"]


def test_a_new_project_is_a_signed_commit(git: Git, tmp_path: Path) -> None:
    (tmp_path / ".gitconfig").write_text((git.path / ".git" / "config").read_text())
    git("config", "--file", str(tmp_path / ".gitconfig"), "--remove-section", "core")
    around = replace(opened(git).surroundings, directory=tmp_path)
    Repository.init(tmp_path / "new", project="shop", surroundings=around).close()
    made = Git(tmp_path / "new")
    signers = Signers(allowed=(git.path / "allowed_signers").read_bytes())
    assert isinstance(asked(opened(made), made("rev-parse", "HEAD"), signers), Verified)


@pytest.mark.parametrize("key", ["gpg.ssh.program", "gpg.program", "gpg.ssh.defaultKeyCommand"])
def test_no_program_that_the_configuration_names_is_run(
    tmp_path: Path, grace: SshKey, key: str
) -> None:
    git = made_project(tmp_path, grace)
    canary = tmp_path / "canary"
    program = tmp_path / "program"
    program.write_text(f"#!/bin/sh\ntouch {canary}\nexit 1\n")
    program.chmod(0o755)
    git("config", key, str(program))
    repository = Repository.open(git.path, surroundings=opened(git).surroundings)
    version = repository.experiments.create("tone").commit({"heat": 1.5})
    assert isinstance(asked(opened(git), version.version), Verified)
    assert not canary.exists()


def test_openpgp_signatures_go_both_ways(tmp_path: Path, grace: SshKey) -> None:
    with gpg_home() as gpg:
        key = gpg.make(f"Grace Example <{GRACE}>")
        check_openpgp(made_project(tmp_path, grace), gpg, key)


def check_openpgp(git: Git, gpg: Gpg, key: str) -> None:
    git("config", "gpg.format", "openpgp")
    git("config", "user.signingKey", key)
    with_keys = Git(git.path, environ={"GNUPGHOME": str(gpg.home)})
    with_keys("commit", "-q", "--allow-empty", "-m", "by git")
    signers = Signers(keys=gpg.public(key))
    workspace = opened(git, GNUPGHOME=str(gpg.home))
    expected = Verified(identity=GRACE, key=key, kind="gpg")
    assert asked(workspace, git("rev-parse", "HEAD"), signers) == expected
    repository = Repository.open(git.path, surroundings=workspace.surroundings)
    version = repository.experiments.create("tone").commit({"heat": 1.5})
    with_keys("verify-commit", version.version)
    assert asked(workspace, version.version, signers) == expected


def test_a_promotion_is_sealed_when_the_user_wants_it(tmp_path: Path, grace: SshKey) -> None:
    git = made_project(tmp_path, grace)
    remote = tmp_path / "shared.git"
    git("init", "-q", "--bare", str(remote))
    git("remote", "add", "origin", str(remote))
    git("push", "-q", "origin", "main")
    git("config", "gitexp.sign", "true")
    workspace = opened(git)
    repository = Repository.open(git.path, surroundings=workspace.surroundings)
    experiment = repository.experiments.create("tone")
    experiment.commit({"heat": 1.5})
    experiment.share()
    binding = experiment.promote("live")
    assert binding.commit is not None
    stored = binding_at(workspace.store, binding.commit)
    assert stored is not None
    document = stored.to_dict()
    now = datetime.now(timezone.utc)
    with Signers(allowed=grace.allowed(GRACE)).checking(git.environ, now=now) as check:
        assert isinstance(verify(document, check), Verified)
        replayed = {**document, "environment": "staging"}
        assert verify(replayed, check) == Unverified(reason="what it signs was changed afterwards")
