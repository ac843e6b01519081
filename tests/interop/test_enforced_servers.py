"""The rules on real servers: who pushes is told by the server, whatever the client sends."""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from gitexp.documents.yaml_writer import dump_yaml
from gitexp.errors import ApprovalRequired
from tests.contract.remotes_conftest import http_server, ssh_server
from tests.real_git import Git
from tests.review.enforcement.conftest import DEFINITION, LEADS
from tests.review.enforcement.serving import Person, Server, environ_of, make_server
from tests.review.enforcement.test_changes import vote as written_vote

pytestmark = pytest.mark.interop

PEOPLE = ("alice", "bob", "carol")
FILES = {"gitexp.yaml": DEFINITION, "groups/leads.yaml": LEADS}
LOOSE = DEFINITION.replace("count: 1", "count: 1, self_approval: true")


def person_at(server: Server, name: str, url: str, **environ: str) -> Person:
    """Return somebody with a clone of an address."""
    path = server.directory / name
    given = {**environ_of(name), **environ}
    given.pop("GITEXP_USER")
    Git(server.directory, environ=given)("clone", "--quiet", url, path)
    return Person(name=name, git=Git(path, environ=given))


def enforced(directory: Path, identity: str) -> Server:
    server = make_server(directory, FILES, program=sys.executable, identity=identity)
    server.git("config", "http.receivepack", "true")
    server.git("config", "receive.advertisePushOptions", "true")
    return server


# --- git http-backend behind a web server that asks for passwords --------------------------------


@pytest.fixture
def web(tmp_path: Path) -> Iterator[tuple[Server, str]]:
    server = enforced(tmp_path, "variable:REMOTE_USER")
    with http_server(tmp_path, {name: f"{name}-secret" for name in PEOPLE}) as url:
        yield server, url


def over_http(web: tuple[Server, str], name: str, **environ: str) -> Person:
    server, url = web
    address = url.replace("://", f"://{name}:{name}-secret@") + "/server.git"
    return person_at(server, name, address, **environ)


def test_over_http_people_are_whom_the_web_server_let_in(web: tuple[Server, str]) -> None:
    alice, bob = over_http(web, "alice"), over_http(web, "bob")
    bob.git.commit({"gitexp.yaml": LOOSE})
    assert "bob <bob@example.com> may not change the environments" in bob.refused("main")
    alice.git.commit({"gitexp.yaml": LOOSE})
    alice.takes("main")


def test_over_http_nobody_sends_another_name(web: tuple[Server, str]) -> None:
    claims = {"REMOTE_USER": "alice", "GL_USERNAME": "alice", "GITEXP_USER": "alice"}
    bob = over_http(web, "bob", **claims, GIT_COMMITTER_EMAIL="alice@example.com")
    bob.git.commit({"gitexp.yaml": LOOSE})
    assert "bob <bob@example.com> may not" in bob.refused("main", "-o", "user=alice")
    header = "http.extraHeader=X-Remote-User: alice"
    done = bob.git.attempt("-c", header, "push", "origin", "main")
    assert b"bob <bob@example.com> may not" in done.stderr


def test_over_http_a_change_is_asked_for_approved_and_applied(web: tuple[Server, str]) -> None:
    server, _ = web
    carol, bob = over_http(web, "carol"), over_http(web, "bob")
    tone = carol.repository.experiments.create("tone")
    tone.commit({"temperature": 0.1})
    tone.share()
    asked = gitexp(carol, "promote", "tone", "production", "-m", "looks good")
    assert asked.returncode == 4, asked.stderr
    change = asked.stdout.split()[0]
    assert server.tip("env/bot/production") is None
    own = gitexp(carol, "change", "approve", change)
    assert own.returncode == 1, own.stdout
    approved = gitexp(bob, "change", "approve", change)
    assert approved.returncode == 0, approved.stderr
    assert server.tip("env/bot/production") is not None
    applied = server.tip("env/bot/production")
    assert "is live in production already" in gitexp(bob, "change", "apply", change).stderr
    assert server.tip("env/bot/production") == applied


def gitexp(person: Person, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "gitexp", *arguments],
        cwd=person.git.path,
        env=person.git.environ,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


# --- sshd with a forced command for each key -----------------------------------------------------


@pytest.fixture
def ssh(tmp_path: Path) -> Iterator[tuple[Server, Person, Person]]:
    """A server, and two people whose keys it knows; it takes every variable that is sent."""
    server = enforced(tmp_path, "variable:GITEXP_USER")
    keys = tmp_path / "keys"
    keys.mkdir()
    forced = {
        name: f'command="env GITEXP_USER={name} git-shell -c \\"$SSH_ORIGINAL_COMMAND\\"",restrict'
        for name in PEOPLE
    }
    with ssh_server(keys, forced, accepted="GIT_PROTOCOL GL_USERNAME REMOTE_USER GITEXP_*") as at:
        url = f"{at.url}{shlex.quote(str(server.git.path))}"
        send = "-o SendEnv=GITEXP_USER -o SendEnv=GL_USERNAME -o SendEnv=REMOTE_USER"
        alice, bob = (
            person_at(server, name, url, GIT_SSH_COMMAND=f"{at.command_of(name)} {send}")
            for name in ("alice", "bob")
        )
        yield server, alice, bob


