"""Versions of an experiment: immutable saves, listed from the commit graph.

A version's id is the full hash of the commit that saved it. Two saves on lines of history that
run side by side and carry the same values (a branch and its squash on the trunk) are one version
under two hashes: it is listed once, and either hash finds it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from gitexp.clock import iso, parse_iso
from gitexp.documents import layout
from gitexp.documents.canonical import digest_of
from gitexp.errors import InvalidDocuments, InvalidInput, MissingObject, NotFound
from gitexp.experiments.headers import header_at
from gitexp.experiments.homes import Home, get_home
from gitexp.experiments.lineage import Lineage, Save, lineage
from gitexp.ids import Digest, Name, ObjectId, VersionId, is_object_id
from gitexp.project.reading import project_at, read_document
from gitexp.project.workspace import Workspace
from gitexp.store.history import is_ancestor
from gitexp.store.protocol import Store
from gitexp.store.trees import read_commit

_PREFIX_DIGITS = 4


@dataclass(frozen=True, kw_only=True)
class Version:
    """An immutable save of an experiment's values.

    Attributes:
        version: the full hash of the commit.
        digest: over the canonical JSON of the resolved values; None when they are not valid.
        parent_version: the version before it, or None for the first.
        message: the commit's message.
        author: `Name <email>`.
        created_at: when the author saved it.
        values: the resolved values: defaults of the definition in that commit filled in.
        types: the type of every slot in that commit.
        aliases: other commits that saved the same values on a parallel line of history.
        problem: why the values are not valid, which only a commit made by hand can cause.
        created: whether the call that returned this made a commit.
    """

    version: VersionId
    digest: Digest | None
    parent_version: VersionId | None
    message: str
    author: str
    created_at: datetime
    values: Mapping[str, Any]
    types: Mapping[str, str]
    aliases: tuple[VersionId, ...] = ()
    problem: str | None = None
    created: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Return the version entry as JSON data."""
        entry: dict[str, Any] = {
            "version": self.version,
            "digest": self.digest,
            "parent_version": self.parent_version,
            "message": self.message,
            "author": self.author,
            "created_at": iso(self.created_at),
            "values": dict(self.values),
            "created": self.created,
        }
        if self.aliases:
            entry["aliases"] = list(self.aliases)
        if self.problem:
            entry["problem"] = self.problem
        return entry

    def checked(self) -> Version:
        """Return this version.

        Raises:
            InvalidDocuments: its values are not valid.
        """
        if self.problem is None:
            return self
        raise InvalidInput(
            f"version {self.version[:10]} holds values that are not valid: {self.problem}",
            hint="Save corrected values with `gitexp commit`.",
        )


@dataclass(frozen=True, kw_only=True)
class _Known:
    """A version while the list is folded: its save, and the other saves of the same values."""

    version: Version
    aliases: list[VersionId] = field(default_factory=list)


def list_versions(workspace: Workspace, name: str, *, reader: Store | None = None) -> list[Version]:
    """Return the versions of an experiment, oldest to newest.

    Raises:
        NotFound: there is no such experiment.
    """
    home = get_home(workspace, name, reader=reader)
    return versions_at(workspace, home.tip, name, reader=reader)


def versions_at(
    workspace: Workspace, tip: ObjectId, name: str, *, reader: Store | None = None
) -> list[Version]:
    """Return the versions that are reachable from a commit, oldest to newest."""
    line = lineage(workspace, tip, name, reader=reader)
    return versions_of(workspace, line, reader=reader)


def versions_of(
    workspace: Workspace, line: Lineage, *, reader: Store | None = None
) -> list[Version]:
    """Return the versions of a lineage, oldest to newest."""
    versions = [entry_of(workspace, save, reader=reader) for save in line.saves]
    return _folded(reader or workspace.store, versions) if line.joined else versions


def count_versions(workspace: Workspace, home: Home, *, reader: Store | None = None) -> int:
    """Return how many versions an experiment has."""
    line = lineage(workspace, home.tip, home.name, reader=reader)
    if not line.joined:
        return len(line.saves)
    return len(versions_at(workspace, home.tip, home.name, reader=reader))


def latest_version(
    workspace: Workspace, name: str, *, reader: Store | None = None
) -> Version | None:
    """Return the version whose values the experiment's home holds, or None before the first."""
    home = get_home(workspace, name, reader=reader)
    return latest_at(workspace, home.tip, name, reader=reader)


