"""Secrets of an endpoint: looked up when a request is made, and kept out of every message."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from gitexp.environments.parameters import Parameters
from gitexp.errors import InvalidInput
from gitexp.evaluation.answers import CallFailed, Usage
from gitexp.evaluation.templates import Renders
from gitexp.runs.masking import masked_text, secrets_among


class Secrets(Mapping[str, str]):
    """The secrets that some templates name, by their slots; looked up whenever one is asked for.

    Attributes:
        hidden: every secret that the values refer to, the longest first.

    Raises:
        NotFound: a slot has no value, or its environment variable is not set.
        InvalidInput: a slot holds no secret.
    """

    def __init__(
        self, templates: Iterable[Renders], parameters: Parameters, environ: Mapping[str, str]
    ) -> None:
        self._slots = sorted({slot for template in templates for slot in template.secrets})
        self._parameters = parameters
        self._environ = environ
        self.hidden = secrets_among(parameters.to_dict(), parameters.types, environ)
        for slot in self._slots:
            _require_one_line(slot, self[slot])

    def __getitem__(self, slot: str) -> str:
        return self._parameters.secret(slot, self._environ)

    def __iter__(self) -> Iterator[str]:
        return iter(self._slots)

    def __len__(self) -> int:
        return len(self._slots)

    def failed(
        self,
        message: str,
        *,
        kind: str,
        retryable: bool = False,
        retry_after: float | None = None,
        usage: Usage | None = None,
    ) -> CallFailed:
        """Return a failure whose message holds no secret."""
        return CallFailed(
            masked_text(message, self.hidden),
            kind=kind,
            retryable=retryable,
            retry_after=retry_after,
            usage=usage,
        )


def _require_one_line(slot: str, secret: str) -> None:
    if any(not character.isprintable() for character in secret):
        raise InvalidInput(
            f"the secret of parameter {slot!r} holds a line feed or another control character",
            hint="Set its environment variable to the secret alone.",
        )
