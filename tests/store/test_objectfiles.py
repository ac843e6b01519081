"""Reading objects: what the system refuses is named, and files that are done with are closed."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gitexp.errors import StoreError
from gitexp.ids import ObjectId
from gitexp.store.disk import DiskStore
from gitexp.store.model import RawObject
from gitexp.store.objects import make_object


def packed(number: int) -> list[RawObject]:
    return [make_object("blob", b"%d %d" % (number, part)) for part in range(9)]


@pytest.fixture
def store(tmp_path: Path) -> DiskStore:
    with DiskStore.init(tmp_path, bare=True) as store:
        for number in range(3):
            with store.exclusive():
                store.apply(packed(number), ())
    return DiskStore.open(tmp_path)


def refuse(monkeypatch: pytest.MonkeyPatch, name: str, ending: str) -> None:
    """Let a function of `os` fail for paths with an ending, as a failing disk does."""
    real: Callable[..., Any] = getattr(os, name)

    def refused(path: str, *rest: Any, **named: Any) -> Any:
        if str(path).endswith(ending):
            raise OSError(errno.EIO, os.strerror(errno.EIO), path)
        return real(path, *rest, **named)

    monkeypatch.setattr(os, name, refused)


@pytest.mark.parametrize(
    "call, ending",
    [("open", ".idx"), ("open", ".pack"), ("listdir", "pack"), ("lstat", packed(1)[0].id[2:])],
)
def test_what_the_disk_refuses_to_give_is_named(
    store: DiskStore, monkeypatch: pytest.MonkeyPatch, call: str, ending: str
) -> None:
    refuse(monkeypatch, call, ending)
    for use in (lambda i: store.read(i), lambda i: store.has(i)):
        with pytest.raises(StoreError) as caught:
            use(packed(1)[0].id)
        assert caught.value.message.startswith(f"cannot read {store.common_dir}/objects/")
        assert caught.value.message.endswith(f"{ending}: Input/output error")


def test_a_directory_that_cannot_be_listed_hides_no_object_of_a_prefix(
    store: DiskStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    object_id = packed(1)[0].id
    refuse(monkeypatch, "listdir", object_id[:2])
    with pytest.raises(StoreError) as caught:
        store.find_prefix(object_id[:8])
    assert caught.value.message == (
        f"cannot read {store.common_dir}/objects/{object_id[:2]}: Input/output error"
    )


@pytest.mark.skipif(sys.platform != "linux", reason="counts descriptors where Linux lists them")
def test_packs_that_were_joined_are_closed(store: DiskStore) -> None:
    def opened(ending: str) -> int:
        names = (os.path.join("/proc/self/fd", name) for name in os.listdir("/proc/self/fd"))
        here = f"{store.common_dir}/objects/pack/"
        targets = [os.readlink(name) for name in names if os.path.islink(name)]
        return sum(name.startswith(here) and name.endswith(ending) for name in targets)

    for number in range(3):
        store.read(packed(number)[0].id)
    assert opened(".pack") == 3
    subprocess.run(["git", "repack", "-adkq"], cwd=store.common_dir, check=True)
    assert not store.has(ObjectId("0" * 40))
    assert opened("(deleted)") == 0
    assert store.read(packed(2)[1].id) == packed(2)[1]
    store.close()
    assert opened("") == 0
