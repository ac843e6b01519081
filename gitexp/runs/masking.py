"""Secrets, kept out of whatever is recorded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from gitexp.environments.parameters import MASK, Parameters
from gitexp.errors import NotFound

_SHORTEST_SECRET = 4


def secrets_of(parameters: Parameters) -> tuple[str, ...]:
    """Return the secrets that the values refer to and that are set, the longest first.

    A text of fewer than 4 characters is no secret worth masking: it would be found everywhere.
    """
    found = []
    for name in parameters:
        if parameters.is_secret(name):
            try:
                found.append(parameters.secret(name))
            except NotFound:
                continue
    return _worth_masking(found)


def secrets_among(
    values: Mapping[str, Any], types: Mapping[str, str], environ: Mapping[str, str]
) -> tuple[str, ...]:
    """Return the same for values by slot, the types of their slots, and environment variables."""
    variables = [values[name] for name in values if types.get(name) == "secret"]
    return _worth_masking([environ.get(variable, "") for variable in variables])


def _worth_masking(secrets: Sequence[str]) -> tuple[str, ...]:
    return tuple(sorted((s for s in secrets if len(s) >= _SHORTEST_SECRET), key=len, reverse=True))


def masked_text(text: str, secrets: Sequence[str]) -> str:
    """Return a text with every secret in it replaced by `<secret>`."""
    for secret in secrets:
        text = text.replace(secret, MASK)
    return text


def masked_bytes(data: bytes, secrets: Sequence[str]) -> bytes:
    """Return bytes with every secret in them, in UTF-8, replaced by `<secret>`."""
    for secret in _encoded(secrets):
        data = data.replace(secret, MASK.encode())
    return data


def masked_end(data: bytes, secrets: Sequence[str], size: int) -> bytes:
    """Return the last `size` bytes, or fewer, with every secret replaced.

    No part of a secret is left where the bytes are cut, provided that `data` begins at least the
    length of the longest secret before.
    """
    cut, moved = max(len(data) - size, 0), True
    while moved:
        ends = [_end_across(data, secret, cut) for secret in _encoded(secrets)]
        moved = max(ends, default=cut) > cut
        cut = max([cut, *ends])
    return masked_bytes(data[cut:], secrets)


def _end_across(data: bytes, secret: bytes, cut: int) -> int:
    """Return where a secret ends that begins before a place and ends after it; 0 for none."""
    at = data.find(secret, max(cut - len(secret) + 1, 0), cut + len(secret) - 1)
    return at + len(secret) if 0 <= at < cut else 0


def _encoded(secrets: Sequence[str]) -> Iterator[bytes]:
    # A variable may hold any bytes; those that are no UTF-8 come back as they were.
    return (secret.encode("utf-8", "surrogateescape") for secret in secrets)
