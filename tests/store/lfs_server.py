"""A small Git LFS server on the loopback device that can be told how to behave."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from gitexp.store.lfs.pointers import Pointer

USER, PASSWORD = "ada", "s3cret-pass"
LOGIN = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()


@dataclass
class LfsPlace:
    """What the server has and how it behaves.

    Attributes:
        url: where it is, as a Git remote would have it.
        contents: the objects it has.
        locked: whether it wants the login for its API.
        actions_locked: whether it wants the login for transfers, and sends no header for them.
        troubles: answers for the next requests, as status and headers; None is a dropped line.
        cuts: after how many bytes the next downloads break off.
        asked: method, path and headers of every request.
        verified: the objects it was asked to verify.
        change: what it does to its answer to a batch.
    """

    url: str = ""
    contents: dict[str, bytes] = field(default_factory=dict)
    locked: bool = False
    actions_locked: bool = False
    verifies: bool = True
    chunked: bool = False
    troubles: list[tuple[int, Mapping[str, str]] | None] = field(default_factory=list)
    cuts: list[int] = field(default_factory=list)
    asked: list[tuple[str, str, Mapping[str, str]]] = field(default_factory=list)
    verified: list[Any] = field(default_factory=list)
    change: Callable[[Any], Any] = lambda answer: answer

    @property
    def paths(self) -> list[str]:
        """The method and the path of every request."""
        return [f"{method} {path}" for method, path, _ in self.asked]

    def put(self, data: bytes) -> Pointer:
        """Give the server an object."""
        pointer = pointer_to(data)
        self.contents[pointer.oid] = data
        return pointer


def pointer_to(data: bytes) -> Pointer:
    """Return the pointer to bytes."""
    return Pointer(oid=hashlib.sha256(data).hexdigest(), size=len(data))


@contextmanager
def lfs_server() -> Iterator[LfsPlace]:
    """Run a server until the block ends."""
    place = LfsPlace()
    handler = type("Handler", (_Handler,), {"place": place})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    place.url = f"http://127.0.0.1:{server.server_address[1]}/team/bot"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield place
    finally:
        server.shutdown()
        thread.join(timeout=10)
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    place: LfsPlace
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if self._begin(locked=self.place.actions_locked):
            content = self.place.contents.get(self.path.rpartition("/")[2], b"")
            if self.place.cuts:
                self._break_off(content, self.place.cuts.pop(0))
            else:
                self._send(200, content)

    def do_PUT(self) -> None:
        body = self._body()
        if self._begin(locked=self.place.actions_locked):
            self.place.contents[self.path.rpartition("/")[2]] = body
            self._send(200, b"")

    def do_POST(self) -> None:
        body = json.loads(self._body())
        verifying = self.path.endswith("/verify")
        if not self._begin(locked=self.place.actions_locked if verifying else self.place.locked):
            return
        if verifying:
            self.place.verified.append(body)
            self._send(200, b"")
        else:
            answer = {"transfer": "basic", "objects": [*map(self._object(body), body["objects"])]}
            self._send(200, json.dumps(self.place.change(answer)).encode())

    def _break_off(self, content: bytes, after: int) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content[:after])
        self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""

    def _begin(self, *, locked: bool) -> bool:
        """Take note of a request; return whether it is to be answered as usual."""
        self.place.asked.append((self.command, self.path, dict(self.headers)))
        if self.place.troubles:
            trouble = self.place.troubles.pop(0)
            if trouble is None:
                self.close_connection = True
            else:
                self._send(trouble[0], b'{"message": "in trouble"}', trouble[1])
            return False
        if locked and self.headers.get("Authorization") != LOGIN:
            self._send(401, b'{"message": "who are you?"}', {"LFS-Authenticate": "Basic"})
            return False
        return True

    def _object(self, asked: Mapping[str, Any]) -> Callable[[Any], Any]:
        base = f"http://{self.headers['Host']}/objects"
        header = {} if self.place.actions_locked else {"Authorization": "Token once"}

        def answer(item: Any) -> Any:
            here = item["oid"] in self.place.contents
            if asked["operation"] == "download" and not here:
                return {**item, "error": {"code": 404, "message": "never heard of it"}}
            if asked["operation"] == "upload" and here:
                return item
            url = f"{base}/{item['oid']}"
            extra = {"Transfer-Encoding": "chunked"} if self.place.chunked else {}
            action = {"href": url, "header": header | extra}
            actions: dict[str, Any] = {asked["operation"]: action}
            if asked["operation"] == "upload" and self.place.verifies:
                actions["verify"] = {"href": f"{base}/verify", "header": header}
            locked = self.place.actions_locked
            return {**item, "authenticated": not locked, "actions": actions}

        return answer

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", "0")))
        parts = []
        while size := int(self.rfile.readline(), 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def _send(self, status: int, content: bytes, headers: Mapping[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)