def latest_at(
    workspace: Workspace, tip: ObjectId, name: str, *, reader: Store | None = None
) -> Version | None:
    """Return the version whose values a commit holds, or None where it holds none."""
    line = lineage(workspace, tip, name, reader=reader)
    if line.latest is None:
        return None
    if line.joined:
        versions = versions_at(workspace, tip, name, reader=reader)
        return next(v for v in versions if line.latest in (v.version, *v.aliases))
    save = next(save for save in reversed(line.saves) if save.commit == line.latest)
    return entry_of(workspace, save, reader=reader)


def resolve_version(
    workspace: Workspace, name: str, text: str = "latest", *, reader: Store | None = None
) -> Version:
    """Return the version of an experiment that a revision names.

    A revision is `latest`, `latest~2`, a version's hash or any prefix of 4 digits or more, an
    environment (`env:production`), a tag or a branch, or another commit that holds the
    experiment: then the version whose values that commit holds.

    Raises:
        NotFound: nothing fits.
        InvalidInput: a prefix fits several versions.
    """
    home = get_home(workspace, name, reader=reader)
    if text.startswith("env:"):
        text = _bound_version(workspace, home, text.removeprefix("env:"), reader)
    line = lineage(workspace, home.tip, name, reader=reader)
    if not line.joined and (save := _named(line, text)):
        return entry_of(workspace, save, reader=reader)
    back = _steps_back(text)
    versions = list_versions(workspace, name, reader=reader)
    if back is not None:
        return _latest_but(versions, back, name, latest_version(workspace, name, reader=reader))
    return (
        _by_prefix(versions, text, name)
        or _by_digest(versions, text)
        or _by_commit(workspace, versions, name, text, reader)
    )


def _named(line: Lineage, text: str) -> Save | None:
    """Return the save that a full hash or `latest` names, without looking at any other."""
    wanted = line.latest if text == "latest" else text
    return next((save for save in reversed(line.saves) if save.commit == wanted), None)


def entry_of(workspace: Workspace, save: Save, *, reader: Store | None = None) -> Version:
    """Return the version entry of a save, worked out once for each commit."""
    path = layout.parameters_path(workspace.root, Name(save.name))
    key = f"version/2/{save.commit}/{path}"
    known = workspace.cache.get(key)
    if known is None:
        version = _read_entry(workspace, save, path, reader)
        workspace.cache.put(key, version.to_dict() | {"types": dict(version.types)})
        return version
    return _from_dict(known, save)


def _from_dict(data: Mapping[str, Any], save: Save) -> Version:
    return Version(
        version=save.commit,
        digest=data["digest"],
        parent_version=save.parent,
        message=data["message"],
        author=data["author"],
        created_at=parse_iso(data["created_at"]),
        values=data["values"],
        types=data["types"],
        problem=data.get("problem"),
    )


def _read_entry(workspace: Workspace, save: Save, path: str, reader: Store | None) -> Version:
    store = reader or workspace.store
    commit = read_commit(store, save.commit)
    version = Version(
        version=save.commit,
        digest=None,
        parent_version=save.parent,
        message=commit.message.strip(),
        author=str(commit.author),
        created_at=commit.author.when,
        values={},
        types={},
    )
    try:
        project = project_at(workspace, commit.tree, reader=reader)
        raw = read_document(workspace, commit.tree, path, "parameters", reader=reader)
        values = project.resolve(raw or {}, file=path)
    except (InvalidInput, NotFound) as exc:
        return replace(version, problem=_first_problem(exc))
    return replace(version, values=values, types=project.types(), digest=digest_of(values))


def _first_problem(error: InvalidInput | NotFound) -> str:
    if not isinstance(error, InvalidDocuments):
        return error.message
    more = len(error.problems) - 1
    return str(error.problems[0]) + (f" (and {more} more)" if more else "")


def _folded(store: Store, versions: list[Version]) -> list[Version]:
    """Return the versions with saves of the same values on parallel lines made one."""
    kept: list[_Known] = []
    by_digest: dict[Digest | None, list[_Known]] = {}
    for version in versions:
        same = by_digest.setdefault(version.digest, [])
        twin = next((k for k in same if _is_twin(store, k, version)), None)
        if twin:
            twin.aliases.append(version.version)
        else:
            kept.append(_Known(version=version))
            same.append(kept[-1])
    main = {alias: k.version.version for k in kept for alias in k.aliases}
    return [
        replace(
            k.version,
            aliases=tuple(k.aliases),
            parent_version=_main(main, k.version.parent_version),
        )
        for k in kept
    ]


