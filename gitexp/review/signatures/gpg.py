"""Signatures by OpenPGP keys: made and checked by `gpg`, over its lines of status alone.

The keys that count are those of one file, imported into a directory of their own: no keyring, no
web of trust, no key server. Expired and revoked keys and signatures never count; a signature made
before its key expired counts as little as one made after, since its date is the signer's choice.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path

from gitexp.errors import InvalidInput
from gitexp.review.signatures.answers import (
    BROKEN,
    CHANGED,
    MALFORMED,
    SEVERAL,
    Answer,
    Unverified,
    Verified,
)
from gitexp.review.signatures.programs import Outcome, bare_environment, run_program

BEGIN = b"-----BEGIN PGP SIGNATURE-----"

_QUIET = ("--batch", "--no-tty", "--no-autostart", "--no-options", "--quiet")
_OFFLINE = ("--no-auto-key-retrieve", "--trust-model", "always")
# A clock that is a little ahead must not spoil a signature; what ends is held to the moment.
_TOLERANT = ("--ignore-time-conflict", "--ignore-valid-from")
_GONE = frozenset("ren")
_WEAK = frozenset(["1", "2", "3"])
"""The digests of RFC 4880 (9.4) that nobody should sign any more: MD5, SHA-1, RIPE-MD/160."""

_STATUS = "[GNUPG:] "
_ESCAPED = re.compile(r"\\x([0-9a-fA-F]{2})")
_REASONS = (
    ("REVKEYSIG", "its key is revoked"),
    ("EXPKEYSIG", "its key has expired"),
    ("EXPSIG", "the signature has expired"),
    ("BADSIG", CHANGED),
    ("NO_PUBKEY", "its key is none of the allowed keys"),
    ("NODATA", MALFORMED),
)


@dataclass(frozen=True, kw_only=True)
class GpgKeys:
    """A directory for `gpg` that holds the keys that count, and nothing else."""

    home: Path
    environ: Mapping[str, str]
    _known: dict[tuple[str, str], list[str]] = field(default_factory=dict, init=False)

    def load(self, keys: bytes) -> None:
        """Import armored public keys."""
        self._gpg("--import", given=keys)

    def check(self, payload: bytes, signature: bytes, *, claimed: str, now: datetime) -> Answer:
        """Return whose signature this is; `claimed` is chosen where the key is theirs too."""
        file = self.home / "signature.asc"
        file.write_bytes(signature)
        moment = now.astimezone(timezone.utc).strftime("%Y%m%dT%H%M%S!")
        outcome = self._gpg(
            *("--faked-system-time", moment, "--status-fd", "1"),
            *("--verify", str(file), "-"),
            given=payload,
        )
        status = _status(outcome)
        if (key := _valid_key(status)) is None:
            reason = _reason(status)
            return Unverified(reason=reason, broken=reason in BROKEN)
        known = self._known.get((key, moment))
        if known is None:
            known = self._known[(key, moment)] = self._addresses(key, moment)
        if not known:
            return Unverified(reason="its key names nobody's address")
        identity = claimed if claimed in known else known[0]
        return Verified(identity=identity, key=key, kind="gpg")

    def _addresses(self, key: str, moment: str) -> list[str]:
        """Return the addresses that a key's user ids name, revoked and expired ones left out."""
        listed = self._gpg("--faked-system-time", moment, "--with-colons", "--list-keys", key)
        rows = [row.split(":") for row in listed.out.decode("utf-8", "replace").splitlines()]
        uids = [row[9] for row in rows if row[0] == "uid" and len(row) > 9 and row[1] not in _GONE]
        return [address for uid in uids if (address := _address(uid))]

    def _gpg(self, *arguments: str, given: bytes = b"") -> Outcome:
        return run_program(
            "gpg",
            ["--homedir", str(self.home), *_QUIET, *_OFFLINE, *_TOLERANT, *arguments],
            given=given,
            environ=bare_environment(self.environ, self.home),
            directory=self.home,
        )


def _status(outcome: Outcome) -> dict[str, list[list[str]]]:
    """Return the words after each status, by its keyword."""
    found: dict[str, list[list[str]]] = {}
    for line in outcome.out.decode("utf-8", "replace").split("\n"):
        if line.startswith(_STATUS):
            keyword, *words = line[len(_STATUS) :].split(" ")
            found.setdefault(keyword, []).append(words)
    return found


def _valid_key(status: Mapping[str, list[list[str]]]) -> str | None:
    """Return the fingerprint of the primary key of the one good signature, or None."""
    spoiled = {keyword for keyword, _ in _REASONS} | {"ERRSIG"}
    counts = [len(status.get(word, ())) for word in ("NEWSIG", "GOODSIG", "VALIDSIG")]
    if counts != [1, 1, 1] or spoiled & set(status):
        return None
    words = status["VALIDSIG"][0]
    if len(words) < 10 or words[7] in _WEAK:
        return None
    # One of another class than these is a signature of a key, not of data.
    return words[9] if words[8] in ("00", "01") else None


def _reason(status: Mapping[str, list[list[str]]]) -> str:
    if len(status.get("NEWSIG", ())) > 1:
        return SEVERAL
    for keyword, reason in _REASONS:
        if keyword in status:
            return reason
    valid = status.get("VALIDSIG", [[]])[0]
    if len(valid) > 7 and valid[7] in _WEAK:
        return "its digest is too weak"
    return "its signature is not valid"


def _address(uid: str) -> str | None:
    text = _ESCAPED.sub(lambda found: chr(int(found[1], 16)), uid)
    found = re.search(r"<([^<>\s]+)>\Z", text)
    if found:
        return found[1]
    return text if re.fullmatch(r"[^<>\s]+@[^<>\s]+", text) else None


def sign_with_gpg(
    payload: bytes,
    *,
    key: str,
    environ: Mapping[str, str],
    directory: Path,
    interactive: bool,
) -> bytes:
    """Return the armored detached signature of some bytes, by the user's own `gpg` and agent.

    Args:
        key: an id, a fingerprint or a user id of a secret key.

    Raises:
        InvalidInput: there is no such secret key, or it cannot be used.
        NotFound: `gpg` is not installed.
    """
    asking = () if interactive else ("--batch", "--no-tty")
    outcome = run_program(
        "gpg",
        [*asking, "--armor", "--detach-sign", "--local-user", key],
        given=payload,
        environ={**environ, "LC_ALL": "C"},
        directory=directory,
        interactive=interactive,
    )
    if outcome.code != 0 or not outcome.out.startswith(BEGIN):
        said = outcome.errors.splitlines() or ["gpg says nothing"]
        raise InvalidInput(
            f"the OpenPGP key {key!r} cannot sign: {said[-1]}",
            hint="Look at `git config user.signingKey` and `gpg --list-secret-keys`.",
        )
    return outcome.out
