"""The ledger of change requests: what is written is read back, and nothing else counts."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from gitexp.documents.layout import closing_path, renewal_path, vote_path
from gitexp.errors import InvalidInput, MissingObject
from gitexp.ids import ChangeId, Digest, ObjectId
from gitexp.review.changes import ledger
from gitexp.review.changes.model import ChangeFacts
from gitexp.store.cache import DerivedCache
from gitexp.store.memory import MemoryStore
from gitexp.store.transaction import transact
from gitexp.store.trees import entry_at, merge_trees, tree_of
from tests.builders import MOMENT, commit_files, set_branch
from tests.review.changes.making import BOB, CY, ID, closing, renewed, request, vote

OTHER = ChangeId("20260103-bbbbbbbb")
BRANCH = "changes/bot"


def written(files: dict[str, bytes], *more: dict[str, bytes]) -> tuple[MemoryStore, ObjectId]:
    store = MemoryStore()
    merged = {path: data for part in (files, *more) for path, data in part.items()}
    return store, commit_files(store, merged, branch=BRANCH)


def read(store: MemoryStore, tip: ObjectId) -> ChangeFacts:
    (found,) = ledger.changes_at(store, tip)
    return found


def test_what_is_written_is_read_back() -> None:
    asked = request(reason="better answers\nin the evening")
    terms = renewed(asked, ObjectId("f" * 40), reason="again")
    votes = [vote(asked, BOB, reason="good"), vote(asked, CY, "reject")]
    end = closing(asked, "rejected", reason="too warm", commit=ObjectId("9" * 40))
    files = [ledger.vote_file(one) for one in votes]
    store, tip = written(
        ledger.request_file(asked), ledger.renewal_file(ID, 1, terms), *files,
        ledger.closing_file(end),
    )  # fmt: skip
    found = read(store, tip)
    assert found.request == asked
    assert found.renewals == (terms,)
    assert sorted(found.votes, key=lambda v: v.by) == votes
    assert found.closing == end
    assert found.problems == ()
    assert found.terms == terms
    assert found.id == ID


def test_a_request_to_unbind_names_no_version() -> None:
    asked = replace(
        request(base=None), action="unbind", experiment=None, experiment_id=None, version=None,
        digest=None,
    )  # fmt: skip
    subject = asked.subject(None, asked.opened.policy.digest)
    asked = replace(asked, opened=replace(asked.opened, subject=subject))
    found = read(*written(ledger.request_file(asked)))
    assert found.request == asked
    assert found.request.label == "nothing"


def test_equal_facts_have_equal_bytes() -> None:
    assert ledger.request_file(request()) == ledger.request_file(request())


def test_no_branch_holds_no_change_requests() -> None:
    store = MemoryStore()
    assert ledger.changes_at(store, None) == []
    assert ledger.change_at(store, None, ID) is None
    tip = commit_files(store, {"README": b"x"}, branch=BRANCH)
    assert ledger.changes_at(store, tip) == []
    assert ledger.change_at(store, tip, ID) is None
    assert ledger.change_at(store, tip, "../../etc") is None


def test_one_change_request_is_read_alone() -> None:
    store, tip = written(ledger.request_file(request()), ledger.request_file(request(change=OTHER)))
    found = ledger.change_at(store, tip, OTHER)
    assert found is not None
    assert found.id == OTHER
    assert [facts.id for facts in ledger.changes_at(store, tip)] == [ID, OTHER]
    assert ledger.read_ledger(store, tip).get(ID) is not None
    assert ledger.read_ledger(store, tip).get("20260102-zzzzzzzz") is None


def test_one_person_has_one_path_for_one_subject() -> None:
    asked = request()
    yes, no = vote(asked, BOB), vote(asked, "Robert <bob@EXAMPLE.org>", "reject")
    assert ledger.vote_file(yes).keys() == ledger.vote_file(no).keys()
    assert ledger.vote_file(vote(asked, CY)).keys() != ledger.vote_file(yes).keys()


def test_a_vote_under_the_path_of_another_counts_for_nothing() -> None:
    asked = request()
    (data,) = ledger.vote_file(vote(asked, BOB)).values()
    path = vote_path(ID, asked.opened.subject, vote(asked, CY).person)
    found = read(*written(ledger.request_file(asked), {path: data}))
    assert found.votes == ()
    assert found.problems == (f"{path} holds a vote that belongs elsewhere",)


def test_a_vote_for_another_change_request_counts_for_nothing() -> None:
    asked = request()
    foreign = replace(vote(asked, BOB), change=OTHER)
    (data,) = ledger.vote_file(foreign).values()
    path = vote_path(ID, foreign.subject, foreign.person)
    found = read(*written(ledger.request_file(asked), {path: data}))
    assert found.votes == ()


@pytest.mark.parametrize("data", [b"", b"nonsense: 1\n", b"\xff\xfe", b"format: 2\n"])
def test_a_vote_that_cannot_be_read_is_a_problem_and_no_more(data: bytes) -> None:
    asked = request()
    path = vote_path(ID, asked.opened.subject, vote(asked, CY).person)
    found = read(
        *written(ledger.request_file(asked), ledger.vote_file(vote(asked, BOB)), {path: data})
    )
    assert [one.by for one in found.votes] == [BOB]
    assert len(found.problems) == 1
    assert found.problems[0].startswith(path)


def test_an_end_that_cannot_be_read_is_an_end() -> None:
    path = closing_path(ID)
    found = read(*written(ledger.request_file(request()), {path: b"state: maybe\n"}))
    assert found.closing is not None
    assert found.closing.state == "failed"
    assert found.problems[0].startswith(path)


def test_a_gap_among_the_renewals_ends_them() -> None:
    asked = request()
    first, third = renewed(asked, ObjectId("1" * 40)), renewed(asked, ObjectId("3" * 40))
    found = read(
        *written(
            ledger.request_file(asked),
            ledger.renewal_file(ID, 1, first),
            ledger.renewal_file(ID, 3, third),
        )
    )
    assert found.renewals == (first,)
    assert found.problems == (f"{renewal_path(ID, 2)} is missing, and later renewals are there",)


def test_a_request_whose_subject_is_not_its_own_cannot_be_read() -> None:
    asked = request()
    forged = replace(asked, digest=Digest("sha256:" + "0" * 64))
    store, tip = written(ledger.request_file(forged))
    path = "changes/20260102-aaaaaaaa/change.yaml"
    found = ledger.read_ledger(store, tip)
    assert found.changes == ()
    assert found.problems == {ID: f"{path}: the subject is not that of what it says"}
    with pytest.raises(InvalidInput, match="the subject is not that of what it says"):
        ledger.change_at(store, tip, ID)


def test_a_renewal_whose_policies_are_not_those_of_its_subject_counts_for_nothing() -> None:
    asked = request()
    terms = renewed(asked, ObjectId("1" * 40))
    forged = replace(terms, policy=replace(terms.policy, documents=()))
    found = read(*written(ledger.request_file(asked), ledger.renewal_file(ID, 1, forged)))
    assert found.renewals == ()
    assert found.problems == (f"{renewal_path(ID, 1)}: the subject is not that of what it says",)


def test_a_directory_that_is_no_change_request_is_a_problem() -> None:
    store, tip = written({"changes/hello/change.yaml": b"x"}, ledger.request_file(request()))
    found = ledger.read_ledger(store, tip)
    assert [facts.id for facts in found.changes] == [ID]
    assert found.problems == {"hello": "'hello' is not the id of a change request"}


def test_a_moment_that_is_none_is_a_problem() -> None:
    (path, data), *_ = ledger.request_file(request()).items()
    store, tip = written({path: data.replace(b"2026-01-02T03:04:05Z", b"2026-02-30T03:04:05Z")})
    assert "is no moment such as" in ledger.read_ledger(store, tip).problems[ID]


def test_a_file_is_parsed_once_for_each_content() -> None:
    store, tip = written(ledger.request_file(request()))
    cache = DerivedCache(None)
    first = ledger.changes_at(store, tip, cache=cache)
    for known in list(store.objects.values()):
        if known.kind == "blob":
            del store.objects[known.id]
    assert ledger.changes_at(store, tip, cache=cache) == first


def test_what_is_over_need_not_be_read() -> None:
    ended = request(change=OTHER)
    store, tip = written(
        ledger.request_file(request()),
        ledger.request_file(ended),
        ledger.closing_file(closing(ended, "applied")),
    )
    entry = entry_at(store, tree_of(store, tip), f"changes/{OTHER}/change.yaml")
    assert entry is not None
    del store.objects[entry.id]
    found = ledger.read_ledger(store, tip, ended=False)
    assert [facts.id for facts in found.changes] == [ID]
    with pytest.raises(MissingObject):
        ledger.read_ledger(store, tip)


def test_two_lines_of_the_ledger_join_by_union() -> None:
    asked = request()
    store = MemoryStore()
    base = commit_files(store, ledger.request_file(asked), branch=BRANCH)
    sides = []
    for who in (BOB, CY):
        other = f"by-{who[:2].lower()}"
        set_branch(store, other, base)
        one = vote(asked, who, at=MOMENT + timedelta(minutes=3))
        sides.append(commit_files(store, ledger.vote_file(one), branch=other))
    trees = [tree_of(store, commit) for commit in (base, *sides)]
    merged = transact(store, lambda tx: merge_trees(tx, *trees))
    assert merged.tree is not None
    found = read(store, ObjectId(merged.tree))
    assert sorted(one.by for one in found.votes) == [BOB, CY]
