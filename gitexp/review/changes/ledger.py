"""The ledger of change requests: the branch `changes/PROJECT`, a file for each fact.

A path follows from what the file says, so one person has one vote on one subject, whoever comes
first has it, and lines of the branch join by union. What was written by hand is read with the
same care as anything foreign: a file that does not say what its path says counts for nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gitexp.documents import layout
from gitexp.documents.kinds import DocumentKind
from gitexp.environments.binding import one_line
from gitexp.errors import InvalidInput
from gitexp.ids import ChangeId, ObjectId, is_change_id
from gitexp.project.groups import address_of
from gitexp.review.changes.model import ChangeFacts, Closing, Request, Terms, Vote
from gitexp.store.cache import DerivedCache
from gitexp.store.model import TreeEntry, TreeId
from gitexp.store.protocol import Store
from gitexp.store.trees import entry_at, list_dir, tree_of

MAX_FACT_BYTES = 2**20
"""The largest file of the ledger that is read."""

_READING = "1"
"""Changes when the same bytes may be read as something else, and so makes old entries unused."""


@dataclass(frozen=True, kw_only=True)
class Ledger:
    """What the branch holds.

    Attributes:
        changes: the change requests, sorted by id.
        problems: by directory, why a change request cannot be read at all.
    """

    changes: tuple[ChangeFacts, ...] = ()
    problems: Mapping[str, str]

    def get(self, change: str) -> ChangeFacts | None:
        """Return the facts about a change request, None where there is none of that id."""
        return next((facts for facts in self.changes if facts.id == change), None)


# --- reading --------------------------------------------------------------------------------


def changes_at(
    store: Store, tip: ObjectId | None, *, cache: DerivedCache | None = None
) -> list[ChangeFacts]:
    """Return the facts about every change request in a commit of the ledger, sorted by id.

    Those that cannot be read at all are left out; `read_ledger` tells them.
    """
    return list(read_ledger(store, tip, cache=cache).changes)


def change_at(
    store: Store, tip: ObjectId | None, change: str, *, cache: DerivedCache | None = None
) -> ChangeFacts | None:
    """Return the facts about one change request, None where the ledger has none of that id.

    Raises:
        InvalidDocuments, InvalidInput: what it asks for cannot be read.
        MissingObject, DamagedObject: a file cannot be read.
    """
    if tip is None or not is_change_id(change):
        return None
    entry = entry_at(store, tree_of(store, tip), layout.change_dir(ChangeId(change)))
    return _facts(store, cache, entry) if entry is not None else None


def read_ledger(
    store: Store,
    tip: ObjectId | None,
    *,
    ended: bool = True,
    cache: DerivedCache | None = None,
) -> Ledger:
    """Return all change requests in a commit of the ledger; none without a commit.

    Args:
        ended: read those too of which it is written down how they ended.

    Raises:
        MissingObject, DamagedObject: a file cannot be read.
    """
    found: list[ChangeFacts] = []
    problems: dict[str, str] = {}
    for entry in list_dir(store, tree_of(store, tip), layout.CHANGES_DIR) if tip else ():
        if not ended and entry.is_tree and _has_ended(store, entry):
            continue
        try:
            if not is_change_id(entry.name):
                raise InvalidInput(f"{entry.name!r} is not the id of a change request")
            found.append(_facts(store, cache, entry))
        except InvalidInput as exc:
            problems[entry.name] = one_line(exc)
    return Ledger(changes=tuple(found), problems=problems)


def _has_ended(store: Store, entry: TreeEntry) -> bool:
    return entry_at(store, TreeId(entry.id), layout.CLOSING_FILE) is not None


def _facts(store: Store, cache: DerivedCache | None, entry: TreeEntry) -> ChangeFacts:
    """Return the facts in a directory of the ledger, read once for each content.

    Raises:
        InvalidInput: what is asked for cannot be read.
    """
    change = ChangeId(entry.name)
    key = f"change/{_READING}/{change}/{entry.id}"
    known = cache.get(key) if cache else None
    if known is None:
        if not entry.is_tree:
            raise InvalidInput(f"{layout.change_dir(change)} is no directory")
        known = _Reader(store, change, TreeId(entry.id)).documents()
        if cache:
            cache.put(key, known)
    return _facts_of(known)


def _facts_of(known: Mapping[str, Any]) -> ChangeFacts:
    closing = known["closing"]
    return ChangeFacts(
        request=Request.from_dict(known["request"]),
        renewals=tuple(Terms.from_dict(data, by="by", at="at") for data in known["renewals"]),
        votes=tuple(Vote.from_dict(data) for data in known["votes"]),
        closing=Closing.from_dict(closing) if closing else None,
        problems=tuple(known["problems"]),
    )


class _Reader:
    """Reads the documents about one change request, and notes what is wrong with them."""

    def __init__(self, store: Store, change: ChangeId, tree: TreeId) -> None:
        self._store, self._change, self._tree = store, change, tree
        self._problems: list[str] = []

    def documents(self) -> dict[str, Any]:
        """Return the documents that count, and the problems of the others.

        Raises:
            InvalidInput: what is asked for cannot be read.
        """
        request = self._request()
        asked = Request.from_dict(request)
        return {
            "request": request,
            "renewals": self._renewals(asked),
            "votes": self._votes(),
            "closing": self._closing(asked),
            "problems": self._problems,
        }

    def _request(self) -> Any:
        path = layout.change_path(self._change)
        entry = entry_at(self._store, self._tree, layout.CHANGE_FILE)
        if entry is None:
            raise InvalidInput(f"{path} is missing")
        data = self._document("change", path, entry)
        request = Request.from_dict(data)
        if fault := _terms_fault(request, request.opened):
            raise InvalidInput(f"{path}: {fault}")
        return data

    def _renewals(self, request: Request) -> list[Any]:
        """Return the renewals from 1 on, as far as none of them is missing or unreadable."""
        found: list[Any] = []
        entries = list_dir(self._store, self._tree, layout.RENEWALS_DIR)
        by_number = {entry.name.removesuffix(".yaml"): entry for entry in entries}
        for number in range(1, len(entries) + 1):
            path = layout.renewal_path(self._change, number)
            try:
                entry = by_number.get(str(number))
                if entry is None:
                    raise InvalidInput(f"{path} is missing, and later renewals are there")
                found.append(self._renewal(request, path, entry))
            except InvalidInput as exc:
                self._problems.append(one_line(exc))
                break
        return found

    def _renewal(self, request: Request, path: str, entry: TreeEntry) -> Any:
        data = self._document("renewal", path, entry)
        if fault := _terms_fault(request, Terms.from_dict(data, by="by", at="at")):
            raise InvalidInput(f"{path}: {fault}")
        return data

    def _votes(self) -> list[Any]:
        """Return the votes; one that cannot be read counts for nothing and is a problem."""
        found: list[Any] = []
        for entry in list_dir(self._store, self._tree, layout.VOTES_DIR):
            path = f"{layout.change_dir(self._change)}/{layout.VOTES_DIR}/{entry.name}"
            try:
                found.append(self._vote(path, entry))
            except InvalidInput as exc:
                self._problems.append(one_line(exc))
        return found

    def _vote(self, path: str, entry: TreeEntry) -> Any:
        data = self._document("vote", path, entry)
        vote = Vote.from_dict(data)
        if layout.vote_path(self._change, vote.subject, vote.person) != path:
            raise InvalidInput(f"{path} holds a vote that belongs elsewhere")
        return data

    def _closing(self, request: Request) -> Any:
        """Return how it ended; as failed where the file that says so cannot be read."""
        path = layout.closing_path(self._change)
        entry = entry_at(self._store, self._tree, layout.CLOSING_FILE)
        if entry is None:
            return None
        try:
            return self._document("closing", path, entry)
        except InvalidInput as exc:
            why = one_line(exc)
        self._problems.append(why)
        unread = Closing(
            change=self._change, state="failed", by="nobody", at=request.opened.at, reason=why
        )
        return unread.to_dict()

    def _document(self, kind: DocumentKind, path: str, entry: TreeEntry) -> Any:
        """Return a checked document about this change request.

        Raises:
            InvalidInput: it is no file, too large, breaks its schema, or is about another one.
        """
        from gitexp.documents import schemas

        if not entry.is_file:
            raise InvalidInput(f"{path} is no regular file")
        data = self._store.read(entry.id, limit=MAX_FACT_BYTES).data
        document = schemas.load(kind, data, file=path)
        _check_moments(document, path)
        about = document.get("change", document.get("id"))
        if about != self._change:
            raise InvalidInput(f"{path} is about change request {about}")
        return document


def _terms_fault(request: Request, terms: Terms) -> str | None:
    """Return why terms cannot be those of a request, or None when they can."""
    if terms.subject != request.subject(terms.base, terms.policy.digest):
        return "the subject is not that of what it says"
    if not address_of(terms.by):
        return "it names nobody"
    return None


def _check_moments(data: Mapping[str, Any], path: str) -> None:
    from gitexp.clock import parse_iso

    for key in ("requested_at", "expires_at", "at"):
        try:
            parse_iso(data.get(key, "2000-01-01T00:00:00Z"))
        except ValueError as exc:
            message = f"{path}: {key}: {data[key]!r} is no moment such as 2026-11-21T13:15:02Z"
            raise InvalidInput(message) from exc


# --- writing --------------------------------------------------------------------------------


def request_file(request: Request) -> dict[str, bytes]:
    """Return the file that opens a change request, by its path."""
    return {layout.change_path(request.id): _written("change", request.to_dict())}


def renewal_file(change: ChangeId, number: int, terms: Terms) -> dict[str, bytes]:
    """Return the file of the n-th renewal of a change request, by its path."""
    data = {"format": 1, "change": change, **terms.to_dict(by="by", at="at")}
    return {layout.renewal_path(change, number): _written("renewal", data)}


def vote_file(vote: Vote) -> dict[str, bytes]:
    """Return the file of a vote, by its path."""
    path = layout.vote_path(vote.change, vote.subject, vote.person)
    return {path: _written("vote", vote.to_dict())}


def closing_file(closing: Closing) -> dict[str, bytes]:
    """Return the file that ends a change request, by its path."""
    return {layout.closing_path(closing.change): _written("closing", closing.to_dict())}


def _written(kind: DocumentKind, data: Mapping[str, Any]) -> bytes:
    from gitexp.documents.yaml_writer import dump_yaml

    return dump_yaml(data, schema=kind)
