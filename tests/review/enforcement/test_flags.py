"""Flags of environments at the server: published by themselves, right ones, as policies allow."""

from __future__ import annotations

import pytest
import yaml

from gitexp.documents.canonical import digest_of
from gitexp.documents.yaml_writer import dump_yaml
from gitexp.errors import NotAllowed
from gitexp.ids import ObjectId
from gitexp.project.groups import NO_GROUPS, Actor
from gitexp.project.reading import project_at
from gitexp.review.enforcement.flags import check_shared
from gitexp.review.enforcement.pushes import Push
from gitexp.store.memory import MemoryStore
from gitexp.store.trees import tree_of
from tests.builders import commit_files
from tests.experiments.conftest import DEFINITION, workspace_on
from tests.review.enforcement.serving import Person, Server
from tests.review.enforcement.test_environments import PRODUCTION, STAGING, forged, on
from tests.store.test_history import CountingStore

pytestmark = pytest.mark.interop

FLAG = {"active": True, "rollout": 50}


@pytest.fixture
def alice(server: Server) -> Person:
    """An admin who put two flags on the trunk and made a version live in staging."""
    alice = server.person("alice")
    text = dump_yaml(FLAG, schema="flag").decode()
    alice.git.commit({"flags/checkout.yaml": text, "flags/search.yaml": text}, "flags")
    alice.takes("main")
    tone = alice.repository.experiments.create("tone")
    tone.commit({"temperature": 0.1})
    tone.share()
    alice.repository.environments.promote("tone", "staging")
    return alice


def with_flag(person: Person, **changed: object) -> None:
    """Commit a flag beside what staging says, with its digest in the binding."""
    document = {**FLAG, **changed}
    (person.git.path / "flags").mkdir(exist_ok=True)
    (person.git.path / "flags" / "checkout.yaml").write_bytes(dump_yaml(document, schema="flag"))
    person.git("add", "flags")


def test_publishing_and_withdrawing_by_gitexp_are_taken(server: Server, alice: Person) -> None:
    flags = alice.repository.flags
    assert flags.publish("checkout", "search", environment="staging").created
    flags.withdraw("search", environment="staging")
    alice.repository.environments.unbind("staging")
    flags.publish("search", environment="staging")
    alice.repository.environments.promote("tone", "staging")
    assert sorted(alice.repository.flags.of("staging")) == ["checkout", "search"]


def test_publishing_where_approval_is_asked_goes_by_a_change_request(
    server: Server, alice: Person
) -> None:
    from gitexp.errors import ApprovalRequired

    with pytest.raises(ApprovalRequired) as caught:
        alice.repository.flags.publish("checkout", environment="production")
    assert server.tip(PRODUCTION) is None
    bob = server.person("bob").repository
    bob.fetch()
    assert bob.changes.approve(str(caught.value.change)).state == "applied"
    assert list(bob.flags.of("production")) == ["checkout"]


def test_flags_straight_to_production_are_refused(server: Server, alice: Person) -> None:
    on(alice, STAGING)
    alice.git("checkout", "--quiet", "--orphan", "fresh")
    with_flag(alice)
    found = yaml.safe_load(alice.git("show", f"origin/{STAGING}:environment.yaml"))
    empty: dict[str, object] = {"experiment": None, "version": None, "digest": None, "types": {}}
    data = {**found, **empty, "environment": "production", "action": "flags"}
    data |= {"flags": {"checkout": digest_of(FLAG)}}
    (alice.git.path / "environment.yaml").write_bytes(dump_yaml(data, schema="environment"))
    (alice.git.path / "parameters.yaml").write_text("{}\n")
    alice.git("add", "--all")
    alice.git("commit", "--quiet", "--message", "flags")
    said = alice.refused(f"fresh:{PRODUCTION}")
    assert "reviewed: 0 of 1 approval given" in said
    assert server.tip(PRODUCTION) is None


def test_a_flag_without_its_digest_is_refused(alice: Person) -> None:
    on(alice, STAGING)
    with_flag(alice)
    forged(alice, STAGING, action="flags")
    assert "does not name this flag" in alice.refused(f"mine:{STAGING}")


def test_a_promotion_that_changes_flags_by_the_way_is_refused(alice: Person) -> None:
    on(alice, STAGING)
    with_flag(alice)
    forged(alice, STAGING, flags={"checkout": digest_of(FLAG)})
    said = alice.refused(f"mine:{STAGING}")
    assert "says that it would promote in environment 'staging'" in said
    assert "it would publish flag checkout too" in said


def test_a_promotion_that_loses_flags_is_refused(alice: Person) -> None:
    alice.repository.flags.publish("checkout", environment="staging")
    on(alice, STAGING)
    alice.git("rm", "--quiet", "-r", "flags")
    found = yaml.safe_load(alice.git("show", f"origin/{STAGING}:environment.yaml"))
    forged(alice, STAGING, action="promote", reason="x", by=found["by"])
    said = alice.refused(f"mine:{STAGING}")
    assert "the file is missing" in said


