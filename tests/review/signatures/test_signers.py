"""Which signatures count: those of allowed keys, for their purpose, at the present time."""

from __future__ import annotations

import subprocess
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from gitexp.errors import InvalidInput, NotFound
from gitexp.review.signatures.answers import Answer, Unverified, Verified
from gitexp.review.signatures.keys import SigningKey
from gitexp.review.signatures.signers import Signers
from tests.review.signatures.keyring import PATH, Gpg, SshKey, ssh_key

NOW = datetime.now(timezone.utc)
ADA, BOB = "ada@example.org", "bob@example.org"


def key_of(key: SshKey, directory: Path | None = None, **more: object) -> SigningKey:
    """Return a key as the user's configuration names it."""
    values = {"name": str(key.file), "environ": PATH, "directory": directory or key.file.parent}
    return SigningKey(**{"format": "ssh", "interactive": False, **values, **more})  # type: ignore[arg-type]


def signed(key: SshKey, text: bytes = b"hello", namespace: str = "git") -> bytes:
    return key_of(key).sign(text, namespace=namespace)


def answer(
    signers: Signers,
    signature: bytes,
    *,
    text: bytes = b"hello",
    claimed: str = ADA,
    namespace: str = "git",
    now: datetime = NOW,
) -> Answer:
    with signers.checking(PATH, now=now) as check:
        return check.answer(text, signature, namespace=namespace, claimed=claimed)


def test_the_signature_of_an_allowed_key_is_its_owners(ada: SshKey) -> None:
    found = answer(Signers(allowed=ada.allowed(ADA)), signed(ada))
    assert found == Verified(identity=ADA, key=ada.fingerprint, kind="ssh")


def test_a_name_that_somebody_claims_does_not_make_the_signature_theirs(
    ada: SshKey, bob: SshKey
) -> None:
    signers = Signers(allowed=ada.allowed(ADA) + bob.allowed(BOB))
    found = answer(signers, signed(bob), claimed=ADA)
    assert found == Verified(identity=BOB, key=bob.fingerprint, kind="ssh")


def test_among_the_addresses_of_a_key_the_claimed_one_is_taken(ada: SshKey) -> None:
    signers = Signers(allowed=ada.allowed(f"{ADA},ada@work.example"))
    assert answer(signers, signed(ada), claimed="ada@work.example") == Verified(
        identity="ada@work.example", key=ada.fingerprint, kind="ssh"
    )
    found = answer(signers, signed(ada), claimed="eve@example.org")
    assert isinstance(found, Verified)
    assert found.identity == ADA


def test_a_pattern_of_addresses_is_nobodys_name(ada: SshKey) -> None:
    signers = Signers(allowed=ada.allowed("*@example.org"))
    assert isinstance(answer(signers, signed(ada)), Verified)
    assert isinstance(answer(signers, signed(ada), claimed="ada@elsewhere.example"), Unverified)
    assert isinstance(answer(signers, signed(ada), claimed="*@example.org"), Unverified)


@pytest.mark.parametrize("claimed", ["", "-f", "ada@example.org\nbob", "a b", "*", "!x"])
def test_a_claimed_name_is_never_an_option_or_a_pattern(ada: SshKey, claimed: str) -> None:
    found = answer(Signers(allowed=ada.allowed(ADA)), signed(ada), claimed=claimed)
    assert found == Verified(identity=ADA, key=ada.fingerprint, kind="ssh")


def test_an_unknown_key_is_nobodys(ada: SshKey, bob: SshKey) -> None:
    found = answer(Signers(allowed=ada.allowed(ADA)), signed(bob))
    assert found == Unverified(reason="its key is none of the allowed signers'")


def test_nobody_is_allowed_without_a_file_of_signers(ada: SshKey) -> None:
    found = answer(Signers(), signed(ada))
    assert found == Unverified(reason="no SSH key is allowed: allowed_signers names none")


def test_other_content_has_no_signature(ada: SshKey) -> None:
    found = answer(Signers(allowed=ada.allowed(ADA)), signed(ada), text=b"hellp")
    assert found == Unverified(reason="what it signs was changed afterwards")


def test_a_signature_for_another_purpose_does_not_count(ada: SshKey) -> None:
    signature = signed(ada, namespace="gitexp-approval")
    found = answer(Signers(allowed=ada.allowed(ADA)), signature)
    assert found == Unverified(reason="it was made for another purpose")


def test_a_key_may_be_kept_to_some_purposes(ada: SshKey) -> None:
    signers = Signers(allowed=ada.allowed(ADA, 'namespaces="git"'))
    signature = signed(ada, namespace="gitexp-promotion")
    found = answer(signers, signature, namespace="gitexp-promotion")
    assert found == Unverified(reason="its key may not sign this kind of thing")
    assert isinstance(answer(signers, signed(ada)), Verified)


