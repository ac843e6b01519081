"""Credentials for a web server, as Git has them: `~/.netrc`, then Git's credential helpers.

They belong to one server (scheme, host and port) and are never sent to another one.
"""

from __future__ import annotations

import base64
import threading
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from gitexp.store.dulwich_wire import netrc_entry
from gitexp.store.git_program import GitProgram

_PORTS = {"http": 80, "https": 443}


class Server(NamedTuple):
    """A web server, to which credentials belong."""

    scheme: str
    host: str
    port: int | None


class Login(NamedTuple):
    """A user and a password."""

    user: str
    password: str

    @property
    def header(self) -> str:
        """The value of `Authorization`."""
        return "Basic " + base64.b64encode(f"{self.user}:{self.password}".encode()).decode()


def server_of(url: str) -> Server:
    """Return the server that a URL is about."""
    parts = urlsplit(url)
    return Server(parts.scheme, parts.hostname or "", parts.port or _PORTS.get(parts.scheme))


def login_in(url: str) -> Login | None:
    """Return user and password that stand in a URL, or None."""
    parts = urlsplit(url)
    if parts.username is None or parts.password is None:
        return None
    return Login(unquote(parts.username), unquote(parts.password))


def without_login(url: str) -> str:
    """Return a URL without user and password."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


class Credentials:
    """What is known of logins; threads may share it.

    Args:
        environ: for `HOME` and `NETRC`.
        program: `git` in the repository, whose helpers are asked; None where there is none.
        home: a URL of the one server that netrc's entry for all others may be sent to.
    """

    def __init__(
        self, environ: Mapping[str, str], program: GitProgram | None, *, home: str | None = None
    ) -> None:
        self._environ = environ
        self._program = program
        self._home = server_of(home) if home else None
        self._known: dict[Server, Login] = {}
        self._refused: set[Server] = set()
        self._asked: set[Server] = set()
        self._lock = threading.RLock()

    def known(self, url: str) -> Login | None:
        """Return the login for a URL's server as far as nobody has to be asked, or None."""
        server = server_of(url)
        with self._lock:
            if server not in self._known and server not in self._refused:
                login = self._in_netrc(server)
                if login is not None:
                    self._known[server] = login
            return self._known.get(server)

    def _in_netrc(self, server: Server) -> Login | None:
        entry = netrc_entry(server.host, self._environ)
        for_all = entry == netrc_entry("", self._environ)
        if entry[0] is None or entry[1] is None or (for_all and server != self._home):
            return None
        return Login(entry[0], entry[1])

    def remember(self, url: str, login: Login) -> None:
        """Use a login for the URL's server from now on."""
        with self._lock:
            self._known.setdefault(server_of(url), login)

    def ask(self, url: str, refused: Login | None) -> Login | None:
        """Return another login than the one that was refused, from Git's helpers; or None."""
        server = server_of(url)
        with self._lock:
            known = self._known.get(server)
            if known is not None and known != refused:
                return known
            self._drop(server, url)
            if server in self._asked or self._program is None:
                return None
            self._asked.add(server)
            login = self._filled(url)
            if login is not None:
                self._known[server] = login
            return login

    def worked(self, url: str, login: Login) -> None:
        """Tell Git's helpers, once, that what they gave was right."""
        server = server_of(url)
        with self._lock:
            if server in self._asked and self._known.get(server) == login:
                self._asked.discard(server)
                self._tell("approve", url, login)

    def _drop(self, server: Server, url: str) -> None:
        login = self._known.pop(server, None)
        self._refused.add(server)
        if login is not None and server in self._asked:
            self._tell("reject", url, login)

    def _filled(self, url: str) -> Login | None:
        assert self._program is not None
        done = self._program.run("credential", "fill", lines=[*_described(url), ""])
        if done.code != 0:
            return None
        answer = dict(line.partition("=")[::2] for line in done.out.splitlines())
        if "username" not in answer or "password" not in answer:
            return None
        return Login(answer["username"], answer["password"])

    def _tell(self, verb: str, url: str, login: Login) -> None:
        if self._program is not None:
            given = [f"username={login.user}", f"password={login.password}"]
            self._program.run("credential", verb, lines=[*_described(url), *given, ""])


def _described(url: str) -> list[str]:
    """Return a URL as `git credential` wants it; what could begin another line is left out."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    lines = [f"protocol={parts.scheme}", f"host={host}", f"path={parts.path.lstrip('/')}"]
    if parts.username:
        lines.append(f"username={unquote(parts.username)}")
    return [line for line in lines if line.isprintable()]
