"""Experiments that compare versions of a prompt."""

from __future__ import annotations

from typing import Any

import pytest

from gitexp.abtests import lifecycle
from gitexp.abtests.from_prompts import (
    PromptExperiment,
    create_from_prompt,
    prompt_templates,
    slug_of,
    variant_keys,
)
from gitexp.abtests.listing import AbTestSelection, list_tests
from gitexp.errors import AlreadyExists, InvalidInput, NotFound
from gitexp.experiments.headers import read_header
from gitexp.experiments.lifecycle import delete
from gitexp.project.workspace import Workspace
from gitexp.prompts.versions import prompt_versions
from gitexp.store.transaction import Transaction, transact
from gitexp.store.trees import tree_of
from tests.abtests.conftest import file_at
from tests.builders import commit_files, signature


@pytest.fixture
def prompted(workspace: Workspace) -> Workspace:
    """A project with twelve versions of a prompt."""
    for number in range(1, 13):
        commit_files(
            workspace.store, {"prompts/reply.yaml": f"template: Reply {number}\n".encode()},
            at=number,
        )  # fmt: skip
    return workspace


def asked(**given: Any) -> PromptExperiment:
    return PromptExperiment(
        **{"prompt": "reply", "versions": (2, 4), "templates": ("latency", "cost"), **given}
    )


def test_the_templates_are_listed() -> None:
    assert prompt_templates() == [
        {
            "key": "cost",
            "label": "Cost",
            "description": "Compares LLM cost per user across prompt versions.",
        },
        {
            "key": "latency",
            "label": "Latency",
            "description": "Compares total LLM response time per user across prompt versions.",
        },
        {
            "key": "eval_pass_rate",
            "label": "Eval pass rate",
            "description": "Compares the share of evaluations that pass across prompt versions.",
        },
    ]


def test_two_versions_become_a_control_and_a_test(prompted: Workspace) -> None:
    done = create_from_prompt(prompted, asked(description="Which is cheaper?"))
    test = done.test
    assert (test.title, test.status) == ("reply: v2, v4 (latency, cost)", "draft")
    assert (test.experiment, test.flag) == ("reply-v2-v4-latency-cost",) * 2
    assert [(v.key, v.name, v.split) for v in test.variants] == [
        ("control", "v2", 50),
        ("test", "v4", 50),
    ]
    assert [(m.key, m.role) for m in test.metrics] == [("latency", "primary"), ("cost", "primary")]
    assert read_header(prompted, test.experiment).description == "Which is cheaper?"
    versions = prompt_versions(prompted, "reply")
    assert test.prompt is not None
    assert (test.prompt.name, test.prompt.versions) == ("reply", (2, 4))
    assert test.prompt.templates == ("latency", "cost")
    assert test.prompt.commits == (versions[1].version, versions[3].version)


def test_the_flag_is_off_and_hands_out_the_version(prompted: Workspace) -> None:
    name = create_from_prompt(prompted, asked()).test.experiment
    flag = file_at(prompted, f"flags/{name}.yaml", branch=f"exp/bot/{name}")
    assert (flag["active"], flag["rollout"]) == (False, 100)
    versions = prompt_versions(prompted, "reply")
    payloads = [
        {"prompt_name": "reply", "prompt_version": v.number, "prompt_commit": v.version}
        for v in (versions[1], versions[3])
    ]
    assert flag["variants"] == [
        {"key": "control", "name": "v2", "weight": 50, "payload": payloads[0]},
        {"key": "test", "name": "v4", "weight": 50, "payload": payloads[1]},
    ]


def test_metrics_are_scoped_to_the_prompt(prompted: Workspace) -> None:
    templates = ("cost", "latency", "eval_pass_rate")
    cost, latency, rate = create_from_prompt(prompted, asked(templates=templates)).test.metrics
    assert (cost.type, cost.goal, cost.rows.aggregation) == ("mean", "decrease", "sum")
    assert (cost.rows.event, cost.rows.value) == ("$ai_generation", "$ai_total_cost_usd")
    assert cost.rows.where == latency.rows.where == {"$ai_prompt_name": ("reply",)}
    assert (latency.type, latency.goal, latency.rows.value) == ("mean", "decrease", "$ai_latency")
    assert (rate.type, rate.goal, rate.rows.event) == ("ratio", "increase", "$ai_evaluation")
    assert rate.denominator is not None
    assert rate.rows.where == {
        "$ai_prompt_name": ("reply",),
        "$ai_evaluation_applicable": (True, None),
        "$ai_evaluation_result": (True,),
    }
    assert rate.denominator.where["$ai_evaluation_result"] == (True, False)


@pytest.mark.parametrize(
    ("count", "splits"),
    [
        (3, [34, 33, 33]),
        (6, [17, 17, 17, 17, 16, 16]),
        (7, [15, 15, 14, 14, 14, 14, 14]),
        (10, [10] * 10),
    ],
)
def test_more_versions_share_evenly(prompted: Workspace, count: int, splits: list[int]) -> None:
    test = create_from_prompt(prompted, asked(versions=range(1, count + 1))).test
    assert [variant.split for variant in test.variants] == splits
    assert [variant.key for variant in test.variants] == list(variant_keys(count))
    assert test.variants[1].key == "test-1"


def test_names_are_taken_as_given(prompted: Workspace) -> None:
    given = asked(name="Cheaper replies!", flag="reply-test", experiment="cheaper")
    test = create_from_prompt(prompted, given).test
    assert (test.title, test.flag, test.experiment) == ("Cheaper replies!", "reply-test", "cheaper")
    with pytest.raises(AlreadyExists, match="experiment 'cheaper' exists already"):
        create_from_prompt(prompted, asked(experiment="cheaper"))


