"""The ledger of change requests: the branch `changes/PROJECT`, a file for each fact.

A path follows from what the file says, so one person has one vote on one subject, whoever comes
first has it, and lines of the branch join by union. What was written by hand is read with the
same care as anything foreign: a file that does not say what its path says counts for nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from gitexp.documents import layout
from gitexp.documents.kinds import DocumentKind
from gitexp.environments.binding import one_line
from gitexp.errors import InvalidInput
from gitexp.ids import ChangeId, ObjectId, is_change_id
from gitexp.review.changes.model import ChangeFacts, Closing, Request, Terms, Vote, address_of
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
    tree = tree_of(store, tip) if tip and is_change_id(change) else None
    entry = entry_at(store, tree, layout.change_dir(ChangeId(change))) if tree else None
    if tree is None or entry is None:
        return None
    return _Reader(store, tree, cache).facts(ChangeId(change))


def read_ledger(store: Store, tip: ObjectId | None, *, cache: DerivedCache | None = None) -> Ledger:
    """Return all change requests in a commit of the ledger; none without a commit.

    Raises:
        MissingObject, DamagedObject: a file cannot be read.
    """
    if tip is None:
        return Ledger(problems={})
    tree = tree_of(store, tip)
    reader = _Reader(store, tree, cache)
    found: list[ChangeFacts] = []
    problems: dict[str, str] = {}
    for entry in list_dir(store, tree, layout.CHANGES_DIR):
        try:
            if not is_change_id(entry.name):
                raise InvalidInput(f"{entry.name!r} is not the id of a change request")
            found.append(reader.facts(ChangeId(entry.name)))
        except InvalidInput as exc:
            problems[entry.name] = one_line(exc)
    return Ledger(changes=tuple(found), problems=problems)


class _Reader:
    """Reads the facts in one tree, each file once for each content."""

    def __init__(self, store: Store, tree: TreeId, cache: DerivedCache | None) -> None:
        self._store = store
        self._tree = tree
        self._cache = cache

    def facts(self, change: ChangeId) -> ChangeFacts:
        """Return what is there about a change request.

        Raises:
            InvalidInput: what it asks for cannot be read.
        """
        request = self._request(change)
        problems: list[str] = []
        renewals = self._renewals(request, problems)
        votes = tuple(self._votes(change, problems))
        closing = self._closing(request, problems)
        return ChangeFacts(
            request=request,
            renewals=tuple(renewals),
            votes=votes,
            closing=closing,
            problems=tuple(problems),
        )

    def _request(self, change: ChangeId) -> Request:
        path = layout.change_path(change)
        entry = entry_at(self._store, self._tree, path)
        if entry is None:
            raise InvalidInput(f"{path} is missing")
        request = Request.from_dict(self._document("change", path, entry))
        if request.id != change:
            raise InvalidInput(f"{path} is about change request {request.id}")
        if fault := _terms_fault(request, request.opened):
            raise InvalidInput(f"{path}: {fault}")
        return request

    def _renewals(self, request: Request, problems: list[str]) -> list[Terms]:
        """Return the renewals from 1 on, as far as none of them is missing or unreadable."""
        found: list[Terms] = []
        entries = self._entries(request.id, layout.RENEWALS_DIR)
        by_number = {entry.name.removesuffix(".yaml"): entry for entry in entries}
        for number in range(1, len(entries) + 1):
            path = layout.renewal_path(request.id, number)
            try:
                entry = by_number.get(str(number))
                if entry is None:
                    raise InvalidInput(f"{path} is missing, and later renewals are there")
                found.append(self._renewal(request, path, entry))
            except InvalidInput as exc:
                problems.append(one_line(exc))
                break
        return found

    def _renewal(self, request: Request, path: str, entry: TreeEntry) -> Terms:
        data = self._document("renewal", path, entry)
        terms = Terms.from_dict(data, by="by", at="at")
        if data["change"] != request.id:
            raise InvalidInput(f"{path} is about change request {data['change']}")
        if fault := _terms_fault(request, terms):
            raise InvalidInput(f"{path}: {fault}")
        return terms

    def _vote(self, change: ChangeId, path: str, entry: TreeEntry) -> Vote:
        vote = Vote.from_dict(self._document("vote", path, entry))
        if vote.change != change or layout.vote_path(change, vote.subject, vote.person) != path:
            raise InvalidInput(f"{path} holds a vote that belongs elsewhere")
        return vote

    def _closing(self, request: Request, problems: list[str]) -> Closing | None:
        """Return how it ended; as failed where the file that says so cannot be read."""
        path = layout.closing_path(request.id)
        entry = entry_at(self._store, self._tree, path)
        if entry is None:
            return None
        try:
            closing = Closing.from_dict(self._document("closing", path, entry))
            if closing.change != request.id:
                raise InvalidInput(f"{path} is about change request {closing.change}")
        except InvalidInput as exc:
            problems.append(one_line(exc))
            at, why = request.opened.at, one_line(exc)
            return Closing(change=request.id, state="failed", by="nobody", at=at, reason=why)
        return closing

    def _votes(self, change: ChangeId, problems: list[str]) -> Iterator[Vote]:
        """Yield the votes; one that cannot be read counts for nothing and becomes a problem."""
        for entry in self._entries(change, layout.VOTES_DIR):
            path = f"{layout.change_dir(change)}/{layout.VOTES_DIR}/{entry.name}"
            try:
                yield self._vote(change, path, entry)
            except InvalidInput as exc:
                problems.append(one_line(exc))

    def _entries(self, change: ChangeId, folder: str) -> list[TreeEntry]:
        directory = layout.join(layout.change_dir(change), folder)
        return list_dir(self._store, self._tree, directory)

    def _document(self, kind: DocumentKind, path: str, entry: TreeEntry) -> Any:
        """Return a checked document, parsed once for each content.

        Raises:
            InvalidInput: it is no file, too large, or breaks its schema.
        """
        from gitexp.documents import schemas

        if not entry.is_file:
            raise InvalidInput(f"{path} is no regular file")
        key = f"{kind}/{_READING}/{entry.id}"
        known = self._cache.get(key) if self._cache else None
        if known is None:
            data = self._store.read(entry.id, limit=MAX_FACT_BYTES).data
            known = schemas.load(kind, data, file=path)
            _check_moments(known, path)
            if self._cache:
                self._cache.put(key, known)
        return known


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
