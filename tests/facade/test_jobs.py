"""Jobs as a program creates and reads them."""

from __future__ import annotations

from pathlib import Path

import pytest

from gitexp import Repository
from gitexp.errors import NotAllowed
from gitexp.evaluation.jobs.doing import do_next
from tests.evaluation.projects import ANSWER
from tests.real_git import Git
from tests.runs.making import disk_workspace

FILES = {
    "gitexp.yaml": "format: 1\nid: bot\nparameters: {shift: {type: integer, default: 1}}\n",
    "app.py": ANSWER,
    "endpoints/bot.yaml": "type: python\ncallable: app:answer\n",
    "datasets/q.jsonl": '{"id": "a", "input": 1, "expected": 2}\n',
    "entrypoints/ask.yaml": (
        "inputs: {dataset: {default: q}}\nworkflow: [{type: endpoint, endpoint: bot}]\n"
    ),
}


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """A project on disk with an entrypoint `ask` and an experiment `tone`."""
    directory = tmp_path / "project"
    surroundings = disk_workspace(directory).surroundings
    repository = Repository.init(directory, project="bot", surroundings=surroundings)
    for path, text in FILES.items():
        (directory / path).parent.mkdir(exist_ok=True)
        (directory / path).write_text(text)
    Git(directory)("add", "-A")
    Git(directory)("commit", "-q", "-m", "all")
    repository.experiments.create("tone").commit({"shift": 1})
    return repository


def test_an_experiment_creates_jobs_through_what_it_declares(repository: Repository) -> None:
    tone = repository.experiments.get("tone")
    with pytest.raises(NotAllowed) as caught:
        tone.create_job("ask")
    assert caught.value.hint == "Declare it: `gitexp experiment update tone --entrypoint ask`."
    assert tone.update(entrypoints={"ask": True}).entrypoints == ("ask",)
    job = tone.create_job("ask", timeout="90s", name="nightly")
    assert (job.status, job.timeout, job.run.name) == ("queued", 90, "nightly")
    assert [one.id for one in repository.jobs.list()] == [job.id]
    run = do_next(repository.workspace, "default")
    assert run is not None
    assert run.stats.passed == 1
    assert repository.jobs.get(job.id).status == "finished"
    assert tone.update(entrypoints={"ask": False}).entrypoints == ()


def test_a_repository_knows_its_entrypoints(repository: Repository) -> None:
    assert repository.entrypoints.names() == ["ask"]
    assert repository.entrypoints.get("ask").queues == ("default",)