def test_a_second_one_of_the_same_name_has_numbers(prompted: Workspace) -> None:
    made = [create_from_prompt(prompted, asked(name="Cheaper")).test for _ in range(3)]
    assert [(test.experiment, test.flag) for test in made] == [
        ("cheaper", "cheaper"),
        ("cheaper-2", "cheaper-2"),
        ("cheaper-3", "cheaper-3"),
    ]


def test_the_flag_of_a_deleted_experiment_is_taken(prompted: Workspace) -> None:
    name = create_from_prompt(prompted, asked(flag="words")).test.experiment
    delete(prompted, name, unbind=lambda tx, experiment: [])
    with pytest.raises(AlreadyExists):
        create_from_prompt(prompted, asked(flag="words"))


def test_a_flag_that_is_taken_is_refused_where_it_was_named(prompted: Workspace) -> None:
    create_from_prompt(prompted, asked(flag="words"))
    with pytest.raises(AlreadyExists) as caught:
        create_from_prompt(prompted, asked(flag="words"))
    assert caught.value.message == "there is already a feature flag with this key: 'words'"
    flag = b"active: false\nvariants:\n- {key: control, weight: 100}\n"
    commit_files(prompted.store, {"flags/other.yaml": flag}, at=40)
    with pytest.raises(AlreadyExists):
        create_from_prompt(prompted, asked(flag="other"))


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({"versions": ()}, InvalidInput, "versions must be 2 to 10, and are 0"),
        ({"versions": (1,)}, InvalidInput, "versions must be 2 to 10, and are 1"),
        ({"versions": range(1, 12)}, InvalidInput, "versions must be 2 to 10, and are 11"),
        ({"versions": (2, 2)}, InvalidInput, "versions must not contain duplicates"),
        ({"versions": (0, 2)}, InvalidInput, "versions must be whole numbers of 1 or more"),
        ({"versions": (True, 2)}, InvalidInput, "versions must be whole numbers of 1 or more"),
        ({"versions": ("1", 2)}, InvalidInput, "versions must be whole numbers of 1 or more"),
        ({"versions": (1, 99)}, NotFound, "versions not found for prompt 'reply': [99]"),
        ({"prompt": "other"}, NotFound, "no prompt 'other' in project 'bot'"),
        ({"templates": ()}, InvalidInput, "templates must not be empty"),
        ({"templates": ("cost", "x")}, InvalidInput, "unknown templates: x"),
        ({"templates": ("cost", "cost")}, InvalidInput, "templates must not contain duplicates"),
        ({"flag": "A b"}, InvalidInput, None),
        ({"experiment": "A b"}, InvalidInput, None),
    ],
)
def test_what_cannot_be_compared_makes_nothing(
    prompted: Workspace, given: Any, error: type[Exception], message: str | None
) -> None:
    before = prompted.store.refs("refs/")
    with pytest.raises(error) as caught:
        create_from_prompt(prompted, asked(**given))
    assert message is None or str(caught.value) == message
    assert prompted.store.refs("refs/") == before


def test_a_version_that_is_not_valid_is_refused(prompted: Workspace) -> None:
    commit_files(prompted.store, {"prompts/reply.yaml": b"template: ''\n"}, at=40)
    with pytest.raises(InvalidInput, match="version 13 of prompt 'reply' is not valid"):
        create_from_prompt(prompted, asked(versions=(1, 13)))


def test_it_is_launched_and_listed_like_any_other(prompted: Workspace) -> None:
    name = create_from_prompt(prompted, asked()).test.experiment
    assert lifecycle.launch(prompted, name).test.status == "running"
    page = list_tests(prompted, AbTestSelection(prompt="reply"))
    assert [item.prompt for item in page.items] == ["reply"]


def test_a_launch_says_which_versions_have_other_numbers_by_now(prompted: Workspace) -> None:
    """The line that a merge puts first is numbered first, whichever was there before."""
    test = create_from_prompt(prompted, asked(versions=(1, 12))).test
    assert test.prompt is not None
    store = prompted.store
    main = prompted.trunk_tip()
    assert main is not None
    root = prompt_versions(prompted, "reply")[0].version
    text = {"prompts/reply.yaml": b"template: Reply otherwise\n"}

    def work(tx: Transaction) -> None:
        side = tx.commit(
            tree=tx.tree(tree_of(tx, root), text), parents=[root], message="s", author=signature(50)
        )
        joined = tx.commit(
            tree=tree_of(tx, main), parents=[side, main], message="m", author=signature(51)
        )
        tx.set_ref("refs/heads/main", old=main, new=joined)

    transact(store, work)
    notes = lifecycle.launch(prompted, test.experiment).notes
    commit = test.prompt.commits[1][:10]
    (note,) = [note for note in notes if note.startswith("Version")]
    assert note == (
        f"Version 12 of prompt reply is another one than {commit} by now: applications have to go "
        "by the prompt_commit of the payload."
    )


@pytest.mark.parametrize(
    ("text", "slug"),
    [
        ("A b!", "a-b"),
        ("--x--", "x"),
        ("日本", "prompt"),
        ("a" * 70, "a" * 63),
        ("Con", "prompt-con"),
    ],
)
def test_a_name_is_made_of_any_text(text: str, slug: str) -> None:
    assert slug_of(text) == slug