def test_over_ssh_people_are_whose_key_they_have(ssh: tuple[Server, Person, Person]) -> None:
    _, alice, bob = ssh
    bob.git.environ.update(GITEXP_USER="alice", REMOTE_USER="alice", GL_USERNAME="alice")
    bob.git.commit({"gitexp.yaml": LOOSE})
    assert "bob <bob@example.com> may not change the environments" in bob.refused("main")
    alice.git.commit({"gitexp.yaml": LOOSE})
    alice.takes("main")


# --- signed pushes and signed commits ------------------------------------------------------------


def key_of(directory: Path, name: str) -> Path:
    path = directory / f"key-{name}"
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(path)]
    subprocess.run(command, check=True, timeout=30)
    return path


def signing(person: Person, key: Path) -> Person:
    for name, value in (
        ("gpg.format", "ssh"),
        ("user.signingkey", str(key)),
        ("user.email", f"{person.name}@example.com"),
    ):
        person.git("config", name, value)
    return person


@pytest.fixture
def signed(tmp_path: Path) -> tuple[Server, Person, Person]:
    """A server that believes certificates of pushes, and two people with keys."""
    keys = {name: key_of(tmp_path, name) for name in ("alice", "bob")}
    lines = [f"{name}@example.com {(tmp_path / f'key-{name}.pub').read_text()}" for name in keys]
    files = {**FILES, "allowed_signers": "".join(lines)}
    server = make_server(tmp_path, files, program=sys.executable, identity="certificate")
    return (
        server,
        signing(server.person("alice"), keys["alice"]),
        signing(server.person("bob"), keys["bob"]),
    )


def test_a_signed_push_says_who_pushes(signed: tuple[Server, Person, Person]) -> None:
    _, alice, bob = signed
    bob.git.commit({"gitexp.yaml": LOOSE})
    assert "this push is not signed" in bob.refused("main")
    assert "bob@example.com may not change the environments" in bob.refused("--signed", "main")
    alice.git.commit({"gitexp.yaml": LOOSE})
    alice.takes("--signed", "main")


def test_what_the_environment_says_of_a_certificate_is_not_believed(
    signed: tuple[Server, Person, Person],
) -> None:
    _, _, bob = signed
    bob.git.environ.update(
        GIT_PUSH_CERT="1" * 40,
        GIT_PUSH_CERT_STATUS="G",
        GIT_PUSH_CERT_SIGNER="alice@example.com",
        GIT_PUSH_CERT_NONCE_STATUS="OK",
    )
    bob.git.commit({"gitexp.yaml": LOOSE})
    said = bob.refused("main")
    assert "the certificate of this push cannot be read" in said


def test_a_certificate_is_for_one_push(signed: tuple[Server, Person, Person]) -> None:
    server, alice, bob = signed
    alice.repository.experiments.create("tone")
    alice.takes("--signed", "exp/bot/tone")
    listed = server.git("cat-file", "--batch-all-objects", "--batch-check").splitlines()
    blobs = [line.split()[0] for line in listed if " blob " in line]
    made = next(b for b in blobs if server.git("cat-file", "-p", b).startswith("certificate"))
    alice.takes("--signed", "--delete", "exp/bot/tone")
    bob.git("fetch", "--quiet", alice.git.path, "exp/bot/tone")
    bob.git.environ.update(GIT_PUSH_CERT=made, GIT_PUSH_CERT_NONCE_STATUS="BAD")
    said = bob.refused("FETCH_HEAD:refs/heads/exp/bot/tone")
    assert "the certificate was made for another push" in said


def test_a_key_that_was_taken_off_the_list_signs_no_more(
    signed: tuple[Server, Person, Person],
) -> None:
    _, alice, bob = signed
    listed = alice.git("show", "main:allowed_signers").splitlines()
    alice.git.commit({"allowed_signers": f"{listed[0]}\n"})
    alice.takes("--signed", "main")
    bob.git("pull", "--quiet")
    bob.git.commit({"experiments/x/notes.txt": "mine"})
    assert "the certificate of this push does not count" in bob.refused("--signed", "main")


def test_signed_commits_say_who_pushes(signed: tuple[Server, Person, Person]) -> None:
    server, alice, bob = signed
    server.git("config", "gitexp.identity", "signature")
    alice.git.commit({"gitexp.yaml": LOOSE})
    assert "does not say who you are: it is not signed" in alice.refused("main")
    bob.git("config", "commit.gpgsign", "true")
    bob.git.environ["GIT_COMMITTER_EMAIL"] = "alice@example.com"
    bob.git.commit({"gitexp.yaml": LOOSE})
    assert "bob@example.com may not change the environments" in bob.refused("main")
    alice.git("commit", "--quiet", "--amend", "--no-edit", "-S")
    alice.takes("main")


