"""What may be pushed to the trunk and to the branches of experiments."""

from __future__ import annotations

import pytest

from tests.review.enforcement.conftest import DEFINITION, LEADS
from tests.review.enforcement.serving import Person, Server

pytestmark = pytest.mark.interop

UNGATED = DEFINITION.replace("{count: 1, groups: [leads]}", "{count: 1, self_approval: true}")


def shared(person: Person, name: str = "tone") -> None:
    person.repository.experiments.create(name)
    person.repository.experiments.get(name).share()


def test_policies_are_changed_by_an_admin_alone(server: Server) -> None:
    bob, alice = server.person("bob"), server.person("alice")
    bob.git.commit({"gitexp.yaml": UNGATED})
    said = bob.refused("main")
    assert "bob <bob@example.com> may not change the environments, their policies" in said
    assert "Ask alice@example.com." in said
    alice.git.commit({"gitexp.yaml": UNGATED})
    alice.takes("main")


def test_nobody_makes_themselves_an_admin(server: Server) -> None:
    bob = server.person("bob")
    bob.git.commit({"groups/leads.yaml": LEADS.replace("[read, write, approve]", "[admin]")})
    assert "may not change who belongs to a group" in bob.refused("main")


def test_whose_signatures_count_is_for_an_admin_to_say(server: Server) -> None:
    bob = server.person("bob")
    bob.git.commit({"allowed_signers": "bob@example.com ssh-ed25519 AAAA\n"})
    assert "may not change whose signatures count (allowed_signers)" in bob.refused("main")


def test_slots_are_for_everybody_to_change(server: Server) -> None:
    bob = server.person("bob")
    bob.git.commit({"gitexp.yaml": DEFINITION.replace("default: 0.5", "default: 0.6")})
    bob.takes("main")


def test_the_trunk_goes_forward_and_stays(server: Server) -> None:
    alice = server.person("alice")
    alice.git.commit({"notes.txt": "one"})
    alice.takes("main")
    alice.git("reset", "--quiet", "--hard", "HEAD~1")
    alice.git.commit({"notes.txt": "two"})
    assert "commits of the trunk 'main' would be gone" in alice.refused("--force", "main")
    server.git("config", "receive.denyDeleteCurrent", "ignore")
    assert "holds the rules, and cannot be removed" in alice.refused("--delete", "main")


def test_documents_that_break_their_schema_are_refused(server: Server) -> None:
    alice = server.person("alice")
    alice.git.commit({"gitexp.yaml": DEFINITION + "colour: red\n"})
    said = alice.refused("main")
    assert "colour" in said
    assert "`gitexp validate` says the same before you push" in said


def test_what_nobody_touched_is_not_held_against_a_push(server: Server) -> None:
    alice = server.person("alice")
    server.git("config", "gitexp.identity", "claimed")
    hook = server.git.path / "hooks" / "pre-receive"
    hook.rename(hook.with_suffix(".off"))
    alice.git.commit({"evaluators/bad.yaml": "kind: none-such\n"})
    alice.takes("main")
    hook.with_suffix(".off").rename(hook)
    alice.git.commit({"notes.txt": "one"})
    alice.takes("main")


def test_a_broken_trunk_can_be_mended_and_lets_nothing_else_in(server: Server) -> None:
    alice, carol = server.person("alice"), server.person("carol")
    hook = server.git.path / "hooks" / "pre-receive"
    hook.rename(hook.with_suffix(".off"))
    alice.git.commit({"gitexp.yaml": "format: 1\n"})
    alice.takes("main")
    hook.with_suffix(".off").rename(hook)
    said = carol.refused("main:refs/heads/env/bot/staging")
    assert "the rules of this repository cannot be read" in said
    alice.git.commit({"gitexp.yaml": "format: 2\n"})
    assert "format" in alice.refused("main")
    alice.git.commit({"gitexp.yaml": DEFINITION})
    alice.takes("main")


