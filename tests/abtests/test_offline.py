"""Prompt experiments offline: each variant a run over a dataset, paired with the control."""

from __future__ import annotations

import pytest

from gitexp.abtests.from_prompts import PromptExperiment, create_from_prompt
from gitexp.abtests.offline import OfflineRequest, evaluate_variants, settings_of
from gitexp.errors import InvalidDocuments, NotFound
from gitexp.experiments.versions import list_versions
from gitexp.prompts.documents import Prompt
from gitexp.runs.recording.results import rows_of
from tests.builders import commit_files
from tests.evaluation.conftest import project as project
from tests.evaluation.projects import Project
from tests.evaluation.servers import Scripted, serving

CHAT = """\
template:
  - role: system
    content: Answer %s in {{ language }}.
  - role: user
    content: "{{ question }}"
variables:
  question: {}
  language: {default: English}
model: small
parameters: {shift: 2}
"""
ANSWER = {"choices": [{"message": {"content": "yes"}}]}


@pytest.fixture
def compared(project: Project) -> Project:
    """A project with an experiment `kinder` of two versions of a chat."""
    store = project.workspace.store
    for number, way in enumerate(("briefly", "kindly"), 1):
        commit_files(store, {"prompts/reply.yaml": (CHAT % way).encode()}, at=number)
    project.dataset(
        [
            {"id": "a", "input": {"question": "Why?"}, "expected": "yes"},
            {"id": "b", "input": {"question": "How?", "language": "German"}, "expected": "yes"},
        ]
    )
    create_from_prompt(
        project.workspace,
        PromptExperiment(prompt="reply", versions=(1, 2), templates=("cost",), experiment="kinder"),
    )
    return project


def test_a_chat_is_asked_the_messages_of_each_version(compared: Project) -> None:
    with serving(Scripted([ANSWER])) as model:
        compared.write(
            "endpoints/llm.yaml",
            f"type: chat\nbase_url: {model.url}\nmodel: m\nmessages: '{{{{ input }}}}'\n",
        )
        found = evaluate_variants(
            compared.workspace, "kinder", OfflineRequest(dataset="q", endpoint="llm")
        )
    asked = sorted(str(request.body["messages"]) for request in model.requests)
    assert asked == sorted(
        str(
            [
                {"role": "system", "content": f"Answer {way} in {language}."},
                {"role": "user", "content": question},
            ]
        )
        for way in ("briefly", "kindly")
        for question, language in (("Why?", "English"), ("How?", "German"))
    )
    assert list(found.runs) == ["control", "test"]
    assert [run.stats.passed for run in found.runs.values()] == [2, 2]
    assert found.pairings["test"].pairs == 2
    assert found.without_slot == ("model",)


def test_settings_go_into_the_slots_of_their_names(compared: Project) -> None:
    compared.code("def answer(asked, parameters):\n    return parameters['shift']\n")
    found = evaluate_variants(
        compared.workspace, "kinder", OfflineRequest(dataset="q", endpoint="bot")
    )
    rows = list(rows_of(compared.workspace, found.runs["test"].id))
    assert [row.output for row in rows] == [2, 2]
    assert found.runs["control"].overrides == {"shift": 2}
    assert found.to_dict()["runs"] == {key: run.id for key, run in found.runs.items()}


def test_an_experiment_without_a_version_gets_one_of_defaults(compared: Project) -> None:
    assert list_versions(compared.workspace, "kinder") == []
    compared.code("def answer(asked, parameters):\n    return 1\n")
    asked = OfflineRequest(dataset="q", endpoint="bot")
    evaluate_variants(compared.workspace, "kinder", asked)
    evaluate_variants(compared.workspace, "kinder", asked)
    (version,) = list_versions(compared.workspace, "kinder")
    assert version.values == {"shift": 1, "key": "BOT_KEY"}


def test_versions_are_found_by_their_commits(compared: Project) -> None:
    """A version that history gave another number is still the one that is compared."""
    store = compared.workspace.store
    commit_files(store, {"prompts/reply.yaml": b"template: another\n"}, at=9)
    compared.code("def answer(asked, parameters):\n    return asked[0]['content']\n")
    found = evaluate_variants(
        compared.workspace, "kinder", OfflineRequest(dataset="q", endpoint="bot")
    )
    rows = list(rows_of(compared.workspace, found.runs["test"].id))
    assert rows[0].output == "Answer kindly in English."


def test_what_cannot_be_evaluated_is_refused_before_anything_runs(compared: Project) -> None:
    with pytest.raises(NotFound, match="no endpoint 'nobody'"):
        evaluate_variants(
            compared.workspace, "kinder", OfflineRequest(dataset="q", endpoint="nobody")
        )
    needs = compared.workspace.store
    text = b"format: 1\nid: bot\nparameters:\n  model: {type: string, required: true}\n"
    commit_files(needs, {"gitexp.yaml": text}, at=20)
    create_from_prompt(
        compared.workspace,
        PromptExperiment(prompt="reply", versions=(1, 2), templates=("cost",), experiment="new"),
    )
    with pytest.raises(InvalidDocuments, match="model"):
        evaluate_variants(compared.workspace, "new", OfflineRequest(dataset="q", endpoint="bot"))


def test_the_model_is_a_setting_like_others() -> None:
    prompt = Prompt.from_dict("p", {"template": "a", "model": "m", "parameters": {"top_p": 1}})
    assert settings_of(prompt) == {"top_p": 1, "model": "m"}
