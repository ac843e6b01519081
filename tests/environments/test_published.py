"""The flags on an environment's branch: each distinct content is read once."""

from __future__ import annotations

import pytest

from gitexp.environments.published import load_flags
from gitexp.errors import InvalidDocuments, InvalidInput
from gitexp.store.cache import DerivedCache
from tests.builders import make_tree
from tests.store.test_history import CountingStore

FILES = {f"flags/f{n}.yaml": b"active: true\nrollout: %d\n" % n for n in range(20)}


def test_publishing_one_flag_more_reads_no_other_again() -> None:
    store, cache = CountingStore(), DerivedCache(None)
    first = make_tree(store, FILES)
    second = make_tree(store, {**FILES, "flags/more.yaml": b"active: false\n"})
    before = load_flags(store, first, str, cache=cache)
    store.reads = 0
    after = load_flags(store, second, str, cache=cache)
    assert after == {**before, "more": {"active": False}}
    assert store.reads < 10


@pytest.mark.parametrize("name", ["deep/f.yaml", "F.yaml", "f.json", ".yaml"])
def test_what_is_no_file_of_a_flag_is_refused(name: str) -> None:
    store = CountingStore()
    tree = make_tree(store, {f"flags/{name}": b"active: true\n"})
    with pytest.raises(InvalidDocuments, match="this is no file of a flag"):
        load_flags(store, tree, str, cache=None)


def test_a_directory_in_the_place_of_a_flag_is_refused() -> None:
    store = CountingStore()
    tree = make_tree(store, {"flags/f.yaml/deep": b"active: true\n"})
    with pytest.raises(InvalidInput, match=r"flags/f\.yaml is a directory, not a file"):
        load_flags(store, tree, str, cache=None)