def test_an_experiment_is_shared_by_its_writers(server: Server) -> None:
    carol, dave = server.person("carol"), server.person("dave")
    shared(carol)
    assert server.tip("exp/bot/tone") is not None
    dave.git("fetch", "--quiet")
    dave.git("switch", "--quiet", "exp/bot/tone")
    dave.git.commit({"experiments/tone/parameters.yaml": "temperature: 0.9\n"})
    said = dave.refused("exp/bot/tone")
    assert "dave <dave@example.com> may not change experiment 'tone'" in said
    assert "takes the role 'write' in group 'leads'" in said


def test_values_that_break_the_slots_are_refused(server: Server) -> None:
    carol = server.person("carol")
    shared(carol)
    carol.git("switch", "--quiet", "exp/bot/tone")
    carol.git.commit({"experiments/tone/parameters.yaml": "temperature: warm\n"})
    assert "experiments/tone/parameters.yaml" in carol.refused("exp/bot/tone")


def test_a_branch_behind_the_trunk_is_not_blamed_for_what_others_did(server: Server) -> None:
    alice, carol = server.person("alice"), server.person("carol")
    shared(carol)
    group = "members:\n  alice@example.com: {roles: [admin]}\n"
    alice.git.commit({"groups/others.yaml": group})
    alice.takes("main")
    alice.repository.experiments.create("secret", group="others")
    alice.git("merge", "--quiet", "--no-edit", "exp/bot/secret")
    alice.takes("main", "exp/bot/secret")
    carol.git("fetch", "--quiet")
    carol.git("switch", "--quiet", "exp/bot/tone")
    carol.git("merge", "--quiet", "--no-edit", "origin/main")
    carol.git.commit({"experiments/tone/parameters.yaml": "temperature: 0.9\n"})
    carol.takes("exp/bot/tone")
    carol.git.commit({"experiments/secret/parameters.yaml": "temperature: 0.9\n"})
    assert "may not change experiment 'secret'" in carol.refused("exp/bot/tone")


def test_who_is_not_known_is_nobody(server: Server) -> None:
    carol = server.person("carol")
    carol.git.commit({"gitexp.yaml": UNGATED})
    del carol.git.environ["GITEXP_USER"]
    said = carol.refused("main")
    assert "the server did not say who you are: GITEXP_USER is not set" in said


def test_another_servers_variable_is_not_looked_at(server: Server) -> None:
    carol = server.person("carol")
    carol.git.commit({"gitexp.yaml": UNGATED})
    for variable in ("REMOTE_USER", "GL_USERNAME", "GITEA_PUSHER_NAME", "GL_USER"):
        carol.git.environ[variable] = "alice"
    carol.git.environ["GIT_COMMITTER_EMAIL"] = "alice@example.com"
    carol.git.commit({"notes.txt": "by alice, it says"})
    assert "carol <carol@example.com> may not" in carol.refused("main")


def test_a_server_that_was_told_no_source_takes_nothing_that_needs_one(server: Server) -> None:
    server.git("config", "--unset", "gitexp.identity")
    carol = server.person("carol")
    carol.git.commit({"gitexp.yaml": UNGATED})
    assert "gitexp.identity is not set" in carol.refused("main")


def test_another_project_of_the_same_id_does_not_take_the_rules_over(server: Server) -> None:
    bob = server.person("bob")
    bob.git.commit({"other/gitexp.yaml": "format: 1\nid: bot\n"})
    said = bob.refused("main")
    assert "gitexp.yaml and other/gitexp.yaml define projects of the same id" in said


def test_rules_of_a_trunk_are_kept_where_head_names_another_branch(server: Server) -> None:
    alice, bob = server.person("alice"), server.person("bob")
    alice.git("push", "--quiet", "origin", "main:release")
    alice.git.commit({"gitexp.yaml": DEFINITION + "trunk: release\n"})
    alice.takes("main", "main:release")
    bob.git("pull", "--quiet")
    bob.git.commit({"gitexp.yaml": DEFINITION + "trunk: mine\n"})
    assert "may not change the environments" in bob.refused("main")
    assert "may not change the environments" in bob.refused("main:release")