def test_an_expired_key_does_not_count_whatever_date_is_claimed(ada: SshKey) -> None:
    signers = Signers(allowed=ada.allowed(ADA, 'valid-before="20250101"'))
    assert answer(signers, signed(ada)) == Unverified(reason="its key has expired")
    before = datetime(2024, 12, 31, 23, 59, 59, tzinfo=timezone.utc)
    assert isinstance(answer(signers, signed(ada), now=before), Verified)


def test_a_key_that_is_not_valid_yet_does_not_count(ada: SshKey) -> None:
    signers = Signers(allowed=ada.allowed(ADA, 'valid-after="20990101"'))
    assert answer(signers, signed(ada)) == Unverified(reason="its key is not valid yet")


def test_a_revoked_key_does_not_count(ada: SshKey, bob: SshKey) -> None:
    allowed = ada.allowed(ADA) + bob.allowed(BOB)
    signers = Signers(allowed=allowed, revoked=f"# gone\n{ada.public}\n".encode())
    revoked = "its key is revoked, or the list of revoked keys cannot be read"
    assert answer(signers, signed(ada)) == Unverified(reason=revoked)
    assert isinstance(answer(signers, signed(bob), claimed=BOB), Verified)


def test_a_list_of_revoked_keys_that_cannot_be_read_lets_nobody_in(ada: SshKey) -> None:
    signers = Signers(allowed=ada.allowed(ADA), revoked=b"SSHKRL\n\0" + bytes(range(200)))
    assert isinstance(answer(signers, signed(ada)), Unverified)


def test_an_empty_list_of_revoked_keys_revokes_none(ada: SshKey) -> None:
    assert isinstance(answer(Signers(allowed=ada.allowed(ADA), revoked=b""), signed(ada)), Verified)


@pytest.mark.parametrize(
    "signature, reason",
    [
        (b"nonsense", "its signature is neither one of SSH nor of OpenPGP"),
        (b"-----BEGIN SSH SIGNATURE-----\nxx\n", "the signature is malformed"),
        (b"-----BEGIN SSH SIGNATURE-----\n" + b"A" * 70_000, "the signature is far too long"),
    ],
)
def test_a_malformed_signature_does_not_count(ada: SshKey, signature: bytes, reason: str) -> None:
    assert answer(Signers(allowed=ada.allowed(ADA)), signature) == Unverified(reason=reason)


def test_no_signature_is_said_to_be_none(ada: SshKey) -> None:
    found = answer(Signers(allowed=ada.allowed(ADA)), b"")
    assert found == Unverified(reason="it is not signed", signed=False)


def test_a_program_that_is_not_installed_is_named(ada: SshKey, tmp_path: Path) -> None:
    signature = signed(ada)
    signers, environ = Signers(allowed=ada.allowed(ADA)), {"PATH": str(tmp_path)}
    with (
        signers.checking(environ, now=NOW) as check,
        pytest.raises(NotFound, match="ssh-keygen is not installed"),
    ):
        check.answer(b"hello", signature, namespace="git", claimed=ADA)


def test_a_certificate_of_an_authority_that_is_allowed_counts(
    tmp_path: Path,
) -> None:
    authority = ssh_key(tmp_path, "authority")
    own = ssh_key(tmp_path, "own")
    options = ["-q", "-s", str(authority.file), "-I", "ada", "-n", ADA, "-V", "-1d:+1d"]
    subprocess.run(["ssh-keygen", *options, f"{own.file}.pub"], check=True)
    certificate = tmp_path / "own-cert.pub"
    signature = key_of(own, name=str(certificate)).sign(b"hello", namespace="git")
    signers = Signers(allowed=authority.allowed("*@example.org", "cert-authority"))
    assert isinstance(answer(signers, signature), Verified)
    found = answer(signers, signature, claimed=BOB)
    assert isinstance(found, Verified)
    assert found.identity == ADA
    assert isinstance(answer(signers, signed(own)), Unverified)
    later = NOW + timedelta(days=2)
    assert isinstance(answer(signers, signature, now=later), Unverified)


# --- OpenPGP --------------------------------------------------------------------------------


def gpg_signed(gpg: Gpg, key: str, text: bytes = b"hello", *options: str) -> bytes:
    return gpg(*options, "--armor", "--detach-sign", "--local-user", key, given=text)


def test_an_openpgp_key_counts_when_it_is_among_the_allowed(gpg: Gpg) -> None:
    key = gpg.make("Carl <carl@example.org>")
    signers = Signers(keys=gpg.public(key))
    found = answer(signers, gpg_signed(gpg, key), claimed="carl@example.org")
    assert found == Verified(identity="carl@example.org", key=key, kind="gpg")
    stranger = gpg.make("Eve <carl@example.org>")
    assert answer(signers, gpg_signed(gpg, stranger)) == Unverified(
        reason="its key is none of the allowed keys"
    )
    assert answer(Signers(), gpg_signed(gpg, key)) == Unverified(
        reason="no OpenPGP key is allowed: allowed_keys.asc is empty"
    )


