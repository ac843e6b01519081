"""What may be pushed to the branches of an experiment's runs and analyses: files that are new."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from gitexp.documents import layout
from gitexp.documents.schemas import parse
from gitexp.errors import NotAllowed
from gitexp.experiments.headers import Header
from gitexp.ids import RUN_ID_PATTERN, Name
from gitexp.project.groups import Role
from gitexp.project.sources import Source, tree_source
from gitexp.review.enforcement.documents import refuse_problems
from gitexp.review.enforcement.moves import Place, RefMove
from gitexp.review.enforcement.pushes import Push
from gitexp.review.validating import validate_source
from gitexp.store.history import is_ancestor
from gitexp.store.model import TreeEntry
from gitexp.store.trees import changed_paths

_MOST_NAMED = 5
_ATTRIBUTES = ".gitattributes"
_RUN = RUN_ID_PATTERN.strip("^$").removesuffix(r"\Z")


@dataclass(frozen=True, kw_only=True)
class _Ledger:
    """A branch of files that are written once.

    Attributes:
        what: what it holds, for people.
        place: what kind of branch it is, by which its documents are known.
        files: the paths that belong there.
        branch: names it by project and experiment.
        sync: the command that brings what others added.
    """

    what: str
    place: layout.Place
    files: re.Pattern[str]
    branch: Callable[[Name, Name], str]
    sync: str


_LEDGERS: dict[str, _Ledger] = {
    "runs": _Ledger(
        what="runs",
        place="runs",
        files=re.compile(
            rf"(?:runs/\d{{4}}/\d{{2}}/\d{{2}}/\d{{4}}/(?:{_RUN})(?:\.json|/.+)"
            rf"|{layout.PACKAGES_DIR}/[^/]+|{layout.DIFFS_DIR}/[^/]+|{re.escape(_ATTRIBUTES)})\Z"
        ),
        branch=layout.runs_branch,
        sync="gitexp run sync",
    ),
    "analyses": _Ledger(
        what="analyses",
        place="analyses",
        files=re.compile(rf"{layout.ANALYSES_DIR}/[^/]+/[0-9a-f]{{16}}/[^/]+\.json\Z"),
        branch=layout.analyses_branch,
        sync="gitexp fetch",
    ),
}


def check_ledger_of_files(push: Push, move: RefMove, place: Place) -> None:
    """See that a push to a branch of runs or analyses adds to it and changes nothing.

    Raises:
        NotAllowed: it removes, rewrites or changes what is recorded, or holds something else, such
            as runs of another experiment.
        InvalidDocuments: a file breaks its schema.
        Forbidden: whoever pushes may not write to the experiment.
    """
    ledger = _LEDGERS[place.kind]
    header = push.header(push.experiment_tip(place.name), place.name)
    if header is None:
        header = push.header(push.experiment_after(place.name), place.name)
    if move.new is None:
        if not _is_renamed(push, move, header, ledger):
            _check_purge(push, place, header, ledger)
        role: Role = "write" if header is not None else "admin"
        push.require(move, role, push.owner_of(header), f"remove {ledger.what} of {place.name!r}")
        return
    push.require(move, "write", push.owner_of(header), f"record {ledger.what} of {place.name!r}")
    if not push.is_forward(move):
        raise NotAllowed(
            f"{ledger.what} of {place.name!r} that are recorded would be gone",
            hint=f"Join what is there with `{ledger.sync}`, which never removes any.",
        )
    source = _check_files(push, move, ledger)
    if place.kind == "runs" and header is not None:
        _check_experiment(push, header, source)


def _is_renamed(push: Push, move: RefMove, header: Header | None, ledger: _Ledger) -> bool:
    """Return whether an experiment has another name after a push, and all its files with it."""
    project = push.workspace.project_id
    now = push.header_by_id(header.id) if header is not None else None
    if now is None or header is None or now.name == header.name or move.old is None:
        return False
    if push.after(layout.experiment_branch(project, Name(header.name))) is not None:
        return False
    tip = push.after(ledger.branch(project, Name(now.name)))
    return tip is not None and is_ancestor(push.store, move.old, tip)


def _check_purge(push: Push, place: Place, header: Header | None, ledger: _Ledger) -> None:
    """Refuse to remove files, except together with an experiment that was deleted before."""
    branch = layout.experiment_branch(push.workspace.project_id, Name(place.name))
    deleted = header is None or header.lifecycle == "deleted"
    if push.after(branch) is None and deleted:
        return
    raise NotAllowed(
        f"the {ledger.what} of {place.name!r} cannot be removed while the experiment is there",
        hint=f"Delete it, then purge it: `gitexp experiment delete {place.name}`, "
        f"`gitexp experiment purge {place.name}`.",
    )


def _check_files(push: Push, move: RefMove, ledger: _Ledger) -> Source:
    """Return what is added, after seeing that nothing else is done."""
    assert move.new is not None
    before, after = push.tree(move.old), push.tree(move.new)
    added: list[str] = []
    changed: list[str] = []
    strange: list[str] = []
    for path, old, new in changed_paths(push.store, before, after):
        if old is not None and not (path == _ATTRIBUTES and new is not None):
            changed.append(path)
        elif new is not None and not _belongs(path, new, ledger):
            strange.append(path)
        else:
            added.append(path)
    if changed:
        raise NotAllowed(
            f"what is recorded never changes: {_listed(changed)}",
            hint="Record something new; tags and deletions of runs are added as events.",
        )
    if strange:
        raise NotAllowed(
            f"on a branch of {ledger.what} there is nothing but {ledger.what}: {_listed(strange)}",
            hint="Keep other files on a branch of their own.",
        )
    place, label = ledger.place, move.new[:10]
    source = tree_source(push.workspace, move.new, added, place=place, label=label)
    refuse_problems(validate_source(push.workspace, source))
    return source


def _check_experiment(push: Push, header: Header, source: Source) -> None:
    """Refuse runs in the name of another experiment, for which they would be evidence."""
    for path in source.paths:
        if layout.kind_of(path, place="runs") != "run":
            continue
        said = parse(source.read(path) or b"", file=path).value["experiment"]["id"]
        other = push.header_by_id(said) if said != header.id else None
        if other is not None:
            raise NotAllowed(
                f"{path} is a run of {other.name!r}, and stands among those of {header.name!r}",
                hint="Record it where it belongs.",
            )


def _belongs(path: str, entry: TreeEntry, ledger: _Ledger) -> bool:
    return entry.is_file and ledger.files.match(path) is not None


def _listed(paths: list[str]) -> str:
    shown = ", ".join(paths[:_MOST_NAMED])
    return f"{shown} and {len(paths) - _MOST_NAMED} more" if len(paths) > _MOST_NAMED else shown
