"""The flag of a draft made to give what its test asks for, and what is said where it does not."""

from __future__ import annotations

from gitexp.abtests.definition import AbTest
from gitexp.abtests.steps import Document, Standing
from gitexp.abtests.switches import fitted, flag_in, mismatches, new_flag
from gitexp.store.trees import tree_of


def fitting_flag(standing: Standing) -> Document:
    """Return the flag of a test such that it has its variants and shares by its splits.

    Where the experiment's tree has none it is the one of the trunk, or a new one that is off.
    """
    flag, test = standing.flag or _of_trunk(standing), standing.test
    if flag is None:
        by = standing.signature.email
        return new_flag(test.variants, description="", by=by, payloads={})
    return fitted(flag, test)


def _of_trunk(standing: Standing) -> Document | None:
    workspace, reader = standing.workspace, standing.reader
    tip = workspace.trunk_tip(reader)
    if tip is None:
        return None
    return flag_in(workspace, tree_of(reader, tip), standing.test.flag, reader=reader)


def fit_hint(test: AbTest, flag: Document | None) -> str:
    """Return how a flag can be made to fit a test; empty where that does not help."""
    now = list(mismatches(flag, test))
    later = [] if flag is None else list(mismatches(fitted(flag, test), test))
    if len(later) >= len(now):
        return ""
    return (
        f"`gitexp ab launch {test.experiment} --fit-flag` makes flag {test.flag} fit: it gets the "
        "variants and the splits of the test."
    )


def gap_notes(test: AbTest, flag: Document | None) -> tuple[str, ...]:
    """Return what keeps the flag of a draft from giving its variants, and what helps."""
    gaps = "; ".join(mismatches(flag, test)) if test.status == "draft" else ""
    hint = fit_hint(test, flag)
    return (f"It cannot be launched like this: {gaps}.", *([hint] if hint else [])) if gaps else ()
