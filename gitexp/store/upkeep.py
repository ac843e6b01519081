"""Whether `git gc` is at work in a repository; it removes what it saw no reference name.

It looks at the references once and removes objects later, those of a write among them that named
its objects meanwhile. It holds a lock file for as long as it works, so a writer that finds none
after its references moved knows that every `git gc` to come sees them.
"""

from __future__ import annotations

import os

_LOCK = "gc.pid"


def gc_is_running(objects: str) -> bool:
    """Return whether `git gc` is at work in the repository with this directory of objects.

    One that was killed is taken for running, until the next one removes its lock.
    """
    return os.path.exists(os.path.join(os.path.dirname(objects), _LOCK))
