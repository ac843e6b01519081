"""A forge on this machine: it keeps comments as GitHub, GitLab and Gitea do, in memory."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

TOKEN = "s3cret-token"

_PATHS = {
    "github": (
        r"/repos/([^/]+)/([^/]+)/issues/(\d+)/comments\Z",
        r"/repos/([^/]+)/([^/]+)/issues/comments/(\d+)\Z",
    ),
    "gitlab": (
        r"/projects/([^/]+)/merge_requests/(\d+)/notes\Z",
        r"/projects/([^/]+)/merge_requests/\d+/notes/(\d+)\Z",
    ),
}
_PATHS["gitea"] = _PATHS["github"]
_LOGINS = {
    "github": ("Authorization", f"Bearer {TOKEN}"),
    "gitlab": ("PRIVATE-TOKEN", TOKEN),
    "gitea": ("Authorization", f"token {TOKEN}"),
}


@dataclass
class FakeForge:
    """A forge's comments of one pull request, and what it was asked.

    Attributes:
        user: whom the token belongs to; None where the token may not ask.
        page: how many comments are on a page.
        troubles: answers that are given before anything else, the first first.
        moved_to: where every request is sent instead.
        reviews: what is answered about reviews.
    """

    kind: str
    user: str | None = "gitexp-bot"
    page: int = 3
    comments: list[dict[str, Any]] = field(default_factory=list)
    asked: list[tuple[str, str]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    troubles: list[int] = field(default_factory=list)
    moved_to: str = ""
    body: bytes | None = None
    reviews: Any = None
    address: str = ""

    def add(self, author: str, body: str, *, system: bool = False) -> int:
        """Keep a comment and return its id."""
        number = 100 + len(self.comments)
        self.comments.append({"id": number, "author": author, "body": body, "system": system})
        return number

    def shown(self, comment: dict[str, Any]) -> dict[str, Any]:
        """Return a comment as this forge shows it."""
        if self.kind == "gitlab":
            return {
                "id": comment["id"],
                "body": comment["body"],
                "author": {"username": comment["author"], "id": 7},
                "system": comment["system"],
            }
        return {
            "id": comment["id"],
            "body": comment["body"],
            "user": {"login": comment["author"], "type": "Bot"},
            "html_url": f"https://forge.example/pulls/1#c{comment['id']}",
        }


class _Handler(BaseHTTPRequestHandler):
    forge: FakeForge

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        self._handle("GET")

    def do_POST(self) -> None:
        self._handle("POST")

    def do_PATCH(self) -> None:
        self._handle("PATCH")

    def do_PUT(self) -> None:
        self._handle("PUT")

    def _handle(self, method: str) -> None:
        forge, url = self.forge, urlsplit(self.path)
        length = int(self.headers.get("Content-Length") or 0)
        sent = json.loads(self.rfile.read(length)) if length else {}
        forge.asked.append((method, self.path))
        forge.headers.append(dict(self.headers.items()))
        if forge.moved_to:
            self._answer(302, None, {"Location": forge.moved_to + self.path})
        elif forge.troubles:
            self._answer(forge.troubles.pop(0), {"message": "not now"})
        elif self.headers.get(_LOGINS[forge.kind][0]) != _LOGINS[forge.kind][1]:
            self._answer(401, {"message": "Bad credentials"})
        else:
            self._serve(method, url.path, parse_qs(url.query), sent)

    def _serve(self, method: str, path: str, query: dict[str, list[str]], sent: Any) -> None:
        forge = self.forge
        many, one = (f"/api{pattern}" for pattern in _PATHS[forge.kind])
        if path == "/api/user":
            self._user()
        elif re.match(many, path) and method == "GET":
            self._page(path, int(query.get("page", ["1"])[0]))
        elif re.match(many, path) and method == "POST":
            number = forge.add(forge.user or "github-actions[bot]", sent["body"])
            self._answer(201, self._comment(number))
        elif (found := re.match(one, path)) and method in ("PATCH", "PUT"):
            number = int(found.groups()[-1])
            next(c for c in forge.comments if c["id"] == number)["body"] = sent["body"]
            self._answer(200, self._comment(number))
        elif re.search(r"/(pulls/\d+/reviews|merge_requests/\d+/approvals)\Z", path):
            self._answer(200, forge.reviews)
        else:
            self._answer(404, {"message": "Not Found"})

    def _user(self) -> None:
        forge = self.forge
        if forge.user is None:
            self._answer(403, {"message": "Resource not accessible by integration"})
        else:
            self._answer(200, {"username" if forge.kind == "gitlab" else "login": forge.user})

    def _comment(self, number: int) -> dict[str, Any]:
        return self.forge.shown(next(c for c in self.forge.comments if c["id"] == number))

    def _page(self, path: str, number: int) -> None:
        forge = self.forge
        begin = (number - 1) * forge.page
        shown = [forge.shown(c) for c in forge.comments[begin : begin + forge.page]]
        headers = {}
        if begin + forge.page < len(forge.comments):
            following = f"{forge.address}{path.removeprefix('/api')}?page={number + 1}"
            headers["Link"] = f'<{forge.address}/user>; rel="first", <{following}>; rel="next"'
        self._answer(200, shown, headers)

    def _answer(self, code: int, value: Any, headers: dict[str, str] | None = None) -> None:
        body = self.forge.body if self.forge.body is not None else json.dumps(value).encode()
        self.send_response(code)
        for name, text in (headers or {}).items():
            self.send_header(name, text)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def served(kind: str) -> Iterator[FakeForge]:
    """Serve a forge of a kind until the block ends."""
    forge = FakeForge(kind=kind)
    handler = type("Handler", (_Handler,), {"forge": forge})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    forge.address = f"http://127.0.0.1:{server.server_address[1]}/api"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield forge
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
