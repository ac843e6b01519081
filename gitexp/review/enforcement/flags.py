"""What a push may do to the flags of an environment: publish right ones, and nothing by the way."""

from __future__ import annotations

from collections.abc import Mapping

from gitexp.documents import layout
from gitexp.documents.parsed import ParsedDocument
from gitexp.environments.binding import Snapshot
from gitexp.environments.history import flags_before
from gitexp.environments.published import changes_text, digests_of, flag_changes
from gitexp.errors import InvalidDocuments, NotAllowed
from gitexp.flags.problems import problems_of
from gitexp.ids import Digest, Name, ObjectId
from gitexp.review.enforcement.pushes import Push
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
            publishing flags changes what is live.
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
            _check_flag(key, after)


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


def _check_flag(key: str, after: Snapshot) -> None:
    file = f"{after.commit[:10]}:{layout.flag_path('', Name(key))}"
    problems = problems_of(ParsedDocument(value=after.flags[key]), file)
    if problems:
        raise InvalidDocuments(problems, hint="Correct the flag, and publish it again.")
