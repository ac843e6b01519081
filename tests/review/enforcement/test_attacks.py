"""Ways around the rules that plain Git leaves open: each of them is closed."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
import yaml

from gitexp.documents.yaml_writer import dump_yaml
from gitexp.errors import ApprovalRequired
from tests.review.enforcement.conftest import DEFINITION, LEADS
from tests.review.enforcement.serving import Person, Server

pytestmark = pytest.mark.interop

STAGING, PRODUCTION, LEDGER = "env/bot/staging", "env/bot/production", "changes/bot"
FILES = ("environment.yaml", "parameters.yaml")


@pytest.fixture
def carol(server: Server) -> Person:
    """A writer who shared two versions and made the first one live in staging."""
    carol = server.person("carol")
    tone = carol.repository.experiments.create("tone")
    tone.commit({"temperature": 0.1})
    tone.commit({"temperature": 0.2})
    tone.share()
    carol.repository.environments.promote("tone", "staging", version="latest~1")
    return carol


def on(person: Person, branch: str) -> None:
    """Check a branch out, as the server has it."""
    person.git("fetch", "--quiet")
    person.git("switch", "--quiet", "--force-create", "mine", f"origin/{branch}")


def forged(person: Person, **changed: object) -> str:
    """Commit what is checked out of an environment with some keys of the binding changed."""
    found = yaml.safe_load((person.git.path / FILES[0]).read_text())
    now = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    data = {**found, "from": person.git("rev-parse", "HEAD"), "at": now, **changed}
    return person.git.commit({FILES[0]: dump_yaml(data, schema="environment").decode()})


def asked(person: Person, version: str = "latest") -> str:
    """Return the change request that a promotion to production opens."""
    with pytest.raises(ApprovalRequired) as caught:
        person.repository.environments.promote("tone", "production", version=version)
    assert caught.value.change is not None
    return caught.value.change


# --- environments ---------------------------------------------------------------------------


def test_a_trunk_of_another_project_is_no_way_into_an_environment(
    server: Server, carol: Person
) -> None:
    dave = server.person("dave")
    dave.git.commit({"mine/gitexp.yaml": f"format: 1\nid: mine\ntrunk: {PRODUCTION}\n"})
    dave.push("main")
    dave.git("fetch", "--quiet")
    dave.git("switch", "--quiet", "--orphan", "mine")
    for file in FILES:
        text = dave.git("show", f"origin/{STAGING}:{file}") + "\n"
        (dave.git.path / file).write_text(text.replace("staging", "production"))
    dave.git("add", *FILES)
    dave.git("commit", "--quiet", "--message", "as a trunk")
    dave.refused(f"mine:{PRODUCTION}")
    assert server.tip(PRODUCTION) is None


def test_a_commit_that_changes_nothing_is_refused(server: Server, carol: Person) -> None:
    dave = server.person("dave")
    on(dave, STAGING)
    dave.git("commit", "--quiet", "--allow-empty", "--message", "Nothing")
    assert "changes nothing" in dave.refused(f"mine:{STAGING}")


def test_a_merge_does_not_bring_a_past_along(server: Server, carol: Person) -> None:
    on(carol, STAGING)
    tree = carol.git("rev-parse", "mine^{tree}")
    when = (datetime.now(timezone.utc) - timedelta(days=30)).isoformat()
    carol.git.environ.update(GIT_COMMITTER_DATE=when, GIT_AUTHOR_DATE=when)
    past = carol.git("commit-tree", tree, "-m", "long ago")
    for name in ("GIT_COMMITTER_DATE", "GIT_AUTHOR_DATE"):
        del carol.git.environ[name]
    merge = carol.git("commit-tree", tree, "-p", past, "-p", "mine", "-m", "merged")
    assert "changes nothing" in carol.refused(f"{merge}:{STAGING}")


def test_a_merge_on_top_of_a_move_is_not_dated_back(server: Server, carol: Person) -> None:
    on(carol, STAGING)
    new = forged(carol, reason="again")
    when = (datetime.now(timezone.utc) - timedelta(days=30)).isoformat()
    carol.git.environ.update(GIT_COMMITTER_DATE=when, GIT_AUTHOR_DATE=when)
    merge = carol.git("commit-tree", f"{new}^{{tree}}", "-p", new, "-p", "main", "-m", "merged")
    assert "which is not now" in carol.refused(f"{merge}:{STAGING}")


def test_a_change_request_lends_its_name_to_nothing_else(server: Server, carol: Person) -> None:
    alice = server.person("alice")
    alice.repository.fetch()
    change = asked(alice)
    on(carol, STAGING)
    forged(carol, by="Alice <alice@example.com>", change=change, reason="trust me")
    said = carol.refused(f"mine:{STAGING}")
    assert "it is by alice@example.com, and carol <carol@example.com> pushes it" in said


def test_an_approved_change_is_not_carried_out_with_other_words(
    server: Server, carol: Person
) -> None:
    bob = server.person("bob")
    change = asked(carol)
    bob.repository.changes.approve(change, apply=False)
    on(bob, f"change/bot/{change}")
    found = yaml.safe_load((bob.git.path / FILES[0]).read_text())
    data = {**found, "reason": "I, Carol, insist"}
    (bob.git.path / FILES[0]).write_bytes(dump_yaml(data, schema="environment"))
    bob.git("commit", "--quiet", "--all", "--amend", "--no-edit")
    assert "it is by carol@example.com" in bob.refused(f"mine:{PRODUCTION}")
    bob.takes(f"origin/change/bot/{change}:refs/heads/{PRODUCTION}")


def test_no_value_is_made_a_secret_by_the_way(server: Server, carol: Person) -> None:
    bob, change = server.person("bob"), asked(carol)
    bob.repository.changes.approve(change, apply=False)
    on(carol, f"change/bot/{change}")
    found = yaml.safe_load((carol.git.path / FILES[0]).read_text())
    data = {**found, "types": {**found["types"], "prompt": "secret"}}
    (carol.git.path / FILES[0]).write_bytes(dump_yaml(data, schema="environment"))
    carol.git("commit", "--quiet", "--all", "--amend", "--no-edit")
    said = carol.refused(f"mine:{PRODUCTION}")
    assert "the type of 'prompt' is not the one that it has in version" in said


def test_a_bound_experiment_does_not_go_with_a_move_that_keeps_it_bound(
    server: Server, carol: Person
) -> None:
    on(carol, STAGING)
    forged(carol, reason="again")
    said = carol.refused(f"mine:{STAGING}", ":refs/heads/exp/bot/tone")
    assert "staging is bound to experiment 'tone'" in said


def test_a_bound_experiment_does_not_go_headless_first(server: Server, carol: Person) -> None:
    on(carol, "exp/bot/tone")
    carol.git("rm", "--quiet", "-r", "experiments/tone")
    carol.git("commit", "--quiet", "--message", "Nothing left")
    carol.push("--force", "mine:exp/bot/tone")
    said = carol.refused("--delete", "exp/bot/tone")
    assert "staging is bound to experiment 'tone'" in said


def test_a_bound_experiment_is_renamed(server: Server, carol: Person) -> None:
    carol.repository.experiments.get("tone").rename("warm")
    carol.repository.push()
    assert server.tip("exp/bot/warm") is not None
    carol.repository.environments.promote("warm", "staging")


def test_whose_group_decides_does_not_follow_from_a_name_that_nothing_has(
    server: Server, carol: Person
) -> None:
    alice = server.person("alice")
    alice.git.commit({"groups/others.yaml": "members:\n  alice@example.com: {roles: [admin]}\n"})
    alice.takes("main")
    alice.repository.fetch()
    secret = alice.repository.experiments.create("secret", group="others")
    secret.commit({"temperature": 0.9})
    secret.share()
    alice.repository.environments.promote("secret", "staging")
    alice.repository.environments.rollback("staging")
    on(carol, STAGING)
    carol.git("restore", "--source", "HEAD~1", "--", *FILES)
    live = yaml.safe_load((carol.git.path / FILES[0]).read_text())
    carol.git("reset", "--quiet")
    carol.git("add", *FILES)
    named = {"id": live["experiment"]["id"], "name": "gone"}
    forged(carol, experiment=named, by="Carol <carol@example.com>")
    assert "group 'others'" in carol.refused(f"mine:{STAGING}")


# --- the trunk ------------------------------------------------------------------------------


@pytest.mark.parametrize("others", [False, True])
def test_the_owning_group_stays(server: Server, others: bool) -> None:
    alice = server.person("alice")
    if others:
        alice.git.commit({"groups/more.yaml": LEADS})
        alice.takes("main")
    alice.git.commit({"groups/leads.yaml": None})
    said = alice.refused("main")
    assert "group 'leads' owns project 'bot', and groups/leads.yaml would not be there" in said


def test_the_owning_group_keeps_an_admin(server: Server) -> None:
    alice = server.person("alice")
    alice.git.commit({"groups/leads.yaml": LEADS.replace("roles: [admin]", "roles: [write]")})
    said = alice.refused("main")
    assert "group 'leads' owns project 'bot', and groups/leads.yaml would name no admin" in said


def test_a_project_is_given_to_a_group_that_is_there_alone(server: Server) -> None:
    alice = server.person("alice")
    alice.git.commit({"gitexp.yaml": DEFINITION.replace("group: leads", "group: nobody")})
    said = alice.refused("main")
    assert "group 'nobody' owns project 'bot', and groups/nobody.yaml would not be there" in said


def test_groups_are_given_up_together_with_the_owner(server: Server) -> None:
    alice = server.person("alice")
    free = DEFINITION.replace("group: leads\n", "").replace(", groups: [leads]", "")
    alice.git.commit({"gitexp.yaml": free, "groups/leads.yaml": None})
    alice.takes("main")


def test_an_admin_is_replaced_by_another_one(server: Server) -> None:
    alice = server.person("alice")
    text = LEADS.replace("[admin]", "[read]").replace("[read, write, approve]", "[admin]")
    alice.git.commit({"groups/leads.yaml": text})
    alice.takes("main")


@pytest.mark.parametrize(
    "files",
    [
        {"gitexp.yaml": "format: 1\nid: mine\nparameters: {x: {type: number, default: warm}}\n"},
        {"gitexp.yaml": "format: 1\nid: mine\n", "groups/x.yaml": "members: 7\n"},
        {"gitexp.yaml": "format: 1\nid: mine\n", "groups": "no directory\n"},
        {"gitexp.yaml": "format: 1\nid: mine\ntrunk: changes/bot\n"},
        {"gitexp.yaml": "format: 1\nid: mine\ntrunk: feature/x\n"},
    ],
)
def test_a_new_project_does_not_lock_others_out(server: Server, files: dict[str, str]) -> None:
    dave, alice = server.person("dave"), server.person("alice")
    alice.git("push", "--quiet", "origin", "main:feature/x")
    dave.git.commit({f"mine/{path}": text for path, text in files.items()})
    dave.refused("main")
    alice.git.commit({"notes.txt": "one"})
    alice.takes("main")


def test_directories_of_directories_do_not_keep_the_server_busy(server: Server) -> None:
    dave = server.person("dave")
    tree = dave.git(
        "mktree", text=f"100644 blob {dave.git('hash-object', '-w', '--stdin', text='x')}\tf\n"
    )
    for _ in range(3):
        names = "".join(f"040000 tree {tree}\td{n:04}\n" for n in range(2000))
        tree = dave.git("mktree", text=names)
    whole = dave.git("ls-tree", "main") + f"\n040000 tree {tree}\tz\n"
    commit = dave.git("commit-tree", dave.git("mktree", text=whole), "-p", "main", "-m", "many")
    dave.push(f"{commit}:main")


def test_a_push_keeps_the_server_busy_for_a_while_only(server: Server) -> None:
    server.git("config", "gitexp.hookTimeout", "5")
    dave = server.person("dave")
    dave.git.commit({"datasets/many.jsonl": "{}\n" * 1_000_000})
    said = dave.refused("main")
    assert "judging this push took longer than 5 seconds" in said
    server.git("config", "gitexp.hookTimeout", "for ever")
    assert "must be a number of seconds" in dave.refused("main")


# --- change requests ------------------------------------------------------------------------


def test_readers_ask_for_nothing(server: Server, carol: Person) -> None:
    dave = server.person("dave")
    carol_change = asked(carol)
    dave.git("fetch", "--quiet")
    other = carol_change[:-8] + "aaaaaaaa"
    on(dave, f"change/bot/{carol_change}")
    found = yaml.safe_load((dave.git.path / FILES[0]).read_text())
    data = {**found, "by": "Dave <dave@example.com>", "change": other}
    (dave.git.path / FILES[0]).write_bytes(dump_yaml(data, schema="environment"))
    dave.git("commit", "--quiet", "--all", "--amend", "--no-edit")
    head = dave.git("rev-parse", "mine")
    on(dave, LEDGER)
    request = yaml.safe_load(dave.git("show", f"mine:changes/{carol_change}/change.yaml"))
    request |= {"id": other, "requested_by": "Dave <dave@example.com>", "head": head}
    from gitexp.review.changes.model import Request

    made = Request.from_dict(request)
    request["subject"] = made.subject(made.opened.base, made.opened.policy.digest)
    text = dump_yaml(request, schema="change").decode()
    dave.git.commit({f"changes/{other}/change.yaml": text})
    said = dave.refused(f"mine:{LEDGER}", f"{head}:refs/heads/change/bot/{other}")
    assert "dave <dave@example.com> may not ask for change request" in said


def test_what_was_merged_by_push_is_tidied_later(server: Server, carol: Person) -> None:
    bob = server.person("bob")
    first = asked(carol, "latest~1")
    bob.repository.changes.approve(first, apply=False)
    bob.git("fetch", "--quiet")
    bob.takes(f"origin/change/bot/{first}:refs/heads/{PRODUCTION}")
    bob.repository.fetch()
    carol.repository.fetch()
    bob.repository.changes.approve(asked(carol))
    assert bob.repository.changes.tidy() == (first,)
    assert server.tip(f"change/bot/{first}") is None


# --- pushes ---------------------------------------------------------------------------------


def test_experiments_go_on_where_history_is_cut_off(server: Server, carol: Person) -> None:
    path = server.directory / "shallow"
    carol.git(
        "clone", "--quiet", "--depth=1", "--branch=exp/bot/tone", f"file://{server.git.path}", path
    )
    git = type(carol.git)(path, environ=carol.git.environ)
    git.commit({"experiments/tone/parameters.yaml": "temperature: 0.6\n"})
    Person(name="carol", git=git).takes("exp/bot/tone")


def made_up(person: Person, change: str, **changed: object) -> dict[str, object]:
    """Return what another change request asks for, by hand, with the subject that it makes."""
    from gitexp.review.changes.model import Request

    request = yaml.safe_load(person.git("show", f"origin/{LEDGER}:changes/{change}/change.yaml"))
    request |= changed
    made = Request.from_dict(request)
    subject = made.subject(made.opened.base, made.opened.policy.digest)
    return {**request, "subject": subject}


def test_people_vote_on_what_they_look_at(server: Server, carol: Person) -> None:
    change = asked(carol, "latest~1")
    evil = next(
        version
        for version in carol.repository.experiments.get("tone").versions()
        if version.values["temperature"] == 0.2
    )
    carol.git("fetch", "--quiet")
    other = change[:-8] + "aaaaaaaa"
    on(carol, f"change/bot/{change}")
    found = yaml.safe_load((carol.git.path / FILES[0]).read_text())
    data = {**found, "change": other}
    (carol.git.path / FILES[0]).write_bytes(dump_yaml(data, schema="environment"))
    carol.git("commit", "--quiet", "--all", "--amend", "--no-edit")
    head = carol.git("rev-parse", "mine")
    request = made_up(carol, change, id=other, head=head, version=evil.version, digest=evil.digest)
    on(carol, LEDGER)
    text = dump_yaml(request, schema="change").decode()
    carol.git.commit({f"changes/{other}/change.yaml": text})
    said = carol.refused(f"mine:{LEDGER}", f"{head}:refs/heads/change/bot/{other}")
    assert "does not hold what it asks for" in said


@pytest.mark.parametrize("state", ["failed", "applied"])
def test_what_others_ask_is_not_ended_by_a_lie(server: Server, carol: Person, state: str) -> None:
    alice, change = server.person("alice"), asked(carol)
    alice.repository.fetch()
    on(alice, LEDGER)
    closing = {
        "format": 1,
        "change": change,
        "state": state,
        "by": "Alice <alice@example.com>",
        "at": datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "reason": "no",
    }
    text = dump_yaml(closing, schema="closing").decode()
    alice.git.commit({f"changes/{change}/closed.yaml": text})
    assert f"change request {change} is not {state}" in alice.refused(f"mine:{LEDGER}")


def test_an_applied_change_names_the_commit_that_holds_it(server: Server, carol: Person) -> None:
    bob, change = server.person("bob"), asked(carol)
    bob.repository.changes.approve(change, apply=False)
    bob.git("fetch", "--quiet")
    bob.takes(f"origin/change/bot/{change}:refs/heads/{PRODUCTION}")
    on(bob, LEDGER)
    closing = {
        "format": 1,
        "change": change,
        "state": "applied",
        "by": "Bob <bob@example.com>",
        "at": datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "commit": bob.git("rev-parse", f"origin/{STAGING}"),
    }
    text = dump_yaml(closing, schema="closing").decode()
    bob.git.commit({f"changes/{change}/closed.yaml": text})
    assert f"change request {change} is not applied" in bob.refused(f"mine:{LEDGER}")
