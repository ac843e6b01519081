"""Promotions that are broken off: the old state or the new, and the next command works."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from random import Random
from typing import Any

import pytest

from gitexp.environments.promotion import promote
from gitexp.errors import GitexpError
from gitexp.experiments.saving import Edit, save
from gitexp.experiments.sharing import share
from tests.environments.test_clones import Place, made_place, place

__all__ = ["made_place", "place"]

pytestmark = pytest.mark.faults

CALLS = ("open", "write", "fsync", "replace", "rename", "link", "mkdir")
KILLS = 12


class Failing:
    """Makes the n-th call of a writing function of `os` fail."""

    def __init__(self, nth: int, code: int) -> None:
        self.left = nth
        self._code = code

    def wrapped(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            writes = name != "open" or (len(arguments) > 1 and arguments[1] & os.O_CREAT)
            self.left -= 1 if writes else 0
            if writes and self.left == 0:
                raise OSError(self._code, os.strerror(self._code))
            return real(*arguments, **options)

        return call


@contextmanager
def failing(nth: int, code: int, patch: pytest.MonkeyPatch) -> Iterator[Failing]:
    made = Failing(nth, code)
    with patch.context() as patched:
        for name in CALLS:
            patched.setattr(os, name, made.wrapped(name, getattr(os, name)))
        yield made


def live(place: Place) -> str:
    """Return the values of production as plain Git shows them."""
    return place.git("show", "env/bot/production:parameters.yaml", cwd=place.shared)


def check(place: Place) -> None:
    """Check that both repositories are sound and that no reference stands between states."""
    work = place.directory / "work"
    for repository in (place.shared, work):
        assert place.git("fsck", "--strict", "--no-dangling", cwd=repository) == ""
    assert place.git("for-each-ref", "refs/heads/env", cwd=work) == ""
    pinned = place.git(
        "for-each-ref", "--format=%(refname:lstrip=3)", "refs/gitexp", cwd=place.shared
    )
    binding = place.git("show", "env/bot/production:environment.yaml", cwd=place.shared)
    assert any(version in binding for version in pinned.split())


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO, errno.EINTR])
def test_every_failing_write_leaves_the_old_binding_or_the_new(
    place: Place, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    place.promoted(0.1)
    nth, untouched = 0, False
    while not untouched:
        nth += 1
        temperature = round(0.1 + nth / 1000, 4)
        with place.opened("work") as workspace:
            save(workspace, "tone", Edit(patch={"temperature": temperature}))
            share(workspace, "tone")
            before = live(place)
            with failing(nth, code, monkeypatch) as injected:
                try:
                    promote(workspace, "tone", "production")
                except GitexpError:
                    assert live(place) == before
            untouched = injected.left > 0
            assert f"temperature: {temperature}" in live(place) or live(place) == before
            promote(workspace, "tone", "production")
            assert f"temperature: {temperature}" in live(place)
        assert nth < 200
    assert nth > 5  # the calls that write were found
    check(place)


PROMOTE = """\
import sys
from pathlib import Path
from gitexp.environments.promotion import promote
from gitexp.opening import open_workspace
from gitexp.surroundings import Surroundings
workspace = open_workspace(Path(sys.argv[1]), project=None, surroundings=Surroundings.of_process())
print("ready", flush=True)
binding = promote(workspace, "tone", "production")
print(binding.commit, flush=True)
"""


def test_a_killed_promotion_leaves_the_old_binding_or_the_new(place: Place) -> None:
    place.promoted(0.1)
    random = Random(7)
    work = place.directory / "work"
    tried = [0.1]
    for number in range(KILLS):
        temperature = round(0.2 + number / 1000, 4)
        tried.append(temperature)
        with place.opened("work") as workspace:
            save(workspace, "tone", Edit(patch={"temperature": temperature}))
            share(workspace, "tone")
        acknowledged = _killed(place, str(work), random.uniform(0, 0.2))
        if acknowledged:
            tip = place.git("rev-parse", "env/bot/production", cwd=place.shared)
            assert tip == acknowledged
        now = live(place).splitlines()  # a push that was under way may also arrive later
        assert any(f"temperature: {value}" in now for value in tried)
    with place.opened("work") as workspace:
        promote(workspace, "tone", "production")
    assert f"temperature: {temperature}" in live(place)
    check(place)


def _killed(place: Place, work: str, after: float) -> str | None:
    """Return what a promotion acknowledged that is killed, with its children, after a while."""
    process = subprocess.Popen(
        [sys.executable, "-c", PROMOTE, work],
        stdout=subprocess.PIPE,
        env=place.environ,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    with suppress(subprocess.TimeoutExpired):
        process.wait(timeout=after)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    acknowledged = process.stdout.read().strip()
    process.wait()
    process.stdout.close()
    return acknowledged or None