def _main(main: Mapping[VersionId, VersionId], version: VersionId | None) -> VersionId | None:
    return main.get(version, version) if version else None


def _is_twin(store: Store, known: _Known, later: Version) -> bool:
    """Return whether a save runs side by side with every save of a version."""
    saves = (known.version.version, *known.aliases)
    return later.digest is not None and not any(
        is_ancestor(store, save, later.version) for save in saves
    )


def _steps_back(text: str) -> int | None:
    """Return how far before the latest version a revision points; None when it does not."""
    if text == "latest":
        return 0
    steps = text.removeprefix("latest~")
    if steps == text:
        return None
    if not steps.isascii() or (steps and not steps.isdigit()):
        raise InvalidInput(f"{text!r} is not a revision", hint="Write it as `latest~2`.")
    return int(steps or 1)


def _latest_but(versions: list[Version], back: int, name: str, latest: Version | None) -> Version:
    by_id = {version.version: version for version in versions}
    found = latest
    for _ in range(min(back, len(versions) + 1)):
        found = by_id.get(found.parent_version) if found and found.parent_version else None
    if found is None:
        count = len(versions)
        raise NotFound(
            f"experiment {name!r} has no versions"
            if not count
            else f"experiment {name!r} has no version latest~{back}: it has {count}",
            hint=f"Save one with `gitexp commit {name} --set SLOT=VALUE`."
            if not count
            else f"List them with `gitexp versions {name}`.",
        )
    return found


def _by_prefix(versions: list[Version], text: str, name: str) -> Version | None:
    if len(text) < _PREFIX_DIGITS or not all(c in "0123456789abcdef" for c in text):
        return None
    found = [v for v in versions if any(h.startswith(text) for h in (v.version, *v.aliases))]
    if len(found) > 1:
        listed = ", ".join(v.version[:16] for v in found)
        raise InvalidInput(
            f"{text!r} fits several versions of {name!r}: {listed}",
            hint="Give more digits of the version.",
        )
    return found[0] if found else None


def _by_digest(versions: list[Version], text: str) -> Version | None:
    """Return the newest version with a digest, written `sha256:...` with any 8 digits or more."""
    if not text.startswith("sha256:") or len(text) < len("sha256:") + 8:
        return None
    return next((v for v in reversed(versions) if v.digest and v.digest.startswith(text)), None)


def _by_commit(
    workspace: Workspace, versions: list[Version], name: str, text: str, reader: Store | None
) -> Version:
    from gitexp.store.revisions import resolve_revision

    store = reader or workspace.store
    try:
        commit = resolve_revision(store, text)
        saved = (v for v in versions if commit in (v.version, *v.aliases))
        found = next(saved, None) or latest_at(workspace, commit, name, reader=reader)
    except (NotFound, MissingObject) as exc:
        hint = (
            "It may not be here yet: `gitexp fetch`."
            if is_object_id(text)
            else f"List its versions with `gitexp versions {name}`."
        )
        raise NotFound(f"experiment {name!r} has no version {text!r}", hint=hint) from exc
    if found is None:
        raise NotFound(
            f"experiment {name!r} has no values in {text!r}",
            hint=f"List its versions with `gitexp versions {name}`.",
        )
    here = (v for v in versions if found.version in (v.version, *v.aliases))
    same = (v for v in reversed(versions) if found.digest and v.digest == found.digest)
    return next(here, None) or next(same, found)


def _bound_version(
    workspace: Workspace, home: Home, environment: str, reader: Store | None
) -> VersionId:
    """Return the version of this experiment that an environment is bound to."""
    store = reader or workspace.store
    branch = layout.environment_branch(workspace.project_id, Name(environment))
    tip = store.ref(workspace.tracking(branch)) or store.ref(branch)
    path = layout.BINDING_FILE
    tree = read_commit(store, tip).tree if tip else None
    data = read_document(workspace, tree, path, "environment", reader=reader) if tree else None
    bound = data and data["version"]
    mine = header_at(workspace, home.tip, home.name, reader=reader).id
    if not data or not bound or data["experiment"]["id"] != mine:
        raise NotFound(
            f"environment {environment!r} is not bound to experiment {home.name!r}",
            hint=f"See `gitexp env show {environment}`.",
        )
    return VersionId(bound)
