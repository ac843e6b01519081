"""Permissions in a repository that several people share (`core.sharedRepository`)."""

from __future__ import annotations

import contextlib
import os
import stat
from dataclasses import dataclass

_GROUP, _EVERYBODY = 0o660, 0o664
_WORDS = {"group": _GROUP, "true": _GROUP, "1": _GROUP} | dict.fromkeys(
    ("all", "world", "everybody", "2"), _EVERYBODY
)


@dataclass(frozen=True, kw_only=True)
class Sharing:
    """Who may use new files; `mode` 0 leaves it to the umask."""

    mode: int = 0

    @classmethod
    def configured(cls, value: str | None) -> Sharing:
        """Return what a value of `core.sharedRepository` means."""
        text = (value or "").lower()
        if text in _WORDS:
            return cls(mode=_WORDS[text])
        octal = text.startswith("0") and len(text) > 1 and all(c in "01234567" for c in text)
        return cls(mode=int(text, 8) & 0o666) if octal else cls()

    def adjust(self, path: str) -> None:
        """Give a new file or directory its permissions; a failure leaves those of the umask."""
        if not self.mode:
            return
        with contextlib.suppress(OSError):
            found = os.stat(path).st_mode
            os.chmod(path, self._adjusted(found))

    def _adjusted(self, found: int) -> int:
        mode = self.mode if found & stat.S_IWUSR else self.mode & ~0o222
        if not stat.S_ISDIR(found):
            return stat.S_IMODE(found) | mode
        # Whoever may read a directory may also enter it, and new files keep its group.
        return stat.S_IMODE(found) | mode | (mode & 0o444) >> 2 | stat.S_ISGID


PRIVATE = Sharing()
