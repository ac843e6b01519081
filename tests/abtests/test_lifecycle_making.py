"""Making A/B tests, and copies of them."""

from __future__ import annotations

from typing import Any

import pytest

from gitexp.abtests import lifecycle
from gitexp.abtests.making import Copy, NewTest, create, duplicate
from gitexp.abtests.reading import read_test
from gitexp.documents.yaml_writer import dump_yaml
from gitexp.errors import AlreadyExists, InvalidDocuments, InvalidInput
from gitexp.experiments.headers import read_header
from gitexp.experiments.homes import get_home
from gitexp.experiments.lifecycle import NewExperiment, change_header
from gitexp.experiments.lifecycle import create as create_experiment
from gitexp.experiments.saving import Edit, save
from gitexp.experiments.versions import latest_version
from gitexp.project.workspace import Workspace
from gitexp.store.trees import read_commit
from tests.abtests.conftest import Draft, file_at
from tests.builders import commit_files

FLAG = "flags/words.yaml"
METRICS = {"primary": [{"key": "sales", "type": "mean"}]}


def new(name: str = "warm", **given: Any) -> NewTest:
    return NewTest(experiment=name, **{"flag": "words", **given})


def test_a_test_its_experiment_and_its_flag_are_made_in_one_commit(workspace: Workspace) -> None:
    done = create(workspace, new(description="Warmer words", settings={"metrics": METRICS}))
    tip = get_home(workspace, "warm").tip
    assert done.commit == tip
    assert read_commit(workspace.store, tip).parents == (workspace.trunk_tip(),)
    assert read_header(workspace, "warm").description == "Warmer words"
    assert done.test == read_test(workspace, "warm")
    assert list(file_at(workspace, "experiments/warm/ab-test.yaml")) == [
        "status", "flag", "variants", "metrics",
    ]  # fmt: skip
    assert file_at(workspace, FLAG) == {
        "description": "Warmer words",
        "active": False,
        "variants": [{"key": "control", "weight": 50}, {"key": "test", "weight": 50}],
        "rollout": 100,
        "created_by": "ada@example.org",
    }


def test_a_flag_that_another_test_has_on_its_branch_is_pointed_out(draft: Draft) -> None:
    workspace = draft()
    (note,) = create(workspace, new("cold")).notes
    assert note == (
        "Flag words is that of warm too: of several branches that change it, the one that is "
        "published last counts."
    )
    assert create(workspace, new("other", flag="other")).notes == ()


def test_an_experiment_that_is_there_becomes_a_test(workspace: Workspace) -> None:
    create_experiment(workspace, NewExperiment(name="warm", description="as it was"))
    before = save(workspace, "warm", Edit(values={"model": "m"}))
    create(workspace, new())
    assert read_header(workspace, "warm").description == "as it was"
    latest = latest_version(workspace, "warm")
    assert latest is not None
    assert latest.version == before.version
    with pytest.raises(AlreadyExists) as caught:
        create(workspace, new())
    assert caught.value.message == "experiment 'warm' has an A/B test already"


def test_variants_share_equally_where_nobody_says_how(workspace: Workspace) -> None:
    variants = [{"key": "Control"}, {"key": "a"}, {"key": "b"}]
    test = create(workspace, new(variants=variants)).test
    assert [(v.key, v.split) for v in test.variants] == [("control", 34), ("a", 33), ("b", 33)]
    assert [one["weight"] for one in file_at(workspace, FLAG)["variants"]] == [34, 33, 33]


def test_a_test_takes_the_variants_of_a_flag_that_is_there(workspace: Workspace) -> None:
    commit_files(
        workspace.store,
        {FLAG: b"active: true\nvariants:\n- {key: control, weight: 90}\n- {key: b, weight: 10}\n"},
    )
    test = create(workspace, new()).test
    assert [(v.key, v.split) for v in test.variants] == [("control", 90), ("b", 10)]
    assert file_at(workspace, FLAG)["active"] is True


