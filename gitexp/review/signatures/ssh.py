"""Signatures by SSH keys: made and checked by `ssh-keygen -Y`, in the format of PROTOCOL.sshsig.

Whether a key counts is decided by a file of allowed signers, at the present time: a date in what
was signed is the signer's own choice, so nobody can sign with an expired key by an older date.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from gitexp.errors import InvalidInput
from gitexp.review.signatures.answers import (
    BROKEN,
    CHANGED,
    MALFORMED,
    Answer,
    Unverified,
    Verified,
)
from gitexp.review.signatures.programs import Outcome, bare_environment, run_program

BEGIN = b"-----BEGIN SSH SIGNATURE-----"

_GOOD = re.compile(rb'^Good "[^"\n]*" signature .* key (SHA256:[A-Za-z0-9+/=]+)\s*$', re.MULTILINE)
_ONE_ADDRESS = re.compile(r"[^\s,!*?\"\x00-\x1f\x7f]{1,320}\Z")
_LITERAL = re.compile(r"(?:ssh-|ecdsa-|sk-)[a-z0-9@.-]+ [A-Za-z0-9+/]+=*(?: .*)?\Z")


@dataclass(frozen=True, kw_only=True)
class SshSigners:
    """Files that say which SSH keys count.

    Attributes:
        directory: a private directory for files that a check needs.
        allowed: the file of allowed signers.
        revoked: the file of revoked keys, a list of public keys or a KRL; None for none.
    """

    directory: Path
    allowed: Path
    revoked: Path | None
    environ: Mapping[str, str]

    def check(
        self, payload: bytes, signature: bytes, *, namespace: str, claimed: str, now: datetime
    ) -> Answer:
        """Return whose signature this is.

        Args:
            namespace: what it was made for; one made for anything else does not count.
            claimed: the address of whoever says that it is theirs; where the key belongs to
                several addresses, theirs among them, it is taken for theirs.
        """
        file = self.directory / "signature"
        file.write_bytes(signature)
        call = _Check(self, file, payload, namespace, now)
        for identity in call.candidates(claimed):
            outcome = call.verified(identity, revoked=self.revoked)
            if outcome.code == 0 and (key := _GOOD.search(outcome.out)):
                return Verified(identity=identity, key=key[1].decode(), kind="ssh")
        reason = call.reason(claimed)
        return Unverified(reason=reason, broken=reason in BROKEN)


@dataclass(frozen=True)
class _Check:
    """One signature in a file, asked about several times."""

    signers: SshSigners
    file: Path
    payload: bytes
    namespace: str
    now: datetime

    def candidates(self, claimed: str) -> Iterator[str]:
        """Yield who may have signed: first who says so, then those whom the key belongs to."""
        if _ONE_ADDRESS.match(claimed):
            yield claimed
        found = self._keygen("find-principals", "-f", str(self.signers.allowed), given=b"")
        named = found.out.decode("utf-8", "replace").split("\n") if found.code == 0 else []
        for name in dict.fromkeys(name.strip() for name in named):
            if name != claimed and _ONE_ADDRESS.match(name):
                yield name

    def verified(self, identity: str, *, revoked: Path | None) -> Outcome:
        arguments = ["-f", str(self.signers.allowed), "-I", identity, "-n", self.namespace]
        if revoked is not None:
            arguments += ["-r", str(revoked)]
        return self._keygen("verify", *arguments, given=self.payload)

    def reason(self, claimed: str) -> str:
        """Return why nobody's signature this is, asked again in other ways."""
        tries = [self.verified(name, revoked=None) for name in self.candidates(claimed)]
        if self.signers.revoked is not None and any(outcome.code == 0 for outcome in tries):
            return "its key is revoked, or the list of revoked keys cannot be read"
        said = "\n".join(outcome.errors for outcome in tries)
        for words, reason in _REASONS:
            if words in said:
                return reason
        return "its key is none of the allowed signers'"

    def _keygen(self, action: str, *arguments: str, given: bytes) -> Outcome:
        moment = self.now.astimezone(timezone.utc).strftime("%Y%m%d%H%M%S")
        fixed = ["-Y", action, "-s", str(self.file), f"-Overify-time={moment}"]
        return run_program(
            "ssh-keygen",
            [*fixed, *arguments],
            given=given,
            environ=bare_environment(self.signers.environ, self.signers.directory),
            directory=self.signers.directory,
        )


_REASONS = (
    ("incorrect signature", CHANGED),
    ("namespace does not match", "it was made for another purpose"),
    ("not permitted for use in signature namespace", "its key may not sign this kind of thing"),
    ("key has expired", "its key has expired"),
    ("key is not yet valid", "its key is not valid yet"),
    ("Couldn't parse signature", MALFORMED),
    ("incomplete message", MALFORMED),
    ("invalid format", MALFORMED),
)


def sign_with_ssh(
    payload: bytes,
    *,
    key: str,
    namespace: str,
    environ: Mapping[str, str],
    directory: Path,
    scratch: Path,
    interactive: bool,
) -> bytes:
    """Return the armored signature of some bytes.

    Args:
        key: the file of a key, private or public, or a public key itself, whose private half an
            agent holds; as `user.signingKey` says it.
        directory: where a relative path begins.
        scratch: a private directory for a file that the call needs.

    Raises:
        InvalidInput: the key cannot sign: it is not there, or needs a passphrase that nobody
            can be asked for.
        NotFound: `ssh-keygen` is not installed.
    """
    options = _key_options(key, environ, directory, scratch)
    quiet = {} if interactive else {"SSH_ASKPASS_REQUIRE": "never"}
    outcome = run_program(
        "ssh-keygen",
        ["-Y", "sign", "-n", namespace, *options],
        given=payload,
        environ={**environ, "LC_ALL": "C", **quiet},
        directory=scratch,
        interactive=interactive,
    )
    if outcome.code != 0 or not outcome.out.startswith(BEGIN):
        said = [
            line for line in outcome.errors.splitlines() if line != "Signing data on standard input"
        ]
        raise InvalidInput(
            f"the SSH key {key!r} cannot sign: {said[-1] if said else 'ssh-keygen says nothing'}",
            hint="Look at `git config user.signingKey`; a key with a passphrase is asked of the "
            "agent, to which `ssh-add` adds it.",
        )
    return outcome.out


def _key_options(
    key: str, environ: Mapping[str, str], directory: Path, scratch: Path
) -> Sequence[str]:
    literal = key.removeprefix("key::")
    if literal != key or _LITERAL.match(key):
        file = scratch / "key.pub"
        file.write_text(literal + "\n", encoding="utf-8")
        return ["-U", "-f", str(file)]
    home = environ.get("HOME") or environ.get("USERPROFILE")
    path = Path(home) / key[2:] if key.startswith("~/") and home else directory / key
    if not path.is_file():
        raise InvalidInput(
            f"there is no SSH key {str(path)!r}",
            hint="Name yours with `git config user.signingKey FILE`.",
        )
    return ["-f", str(path)]