def test_publishing_flags_changes_nothing_else(alice: Person) -> None:
    on(alice, STAGING)
    with_flag(alice)
    (alice.git.path / "parameters.yaml").write_text("{}\n")
    alice.git("add", "parameters.yaml")
    nothing: dict[str, object] = {"experiment": None, "version": None, "digest": None, "types": {}}
    forged(alice, STAGING, action="flags", flags={"checkout": digest_of(FLAG)}, **nothing)
    assert "and it changes what is live too" in alice.refused(f"mine:{STAGING}")


def test_a_flag_that_is_not_right_is_refused(alice: Person) -> None:
    wrong = {"variants": [{"key": "control", "weight": 60}, {"key": "test", "weight": 50}]}
    on(alice, STAGING)
    with_flag(alice, **wrong)
    forged(alice, STAGING, action="flags", flags={"checkout": digest_of({**FLAG, **wrong})})
    assert "the weights add up to 110, not to 100" in alice.refused(f"mine:{STAGING}")


def test_a_flag_that_stands_nowhere_is_refused(alice: Person) -> None:
    on(alice, STAGING)
    with_flag(alice, rollout=99)
    forged(alice, STAGING, action="flags", flags={"checkout": digest_of({**FLAG, "rollout": 99})})
    said = alice.refused(f"mine:{STAGING}")
    assert "never stood on main, nor does a shared experiment have it" in said


def test_an_earlier_state_of_a_flag_and_one_with_other_words_is_taken(alice: Person) -> None:
    alice.git.commit({"flags/checkout.yaml": "active: false\n"}, "off")
    alice.takes("main")
    on(alice, STAGING)
    with_flag(alice)
    (alice.git.path / "flags" / "checkout.yaml").write_text("rollout: 50\nactive: true # on\n")
    alice.git("add", "flags")
    forged(alice, STAGING, action="flags", flags={"checkout": digest_of(FLAG)})
    alice.takes(f"mine:{STAGING}")


def test_a_flag_of_a_shared_experiment_is_taken(alice: Person) -> None:
    flag = {"active": True, "rollout": 7}
    branch = "exp/bot/tone"
    alice.git("checkout", "--quiet", "-B", "own", f"origin/{branch}")
    for document in (flag, {**flag, "rollout": 8}):
        alice.git.commit({"flags/own.yaml": dump_yaml(document, schema="flag").decode()}, "own")
    on(alice, STAGING)
    (alice.git.path / "flags").mkdir(exist_ok=True)
    (alice.git.path / "flags" / "own.yaml").write_bytes(dump_yaml(flag, schema="flag"))
    alice.git("add", "flags")
    forged(alice, STAGING, action="flags", flags={"own": digest_of(flag)})
    assert "never stood on main" in alice.refused(f"mine:{STAGING}")
    alice.takes(f"own:{branch}")
    alice.takes(f"mine:{STAGING}")


def test_anything_else_in_the_directory_of_flags_is_refused(alice: Person) -> None:
    on(alice, STAGING)
    with_flag(alice)
    alice.git.commit({"flags/deep/checkout.yaml": "active: true\n"})
    assert "this is no file of a flag" in alice.refused(f"mine:{STAGING}")


def test_earlier_states_of_many_flags_are_looked_for_in_one_walk() -> None:
    reads = []
    for count in (10, 30):
        store = CountingStore()
        for step in range(20):
            text = b"active: true\nrollout: %d\n" % min(step, 1)
            flags = {f"flags/f{n}.yaml": text for n in range(count)}
            tip = commit_files(store, {"gitexp.yaml": DEFINITION, "step": b"%d" % step, **flags})
        push = pushed_to(store, tip)
        wanted = {f"f{n}": digest_of({**FLAG, "rollout": 0}) for n in range(count)}
        store.reads = 0
        check_shared(push, wanted, tip)
        reads.append(store.reads)
        with pytest.raises(NotAllowed, match=r"flag 'f3' as commit \w+ publishes it never stood"):
            check_shared(push, {**wanted, "f3": digest_of({**FLAG, "rollout": 2})}, tip)
    assert reads[0] == reads[1]


def test_an_earlier_state_of_a_flag_is_looked_for_as_far_as_it_takes() -> None:
    store = CountingStore()
    for step in range(300):
        flag = b"active: true\nrollout: %d\n" % (step // 297)
        tip = commit_files(
            store, {"gitexp.yaml": DEFINITION, "step": b"%d" % step, "flags/one.yaml": flag}
        )
    push = pushed_to(store, tip)
    store.reads = 0
    check_shared(push, {"one": digest_of({**FLAG, "rollout": 0})}, tip)
    assert store.reads < 30


def pushed_to(store: MemoryStore, trunk: ObjectId) -> Push:
    """Return a push to a server that holds what a store does."""
    workspace = workspace_on(store, None, seed=1)
    return Push(
        workspace=workspace,
        project=project_at(workspace, tree_of(store, trunk)),
        groups=NO_GROUPS,
        moves={},
        identify=lambda move: Actor(identity="ada@example.org", name="Ada"),
        now=workspace.surroundings.clock.now(),
    )
