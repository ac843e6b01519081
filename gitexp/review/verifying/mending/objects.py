"""Objects and packs that are damaged or missing."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

from gitexp.errors import StoreError
from gitexp.ids import ObjectId
from gitexp.project.workspace import Workspace
from gitexp.review.verifying.examination import Examination
from gitexp.review.verifying.findings import Finding
from gitexp.review.verifying.mending.ailments import Ailment
from gitexp.review.verifying.mending.healing import Healer
from gitexp.review.verifying.objects import check_objects
from gitexp.review.verifying.verification import all_branches
from gitexp.store.damages import LooseDamage, loose_damages, pack_index_damages
from gitexp.store.disk import DiskStore
from gitexp.store.git_program import GitProgram, find_git
from gitexp.store.mending import set_aside

_MEANS = "Whatever needs it cannot be read, by gitexp or by Git: a version, a promotion or a run."
_LOST = "Nothing, if the working tree or the shared remote still has it."


def object_ailments(workspace: Workspace, store: DiskStore, healer: Healer) -> Iterator[Ailment]:
    """Yield the objects that are damaged, and those that branches need and that are not here."""
    damaged = {damage.object_id: damage for damage in loose_damages(store)}
    needed = {one.object: one for one in _unreadable(workspace) if one.object is not None}
    for object_id, damage in damaged.items():
        yield _damaged(store, healer, damage, needed.get(object_id))
    for object_id, found in needed.items():
        if object_id not in damaged:
            yield _missing(healer, object_id, found)


def _unreadable(workspace: Workspace) -> list[Finding]:
    look = Examination(workspace=workspace, full=True)
    with contextlib.suppress(StoreError):  # references that cannot be read are another ailment
        check_objects(look, all_branches(look))
    return look.findings


def _damaged(
    store: DiskStore, healer: Healer, damage: LooseDamage, needed: Finding | None
) -> Ailment:
    def mend() -> str:
        set_aside(store, damage.path)
        store.close()
        return f"set aside; {_again(healer, damage.object_id, needed)}"

    where = f", of {needed.place}" if needed else ", which no branch needs"
    return Ailment(
        kind="object",
        what=f"object {damage.object_id}{where}: its file is damaged, {damage.why}",
        means=_MEANS if needed else "No branch needs it; it is in the way of saving it again.",
        lost=_LOST if needed else "Nothing.",
        mend="Its file is moved to the quarantine in `.git/gitexp`, and it is got again from the "
        "working tree or from the shared remote.",
        remedy=mend,
    )


def _again(healer: Healer, object_id: ObjectId, needed: Finding | None) -> str:
    if needed is None:
        return "no branch needs it"
    return healer.heal(object_id)


def _missing(healer: Healer, object_id: ObjectId, found: Finding) -> Ailment:
    return Ailment(
        kind="object",
        what=f"object {object_id}, of {found.place}: {found.message}",
        means=_MEANS,
        lost=_LOST,
        mend="It is got again from the working tree or from the shared remote, and written beside "
        "what is damaged.",
        remedy=lambda: healer.heal(object_id),
    )


def pack_ailments(workspace: Workspace, store: DiskStore) -> Iterator[Ailment]:
    """Yield the packs whose index is missing or damaged."""
    for pack in pack_index_damages(store):

        def mend(pack: os.PathLike[str] = pack) -> str:
            return _indexed_again(workspace, store, pack)

        yield Ailment(
            kind="pack",
            what=f"the index of pack {pack.name} is missing or damaged",
            means="None of the objects in the pack can be found.",
            lost="Nothing, if the pack itself is whole.",
            mend="The index is moved to the quarantine in `.git/gitexp`, and made anew from the "
            "pack by `git index-pack`.",
            remedy=mend,
        )


def _indexed_again(workspace: Workspace, store: DiskStore, pack: os.PathLike[str]) -> str:
    environ = workspace.surroundings.environ
    program = find_git(environ)
    if program is None:
        raise StoreError("git, which makes the index, is not installed")
    path = os.fspath(pack)
    index = store.common_dir / "objects" / "pack" / (os.path.basename(path)[:-5] + ".idx")
    if index.exists():
        set_aside(store, index)
    store.close()
    git = GitProgram(
        path=program, directory=store.common_dir, environ=environ, git_dir=store.common_dir
    )
    done = git.run("index-pack", path)
    if done.code != 0:
        said = done.errors[-1] if done.errors else "git says nothing"
        raise StoreError(f"the pack is damaged too: {said}")
    return "made anew from the pack"
