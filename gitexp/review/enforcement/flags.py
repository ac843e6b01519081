"""What a push may do to flags of an environment: publish shared ones, and nothing by the way."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from gitexp.documents import layout
from gitexp.documents.canonical import digest_of
from gitexp.documents.parsed import ParsedDocument
from gitexp.environments.binding import Snapshot
from gitexp.environments.history import flags_before
from gitexp.environments.published import changes_text, digests_of, flag_changes
from gitexp.errors import InvalidDocuments, InvalidInput, NotAllowed
from gitexp.flags.problems import problems_of
from gitexp.ids import Digest, Name, ObjectId
from gitexp.project.file_history import file_history
from gitexp.project.reading import read_document
from gitexp.review.enforcement.pushes import Push
from gitexp.store.history import History
from gitexp.store.trees import entry_at, list_dir, tree_of


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
    changes = flag_changes(_digests_before(push, name, at), after.binding.flags)
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
    for key, digest in changes.items():
        if digest is not None:
            _check_flag(push, Name(key), digest, after)


def _digests_before(push: Push, name: Name, at: ObjectId | None) -> Mapping[str, Digest]:
    return digests_of(flags_before(push.workspace, name, at, reader=push.store))


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


def _check_flag(push: Push, key: Name, digest: Digest, after: Snapshot) -> None:
    file = f"{after.commit[:10]}:{layout.flag_path('', key)}"
    problems = problems_of(ParsedDocument(value=after.flags[key]), file)
    if problems:
        raise InvalidDocuments(problems, hint="Correct the flag, and publish it again.")
    if all(_digest_at(push, commit, key) != digest for commit in _holders(push, key)):
        raise NotAllowed(
            f"flag {key!r} as commit {after.commit[:10]} publishes it never stood on "
            f"{push.workspace.trunk}, nor does a shared experiment have it",
            hint="Push the flag there first, and publish it with `gitexp flag publish`.",
        )


def _holders(push: Push, key: Name) -> Iterator[ObjectId]:
    """Yield the shared commits that may hold a flag in a state of its own, likely ones first."""
    trunk, store = push.trunk(), push.store
    start = layout.experiment_branches(Name(push.workspace.project_id))
    refs = {*store.refs(start), *(ref for ref in push.moves if ref.startswith(start))}
    experiments = [tip for ref in sorted(refs) if (tip := push.after(ref)) is not None]
    yield from [trunk] if trunk is not None else []
    yield from experiments
    for tip in experiments:
        yield from History(store).ids_between(tip, [trunk] if trunk is not None else [])
    if trunk is not None:
        path = layout.flag_path(push.workspace.root, key)
        history = file_history(push.workspace, trunk, [path], reader=store)
        yield from (change.commit for change in history.changes)


def _digest_at(push: Push, commit: ObjectId, key: Name) -> Digest | None:
    """Return the digest of a flag in a commit; None where there is none, or no valid one."""
    path = layout.flag_path(push.workspace.root, key)
    try:
        document = read_document(push.workspace, tree_of(push.store, commit), path, "flag")
    except InvalidInput:
        return None
    return digest_of(document) if document is not None else None
