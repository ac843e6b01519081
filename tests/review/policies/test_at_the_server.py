"""The same policies where nobody can leave them out: in the hook of a server, for any client."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from gitexp.environments.binding import Binding
from gitexp.environments.orders import Order
from gitexp.environments.promotion import carry_out
from gitexp.errors import PushRejected
from gitexp.experiments.versions import Version
from gitexp.ids import new_run_id
from gitexp.runs.metrics import MetricPoint
from gitexp.runs.recording import exchange, ledger
from gitexp.runs.recording.records import Record
from tests.review.enforcement.serving import Person, Server, make_server
from tests.runs.making import dataset_reference, make_run

pytestmark = pytest.mark.interop

HEAD = """\
format: 1
id: bot
parameters:
  temperature: {type: number, default: 0.5}
environments:
  staging: {}
  production:
    policies:
"""
TEAM = """\
members:
  alice@example.com: {roles: [write], usernames: [alice]}
  carol@example.com: {roles: [write], usernames: [carol]}
"""


def served(directory: Path, policies: str, files: dict[str, str] | None = None) -> Server:
    """Return a server whose production has these policies, one a line."""
    text = HEAD + "".join(f"      {line}\n" for line in policies.splitlines())
    known = {"gitexp.yaml": text, "groups/team.yaml": TEAM, **(files or {})}
    return make_server(directory, known, program=sys.executable)


def shared(person: Person, temperature: float, name: str = "tone") -> Version:
    """Return a new shared version of an experiment."""
    experiments = person.repository.experiments
    known = experiments.exists(name)
    experiment = experiments.get(name) if known else experiments.create(name)
    version = experiment.commit({"temperature": temperature})
    experiment.share()
    return version


def evaluated(person: Person, version: Version, accuracy: float, name: str = "tone") -> None:
    """Record and share a run of a version that has just ended."""
    repository = person.repository
    began = datetime.now(timezone.utc) - timedelta(seconds=5)
    run = make_run(
        new_run_id(began),
        version=version.version,
        digest=version.digest,
        dataset=dataset_reference("golden"),
        metrics={"accuracy": MetricPoint(accuracy)},
        experiment=name,
        experiment_id=repository.experiments.get(name).id,
    )
    ledger.append(repository.workspace, name, [Record(run=run)])
    exchange.push(repository.workspace)


def unguarded(person: Person, experiment: str = "tone", **asked: str) -> Binding:
    """Promote to production as a client would that asks no policies."""
    workspace = replace(person.repository.workspace, guard=None)
    order = Order.of(workspace, "promote", "production", experiment=experiment, **asked)
    return carry_out(workspace, order)


def refused(server: Server, person: Person, **asked: str) -> str:
    """Return what the server says to a client that asks no policies; nothing moves."""
    before = server.tip("env/bot/production")
    with pytest.raises(PushRejected) as caught:
        unguarded(person, **asked)
    assert server.tip("env/bot/production") == before
    return " ".join([caught.value.message, *caught.value.refs.values(), caught.value.hint or ""])


def test_a_gate_holds_at_the_server(tmp_path: Path) -> None:
    rules = "{dataset: golden, rules: [min metrics.accuracy=0.9], max_age: 1d}"
    server = served(tmp_path, f"- {{name: good, gates: [{rules}]}}")
    carol = server.person("carol")
    version = shared(carol, 0.2)
    assert "good: no shared run evaluated these values over golden" in refused(server, carol)
    evaluated(carol, version, 0.5)
    assert "min metrics.accuracy=0.9 failed (0.5)" in refused(server, carol)
    other = shared(carol, 0.3)
    evaluated(carol, other, 0.95)
    assert "failed (0.5)" in refused(server, carol, version=version.version)
    assert unguarded(carol).version == other.version


def test_what_another_experiment_did_with_equal_values_is_no_evidence_at_the_server(
    tmp_path: Path,
) -> None:
    rules = "{dataset: golden, rules: [min metrics.accuracy=0.9]}"
    policies = f"- {{name: good, gates: [{rules}]}}\n- {{name: tried, order: {{after: staging}}}}"
    server = served(tmp_path, policies)
    carol = server.person("carol")
    shared(carol, 0.2)
    evaluated(carol, shared(carol, 0.2, "other"), 0.95, "other")
    carol.repository.environments.promote("other", "staging")
    said = refused(server, carol)
    assert "good: no shared run evaluated these values over golden" in said
    assert "tried: these values were never live in staging" in said
    assert unguarded(carol, "other").experiment == "other"


def test_an_order_holds_at_the_server(tmp_path: Path) -> None:
    server = served(tmp_path, "- {name: tried, order: {after: staging}}")
    carol = server.person("carol")
    shared(carol, 0.2)
    assert "these values were never live in staging" in refused(server, carol)
    carol.repository.environments.promote("tone", "staging")
    unguarded(carol)
    later = shared(carol, 0.3)
    assert "these values were never live in staging" in refused(server, carol)
    carol.repository.environments.promote("tone", "staging")
    assert unguarded(carol).version == later.version


def test_a_time_in_staging_cannot_be_claimed(tmp_path: Path) -> None:
    server = served(tmp_path, "- {name: tried, order: {after: staging, for: 2h}}")
    carol = server.person("carol")
    shared(carol, 0.2)
    carol.repository.environments.promote("tone", "staging")
    assert "without a break, and 2h are asked for" in refused(server, carol)


def test_frozen_windows_hold_at_the_server(tmp_path: Path) -> None:
    server = served(tmp_path, "- {name: frozen, frozen: [{hours: '00:00-24:00'}]}")
    carol = server.person("carol")
    shared(carol, 0.2)
    assert "frozen: nothing may move until" in refused(server, carol)


def test_a_bypass_is_taken_of_those_whom_the_policy_names_alone(tmp_path: Path) -> None:
    server = served(
        tmp_path,
        "- {name: reviewed, approvals: {count: 1}, bypass: {users: [alice@example.com]}}",
    )
    alice, carol = server.person("alice"), server.person("carol")
    shared(carol, 0.2)
    alice.repository.fetch()
    binding = alice.repository.environments.promote("tone", "production", bypass="it is down")
    assert binding.bypass is not None
    shared(carol, 0.3)
    with pytest.raises(PushRejected, match="may not pass it over"):
        _claiming(carol)


def _claiming(person: Person) -> None:
    """Promote with a bypass that nobody granted."""
    from gitexp.environments.binding import Bypass
    from gitexp.environments.planning import Proposal
    from gitexp.project.workspace import Workspace
    from gitexp.store.transaction import Transaction

    def granting(tx: Transaction, workspace: Workspace, proposal: Proposal) -> Binding:
        return replace(proposal.binding, bypass=Bypass(policies=("reviewed",), reason="mine"))

    workspace = replace(person.repository.workspace, guard=granting)
    carry_out(workspace, Order.of(workspace, "promote", "production", experiment="tone"))


def test_signed_promotions_and_versions_are_asked_for_at_the_server(tmp_path: Path) -> None:
    key = tmp_path / "key"
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", str(key)]
    subprocess.run(command, check=True, timeout=60)
    public = key.with_suffix(".pub").read_text()
    server = served(
        tmp_path,
        "- {name: signed, signed: true, versions: signed}",
        {"allowed_signers": f"carol@example.com {public}"},
    )
    carol = server.person("carol")
    carol.git("config", "gpg.format", "ssh")
    carol.git("config", "user.signingKey", str(key))
    shared(carol, 0.2)
    said = refused(server, carol)
    assert "signed: the promotion has no signature that counts: it is not signed" in said
    assert "has no signature that counts: it is not signed" in said.partition("version tone@")[2]
    carol.git("config", "commit.gpgSign", "true")
    version = shared(carol, 0.3)
    assert "signed: the promotion has no signature that counts" in refused(server, carol)
    binding = carol.repository.environments.promote("tone", "production")
    assert (binding.version, binding.signature is not None) == (version.version, True)