def test_variants_share_as_the_flag_does_where_nobody_says_otherwise(workspace: Workspace) -> None:
    flag = b"active: true\nvariants:\n- {key: control, weight: 90}\n- {key: test, weight: 10}\n"
    commit_files(workspace.store, {FLAG: flag})
    named = [{"key": "control"}, {"key": "test", "name": "Warmer"}]
    test = create(workspace, new(variants=named)).test
    assert [(v.name, v.split) for v in test.variants] == [("control", 90), ("Warmer", 10)]


def test_a_test_begins_as_a_draft(workspace: Workspace) -> None:
    begun = {"status": "running", "started_at": "2026-01-01T00:00:00Z"}
    with pytest.raises(InvalidInput) as caught:
        create(workspace, new(settings=begun))
    assert caught.value.message == "an A/B test begins as a draft, without status, started_at"
    assert create(workspace, new(settings={"status": "draft"})).test.status == "draft"


def test_a_flag_with_other_variants_is_refused(workspace: Workspace) -> None:
    flag = b"active: false\nvariants:\n- {key: control, weight: 90}\n- {key: b, weight: 10}\n"
    commit_files(workspace.store, {FLAG: flag})
    with pytest.raises(InvalidInput) as caught:
        create(workspace, new(variants=[{"key": "control"}, {"key": "test"}]))
    assert caught.value.message == (
        "flag 'words' exists and has the variants control, b, not control, test"
    )
    commit_files(workspace.store, {FLAG: flag.replace(b"control", b"off")})
    with pytest.raises(InvalidInput, match="flag 'words' cannot be tested: it needs two variants"):
        create(workspace, new())


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"variants": [{"key": "a"}, {"key": "b"}]}, "variants[0].key: the first variant must be"),
        ({"variants": [{"key": "control"}]}, "variants: "),
        (
            {"variants": [{"key": "control"}, {"key": "control"}]},
            'variants[1].key: "control" is the key of another variant too',
        ),
        (
            {"variants": [{"key": "control", "split": 50}, {"key": "b", "split": 40}]},
            "variants: the splits must add up to 100, and add up to 90",
        ),
        (
            {"variants": [{"key": "control", "split": 50}, {"key": "b"}]},
            "variants: either every variant has a split, or none",
        ),
        ({"settings": {"metrics": {"primary": [{"key": "a", "type": "ratio"}]}}},
         'metrics.primary[0]: a metric of type ratio needs "denominator"'),
    ],
)  # fmt: skip
def test_a_definition_that_is_not_right_makes_nothing(
    workspace: Workspace, given: Any, message: str
) -> None:
    before = workspace.store.refs("refs/")
    with pytest.raises(InvalidDocuments) as caught:
        create(workspace, new(**given))
    assert any(message in str(problem) for problem in caught.value.problems)
    assert workspace.store.refs("refs/") == before


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"variants": 5}, "variants: expected a list, found 5"),
        ({"variants": {}}, "variants: expected a list, found {}"),
        ({"variants": ("control", "b")}, "variants[0]: expected a mapping"),
        ({"variants": [{"key": ["control"]}, {"key": "b"}]}, "variants[0].key: expected text"),
        ({"variants": [{}, {}]}, 'variants[0]: the key "key" is missing'),
        ({"settings": {"metrics": [1]}}, "metrics: expected a mapping"),
        ({"settings": {"metrics": {"other": []}}}, 'metrics.other: unknown key "other"'),
    ],
)
def test_a_definition_of_another_form_is_refused_with_its_place(
    workspace: Workspace, given: Any, message: str
) -> None:
    with pytest.raises(InvalidDocuments) as caught:
        create(workspace, new(**given))
    assert str(caught.value.problems[0]).startswith(f"experiments/warm/ab-test.yaml: {message}")


@pytest.mark.parametrize("key", ["A b", 5])
def test_a_name_that_cannot_be_used_is_refused(workspace: Workspace, key: Any) -> None:
    with pytest.raises(InvalidInput, match=f"{key!r} is not a usable flag key"):
        create(workspace, new(flag=key))


