"""The batch API of Git LFS with its basic transfers (docs/api/batch.md and basic-transfers.md)."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Any

from gitexp.errors import GitexpError, InvalidInput, NotFound, RemoteError
from gitexp.store.lfs.credentials import server_of
from gitexp.store.lfs.endpoints import Operation
from gitexp.store.lfs.pointers import Pointer
from gitexp.store.lfs.streams import PIECE
from gitexp.store.lfs.web import Request, Web
from gitexp.store.urls import check_url, sanitize

_MEDIA_TYPE = "application/vnd.git-lfs+json"
_AT_A_TIME = 100
_LONGEST_ANSWER = 16 << 20

Opener = Callable[[], IO[bytes]]


@dataclass(frozen=True, kw_only=True)
class Action:
    """What to do for an object: a request to make, and the headers for it."""

    url: str
    headers: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a server says of one object.

    Attributes:
        actions: by name: `upload`, `verify`, `download`; none where there is nothing to do.
        error: why it can do nothing for this object, or None.
        authenticated: whether the actions need no login.
    """

    pointer: Pointer
    actions: Mapping[str, Action]
    error: GitexpError | None
    authenticated: bool


class LfsServer:
    """A server that speaks the batch API."""

    def __init__(self, web: Web) -> None:
        self._web = web

    def batch(self, operation: Operation, pointers: Sequence[Pointer]) -> Iterator[Answer]:
        """Yield what the server says of each object.

        Raises:
            RemoteUnavailable: it cannot be reached, or refused the credentials.
            NotFound: there is no such server or repository.
            RemoteError: it refused, or its answer makes no sense.
        """
        for start in range(0, len(pointers), _AT_A_TIME):
            part = pointers[start : start + _AT_A_TIME]
            asked = {
                "operation": operation,
                "transfers": ["basic"],
                "objects": [{"oid": pointer.oid, "size": pointer.size} for pointer in part],
                "hash_algo": "sha256",
            }
            request = self._json("POST", f"{self._web.base}/objects/batch", asked)
            with self._web.answer(request) as response:
                body = response.read(_LONGEST_ANSWER)
            yield from self._answers(body, {pointer.oid: pointer for pointer in part})

    def send(self, answer: Answer, opened: Opener) -> None:
        """Send an object that the server wants, and have it verified where the server says so.

        Raises:
            RemoteError: it could not be sent; its subclasses as for `batch`.
        """
        upload, verify = answer.actions.get("upload"), answer.actions.get("verify")
        if upload is not None:
            sent = {
                "Content-Type": "application/octet-stream",
                "Content-Length": str(answer.pointer.size),
            }
            self._do("PUT", upload, answer, sent, opened)
        if verify is not None:
            told = {"oid": answer.pointer.oid, "size": answer.pointer.size}
            request = self._json("POST", verify.url, told)
            self._do("POST", verify, answer, request.headers, request.body)

    def bring(self, answer: Answer, take: Callable[[Iterator[bytes]], object]) -> None:
        """Hand the bytes of an object over, piece by piece, as they come; they are not checked.

        Where they break off, `take` is called again with all of them.

        Raises:
            NotFound: the server does not have it.
            RemoteError: it could not be brought; its subclasses as for `batch`.
        """
        download = answer.actions.get("download")
        if download is None:
            raise self._nonsense("it names no address to download from")
        request = self._request("GET", download, answer, {"Accept-Encoding": "identity"}, None)
        self._web.take(request, lambda response: take(response.stream(PIECE)))

    def _do(
        self,
        method: str,
        action: Action,
        answer: Answer,
        headers: Mapping[str, str],
        body: Opener | None,
    ) -> None:
        with self._web.answer(self._request(method, action, answer, headers, body)) as response:
            response.drain_conn()

    def _request(
        self,
        method: str,
        action: Action,
        answer: Answer,
        headers: Mapping[str, str],
        body: Opener | None,
    ) -> Request:
        less_safe = action.url.startswith("http:") and self._web.base.startswith("https:")
        return Request(
            method=method,
            url=action.url,
            headers={**headers, **action.headers},
            body=body,
            own=not (answer.authenticated or less_safe),
        )

    def _json(self, method: str, url: str, document: Mapping[str, Any]) -> Request:
        data = json.dumps(document).encode()
        headers = {
            "Accept": _MEDIA_TYPE,
            "Content-Type": _MEDIA_TYPE,
            "Content-Length": str(len(data)),
        }
        return Request(method=method, url=url, headers=headers, body=lambda: io.BytesIO(data))

    def _answers(self, body: bytes, asked: Mapping[str, Pointer]) -> Iterator[Answer]:
        try:
            document = json.loads(body)
            if document.get("transfer") not in (None, "basic"):
                raise self._nonsense("it wants another transfer than the basic one")
            if document.get("hash_algo") not in (None, "sha256"):
                raise self._nonsense("it names its objects by another hash than SHA-256")
            found = {item["oid"]: item for item in document["objects"] if item["oid"] in asked}
            answers = [self._answer(found[oid], asked[oid]) for oid in asked]
        except (
            ValueError,
            KeyError,
            TypeError,
            AttributeError,
            RecursionError,
            InvalidInput,
        ) as exc:
            raise self._nonsense(f"{type(exc).__name__}: {exc}") from exc
        yield from answers

    def _answer(self, item: Mapping[str, Any], pointer: Pointer) -> Answer:
        actions = item.get("actions") or {}
        return Answer(
            pointer=pointer,
            actions={name: _action(data) for name, data in actions.items() if data is not None},
            error=self._error(item["error"], pointer) if item.get("error") else None,
            authenticated=item.get("authenticated") is True,
        )

    def _error(self, data: Mapping[str, Any], pointer: Pointer) -> GitexpError:
        said = sanitize(str(data.get("message") or ""))
        what = f"{self._web.endpoint.title} says of the object {pointer.oid}: "
        message = f"{what}{data.get('code')} {said}".rstrip()
        if data.get("code") in (404, 410):
            return NotFound(
                message, hint="Whoever made it may still have it: `git lfs push --all REMOTE`."
            )
        return RemoteError(message, hint="Ask those who run the server.")

    def _nonsense(self, why: str) -> RemoteError:
        return RemoteError(
            f"the answer of {self._web.endpoint.title} makes no sense: {sanitize(why)}",
            hint="Look at `git lfs env`; another address is set with `git config lfs.url URL`.",
        )


def _action(data: Mapping[str, Any]) -> Action:
    url = check_url(data["href"])
    server = server_of(url)
    if server.scheme not in ("http", "https") or not server.host:
        raise ValueError("an address that is not on the web")
    headers = {str(name): str(value) for name, value in (data.get("header") or {}).items()}
    if not all(text.isprintable() for pair in headers.items() for text in pair):
        raise ValueError("a header with a control character")
    return Action(url=url, headers=headers)
