"""The real `git lfs`, and giftless as a real server for it on the loopback device."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

KEY = "a key of at least thirty-two bytes for the tests"
USER = "_jwt"

_SERVER = """\
import sys
from giftless.app import init_app
from werkzeug.serving import make_server

storage, key = sys.argv[1:]
options = {"algorithm": "HS256", "private_key": key}
by_token = {"factory": "giftless.auth.jwt:factory", "options": options}
app = init_app(additional_config={
    "LEGACY_ENDPOINTS": False,
    "AUTH_PROVIDERS": [by_token],
    "PRE_AUTHORIZED_ACTION_PROVIDER": by_token,
    "TRANSFER_ADAPTERS": {"basic": {"options": {"storage_options": {"path": storage}}}},
})
server = make_server("127.0.0.1", 0, app, threaded=True)
print(server.server_port, flush=True)
server.serve_forever()
"""


@dataclass(frozen=True, kw_only=True)
class Giftless:
    """A running server.

    Attributes:
        url: the Git LFS address of one repository there.
        storage: the directory of this repository's objects.
    """

    url: str
    storage: Path

    @property
    def open_url(self) -> str:
        """The address with a login in it that opens it."""
        return self.url.replace("://", f"://{USER}:{token()}@")

    @property
    def oids(self) -> list[str]:
        """The objects that it has."""
        return sorted(os.listdir(self.storage)) if self.storage.is_dir() else []


def require_git_lfs() -> None:
    """Skip the test where `git lfs` is not installed; fail it there if this is CI."""
    if shutil.which("git-lfs") is None:
        missing = "git-lfs is not installed (Debian: git-lfs)"
        if os.environ.get("CI") == "true":
            pytest.fail(missing)
        pytest.skip(missing)


@contextmanager
def giftless(root: Path) -> Iterator[Giftless]:
    """Run the server until the block ends; it wants a token as the password of `_jwt`."""
    storage = root / "storage"
    command = [sys.executable, "-c", _SERVER, str(storage), KEY]
    environ = {"PATH": os.environ["PATH"], "HOME": str(root)}
    process = subprocess.Popen(
        command,
        cwd=root,
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    try:
        port = process.stdout.readline().strip()
        assert port.isdigit(), "giftless did not start"
        url = f"http://127.0.0.1:{port}/team/bot.git/info/lfs"
        yield Giftless(url=url, storage=storage / "team" / "bot")
    finally:
        process.terminate()
        process.wait(timeout=10)
        process.stdout.close()


def token() -> str:
    """Return a token for everything in the repository."""
    import jwt

    # Clocks of tests stand still; the server's does not.
    expires = datetime.now(timezone.utc) + timedelta(hours=1)
    return jwt.encode({"sub": "ada", "exp": expires, "scopes": ["obj:team/bot/*"]}, KEY)