def test_rules_that_an_admin_signed_on_another_branch_are_for_nobody_else_to_push_on(
    signed: tuple[Server, Person, Person],
) -> None:
    server, alice, bob = signed
    server.git("config", "gitexp.identity", "signature")
    alice.git("config", "commit.gpgsign", "true")
    alice.git("switch", "--quiet", "--create", "idea")
    commit = alice.git.commit({"gitexp.yaml": LOOSE})
    alice.takes("idea")
    bob.git("fetch", "--quiet")
    said = bob.refused("origin/idea:refs/heads/main")
    assert f"commit {commit[:10]} changes the environments" in said
    assert "is on another branch already" in said
    alice.git("switch", "--quiet", "main")
    alice.git("merge", "--quiet", "--no-ff", "--no-edit", "-S", "idea")
    alice.takes("main")


def test_a_signed_promotion_is_for_one_place_in_one_environment_whoever_pushes_it(
    signed: tuple[Server, Person, Person],
) -> None:
    server, alice, bob = signed
    server.git("config", "gitexp.identity", "signature")
    for person in (alice, bob):
        person.git("config", "commit.gpgsign", "true")
    tone = alice.repository.experiments.create("tone")
    for temperature in (0.1, 0.2):
        tone.commit({"temperature": temperature})
    tone.share()
    tone.promote("staging", version="latest~1")
    first = server.tip("env/bot/staging")
    tone.promote("staging")
    live = server.tip("env/bot/staging")
    bob.git("fetch", "--quiet", "origin", "env/bot/staging")
    said = bob.refused(f"{first}:refs/heads/env/bot/production")
    assert 'environment: "staging" stands there, but ' in said
    said = bob.refused("--force", f"{first}:refs/heads/env/bot/staging")
    assert "the history of environment 'staging' would be gone" in said
    again = bob.git("commit-tree", f"{first}^{{tree}}", "-p", str(live), "-m", "again", "-S")
    said = bob.refused(f"{again}:refs/heads/env/bot/staging")
    assert f"was made for environment 'staging' at nothing, and it stands at {live[:10]}" in said
    assert (server.tip("env/bot/staging"), server.tip("env/bot/production")) == (live, None)


def test_a_signed_vote_is_for_one_change_request_whoever_pushes_it(
    signed: tuple[Server, Person, Person],
) -> None:
    server, alice, bob = signed
    server.git("config", "gitexp.identity", "signature")
    for person in (alice, bob):
        person.git("config", "commit.gpgsign", "true")
    tone = alice.repository.experiments.create("tone")
    tone.commit({"temperature": 0.1})
    tone.share()
    with pytest.raises(ApprovalRequired) as asked:
        tone.promote("production")
    bob.repository.fetch()
    bob.repository.changes.approve(str(asked.value.change), apply=False)
    tone.commit({"temperature": 0.9})
    tone.share()
    with pytest.raises(ApprovalRequired) as other:
        tone.promote("production")
    alice.git("fetch", "--quiet")
    alice.git("switch", "--quiet", "--create", "mine", "origin/changes/bot")
    (vote,) = alice.git("ls-files", "*/votes/*").splitlines()
    copied = vote.replace(str(asked.value.change), str(other.value.change))
    alice.git.commit({copied: alice.git("show", f"HEAD:{vote}") + "\n"})
    said = alice.refused("mine:refs/heads/changes/bot")
    assert f"change request {other.value.change}: {copied}" in said
    alice.git("reset", "--quiet", "--hard", "HEAD~1")
    path, data = written_vote(server, str(other.value.change), by="bob")
    alice.git.commit({path: dump_yaml(data, schema="vote").decode()})
    said = alice.refused("mine:refs/heads/changes/bot")
    assert "Bob <bob@example.com> votes, and alice@example.com pushes it" in said
    bob.repository.fetch()
    assert bob.repository.changes.get(str(other.value.change)).state == "pending"


# --- other servers, by the variables that their documentation names ------------------------------


@pytest.mark.parametrize(
    "variable", ["GL_USERNAME", "GITEA_PUSHER_NAME", "GL_USER", "GITHUB_USER_LOGIN"]
)
def test_the_variable_of_a_server_counts_where_it_was_configured(
    tmp_path: Path, variable: str
) -> None:
    server = make_server(tmp_path, FILES, program=sys.executable, identity=f"variable:{variable}")
    alice = server.person("alice")
    alice.git.commit({"gitexp.yaml": LOOSE})
    alice.git.environ.update(REMOTE_USER="alice", GITEXP_USER="alice")
    assert f"the server did not say who you are: {variable} is not set" in alice.refused("main")
    alice.git.environ[variable] = "alice"
    alice.takes("main")
