"""Addresses of remotes and text from them: what is allowed, and how it is shown.

Allowed are a local path, `file://`, `ssh://`, the scp-like `host:path`, `git://`, `http://` and
`https://`. Everything else that Git knows (`ext::`, `fd::` and every other `transport::address`)
runs a program of the address's choosing, and is refused. So is whatever a program further down
could take for an option or for the end of a line.
"""

from __future__ import annotations

import hashlib
import os
import re
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import unquote

from gitexp.errors import InvalidInput

AddressKind = Literal["path", "file", "scp", "ssh", "git", "http", "https"]

_SCHEMES = frozenset(["file", "ssh", "git", "http", "https"])
_DEFAULT_PORTS = {"ssh": "22", "git": "9418", "http": "80", "https": "443"}
_HELPER = re.compile(r"[A-Za-z0-9][A-Za-z0-9+.-]*::")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_URL_IN_TEXT = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^\s'\"<>]+")
_DRIVE = re.compile(r"[A-Za-z]:[\\/]")
_ALLOWED = (
    "Use a local path, file://, ssh://, HOST:PATH, git://, http:// or https://, "
    "as `git remote -v` shows them."
)


@dataclass(frozen=True, kw_only=True)
class Address:
    """The parts of an address.

    Attributes:
        kind: its form.
        user: the user as it is written, percent signs and all; None when there is none.
        password: the password as it is written, or None.
        host: the host in lower case, without the brackets of IPv6; empty for a local path.
        port: the port as digits, or empty.
        path: the path; in a URL with its query, and as it is written.
    """

    kind: AddressKind
    path: str
    user: str | None = None
    password: str | None = None
    host: str = ""
    port: str = ""

    @property
    def local_path(self) -> Path | None:
        """The directory that a path or a `file://` URL names, or None."""
        if self.kind == "path":
            return Path(self.path)
        if self.kind == "file":
            return Path(unquote(self.path))
        return None


def check_url(text: str) -> str:
    """Return an address in its normal form: scheme and host in lower case.

    Raises:
        InvalidInput: the address has a scheme or a form that is not allowed.
    """
    address = parse_address(text)
    if address.kind in ("path", "scp"):
        return text
    return f"{address.kind}://{_authority(address, with_password=True)}{address.path}"


def parse_address(text: str) -> Address:
    """Return the parts of an address.

    Raises:
        InvalidInput: the address has a scheme or a form that is not allowed.
    """
    _refuse_characters(text)
    if _HELPER.match(text):
        raise _refused(text, f"addresses of the form '{text.split('::', 1)[0]}::' run a program")
    if scheme := _SCHEME.match(text):
        address = _parse_url(text, scheme[1].lower(), text[scheme.end() :])
    elif _is_scp_like(text):
        address = _parse_scp(text)
    else:
        address = Address(kind="path", path=text)
    _refuse_options(text, address)
    return address


def looks_like_address(text: str) -> bool:
    """Return whether a text is written as an address and not as the name of a remote."""
    return bool(
        _SCHEME.match(text)
        or _HELPER.match(text)
        or _is_scp_like(text)
        or text in (".", "..")
        or "/" in text
        or os.sep in text
    )


def redact(url: str) -> str:
    """Return an address for showing: without password, token and query; safe on a terminal.

    The user is kept where it is no secret (`ssh://git@host`, `git@host:path`).
    """
    shown = _visible(url)
    scheme = _SCHEME.match(shown)
    if scheme is None:
        return _redact_scp(shown)
    rest = shown[scheme.end() :]
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
    tail = rest[len(authority) :]
    if "@" in tail and not authority.rpartition(":")[2].isdigit() and ":" in authority:
        # A password with an unescaped '/' reaches beyond what looks like the host.
        authority, tail = rest[: rest.rindex("@") + 1], rest[rest.rindex("@") + 1 :]
    userinfo, at, host = authority.rpartition("@")
    user = userinfo.split(":", 1)[0] + at if scheme[1].lower() == "ssh" else ""
    path, query = re.match(r"([^?#]*)(.*)", tail, re.DOTALL).groups()  # type: ignore[union-attr]
    return scheme[0] + user + host + path + ("?***" if query else "")


def sanitize(text: str, *, limit: int = 300) -> str:
    """Return one line of foreign text that is safe to show: no controls, no secrets in URLs."""
    shown = _URL_IN_TEXT.sub(lambda found: redact(found[0]), _visible(text.strip()))
    return shown if len(shown) <= limit else shown[: limit - 1] + "…"


