"""Both sides of a remote, for tests: people with repositories, and the server between them."""

from __future__ import annotations

import base64
import os
import shutil
import stat
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import IO, Literal, Protocol

import pytest

from gitexp.ids import ObjectId
from gitexp.store.disk import DiskStore
from gitexp.store.memory import MemoryStore
from gitexp.store.memory_remote import MemoryRemote
from gitexp.store.protocol import Remote, Store
from gitexp.store.remotes import Implementation, open_remote

USER, PASSWORD = "ada", "s3cret-pass"
_PASSWORDS = {USER: PASSWORD}
REFSPEC = "+refs/heads/*:refs/remotes/origin/*"


@dataclass(frozen=True, kw_only=True)
class Person:
    """Somebody with a repository of their own and the shared remote."""

    store: Store
    remote: Remote
    directory: Path | None = None


class Place(Protocol):
    """A shared remote and the people who use it."""

    runs_hooks: bool

    def person(self, name: str) -> Person:
        """Return a new person whose repository is empty and whose remote is this one."""
        ...

    def refs(self) -> dict[str, ObjectId]:
        """Return the references of the shared repository."""
        ...

    def refuse(self, ref: str, reason: str) -> None:
        """Make the server refuse updates of a reference."""
        ...

    def break_down(self) -> None:
        """Make the shared repository unreachable."""
        ...


@dataclass(kw_only=True)
class MemoryPlace:
    """A shared repository in memory."""

    there: MemoryStore = field(default_factory=MemoryStore)
    remotes: list[MemoryRemote] = field(default_factory=list)
    runs_hooks: bool = True

    def person(self, name: str) -> Person:
        store = MemoryStore()
        remote = MemoryRemote(store, self.there)
        self.remotes.append(remote)
        return Person(store=store, remote=remote)

    def refs(self) -> dict[str, ObjectId]:
        return self.there.refs("refs/")

    def refuse(self, ref: str, reason: str) -> None:
        for remote in self.remotes:
            remote.rejecting[ref] = reason

    def break_down(self) -> None:
        for remote in self.remotes:
            remote.down = True


@dataclass(kw_only=True)
class GitPlace:
    """A bare repository made by git, reached at an address."""

    root: Path
    bare: Path
    url: str
    implementation: Implementation
    environ: Mapping[str, str]
    runs_hooks: bool = True

    def person(self, name: str) -> Person:
        directory = self.root / name
        git("init", "-q", "-b", "main", str(directory), cwd=self.root)
        git("remote", "add", "origin", self.url, cwd=directory)
        return self.again(directory)

    def again(self, directory: Path) -> Person:
        """Return the person who works in a directory, as opened now."""
        store = DiskStore.open(directory, environ=self.environ)
        remote = open_remote(store, "origin", environ=self.environ, prefer=self.implementation)
        return Person(store=store, remote=remote, directory=directory)

    def refs(self) -> dict[str, ObjectId]:
        listed = git("for-each-ref", "--format=%(refname) %(objectname)", cwd=self.bare)
        return {n: ObjectId(i) for n, i in (line.split(" ") for line in listed.splitlines())}

    def refuse(self, ref: str, reason: str) -> None:
        self.hook("update", f'[ "$1" != "{ref}" ] || {{ echo "{reason}" >&2; exit 1; }}')

    def hook(self, name: str, script: str) -> None:
        """Install a server hook."""
        path = self.bare / "hooks" / name
        path.parent.mkdir(exist_ok=True)
        write_program(path, script)

    def break_down(self) -> None:
        self.bare.rename(self.bare.with_name("gone"))


def git(*arguments: str, cwd: Path, given: str = "") -> str:
    """Return what a call of git writes."""
    done = subprocess.run(
        ["git", *arguments],
        cwd=cwd,
        input=given,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        env=environ_for(cwd),
    )
    return done.stdout.rstrip("\n")


