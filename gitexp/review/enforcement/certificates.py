"""Push certificates: what `git push --signed` says and signs about a push.

The text lists every reference with its old and its new commit (`git help pack-protocol`, "Push
Certificate"), so it fits one push: the old commits are those that stand there only once. It is
checked here against the trunk's allowed signers. What the environment says of it is not trusted:
without a certificate, a client may have sent those variables itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from gitexp.errors import Forbidden, StoreError
from gitexp.ids import ObjectId, is_object_id
from gitexp.review.enforcement.moves import RefMove
from gitexp.review.signatures.answers import Verified
from gitexp.review.signatures.signers import COMMITS, Check
from gitexp.store.protocol import Store

_SIGNATURES = (b"-----BEGIN SSH SIGNATURE-----", b"-----BEGIN PGP SIGNATURE-----")
_LIMIT = 4 * 2**20
_OLDEST = 600
"""How many seconds may lie between the request that gives a nonce out and the one that has it."""
_HINT = (
    "Push with `git push --signed`, with `user.signingKey` set to a key that the trunk's "
    "allowed_signers names."
)


def certified(
    store: Store, moves: Sequence[RefMove], environ: Mapping[str, str], check: Check
) -> str:
    """Return the identity of whoever signed the certificate of a push.

    Raises:
        Forbidden: there is none, it is not signed by an allowed key, or it is about another push.
    """
    payload, signature = _taken_apart(_certificate(store, environ))
    _refuse_replayed(store, environ)
    answer = check.answer(payload, signature, namespace=COMMITS, claimed=_pusher(payload))
    if not isinstance(answer, Verified):
        raise Forbidden(f"the certificate of this push does not count: {answer.reason}", hint=_HINT)
    lines = set(payload.decode("utf-8", "replace").split("\n"))
    missing = [move.ref for move in moves if _line(move, store.hash_length) not in lines]
    if missing:
        raise Forbidden(
            f"the certificate is about another push: it does not name {', '.join(missing)} with "
            "these commits",
            hint=_HINT,
        )
    return answer.identity


def _certificate(store: Store, environ: Mapping[str, str]) -> bytes:
    named = environ.get("GIT_PUSH_CERT", "")
    if not is_object_id(named) or not named.strip("0"):
        raise Forbidden("this push is not signed", hint=_HINT)
    try:
        return store.read(ObjectId(named), limit=_LIMIT).data
    except StoreError as exc:
        raise Forbidden(
            f"the certificate of this push cannot be read: {exc.message}", hint=_HINT
        ) from exc


def _refuse_replayed(store: Store, environ: Mapping[str, str]) -> None:
    """Refuse a certificate whose nonce is not one that this server gave out just now.

    Git compares them, where the server has a seed for them. Over HTTP it may be one that the
    server gave out in an earlier request, whose age is said.

    Raises:
        Forbidden: it is of another push.
    """
    if not store.config("receive.certNonceSeed"):
        return
    status = environ.get("GIT_PUSH_CERT_NONCE_STATUS", "")
    age = environ.get("GIT_PUSH_CERT_NONCE_SLOP", "").removeprefix("-")
    recent = status == "SLOP" and age.isascii() and age.isdigit() and int(age[:9]) <= _OLDEST
    if status != "OK" and not recent:
        raise Forbidden("the certificate was made for another push", hint=_HINT)


def _taken_apart(certificate: bytes) -> tuple[bytes, bytes]:
    """Return what is signed, and the signature, which begins a line."""
    found = [at for begin in _SIGNATURES if (at := certificate.find(b"\n" + begin)) >= 0]
    if not found:
        return certificate, b""
    at = min(found) + 1
    return certificate[:at], certificate[at:]


def _pusher(payload: bytes) -> str:
    """Return the address that the certificate gives for its pusher, a key or an identity."""
    for line in _header(payload):
        key, _, value = line.partition(" ")
        if key == "pusher":
            return value.partition("<")[2].partition(">")[0]
    return ""


def _header(payload: bytes) -> Iterable[str]:
    return payload.partition(b"\n\n")[0].decode("utf-8", "replace").split("\n")


def _line(move: RefMove, length: int) -> str:
    nothing = "0" * length
    return f"{move.old or nothing} {move.new or nothing} {move.ref}"
