"""People who push runs, promotions and votes to one server at once, past its hook."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from gitexp.repository import Repository
from gitexp.review.changes.states import STATES
from tests.faults.racing_pushes import EXPERIMENT
from tests.review.enforcement.conftest import DEFINITION, LEADS
from tests.review.enforcement.serving import Person, Server, make_server

pytestmark = [pytest.mark.faults, pytest.mark.interop]

ROUNDS = 2
PEOPLE = ("alice", "bob", "carol")
STAGING, PRODUCTION = "env/bot/staging", "env/bot/production"
CLOSE = "type: numeric\n\ntolerance: 1\n"
FILES = {
    "gitexp.yaml": DEFINITION,
    "groups/leads.yaml": LEADS,
    "datasets/q.jsonl": '{"id": "1", "input": 1, "expected": 2}\n{"id": "2", "input": 2}\n',
    "endpoints/bot.yaml": "type: python\n\ncallable: app:answer\n",
    "app.py": "def answer(sample_input, parameters):\n    return sample_input + 1\n",
    **{f"evaluators/by-{name}.yaml": CLOSE for name in PEOPLE},
}
LOST = ("", "Conflict", "NotAllowed")
"""How somebody is told that another person was faster; all else that is refused is a fault."""

Done = list[dict[str, Any]]


def begun(person: Person) -> None:
    """Share an experiment with six versions, an evaluation and a run."""
    repository = person.repository
    tone = repository.experiments.create(EXPERIMENT)
    for temperature in (0.1, 0.2, 0.3, 0.4, 0.5, 0.6):
        tone.commit({"temperature": temperature})
    tone.share()
    tone.run("q", "bot", evaluators=["exact-match"], name="evaluation")
    with tone.start_run(name="training") as run:
        run.log_metric("loss", 0.1)
    repository.push()


def raced(server: Server, seed: int, rounds: int) -> dict[str, Done]:
    """Return what each of the people did who pushed at the same time."""
    running = {}
    for name in PEOPLE:
        path = server.person(name).git.path
        running[name] = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "tests.faults.racing_pushes",
                path,
                name,
                str(seed),
                str(rounds),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parent.parent.parent,
        )
    for process in running.values():
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    said = {name: process.communicate(timeout=500)[0] for name, process in running.items()}
    assert {name: process.returncode for name, process in running.items()} == dict.fromkeys(said, 0)
    return {name: [json.loads(line) for line in text.splitlines()] for name, text in said.items()}


def commits(server: Server, branch: str) -> list[str]:
    if server.tip(branch) is None:
        return []
    return server.git("rev-list", f"refs/heads/{branch}").split()


@pytest.mark.parametrize("seed", [20261122])
def test_nothing_that_was_acknowledged_is_lost_or_done_twice(tmp_path: Path, seed: int) -> None:
    server = make_server(tmp_path, FILES, program=sys.executable)
    begun(server.person("carol"))
    for name in PEOPLE:
        server.person(name).git("pull", "--quiet")
        server.person(name).repository.fetch()
    done = raced(server, seed, ROUNDS)
    refused = [act for acts in done.values() for act in acts if act.get("error", "") not in LOST]
    assert refused == []
    everything = [act for acts in done.values() for act in acts if "error" not in act]
    server.git.check()
    reader = server.person("dave").repository
    reader.fetch()
    assert reader.verify().problems == ()
    check_runs(reader, everything)
    check_moves(server, reader, everything)


def check_runs(reader: Repository, everything: Done) -> None:
    """Require each run that somebody pushed, with all that came to it from anybody."""
    for act in everything:
        if "run" not in act:
            continue
        found = reader.runs.get(act["run"])
        assert found.status == "finished"
        assert act.get("metric") in (None, *found.metrics)
        assert act.get("tag") in (None, *found.tags)
        assert act.get("score") in (None, *found.scores)


def check_moves(server: Server, reader: Repository, everything: Done) -> None:
    """Require each environment to have moved once for each move that was acknowledged."""
    promoted = {act["commit"] for act in everything if act["did"] == "promote"}
    assert set(commits(server, STAGING)) == promoted
    changes = [reader.changes.get(change.id) for change in reader.changes.list(states=STATES)]
    assert {act["change"] for act in everything if "change" in act} == {c.id for c in changes}
    applied = [change for change in changes if change.state == "applied"]
    assert len(commits(server, PRODUCTION)) == len(applied)
    for change in changes:
        voters = [vote.by for vote in change.votes]
        assert len(voters) == len(set(voters))
    for branch in (STAGING, PRODUCTION):
        assert server.git("rev-list", "--min-parents=2", f"refs/heads/{branch}") == ""
