"""What a push may do to flags of an environment: publish shared ones, and nothing by the way."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping

from gitexp.documents import layout
from gitexp.documents.canonical import digest_of
from gitexp.documents.parsed import ParsedDocument
from gitexp.environments.binding import Snapshot
from gitexp.environments.history import digests_before
from gitexp.environments.published import changes_text, flag_changes
from gitexp.errors import InvalidDocuments, InvalidInput, NotAllowed
from gitexp.flags.problems import problems_of
from gitexp.ids import Digest, Name, ObjectId
from gitexp.project.reading import document_of
from gitexp.review.enforcement.pushes import Push
from gitexp.store.model import TreeEntry, TreeId
from gitexp.store.objects import tree_and_parents
from gitexp.store.trees import entry_at, list_dir, peel, read_tree, tree_of


def check_flags(
    push: Push, name: Name, at: ObjectId | None, before: Snapshot | None, after: Snapshot
) -> None:
    """See that a commit changes flags only where it says so, and then nothing else.

    Their digests were verified when the commit was read.

    Args:
        at: the commit that it follows; None for none.
        before: what the environment said there; None where nothing, or it cannot be read.

    Raises:
        NotAllowed: a promotion, a rollback or taking out of use changes flags by the way, or
            publishing flags changes what is live, or a flag is not shared.
        InvalidDocuments: a flag that it publishes is not right.
    """
    _check_files(push, after)
    kept = digests_before(push.workspace, name, at, reader=push.store)
    changes = flag_changes(kept, after.binding.flags)
    if after.binding.action != "flags":
        if changes:
            raise NotAllowed(
                f"commit {after.commit[:10]} says that it would {after.binding.action} in "
                f"environment {name!r}, and it would {changes_text(changes)} too",
                hint=f"Publish flags by themselves: `gitexp flag publish KEY {name}`.",
            )
        return
    if (before.binding.subject if before else None) != after.binding.subject or (
        before and before.binding.types != after.binding.types
    ):
        raise NotAllowed(
            f"commit {after.commit[:10]} publishes flags in environment {name!r}, and it changes "
            "what is live too",
            hint="Run `gitexp fetch`, then publish the flags and promote one after the other.",
        )
    published = {key: digest for key, digest in changes.items() if digest is not None}
    for key in published:
        _check_flag(key, after)
    check_shared(push, published, after.commit)


def _check_files(push: Push, after: Snapshot) -> None:
    tree = tree_of(push.store, after.commit)
    if entry_at(push.store, tree, layout.FLAGS_DIR) is None:
        return
    strange = [e.name for e in list_dir(push.store, tree, layout.FLAGS_DIR) if not e.is_file]
    if strange:
        raise NotAllowed(
            f"{layout.FLAGS_DIR}/ of an environment holds files of flags alone, not "
            f"{', '.join(strange[:5])}",
            hint="Publish flags with `gitexp flag publish`, which writes them.",
        )


def _check_flag(key: str, after: Snapshot) -> None:
    file = f"{after.commit[:10]}:{layout.flag_path('', Name(key))}"
    problems = problems_of(ParsedDocument(value=after.flags[key]), file)
    if problems:
        raise InvalidDocuments(problems, hint="Correct the flag, and publish it again.")


def check_shared(push: Push, published: Mapping[str, Digest], commit: ObjectId) -> None:
    """See that each flag that a commit publishes stood, as it is, in a shared commit.

    History is walked once for all of them, as far as it takes, and each state of their directory
    is read once.

    Raises:
        NotAllowed: one of them never did.
    """
    waiting, seen = dict(published), set[TreeId]()
    for directory in _directories(push):
        if not waiting:
            return
        if directory not in seen:
            seen.add(directory)
            for key in _standing(push, directory, waiting):
                del waiting[key]
    for key in waiting:
        raise NotAllowed(
            f"flag {key!r} as commit {commit[:10]} publishes it never stood on "
            f"{push.workspace.trunk}, nor does a shared experiment have it",
            hint="Push the flag there first, and publish it with `gitexp flag publish`.",
        )


def _directories(push: Push) -> Iterator[TreeId]:
    """Yield the directory of flags of each shared commit, likely ones first."""
    folder = layout.join(push.workspace.root, layout.FLAGS_DIR)
    for tree in _trees(push):
        entry = entry_at(push.store, tree, folder)
        if entry is not None and entry.is_tree:
            yield TreeId(entry.id)


def _trees(push: Push) -> Iterator[TreeId]:
    """Yield the tree of each shared commit: tips, then their parents, and so on."""
    waiting = deque(dict.fromkeys(_tips(push)))
    seen = set(waiting)
    while waiting:
        links = tree_and_parents(peel(push.store, waiting.popleft()))
        yield links.tree
        new = [parent for parent in dict.fromkeys(links.parents) if parent not in seen]
        seen.update(new)
        waiting.extend(new)


def _tips(push: Push) -> Iterator[ObjectId]:
    """Yield where the trunk and the experiments stand once the push is taken."""
    start = layout.experiment_branches(Name(push.workspace.project_id))
    refs = {*push.store.refs(start), *(ref for ref in push.moves if ref.startswith(start))}
    for tip in (push.trunk(), *map(push.after, sorted(refs))):
        if tip is not None:
            yield tip


def _standing(push: Push, directory: TreeId, wanted: Mapping[str, Digest]) -> list[str]:
    """Return the keys of wanted flags that a directory holds as they are wanted."""
    files = {e.name: e for e in read_tree(push.store, directory) if e.is_file}
    return [
        key
        for key, digest in wanted.items()
        if (file := files.get(f"{key}.yaml")) and _digest_of(push, file) == digest
    ]


def _digest_of(push: Push, file: TreeEntry) -> Digest | None:
    """Return the digest of the flag that a file holds; None where it holds no valid one."""

    def read() -> Digest | None:
        try:
            document = document_of(push.store, file, file.name, "flag", cache=None)
        except InvalidInput:
            return None
        return digest_of(document)

    return push.workspace.cache.memo(f"flag-digest/{file.id}", read)
