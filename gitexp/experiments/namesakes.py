"""Several names with one id: a former name beside the one that replaced it, or copies.

A rename gives an experiment a branch of another name. Whoever saved under the former name since,
or has not looked at the remote, still has the old branch. The commit graph tells the two apart:
where the lines part the experiment stood under its former name, and the newer line has it no more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gitexp.documents import layout
from gitexp.errors import MissingObject
from gitexp.experiments.headers import Header, id_at, listed_header
from gitexp.experiments.homes import (
    Home,
    all_homes,
    branch_tips,
    find_home,
    on_commit,
    trunk_names,
)
from gitexp.ids import Name
from gitexp.project.workspace import Workspace
from gitexp.store.history import is_ancestor, merge_base
from gitexp.store.protocol import Store
from gitexp.store.trees import entry_at, tree_of

Known = tuple[Home, Header]


def known_experiments(
    workspace: Workspace, *, reader: Store | None = None, tolerate_shallow: bool = False
) -> list[Known]:
    """Return every experiment's home and header, sorted by name.

    A former name is left out where the newer one holds all of it. Where it does not, and where
    an id was copied, all of them are listed, and the header's `note` says so.

    Args:
        tolerate_shallow: where history is cut off, take homes as `find_home` says.
    """
    by_id: dict[str, list[Known]] = {}
    for home in all_homes(workspace, reader=reader, tolerate_shallow=tolerate_shallow):
        header = listed_header(workspace, home, reader=reader)
        by_id.setdefault(header.id, []).append((home, header))
    store = reader or workspace.store
    groups = (_listed(workspace, store, group) for group in by_id.values())
    return sorted((known for group in groups for known in group), key=lambda k: k[0].name)


def superseding_name(workspace: Workspace, name: str, *, reader: Store | None = None) -> str | None:
    """Return the name that an experiment has now, where this one is its former; else None."""
    home = find_home(workspace, name, reader=reader)
    return None if home is None else successor_of(workspace, home, reader=reader)


def successor_of(workspace: Workspace, home: Home, *, reader: Store | None = None) -> str | None:
    """Return the name that an experiment has now, where its home has its former; else None."""
    if home.shared is not None:
        return None  # on the shared remote, as last fetched, it still has this name
    store = reader or workspace.store
    mine = id_at(workspace, home.tip, home.name, reader=store)
    for other in sorted(_names_with(workspace, store, mine) - {home.name}) if mine else ():
        newer = find_home(workspace, other, reader=store)
        if newer and mine and _replaced(workspace, store, home, newer, mine):
            return other
    return None


def _names_with(workspace: Workspace, store: Store, experiment_id: str) -> set[str]:
    """Return the names under which an id stands, on any branch or on the trunk.

    What was read is kept in two entries, since a thousand would be looked at one by one.
    """
    key = f"branch-ids/1/{workspace.root}/{workspace.project_id}"
    known = workspace.cache.get(key) or {}
    found = {
        f"{tip}/{name}": known.get(f"{tip}/{name}") or id_at(workspace, tip, name, reader=store)
        for name, tip in branch_tips(workspace, reader=store)
    }
    if found != known:
        workspace.cache.put(key, found)
    names = {place.partition("/")[2] for place, other in found.items() if other == experiment_id}
    on_trunk = _ids_on_trunk(workspace, store)
    return names | {name for name, other in on_trunk.items() if other == experiment_id}


def _ids_on_trunk(workspace: Workspace, store: Store) -> dict[str, str | None]:
    trunk = workspace.trunk_tip(store)
    folder = layout.experiments_dir(workspace.root)
    entry = entry_at(store, tree_of(store, trunk), folder) if trunk else None
    if trunk is None or entry is None:
        return {}
    key = f"trunk-ids/1/{folder}/{entry.id}"
    known = workspace.cache.get(key)
    if known is None:
        names = sorted(trunk_names(workspace, reader=store))
        known = {name: id_at(workspace, trunk, name, reader=store) for name in names}
        workspace.cache.put(key, known)
    ids: dict[str, str | None] = known
    return ids


def _listed(workspace: Workspace, store: Store, group: Sequence[Known]) -> list[Known]:
    """Return those of the names with one id that are to be listed, with their notes."""
    if len(group) == 1:
        return list(group)
    newer = {home.name: _newer(workspace, store, home, header, group) for home, header in group}
    shown = [(h, d) for h, d in group if not _is_contained(store, h, newer[h.name])]
    if len(shown) == 1:
        return shown
    return [(home, header.having(note=_note(home, newer))) for home, header in shown]


def _newer(
    workspace: Workspace, store: Store, home: Home, header: Header, group: Sequence[Known]
) -> Home | None:
    others = (other for other, _ in group if other.name != home.name)
    return next((o for o in others if _replaced(workspace, store, home, o, header.id)), None)


def _is_contained(store: Store, home: Home, newer: Home | None) -> bool:
    """Return whether the newer name has all that stands under a former one."""
    return newer is not None and (home.kind == "trunk" or is_ancestor(store, home.tip, newer.tip))


def _note(home: Home, newer: Mapping[Name, Home | None]) -> str:
    """Return what is odd about one of several names, given the newer name of each."""
    successor = newer[home.name]
    if successor is not None:
        return (
            f"named {successor.name!r} now, which lacks what was saved here since; follow it: "
            f"`gitexp experiment rename {home.name} {successor.name}`"
        )
    former = [repr(n) for n, other in newer.items() if other and other.name == home.name]
    if former:
        return f"lacks what was saved under its former name {', '.join(former)} since"
    others = ", ".join(repr(name) for name in newer if name != home.name)
    return f"its id is that of {others} too; a copy needs one of its own"


def _replaced(workspace: Workspace, store: Store, old: Home, new: Home, experiment_id: str) -> bool:
    """Return whether a name was given to an experiment in place of another one."""
    if old.tip == new.tip or on_commit(workspace, new.tip, old.name, reader=store):
        return False
    try:
        fork = merge_base(store, old.tip, new.tip)
    except MissingObject:
        return False  # a shallow clone does not tell
    return fork is not None and id_at(workspace, fork, old.name, reader=store) == experiment_id
