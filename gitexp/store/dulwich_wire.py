"""Dulwich's clients as gitexp uses them: connected by address, asked for little, errors ours."""

from __future__ import annotations

import contextlib
import shlex
import subprocess
import tempfile
import zlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any
from urllib.parse import unquote

from gitexp.errors import GitexpError, StoreError
from gitexp.ids import ObjectId
from gitexp.store.files import sync_directory, write_errors
from gitexp.store.git_failures import absent_object, is_denied
from gitexp.store.gitconfig import Setting
from gitexp.store.protocol import Store
from gitexp.store.pushes import unanswered, unavailable
from gitexp.store.refspecs import not_there
from gitexp.store.urls import Address, check_url, parse_address
from gitexp.store.watching import PATIENCE

if TYPE_CHECKING:
    from dulwich.client import GitClient, SubprocessWrapper
    from dulwich.config import ConfigDict
    from dulwich.pack import UnpackedObject

_KIND_NUMBERS = {"commit": 1, "tree": 2, "blob": 3, "tag": 4}


@dataclass(frozen=True, kw_only=True)
class Wire:
    """How to talk to a server.

    Attributes:
        settings: the Git configuration.
        environ: the user's environment, for `HOME`, `NETRC` and `GIT_SSH_COMMAND`.
        interactive: whether ssh may ask the user on the terminal.
        patience: seconds that a server may be silent over HTTP.
    """

    settings: tuple[Setting, ...]
    environ: Mapping[str, str]
    interactive: bool = False
    patience: float = PATIENCE

    @contextlib.contextmanager
    def client(self, address: str, title: str, name: str | None) -> Iterator[tuple[Any, bytes]]:
        """Yield a client and the path on the server, with every failure as an error of gitexp.

        Raises:
            RemoteUnavailable: the server cannot be reached, refused the credentials or answers
                with nonsense.
            NotFound: the server does not have an object that was asked for by its id.
        """
        parts = parse_address(address)
        with _translated(title, name, self.patience):
            client, path = self._connect(parts, address)
            with _ended_connections(client):
                yield client, path.encode()

    def _connect(self, parts: Address, address: str) -> tuple[GitClient, str]:
        from dulwich.client import SSHGitClient, TCPGitClient

        port = int(parts.port) if parts.port else None
        if parts.kind == "git":
            return TCPGitClient(parts.host, port=port), unquote(parts.path)
        if parts.kind in ("http", "https"):
            return self._http_client(parts, address), ""
        path = unquote(parts.path) if parts.kind == "ssh" else parts.path
        user = unquote(parts.user) if parts.user else None
        program: Any = SshProgram(environ=self.environ, interactive=self.interactive)
        client = SSHGitClient(
            parts.host, port=port, username=user, ssh_command=self._ssh_command(), vendor=program
        )
        return client, path

    def _http_client(self, parts: Address, address: str) -> GitClient:
        from dulwich.client import Urllib3HttpGitClient
        from urllib3.util import Retry

        user, password = self._credentials(parts)
        scheme, _, rest = check_url(address).partition("://")
        host, slash, path = rest.partition("/")
        bare = f"{scheme}://{host.rpartition('@')[2]}{slash}{path}"
        client = Urllib3HttpGitClient(
            bare,
            config=self._config(),
            username=user,
            password=password,
            quiet=True,
            timeout=self.patience,
        )
        # A server that was silent once is not given as long again three times.
        client.pool_manager.connection_pool_kw["retries"] = Retry(3, connect=0, read=0)
        return client

    def _credentials(self, parts: Address) -> tuple[str | None, str | None]:
        if parts.user:
            return unquote(parts.user), unquote(parts.password or "")
        if any(_is_authorization(setting) for setting in self.settings):
            return None, None
        return netrc_entry(parts.host, self.environ)

    def _ssh_command(self) -> str:
        configured = [s.value for s in self.settings if s.key == "core.sshcommand"]
        single = self.environ.get("GIT_SSH")
        command = self.environ.get("GIT_SSH_COMMAND") or next(reversed(configured), None)
        command = command or (shlex.quote(single) if single else "ssh")
        asks = self.interactive or not Path(shlex.split(command)[0]).stem.endswith("ssh")
        return command if asks else f"{command} -o BatchMode=yes"

    def _config(self) -> ConfigDict:
        from dulwich.config import ConfigDict

        config = ConfigDict()
        for key, value in self.settings:
            section, _, rest = key.partition(".")
            subsection, _, name = rest.rpartition(".")
            where = (section, subsection) if subsection else (section,)
            config.add(tuple(part.encode() for part in where), name.encode(), value.encode())
        return config


class SshProgram:
    """The `ssh` program for dulwich, run in the user's environment and not that of the process."""

    def __init__(self, *, environ: Mapping[str, str], interactive: bool) -> None:
        self._environ = environ
        self._interactive = interactive

    def run_command(
        self,
        host: str,
        command: bytes,
        *,
        username: str | None = None,
        port: int | None = None,
        ssh_command: str = "ssh",
        protocol_version: int | None = None,
    ) -> SubprocessWrapper:
        """Return the running program, connected to a command on the host."""
        from dulwich.client import SubprocessWrapper

        options = ["-o", f"SetEnv=GIT_PROTOCOL=version={protocol_version or 2}"]
        options += ["-p", str(port)] if port else []
        where = f"{username}@{host}" if username else host
        process = subprocess.Popen(
            [*shlex.split(ssh_command), *options, where, command.decode()],
            bufsize=0,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=dict(self._environ),
            start_new_session=not self._interactive,
        )
        return SubprocessWrapper(process)


