"""The cache of responses: what a system answered to the very same question before.

An answer is filed under the digest of the endpoint's description and of everything that the call
could depend on. Only answers are kept, no failures. It holds nothing that cannot be asked again, so
it may be deleted at any time.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gitexp.documents.canonical import canonical_json
from gitexp.evaluation.answers import Answer, Asking
from gitexp.store.files import make_directories

_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0)


@dataclass(frozen=True, kw_only=True)
class Responses:
    """A directory of answers, by what was asked."""

    directory: Path

    def key(self, endpoint: str, asking: Asking) -> str:
        """Return what the answer to a call is filed under.

        Args:
            endpoint: the digest of the endpoint's description.
        """
        variables = {**asking.variables(), "parameters": dict(asking.parameters)}
        return hashlib.sha256(canonical_json([endpoint, variables])).hexdigest()

    def get(self, key: str) -> Answer | None:
        """Return an answer; None where there is none that can be read."""
        try:
            data: dict[str, Any] = json.loads(self._path(key).read_bytes())
            return Answer(output=data["output"], cached=True, attributes=data.get("attributes", {}))
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None

    def put(self, key: str, answer: Answer) -> None:
        """Keep an answer; where that cannot be done, it is asked again another time."""
        path = self._path(key)
        draft = path.with_name(f"{path.name}.{os.getpid()}.{id(answer):x}")
        data = {"output": answer.output, "attributes": dict(answer.attributes)}
        with contextlib.suppress(OSError):
            make_directories(str(path.parent))
            # What is a secret is masked only where it is recorded: this is for nobody else.
            with open(os.open(draft, _NEW, 0o600), "w", encoding="utf-8") as file:
                json.dump(data, file, ensure_ascii=False)
            draft.replace(path)

    def _path(self, key: str) -> Path:
        return self.directory / key[:2] / f"{key[2:]}.json"