def cache_key(url: str) -> str:
    """Return 32 hexadecimal digits that stand for the repository at an address.

    Credentials do not enter: the same repository has the same key with and without them.

    Raises:
        InvalidInput: the address has a scheme or a form that is not allowed.
    """
    address = parse_address(url)
    where = address.local_path
    if where is not None:
        text = "file://" + os.path.abspath(where)
    else:
        text = f"{address.kind}://{_authority(address, with_password=False)}"
        text += "/" * (address.kind == "scp") + address.path.split("?", 1)[0].rstrip("/")
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:32]


def _parse_url(text: str, scheme: str, rest: str) -> Address:
    if scheme not in _SCHEMES:
        raise _refused(text, f"the scheme '{scheme}' is not allowed")
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
    userinfo, at, where = authority.rpartition("@")
    user, colon, password = userinfo.partition(":")
    host, port = _split_port(where)
    if port and not port.isdigit():
        raise _refused(text, "the port is not a number")
    if scheme != "file" and not host:
        raise _refused(text, "it names no host")
    return Address(
        kind=scheme,  # type: ignore[arg-type]
        user=user if at else None,
        password=password if colon else None,
        host=host.lower(),
        port=port,
        path=rest[len(authority) :],
    )


def _parse_scp(text: str) -> Address:
    # `[host:port]:path` and `user@[::1]:path` are Git's own extensions of the form.
    found = re.match(r"(?:([^@/\[]*)@)?(\[[^\]]*\]|[^:\[]*):(.*)", text, re.DOTALL)
    if found is None or not found[2].strip("[]"):
        raise _refused(text, "it names no host")
    inner, port = found[2], ""
    if inner.startswith("["):
        inner = inner[1:-1]
        if inner.count(":") == 1:
            inner, port = inner.split(":")
    return Address(kind="scp", user=found[1], host=inner.lower(), port=port, path=found[3])


def _is_scp_like(text: str) -> bool:
    if os.name == "nt" and _DRIVE.match(text):
        return False
    colon, slash = text.find(":"), text.find("/")
    return colon > 0 and (slash < 0 or colon < slash)


def _split_port(where: str) -> tuple[str, str]:
    if where.startswith("["):
        host, _, rest = where[1:].partition("]")
        return host, rest.lstrip(":")
    host, _, port = where.partition(":")
    return host, port


def _authority(address: Address, *, with_password: bool) -> str:
    host = f"[{address.host}]" if ":" in address.host else address.host
    secret = address.password is not None and with_password
    user = address.user if with_password or address.kind in ("ssh", "scp") else None
    named = "" if user is None else user + (f":{address.password}" if secret else "") + "@"
    port = address.port
    if not with_password and port == _DEFAULT_PORTS.get(address.kind):
        port = ""
    return named + host + (f":{port}" if port else "")


def _refuse_characters(text: str) -> None:
    if not text.strip():
        raise InvalidInput("the address of a remote is empty", hint=_ALLOWED)
    candidates = (text, unquote(text)) if _SCHEME.match(text) else (text,)
    if any(_is_hostile(c) for candidate in candidates for c in candidate):
        raise _refused(text, "it holds a control character")


def _refuse_options(text: str, address: Address) -> None:
    parts = [text, address.host, address.user or ""]
    if address.kind in ("path", "scp"):
        parts.append(address.path)
    if any(unquote(part).startswith("-") for part in parts):
        raise _refused(text, "a part that begins with '-' could be taken for an option")


def _refused(text: str, reason: str) -> InvalidInput:
    return InvalidInput(
        f"the address '{redact(text)}' is not allowed: {reason}",
        hint=_ALLOWED,
    )


def _redact_scp(shown: str) -> str:
    host, colon, path = shown.partition(":")
    if not colon or "/" in host or "@" not in path.split("/", 1)[0]:
        return shown
    return f"{host}:***@{path.split('@', 1)[1]}"


def _is_hostile(character: str) -> bool:
    return unicodedata.category(character) in ("Cc", "Zl", "Zp") or _is_bidi(character)


def _is_bidi(character: str) -> bool:
    return (
        character in "\u061c\u200e\u200f"
        or "\u202a" <= character <= "\u202e"
        or ("\u2066" <= character <= "\u2069")
    )


def _visible(text: str) -> str:
    return "".join(map(_visible_character, text))


def _visible_character(character: str) -> str:
    if character.isprintable():
        return character
    if character == "\t" or unicodedata.category(character) == "Zs":
        return " "
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
