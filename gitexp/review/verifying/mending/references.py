"""References that cannot be followed, and the index of the working tree."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from gitexp.documents.problems import shell_word
from gitexp.errors import StoreError
from gitexp.ids import ObjectId
from gitexp.project.workspace import Workspace
from gitexp.review.verifying.mending.ailments import Ailment
from gitexp.review.verifying.mending.healing import Healer
from gitexp.store.damages import (
    RefDamage,
    index_damage,
    last_logged,
    packed_refs_damage,
    ref_damages,
)
from gitexp.store.disk import DiskStore
from gitexp.store.files import create_file, replace_file, sync_directory, write_errors
from gitexp.store.git_program import GitProgram, find_git
from gitexp.store.mending import set_aside

_TRACKING = "refs/remotes/"


def reference_ailments(workspace: Workspace, store: DiskStore, healer: Healer) -> Iterator[Ailment]:
    """Yield the references that hold no object id, or that of an object that is not here."""
    if broken := packed_refs_damage(store):
        yield _packed(store, broken)
    for damage in ref_damages(store):
        if damage.target is not None:
            yield _dangling(workspace, store, healer, damage)
        elif damage.name.startswith(_TRACKING):
            yield _forgettable(store, damage)
        else:
            yield _damaged(store, damage)


def _packed(store: DiskStore, broken: int) -> Ailment:
    path = store.common_dir / "packed-refs"
    return Ailment(
        kind="reference",
        what=f"{path} holds {broken} line{'' if broken == 1 else 's'} that no reference can be",
        means="Branches that stood there may be gone from listings, or cannot be read.",
        lost="Where these branches stood, unless their reflogs or somebody else know.",
        mend=f"Take these lines out of {path}, then bring branches back with `gitexp fetch`, or "
        "with `git update-ref` from their reflogs in `.git/logs`.",
    )


def _forgettable(store: DiskStore, damage: RefDamage) -> Ailment:
    return Ailment(
        kind="reference",
        what=f"{damage.name}: {damage.why}",
        means="It remembers where a branch of the remote stood, and nothing that lists branches "
        "works with it.",
        lost="Nothing: the remote knows.",
        mend="It is forgotten; the next `gitexp fetch` brings it again.",
        remedy=lambda: _forget(store, damage),
    )


def _forget(store: DiskStore, damage: RefDamage) -> str:
    assert damage.path is not None
    with store.exclusive():
        set_aside(store, damage.path)
    return "forgotten until the next fetch"


def _damaged(store: DiskStore, damage: RefDamage) -> Ailment:
    known = last_logged(store, damage.name)
    means = "Nothing that lists branches works with it, and what only it names may be pruned."
    if known is None:
        return Ailment(
            kind="reference",
            what=f"{damage.name}: {damage.why}",
            means=means,
            lost="Where it stood, unless somebody else has the branch.",
            mend=f"Remove {damage.path} and set it anew: `git update-ref {damage.name} COMMIT`; "
            "`git fsck --lost-found` lists commits that nothing names.",
        )
    return Ailment(
        kind="reference",
        what=f"{damage.name}: {damage.why}",
        means=means,
        lost="Nothing, as far as its reflog goes.",
        mend=f"It is set to {known[:10]}, where it stood last by its reflog.",
        remedy=partial(_set_anew, store, damage, known),
    )


def _set_anew(store: DiskStore, damage: RefDamage, known: ObjectId) -> str:
    """Write the file of a reference anew: there is no value in it to compare with."""
    assert damage.path is not None
    with store.exclusive(), write_errors("the reference was not written"):
        lock = f"{damage.path}.lock"
        try:
            create_file(lock, [f"{known}\n".encode()])
        except FileExistsError as exc:
            raise StoreError(f"{lock} is there: somebody else writes the reference") from exc
        set_aside(store, damage.path)
        replace_file(lock, str(damage.path))
        sync_directory(str(damage.path.parent))
    return f"set to {known[:10]}"


def _dangling(workspace: Workspace, store: DiskStore, healer: Healer, damage: RefDamage) -> Ailment:
    target = damage.target
    assert target is not None
    known = last_logged(store, damage.name)
    before = (
        f" Where nobody has it, `git update-ref {shell_word(damage.name)} {known[:10]}` takes the "
        "branch back to where it stood before."
        if known
        else ""
    )
    return Ailment(
        kind="reference",
        what=f"{damage.name}: {damage.why}",
        means="The branch cannot be read.",
        lost="What was saved last, unless the shared remote has it.",
        mend=f"The commit is got again from remote {workspace.remote_name!r}.{before}",
        remedy=lambda: healer.heal(target),
    )


def index_ailments(workspace: Workspace, store: DiskStore) -> Iterator[Ailment]:
    """Yield the index of the working tree where it cannot be read."""
    why = index_damage(store)
    if why is None:
        return
    yield Ailment(
        kind="index",
        what=f"the index of the working tree cannot be read: {why}",
        means="No Git command that looks at the working tree works.",
        lost="What was added with `git add` and not committed; the files themselves are all there.",
        mend="It is moved to the quarantine in `.git/gitexp` and made anew from HEAD.",
        remedy=lambda: _index_again(workspace, store),
    )


def _index_again(workspace: Workspace, store: DiskStore) -> str:
    environ = workspace.surroundings.environ
    program = find_git(environ)
    if program is None:
        raise StoreError("git, which makes the index, is not installed")
    set_aside(store, store.git_dir / "index")
    git = GitProgram(
        path=program,
        directory=store.worktree or store.git_dir,
        environ=environ,
        git_dir=store.git_dir,
    )
    done = git.run("read-tree", "HEAD")
    if done.code != 0:
        said = done.errors[-1] if done.errors else "git says nothing"
        raise StoreError(f"it cannot be made anew: {said}")
    return "made anew from HEAD"
