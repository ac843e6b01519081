"""What can be made again or was left half done: caches, runs, renames, pins, settings of Git."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from functools import partial

from gitexp.documents import layout
from gitexp.documents.problems import shell_word
from gitexp.environments.branches import names_with_branches
from gitexp.environments.history import line
from gitexp.errors import GitexpError, StoreError
from gitexp.experiments.following import follow
from gitexp.experiments.homes import experiment_names
from gitexp.experiments.namesakes import superseding_name
from gitexp.ids import Name, ObjectId, VersionId
from gitexp.project.workspace import Workspace
from gitexp.review.verifying.mending.ailments import Ailment
from gitexp.runs.index.verifying import rebuild, status
from gitexp.runs.journalling.journals import directory_of
from gitexp.runs.recording.closing import left_behind, reap
from gitexp.store.disk import DiskStore
from gitexp.store.model import PushUpdate
from gitexp.store.transaction import transact

_SETTINGS = ("merge.gitexp.driver", "diff.gitexp.textconv")


def cache_ailments(workspace: Workspace) -> Iterator[Ailment]:
    """Yield the index of runs where it is damaged; it is made again from the branches."""
    index = status(workspace)
    if index.state == "damaged":
        yield Ailment(
            kind="cache",
            what=f"the index of runs is damaged ({index.path})",
            means="The next search makes it anew, which takes a while with many runs.",
            lost="Nothing: it is made from the branches.",
            mend="It is made anew now.",
            remedy=lambda: f"made anew, with {rebuild(workspace).runs} runs",
        )


def run_ailments(workspace: Workspace) -> Iterator[Ailment]:
    """Yield the runs whose processes are gone, and the journals that nobody can read."""
    for run in left_behind(workspace):
        yield Ailment(
            kind="run",
            what=f"run {run.id} of {run.experiment} goes on, and its process is gone",
            means="It is shown as running, and nobody else has it.",
            lost="Nothing that it logged.",
            mend="It is recorded as killed, with everything that it logged.",
            remedy=partial(_recorded, workspace),
        )
    directory = directory_of(workspace)
    for path in sorted(directory.glob("*.damaged")) if directory and directory.is_dir() else ():
        yield Ailment(
            kind="run",
            what=f"a journal could not be read in full ({path})",
            means="What could be read of it is recorded.",
            lost="The lines that are damaged.",
            mend="Look at it, and remove the file when nothing more can be had from it.",
        )


def _recorded(workspace: Workspace) -> str:
    reap(workspace)
    return "recorded"


def rename_ailments(workspace: Workspace) -> Iterator[Ailment]:
    """Yield the experiments that have another name on the shared remote, and not yet here."""
    prefix = layout.experiment_branches(Name(workspace.project_id))
    for name in experiment_names(workspace):
        if workspace.store.ref(prefix + name) is None:
            continue
        target = superseding_name(workspace, name)
        if target is not None:
            yield Ailment(
                kind="rename",
                what=f"experiment {name!r} is named {target!r} now, and its branch here is not",
                means="Saving under the former name is refused.",
                lost="Nothing.",
                mend="The branches here follow, with what was saved under the former name.",
                remedy=partial(_followed, workspace, name, Name(target)),
            )


def _followed(workspace: Workspace, name: str, target: Name) -> str:
    follow(workspace, name, target)
    return f"now {target!r} here too"


def pin_ailments(workspace: Workspace) -> Iterator[Ailment]:
    """Yield the versions that are or were live and that nothing keeps from being pruned.

    Raises:
        RemoteError: the shared remote cannot be asked.
    """
    bound = _bound(workspace)
    if not bound:
        return
    kept = _pins(workspace)
    for version, environment in bound.items():
        if layout.pin_ref(version) not in kept:
            yield _unpinned(workspace, version, environment)


def _bound(workspace: Workspace) -> Mapping[VersionId, str]:
    """Return the versions that environments were ever bound to, with one environment each."""
    found: dict[VersionId, str] = {}
    for name in names_with_branches(workspace):
        with contextlib.suppress(GitexpError):  # what cannot be read is an ailment of its own
            for snapshot in line(workspace, name):
                if snapshot.binding.version is not None:
                    found.setdefault(snapshot.binding.version, name)
    return found


def _pins(workspace: Workspace) -> Mapping[str, ObjectId]:
    if workspace.has_remote:
        return workspace.remote().list_refs([layout.PINS])
    return workspace.store.refs(layout.PINS)


def _unpinned(workspace: Workspace, version: VersionId, environment: str) -> Ailment:
    here = workspace.store.has(version)
    return Ailment(
        kind="pin",
        what=f"nothing keeps version {version[:10]}, which is or was live in {environment!r}",
        means="When its branch is rewritten or removed, the version may be pruned, and rolling "
        "back to it or reading its runs gets harder.",
        lost="Nothing yet." if here else "The version is not here.",
        mend=f"A reference {layout.PINS}{version[:10]}... is put on the shared remote."
        if here
        else "Somebody who has the version can pin it: "
        f"`git push {workspace.remote_name} {version}:{layout.pin_ref(version)}`.",
        remedy=partial(_pinned, workspace, version) if here else None,
    )


def _pinned(workspace: Workspace, version: VersionId) -> str:
    ref = layout.pin_ref(version)
    if workspace.has_remote:
        workspace.remote().push([PushUpdate(ref=ref, old=None, new=version)])
    else:
        transact(workspace.store, lambda tx: tx.set_ref(ref, old=None, new=version))
    return "pinned"


def configuration_ailments(workspace: Workspace, store: DiskStore) -> Iterator[Ailment]:
    """Yield the settings that Git lacks for files that name gitexp's drivers."""
    if not _names_drivers(workspace, store):
        return
    lacking = [key for key in _SETTINGS if not store.config(key)]
    if lacking:
        yield Ailment(
            kind="configuration",
            what=f"files are marked for gitexp's drivers, and {' and '.join(lacking)} "
            f"{'is' if len(lacking) == 1 else 'are'} not set here",
            means="`git diff` and `git merge` treat them as plain text in this clone.",
            lost="Nothing.",
            mend="Set them with `gitexp git-setup`.",
        )


def _names_drivers(workspace: Workspace, store: DiskStore) -> bool:
    places = [store.common_dir / "info" / "attributes"]
    places += [workspace.directory / ".gitattributes"] if workspace.directory else []
    for place in places:
        try:
            if "=gitexp" in place.read_text(encoding="utf-8", errors="replace"):
                return True
        except OSError:
            continue
    return False


def quarantined(store: DiskStore) -> str:
    """Return a note on what lies in the quarantine, empty where nothing does."""
    directory = store.private_dir / "quarantine"
    try:
        count = sum(1 for _ in directory.iterdir())
    except (OSError, StoreError):
        return ""
    if not count:
        return ""
    files = "1 file" if count == 1 else f"{count} files"
    return f"{files} set aside earlier in {shell_word(str(directory))}; remove when not needed"
