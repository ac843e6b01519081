"""The n-th system call fails, for every n: the old state or the new, and the next save works."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from gitexp.errors import GitexpError
from gitexp.store.disk import DiskStore
from tests.faults.injection import KINDS, Fault, injected
from tests.faults.saves import SAVES, Save, assert_whole, copy_of, make_template, state
from tests.real_git import Git

pytestmark = pytest.mark.faults


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository as it is before every attempt."""
    return make_template(tmp_path_factory.mktemp("template") / "repository").path


@pytest.fixture
def copies(template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], Git]:
    """Makes a copy of the template, in the place of the one before."""
    # Whether fsync is called, and when, is another test's question; here it only takes time.
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)
    return lambda: copy_of(template, tmp_path / "repository")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", SAVES)
def test_every_call_may_fail(copies: Callable[[], Git], name: str, kind: str) -> None:
    git = copies()
    before = state(git)
    calls = attempt(git, SAVES[name], Fault(at=0, code=None)).calls
    after = state(git)
    assert before != after
    assert len(calls) > 60
    for number, call in enumerate(calls, start=1):
        if call in KINDS[kind].calls:
            git = copies()
            attempt(git, SAVES[name], replace(KINDS[kind], at=number, calls=[]))
            assert_whole(git, before, after, f"call {number}, {call}")


def attempt(git: Git, save: Save, fault: Fault) -> Fault:
    """Save under a fault, which may only end in an error of our own."""
    with DiskStore.open(git.path) as store, injected(fault), suppress(GitexpError):
        save(store)
    return fault