def environ_for(home: Path) -> dict[str, str]:
    """Return an environment without anybody's own settings."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_TEMPLATE_DIR": "",
        "GIT_AUTHOR_NAME": "Ada Example",
        "GIT_AUTHOR_EMAIL": "ada@example.org",
        "GIT_COMMITTER_NAME": "Ada Example",
        "GIT_COMMITTER_EMAIL": "ada@example.org",
    }


def bare_repository(root: Path) -> Path:
    """Return a new bare repository as servers have them."""
    bare = root / "shared.git"
    git("init", "-q", "--bare", "-b", "main", str(bare), cwd=root)
    git("config", "http.receivepack", "true", cwd=bare)
    return bare


def write_program(path: Path, script: str) -> None:
    """Write a shell script that can be run."""
    path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


# Servers: on the loopback device, at a port that was free, ended with their test.


@contextmanager
def git_daemon(root: Path) -> Iterator[str]:
    """Serve the repositories below a directory; yields the address of the directory."""
    port = free_port()
    command = ["git", "daemon", "--verbose", "--reuseaddr", "--listen=127.0.0.1"]
    command += [f"--port={port}", "--export-all", "--enable=receive-pack", f"--base-path={root}"]
    with _running(command, "Ready to rumble", environ_for(root)):
        yield f"git://127.0.0.1:{port}"


@contextmanager
def http_server(root: Path, passwords: Mapping[str, str] | None = None) -> Iterator[str]:
    """Serve the repositories below a directory to those who know their password."""
    handler = type("Handler", (_GitHandler,), {"root": root, "passwords": passwords or _PASSWORDS})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join(timeout=10)
        server.server_close()


@dataclass(frozen=True, kw_only=True)
class SshServer:
    """A running ssh server: its address, and the command that logs in to it."""

    url: str
    root: Path

    @property
    def command(self) -> str:
        """The command of the one user that there is by default."""
        return self.command_of("user")

    def command_of(self, user: str) -> str:
        """The command that logs in with the key of a user."""
        return (
            f"ssh -F none -i {self.root}/{user} -o IdentitiesOnly=yes "
            f"-o UserKnownHostsFile={self.root}/known_hosts"
        )


@contextmanager
def ssh_server(
    root: Path, options: Mapping[str, str] | None = None, *, accepted: str = "GIT_PROTOCOL"
) -> Iterator[SshServer]:
    """Serve the machine's files over ssh with keys made for this.

    Args:
        options: by user, what stands before the user's key in the file of authorized keys, such
            as a forced command; one user without any by default.
        accepted: the variables that a client may send.
    """
    users = options or {"user": ""}
    program = sshd_program()
    port = free_port()
    if os.geteuid() == 0:
        # Run by root, sshd wants this empty directory, which a boot makes.
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    for name in ("host", *users):
        key = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(root / name)]
        subprocess.run(key, check=True, timeout=30)
    lines = [f"{way} {(root / f'{name}.pub').read_text()}".lstrip() for name, way in users.items()]
    (root / "authorized_keys").write_text("".join(lines), encoding="utf-8")
    host_key = (root / "host.pub").read_text(encoding="utf-8")
    known = root / "known_hosts"
    known.write_text(f"[127.0.0.1]:{port} {host_key}", encoding="utf-8")
    settings = root / "sshd_config"
    settings.write_text(_SSHD.format(root=root, port=port, accepted=accepted), encoding="utf-8")
    command = [program, "-D", "-e", "-f", str(settings)]
    with _running(command, "Server listening", environ_for(root)):
        yield SshServer(url=f"ssh://127.0.0.1:{port}", root=root)


def sshd_program() -> str:
    """Return the ssh server of this machine; a test that needs one is skipped where it is none."""
    found = shutil.which("sshd", path="/usr/sbin:/usr/local/sbin:/sbin:" + os.environ["PATH"])
    if found is None:
        missing = "sshd is not installed (Debian: openssh-server)"
        if os.environ.get("CI") == "true":
            pytest.fail(missing)
        pytest.skip(missing)
    return found


_SSHD = """\
Port {port}
ListenAddress 127.0.0.1
HostKey {root}/host
AuthorizedKeysFile {root}/authorized_keys
StrictModes no
UsePAM no
PasswordAuthentication no
PermitRootLogin yes
PidFile none
AcceptEnv {accepted}
"""


def free_port() -> int:
    """Return a port of the loopback device that nobody listens on."""
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def _running(command: list[str], ready: str, environ: Mapping[str, str]) -> Iterator[None]:
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=environ
    )
    assert process.stderr is not None
    try:
        said = _read_until(process.stderr, ready)
        assert ready in said, f"{command[0]} did not start: {said}"
        drain = threading.Thread(target=process.stderr.read, daemon=True)
        drain.start()
        yield
    finally:
        process.terminate()
        process.wait(timeout=10)
        drain.join(timeout=10)
        process.stderr.close()


def _read_until(stream: IO[str], text: str) -> str:
    said = ""
    for line in stream:
        said += line
        if text in line:
            break
    return said


class _GitHandler(BaseHTTPRequestHandler):
    """Answers with `git http-backend`, as a web server with basic authentication does."""

    root: Path
    passwords: Mapping[str, str]
    protocol_version = "HTTP/1.1"
    user = ""

    def do_GET(self) -> None:
        self._answer(b"")

    def do_POST(self) -> None:
        self._answer(self._body())

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""

    def _answer(self, body: bytes) -> None:
        given = self.headers.get("Authorization", "")
        tokens = {name: f"{name}:{secret}".encode() for name, secret in self.passwords.items()}
        known = {f"Basic {base64.b64encode(t).decode()}": name for name, t in tokens.items()}
        self.user = known.get(given, "")
        if not self.user:
            self._send(401, [("WWW-Authenticate", 'Basic realm="git"')], b"no\n")
            return
        done = subprocess.run(
            ["git", "http-backend"],
            input=body,
            capture_output=True,
            timeout=60,
            env=self._variables(len(body)),
            check=False,
        )
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        fields = [
            tuple(line.split(": ", 1)) for line in head.decode().split("\r\n") if ": " in line
        ]
        status = next((value for name, value in fields if name == "Status"), "200")
        self._send(int(status.split()[0]), [(n, v) for n, v in fields if n != "Status"], content)

    def _variables(self, length: int) -> dict[str, str]:
        path, _, query = self.path.partition("?")
        given = {
            "GIT_PROJECT_ROOT": str(self.root),
            "GIT_HTTP_EXPORT_ALL": "1",
            "REQUEST_METHOD": self.command,
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(length),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
            "REMOTE_USER": self.user,
            "REMOTE_ADDR": "127.0.0.1",
        }
        return environ_for(self.root) | given

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", "0")))
        parts = []
        while size := int(self.rfile.readline(), 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def _send(self, status: int, fields: list[tuple[str, ...]], content: bytes) -> None:
        self.send_response(status)
        for name, value in fields:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


Kind = Literal[
    "memory",
    "git+path",
    "git+file",
    "dulwich+path",
    "git+daemon",
    "git+http",
    "git+ssh",
    "dulwich+daemon",
    "dulwich+http",
    "dulwich+ssh",
]

EVERYDAY: tuple[Kind, ...] = ("memory", "git+path", "git+file", "dulwich+path")
SERVERS: tuple[Kind, ...] = (
    "git+daemon",
    "git+http",
    "git+ssh",
    "dulwich+daemon",
    "dulwich+http",
    "dulwich+ssh",
)


class Servers:
    """The servers of a module's tests, each started when it is first needed.

    Args:
        root: the directory below which they serve everything.
        keys: an empty directory for the keys of the ssh server.
        running: ends them.
    """

    def __init__(self, root: Path, keys: Path, running: ExitStack) -> None:
        self._root = root
        self._keys = keys
        self._running = running

    @cached_property
    def daemon(self) -> str:
        """The address of the directory at a git daemon."""
        return self._running.enter_context(git_daemon(self._root))

    @cached_property
    def http(self) -> str:
        """The address of the directory at a web server."""
        return self._running.enter_context(http_server(self._root))

    @cached_property
    def ssh(self) -> SshServer:
        """An ssh server."""
        return self._running.enter_context(ssh_server(self._keys))

    def address(self, transport: str, bare: Path) -> tuple[str, dict[str, str]]:
        """Return the address of a repository, and the variables that a client needs."""
        below = bare.relative_to(self._root)
        if transport == "daemon":
            return f"{self.daemon}/{below}", {}
        if transport == "http":
            return f"{self.http.replace('://', f'://{USER}:{PASSWORD}@')}/{below}", {}
        if transport == "ssh":
            return f"{self.ssh.url}{bare}", {"GIT_SSH_COMMAND": self.ssh.command}
        return (bare.as_uri() if transport == "file" else str(bare)), {}


def shared_place(kind: Kind, root: Path, servers: Servers) -> Place:
    """Return a new shared repository of one kind."""
    if kind == "memory":
        return MemoryPlace()
    implementation, _, transport = kind.partition("+")
    bare = bare_repository(root)
    url, extra = servers.address(transport, bare)
    return GitPlace(
        root=root,
        bare=bare,
        url=url,
        implementation="git" if implementation == "git" else "dulwich",
        environ=environ_for(root) | extra,
        runs_hooks=kind != "dulwich+path",
    )
