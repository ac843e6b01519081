"""Changes of single places in the definition of an A/B test."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from gitexp.abtests import lifecycle
from gitexp.abtests.editing import Edits, update
from gitexp.abtests.reading import read_test
from gitexp.errors import InvalidDocuments, InvalidInput, NotAllowed
from gitexp.experiments.homes import get_home
from gitexp.store.trees import read_commit
from tests.abtests.conftest import Draft, file_at

TEST = "experiments/warm/ab-test.yaml"


@pytest.mark.parametrize(
    ("places", "found"),
    [
        ({"statistics.method": "bayesian"}, {"statistics": {"method": "bayesian"}}),
        ({"statistics.prior.sd": 0.1, "statistics.method": "bayesian"},
         {"statistics": {"prior": {"sd": 0.1}, "method": "bayesian"}}),
        ({"title": "Warm words"}, {"title": "Warm words"}),
        ({"metrics.primary.sales.window": "14d"},
         {"metrics": {"primary": [{"key": "sales", "type": "mean", "window": "14d"}]}}),
        ({"metrics.secondary.late.type": "mean"},
         {"metrics": {"primary": [{"key": "sales", "type": "mean"}],
                      "secondary": [{"key": "late", "type": "mean"}]}}),
        ({"metrics.primary.sales": {"type": "proportion"}},
         {"metrics": {"primary": [{"key": "sales", "type": "proportion"}]}}),
        ({"variants.test.name": "Warmer"},
         {"variants": [{"key": "control", "split": 50},
                       {"key": "test", "split": 50, "name": "Warmer"}]}),
        ({"variants.control.split": 80, "variants.test.split": 15, "variants.third.split": 5},
         {"variants": [{"key": "control", "split": 80}, {"key": "test", "split": 15},
                       {"key": "third", "split": 5}]}),
    ],
)  # fmt: skip
def test_a_place_gets_another_value(draft: Draft, places: Any, found: Any) -> None:
    workspace = draft()
    before = file_at(workspace, TEST)
    update(workspace, "warm", Edits(places=places))
    assert file_at(workspace, TEST) == {**before, **found}


def test_a_place_is_removed(draft: Draft) -> None:
    metrics = {
        "primary": [{"key": "a", "type": "mean", "window": "1d"}, {"key": "b", "type": "mean"}]
    }
    workspace = draft(metrics=metrics, title="Warm words")
    removed = ("metrics.primary.a.window", "metrics.primary.b", "title")
    update(workspace, "warm", Edits(removed=removed))
    after = file_at(workspace, TEST)
    assert after["metrics"] == {"primary": [{"key": "a", "type": "mean"}]}
    assert "title" not in after


@pytest.mark.parametrize(
    ("edits", "message"),
    [
        (Edits(removed=("title",)), 'there is nothing in "title" to remove'),
        (
            Edits(removed=("metrics.primary.other",)),
            'there is nothing in "metrics.primary.other" to remove',
        ),
        (Edits(removed=("flag.on",)), 'flag.on: "words" has no parts'),
        (Edits(places={"flag.on": 1}), 'flag.on: "words" has no parts'),
        (Edits(places={"variants.test": 1}), "variants.test: 1 has no keys"),
        (Edits(places={"statistics.": 1}), '"statistics." is not a place'),
        (Edits(places={"": 1}), '"" is not a place'),
        (Edits(places={'data."a': 1}), '"data.\\"a" is not a place'),
        (Edits(places={"status": "running"}), 'cannot change "status" directly'),
        (Edits(removed=("started_at",)), 'cannot change "started_at" directly'),
    ],
)
def test_what_is_no_place_is_refused(draft: Draft, edits: Edits, message: str) -> None:
    workspace = draft()
    tip = get_home(workspace, "warm").tip
    with pytest.raises(InvalidInput) as caught:
        update(workspace, "warm", edits)
    assert caught.value.message == message
    assert get_home(workspace, "warm").tip == tip


@pytest.mark.parametrize(
    ("places", "place"),
    [
        ({"metrics.primary.late.window": "1d"}, "metrics.primary[1]"),
        ({"statistics.methode": "bayesian"}, "statistics.methode"),
        ({"variants.test.split": 60}, "variants"),
        ({"minimum": None}, "minimum"),
    ],
)
def test_what_would_not_be_right_is_refused_with_its_place(
    draft: Draft, places: Any, place: str
) -> None:
    workspace = draft()
    with pytest.raises(InvalidDocuments) as caught:
        update(workspace, "warm", Edits(places=places))
    assert caught.value.problems[0].place.startswith(place)


def test_a_key_with_points_is_named_in_quotes(draft: Draft) -> None:
    workspace = draft()
    place = 'metrics.primary."page.load"'
    update(workspace, "warm", Edits(places={f"{place}.type": "mean"}))
    done = update(workspace, "warm", Edits(places={f"{place}.window": "14d"}))
    assert done.test.metric("page.load").window == timedelta(days=14)  # type: ignore[union-attr]
    gone = update(workspace, "warm", Edits(removed=(place,)))
    assert [metric.key for metric in gone.test.metrics] == ["sales"]


def test_a_place_that_is_locked_stays(draft: Draft) -> None:
    workspace = draft()
    lifecycle.launch(workspace, "warm")
    with pytest.raises(NotAllowed, match="exposure: the exposure rule was another one"):
        update(workspace, "warm", Edits(places={"exposure.multiple": "first_seen"}))
    done = update(workspace, "warm", Edits(places={"metrics.secondary.late.type": "mean"}))
    assert done.test.status == "running"


def test_a_draft_whose_flag_does_not_fit_says_so(draft: Draft) -> None:
    workspace = draft()
    splits = {"variants.control.split": 80, "variants.test.split": 20}
    done = update(workspace, "warm", Edits(places=splits))
    gap, hint = done.notes
    assert gap == (
        "It cannot be launched like this: flag 'words' shares by 50/50, and the test by 80/20."
    )
    assert hint.startswith("`gitexp ab launch warm --fit-flag` makes flag words fit")


def test_of_those_who_change_places_at_once_nobody_loses(draft: Draft) -> None:
    workspace = draft()
    places = {
        "statistics.method": "bayesian",
        "statistics.confidence": 0.9,
        "statistics.correction": "holm",
        "statistics.difference": "absolute",
    }
    start = threading.Barrier(len(places))

    def change(place: str) -> None:
        start.wait()
        update(workspace, "warm", Edits(places={place: places[place]}))

    with ThreadPoolExecutor(len(places)) as pool:
        list(pool.map(change, places))
    assert read_test(workspace, "warm").document["statistics"] == {
        "method": "bayesian",
        "confidence": 0.9,
        "correction": "holm",
        "difference": "absolute",
    }


def test_the_commit_names_what_was_changed(draft: Draft) -> None:
    workspace = draft()
    places = {"statistics.method": "sequential", "statistics.confidence": 0.9, "title": "Words"}
    done = update(workspace, "warm", Edits(places=places))
    assert done.commit is not None
    message = read_commit(workspace.store, done.commit).message
    assert message.strip() == "warm: change A/B test: statistics, title"
