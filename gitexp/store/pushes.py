"""What every remote does the same way about a push: the checks before it and the words after it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

from gitexp.documents import layout
from gitexp.errors import InvalidInput, PushRejected, RemoteUnavailable
from gitexp.ids import ObjectId, is_object_id
from gitexp.store.model import PushUpdate
from gitexp.store.refnames import ref_name_fault
from gitexp.store.urls import sanitize

NOT_A_DESCENDANT = "the new value does not descend from the old one"
NO_ATOMIC = "the server cannot change several references all or none"

_BYSTANDERS = frozenset(["atomic push failed", "atomic push failure"])
_SAID_LINES = 20


def remote_title(name: str | None, shown_url: str) -> str:
    """Return how messages call a remote: by its name, or by its address without secrets."""
    return f"'{name}'" if name else f"'{shown_url}'"


def check_updates(updates: Sequence[PushUpdate]) -> None:
    """Check the names and ids of a push before any of it is used.

    Raises:
        InvalidInput: a name or id is none, or a reference is named twice.
    """
    names = [update.ref for update in updates]
    for update in updates:
        fault = ref_name_fault(update.ref) or _id_fault(update)
        if not fault and names.count(update.ref) > 1:
            fault = "it is named twice in one push"
        if fault:
            raise InvalidInput(f"{sanitize(update.ref)!r} cannot be pushed: {fault}")


def refuse_rewrites(
    updates: Sequence[PushUpdate],
    descends: Callable[[ObjectId, ObjectId], bool],
    title: str,
) -> None:
    """Refuse a push that would take something out of a branch, before anything is sent.

    Only the branch of a change request may: it is put on top of an environment that has moved.
    `descends(old, new)` tells whether `new` has `old` in its history.

    Raises:
        PushRejected: the new value of a branch does not descend from its old one.
    """
    reasons = {
        update.ref: NOT_A_DESCENDANT
        for update in updates
        if update.ref.startswith(layout.BRANCHES)
        and not update.ref.startswith(layout.CHANGE_BRANCHES)
        and update.old is not None
        and update.new is not None
        and update.old != update.new
        and not descends(update.old, update.new)
    }
    if reasons:
        raise rejected(reasons, title)


def unfinished(updates: Sequence[PushUpdate], there: Mapping[str, ObjectId]) -> list[PushUpdate]:
    """Return the updates that a remote with these references has not got yet."""
    return [update for update in updates if there.get(update.ref) != update.new]


def stale_reasons(updates: Sequence[PushUpdate], there: Mapping[str, ObjectId]) -> dict[str, str]:
    """Return why each reference cannot move that holds neither its old nor its new value."""
    return {
        update.ref: _stale_reason(update, there.get(update.ref))
        for update in unfinished(updates, there)
        if there.get(update.ref) != update.old
    }


def reasons_against(
    updates: Sequence[PushUpdate],
    refused: Mapping[str, str],
    there: Mapping[str, ObjectId],
) -> dict[str, str]:
    """Return why a push failed: what moved there, else what the server refused of what is left.

    References that were refused only because others were are no part of the answer.
    """
    left = {update.ref for update in unfinished(updates, there)}
    return stale_reasons(updates, there) or {
        ref: reason for ref, reason in refused.items() if ref in left and reason not in _BYSTANDERS
    }


def rejected(reasons: Mapping[str, str], title: str, *, said: Sequence[str] = ()) -> PushRejected:
    """Return the error of a refused push, with what the server said."""
    clean = {ref: sanitize(reason) for ref, reason in reasons.items()}
    lines = [f"{title} did not take the push"]
    lines[0] += ": " + "; ".join(f"{ref}: {reason}" for ref, reason in clean.items())
    lines += [f"remote: {line}" for line in said_lines(said)]
    return PushRejected("\n".join(lines), refs=clean, hint=_hint_for(clean.values()))


def unavailable(title: str, name: str | None, line: str, *, denied: bool) -> RemoteUnavailable:
    """Return the error of a remote that cannot be used; `line` is its last word, still raw."""
    address = f"git ls-remote {name}" if name else "git ls-remote URL"
    if denied:
        return RemoteUnavailable(
            f"{title} refused the credentials: {sanitize(line)}",
            hint="Set up a Git credential helper, ~/.netrc or an ssh key for it, and check with "
            f"`{address}`.",
        )
    return RemoteUnavailable(
        f"{title} cannot be reached: {sanitize(line)}",
        hint=f"Check the address and the connection with `{address}`.",
    )


def unanswered(title: str, name: str | None, patience: float) -> RemoteUnavailable:
    """Return the error of a remote that takes a connection, or seems to, and then is silent."""
    address = f"git ls-remote {name}" if name else "git ls-remote URL"
    return RemoteUnavailable(
        f"{title} does not answer: nothing was heard of it for {patience:g} s",
        hint=f"Check the address and the connection with `{address}`.",
    )


def said_lines(lines: Sequence[str]) -> list[str]:
    """Return what a server said, line by line, safe to show and bounded."""
    return [clean for line in lines if (clean := sanitize(line))][-_SAID_LINES:]


def _stale_reason(update: PushUpdate, found: ObjectId | None) -> str:
    if found is None:
        return "it is not there any more"
    if update.old is None:
        return f"it is there already, at {found[:12]}"
    return f"it is at {found[:12]} there and not at {update.old[:12]}"


def _id_fault(update: PushUpdate) -> str | None:
    if update.old is None and update.new is None:
        return "it has neither an old nor a new value"
    ids = [id for id in (update.old, update.new) if id is not None]
    return next((f"{sanitize(id)!r} is no object id" for id in ids if not is_object_id(id)), None)


def _hint_for(reasons: Collection[str]) -> str:
    if any(reason == NO_ATOMIC for reason in reasons):
        return "Push to a server whose Git supports atomic pushes (2.4 or newer)."
    if any(reason.startswith("it is") or reason == NOT_A_DESCENDANT for reason in reasons):
        return "Run `gitexp fetch`, look at what others have changed, and try again."
    return "Ask those who run the remote what they allow; nothing was changed there."