def test_an_openpgp_signature_is_of_its_content_alone(gpg: Gpg) -> None:
    key = gpg.make("Dora <dora@example.org>")
    signers = Signers(keys=gpg.public(key))
    found = answer(signers, gpg_signed(gpg, key), text=b"hellp")
    assert found == Unverified(reason="what it signs was changed afterwards")


def test_an_openpgp_key_that_expired_does_not_count_by_an_older_date(gpg: Gpg) -> None:
    key = gpg.make("Emil <emil@example.org>", expires="30d", at="20240101T000000")
    backdated = gpg_signed(gpg, key, b"hello", "--faked-system-time", "20240110T000000")
    signers = Signers(keys=gpg.public(key))
    assert answer(signers, backdated) == Unverified(reason="its key has expired")
    then = datetime(2024, 1, 20, tzinfo=timezone.utc)
    assert isinstance(answer(signers, backdated, now=then), Verified)


def test_an_openpgp_key_that_is_revoked_does_not_count(gpg: Gpg) -> None:
    key = gpg.make("Fred <fred@example.org>")
    signature = gpg_signed(gpg, key)
    certificate = (gpg.home / "openpgp-revocs.d" / f"{key}.rev").read_text()
    gpg("--import", given=certificate.replace(":-----BEGIN", "-----BEGIN").encode())
    signers = Signers(keys=gpg.public(key))
    assert answer(signers, signature) == Unverified(reason="its key is revoked")


def test_two_openpgp_signatures_in_one_are_refused(gpg: Gpg) -> None:
    key, other = gpg.make("Gina <gina@example.org>"), gpg.make("Hugo <hugo@example.org>")
    both = gpg("--armor", "--detach-sign", "-u", key, "-u", other, given=b"hello")
    signers = Signers(keys=gpg.public(key) + gpg.public(other))
    assert answer(signers, both) == Unverified(reason="it carries several signatures")


def test_a_weak_digest_does_not_count(gpg: Gpg) -> None:
    key = gpg.make("Jana <jana@example.org>")
    signature = gpg_signed(gpg, key, b"hello", "--digest-algo", "SHA1")
    found = answer(Signers(keys=gpg.public(key)), signature)
    assert found == Unverified(reason="its digest is too weak")


def test_a_user_id_that_is_revoked_names_nobody(gpg: Gpg) -> None:
    key = gpg.make("Kai <kai@example.org>")
    gpg("--passphrase", "", "--quick-add-uid", key, "Kai <kai@old.example>")
    gpg("--passphrase", "", "--quick-revoke-uid", key, "Kai <kai@old.example>")
    found = answer(Signers(keys=gpg.public(key)), gpg_signed(gpg, key), claimed="kai@old.example")
    assert found == Verified(identity="kai@example.org", key=key, kind="gpg")


def test_words_in_a_user_id_are_not_taken_for_a_status(gpg: Gpg) -> None:
    key = gpg.make("GOODSIG VALIDSIG <ivan@example.org>")
    signers = Signers(keys=gpg.public(key))
    found = answer(signers, gpg_signed(gpg, key), text=b"changed")
    assert found == Unverified(reason="what it signs was changed afterwards")


# --- making signatures ----------------------------------------------------------------------


def test_a_key_with_a_passphrase_and_nobody_to_ask_is_an_error(tmp_path: Path) -> None:
    locked = ssh_key(tmp_path, "locked", passphrase="secret words")
    with pytest.raises(InvalidInput, match="cannot sign"):
        signed(locked)


def test_a_key_that_is_not_there_is_named(tmp_path: Path, ada: SshKey) -> None:
    with pytest.raises(InvalidInput, match="there is no SSH key"):
        key_of(ada, name=str(tmp_path / "none")).sign(b"hello", namespace="git")


def test_a_path_to_a_key_may_begin_at_home(ada: SshKey) -> None:
    environ = {**PATH, "HOME": str(ada.file.parent)}
    signature = key_of(ada, name="~/ada", environ=environ).sign(b"hello", namespace="git")
    assert isinstance(answer(Signers(allowed=ada.allowed(ADA)), signature), Verified)


def test_the_moment_of_a_check_is_the_present_one(ada: SshKey) -> None:
    end = NOW + timedelta(days=2)
    signers = Signers(allowed=ada.allowed(ADA, f'valid-before="{end:%Y%m%d%H%M%S}"'))
    assert isinstance(answer(signers, signed(ada)), Verified)
    later = answer(signers, signed(ada), now=end + timedelta(seconds=1))
    assert later == Unverified(reason="its key has expired")
