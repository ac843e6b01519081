"""Whether an application asks for the flag of an A/B test yet, as its exposures tell."""

from __future__ import annotations

import tempfile
from datetime import timedelta
from pathlib import Path

from gitexp.abtests.data.engine import Engine, Limits
from gitexp.abtests.data.opening import Access, Sources
from gitexp.abtests.data.quoting import identifier, literals
from gitexp.abtests.definition import AbTest
from gitexp.abtests.reading import read_test
from gitexp.errors import NotFound
from gitexp.project.workspace import Workspace

LOOKED_BACK = timedelta(days=7)
"""How far back exposures are looked at."""


def requires_implementation(
    workspace: Workspace, experiment: str, *, access: Access | None = None
) -> bool:
    """Return whether nobody was given a variant of an A/B test in the last seven days.

    So it is where the application does not ask for the flag, or nothing records that it did; a
    test that has no exposures yet, or whose file of them is not there, is such a one.

    Raises:
        NotFound: there is no such experiment, or it has no A/B test.
        NotAllowed: the exposures are elsewhere, and reading that was not allowed.
        InvalidInput: they cannot be read.
    """
    test = read_test(workspace, experiment)
    with tempfile.TemporaryDirectory(prefix="gitexp-") as scratch:
        engine = Engine.open(None, limits=Limits(), scratch=Path(scratch))
        try:
            return not _is_exposed(workspace, test, access or Access(), engine)
        finally:
            engine.close()


def _is_exposed(workspace: Workspace, test: AbTest, access: Access, engine: Engine) -> bool:
    sources = Sources(workspace, test, access)
    sources.confine(engine, ["exposures"])
    try:
        exposures = sources.open(engine, "exposures")
    except NotFound:
        return False
    now = workspace.surroundings.clock.now()
    recent = " AND ".join(exposures.between(now - LOOKED_BACK, now + timedelta(seconds=1)))
    variant = f"CAST({identifier(exposures.column('variant'))} AS VARCHAR)"
    known = literals(one.key for one in test.variants)
    chosen = f"{recent} AND list_contains({known}, {variant})"
    rows = engine.rows(f"SELECT 1 FROM {exposures.name} WHERE {chosen} LIMIT 1")
    return bool(rows)