class Tips:
    """What a fetch tells the server that we have: the tips of our references and nothing else.

    The default of dulwich offers every commit of all history.
    """

    def __init__(self, tips: Iterable[ObjectId], shallow: Collection[ObjectId]) -> None:
        self._left = list(dict.fromkeys(tips))[::-1]
        self.shallow = {commit.encode() for commit in shallow}
        self.update_shallow = None

    def __iter__(self) -> Tips:
        return self

    def __next__(self) -> bytes | None:
        """Return the next tip, or None when there is none left."""
        return self._left.pop().encode() if self._left else None

    next = __next__

    def ack(self, commit: bytes) -> None:
        """Take note that the server has a commit; the other tips are offered all the same."""

    def nak(self) -> None:
        """Take note that the server has none of them so far."""


def pack_records(store: Store, ids: Collection[ObjectId]) -> tuple[int, Iterator[UnpackedObject]]:
    """Return the objects as dulwich packs them: their number, then each as it is read."""
    from dulwich.pack import UnpackedObject

    def records() -> Iterator[UnpackedObject]:
        for object_id in ids:
            raw = store.read(object_id)
            number = _KIND_NUMBERS[raw.kind]
            yield UnpackedObject(number, decomp_chunks=[raw.data], sha=bytes.fromhex(raw.id))

    return len(ids), records()


@contextlib.contextmanager
def received_pack(objects: Path) -> Iterator[IO[bytes]]:
    """Yield a file for a pack, which is indexed, completed and made durable at the end."""
    from dulwich.object_store import DiskObjectStore

    with tempfile.TemporaryFile(dir=objects) as pack:
        yield pack
        if pack.seek(0, 2) <= 32:
            return
        pack.seek(0)
        with write_errors("nothing was fetched"):
            store = DiskObjectStore(str(objects), fsync_object_files=True)
            try:
                store.add_thin_pack(pack.read, None)
            finally:
                store.close()
            sync_directory(str(objects / "pack"))


def netrc_entry(host: str, environ: Mapping[str, str]) -> tuple[str | None, str | None]:
    """Return user and password for a host from the user's netrc file, None where it has none.

    Raises:
        StoreError: the file cannot be understood.
    """
    import netrc

    named, home = environ.get("NETRC"), environ.get("HOME") or environ.get("USERPROFILE")
    paths = [named] if named else [f"{home}/.netrc", f"{home}/_netrc"] if home else []
    for path in paths:
        try:
            entry = netrc.netrc(path).authenticators(host)
        except OSError:
            continue
        except netrc.NetrcParseError as exc:
            raise StoreError(
                f"{path} cannot be understood: {exc.msg}",
                hint=f"Correct it by hand, line {exc.lineno}.",
            ) from exc
        if entry is not None:
            return entry[0], entry[2]
    return None, None


@contextlib.contextmanager
def _ended_connections(client: Any) -> Iterator[None]:
    """End a client's connections; it forgets one whose server hangs up before it has answered."""
    connections: list[Any] = []
    connect: Callable[..., Any] | None = getattr(client, "_connect", None)

    if connect is not None:
        client._connect = _recording(connect, connections)
    try:
        yield
    finally:
        for connection in connections:
            connection.close()
        client.close()


def _recording(connect: Callable[..., Any], connections: list[Any]) -> Callable[..., Any]:
    def recorded(*args: Any, **kwargs: Any) -> Any:
        made = connect(*args, **kwargs)
        connections.append(made[0])
        return made

    return recorded


@contextlib.contextmanager
def _translated(title: str, name: str | None, patience: float) -> Iterator[None]:
    from dulwich.client import HTTPProxyUnauthorized, HTTPUnauthorized
    from dulwich.errors import GitProtocolError, NotGitRepository
    from urllib3.exceptions import HTTPError

    try:
        yield
    except GitexpError:
        raise
    except (HTTPUnauthorized, HTTPProxyUnauthorized) as exc:
        raise unavailable(title, name, str(exc), denied=True) from exc
    except NotGitRepository as exc:
        raise unavailable(title, name, "there is no Git repository", denied=False) from exc
    except (GitProtocolError, HTTPError, OSError) as exc:
        if _timed_out(exc):
            raise unanswered(title, name, patience) from exc
        raise _network_error(exc, title, name) from exc
    except (ValueError, AssertionError, KeyError, zlib.error) as exc:
        line = f"its answer makes no sense ({type(exc).__name__}: {exc})"
        raise unavailable(title, name, line, denied=False) from exc


def _timed_out(exc: BaseException | None) -> bool:
    """Return whether an error, or one that it was made of, is that of a silent server."""
    from urllib3.exceptions import ReadTimeoutError

    while exc is not None:
        if isinstance(exc, ReadTimeoutError):
            return True
        exc = getattr(exc, "reason", None) or exc.__cause__ or exc.__context__
        exc = exc if isinstance(exc, BaseException) else None
    return False


def _network_error(exc: Exception, title: str, name: str | None) -> GitexpError:
    lines = getattr(exc, "stderr_lines", None) or []
    said = " ".join(line.decode("utf-8", "replace") for line in lines) or str(exc)
    text = said or type(exc).__name__
    if missing := absent_object(text):
        return not_there(missing, title)
    return unavailable(title, name, text, denied=is_denied(text))


def _is_authorization(setting: Setting) -> bool:
    return (
        setting.key.startswith("http.")
        and setting.key.endswith(".extraheader")
        and setting.value.lower().startswith("authorization:")
    )