def test_a_copy_is_a_fresh_draft_that_keeps_what_was_defined(draft: Draft) -> None:
    workspace = draft(title="Warm words", statistics={"method": "bayesian"}, metrics=METRICS)
    save(workspace, "warm", Edit(values={"model": "m"}))
    lifecycle.launch(workspace, "warm")
    lifecycle.ship(workspace, "warm", "test", conclusion="won", note="yes")
    done = duplicate(workspace, "warm", Copy())
    assert (done.test.experiment, done.test.title) == ("warm-copy", "Warm words (Copy)")
    assert done.test.status == "draft"
    assert (done.test.started_at, done.test.conclusion, done.test.shipped) == (None, None, "")
    assert done.test.statistics.method == "bayesian"
    assert [metric.key for metric in done.test.metrics] == ["sales"]
    assert read_header(workspace, "warm-copy").id != read_header(workspace, "warm").id
    latest = latest_version(workspace, "warm-copy")
    assert latest is not None
    assert latest.values["model"] == "m"
    flag = file_at(workspace, FLAG, branch="exp/bot/warm-copy")
    assert (flag["active"], [v["weight"] for v in flag["variants"]]) == (False, [50, 50])
    assert lifecycle.launch(workspace, "warm-copy").test.status == "running"


def test_a_copy_has_the_flag_as_it_was_before_it_was_shipped_to_everyone(draft: Draft) -> None:
    workspace = draft()
    narrow = {
        **file_at(workspace, FLAG),
        "rollout": 20,
        "conditions": [{"rollout": 10}],
        "holdout": {"id": "autumn", "percent": 5},
    }
    commit_files(workspace.store, {FLAG: dump_yaml(narrow)}, branch="exp/bot/warm", at=400)
    lifecycle.launch(workspace, "warm")
    lifecycle.ship(workspace, "warm", "test", to_everyone=True)
    duplicate(workspace, "warm", Copy())
    assert file_at(workspace, FLAG, branch="exp/bot/warm-copy") == narrow


def test_a_copy_of_a_test_whose_flag_lacks_its_variants_gets_them(draft: Draft) -> None:
    workspace = draft()
    commit_files(workspace.store, {FLAG: b"active: true\n"}, branch="exp/bot/warm", at=400)
    duplicate(workspace, "warm", Copy())
    flag = file_at(workspace, FLAG, branch="exp/bot/warm-copy")
    assert [(one["key"], one["weight"]) for one in flag["variants"]] == [
        ("control", 50),
        ("test", 50),
    ]


def test_a_flag_that_cannot_be_copied_is_refused_with_its_place(draft: Draft) -> None:
    workspace = draft()
    more = (
        b"active: true\nvariants:\n- {key: control, weight: 50}\n- {key: test, weight: 40}\n"
        b"- {key: third, weight: 10}\nconditions:\n- {variant: third}\n"
    )
    commit_files(workspace.store, {FLAG: more}, branch="exp/bot/warm", at=400)
    with pytest.raises(InvalidDocuments) as caught:
        duplicate(workspace, "warm", Copy())
    assert str(caught.value.problems[0]) == (
        'flags/words.yaml: conditions[0].variant: "third" is no variant of the flag; there are: '
        "control, test"
    )


def test_a_copy_is_judged_and_started_like_the_first(draft: Draft) -> None:
    workspace = draft()
    change_header(
        workspace,
        "warm",
        lambda header: header.having(evaluators=("kind",), entrypoints=("nightly",)),
        message="more",
    )
    duplicate(workspace, "warm", Copy())
    header = read_header(workspace, "warm-copy")
    assert (header.evaluators, header.entrypoints) == (("kind",), ("nightly",))


def test_copies_are_numbered(draft: Draft) -> None:
    workspace = draft()
    titles = [duplicate(workspace, "warm", Copy()).test for _ in range(3)]
    assert [(test.experiment, test.title) for test in titles] == [
        ("warm-copy", "warm (Copy)"),
        ("warm-copy-1", "warm (Copy) 1"),
        ("warm-copy-2", "warm (Copy) 2"),
    ]


def test_a_copy_is_called_as_one_likes(draft: Draft) -> None:
    workspace = draft()
    done = duplicate(workspace, "warm", Copy(name="cold", title="Cold", flag="ice")).test
    assert (done.experiment, done.title, done.flag) == ("cold", "Cold", "ice")
    assert file_at(workspace, "flags/ice.yaml", branch="exp/bot/cold")["active"] is False
    with pytest.raises(AlreadyExists):
        duplicate(workspace, "warm", Copy(name="cold"))
