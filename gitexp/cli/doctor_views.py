"""How a diagnosis is shown: what is wrong, what that means, and what was or can be done."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from gitexp.cli.tables import Column, Table

if TYPE_CHECKING:
    from gitexp.review.verifying.mending.ailments import Ailment, Diagnosis

_COLUMNS = (
    Column(key="kind", title="kind"),
    Column(key="what", title="what"),
    Column(key="means", title="means"),
    Column(key="lost", title="lost"),
    Column(key="mend", title="mend"),
    Column(key="mendable", title="mendable", kind="flag"),
    Column(key="state", title="state"),
    Column(key="outcome", title="outcome"),
)


def ailments_table(found: Diagnosis) -> Table:
    """Return a row for each ailment."""
    return Table(columns=_COLUMNS, rows=[one.to_dict() for one in found.ailments])


def ailments_text(found: Diagnosis) -> str:
    """Return every ailment with its explanation; of several alike, the last one carries it."""
    lines: list[str] = []
    for number, one in enumerate(found.ailments):
        lines.append(f"{one.kind}: {one.what}")
        after = found.ailments[number + 1 : number + 2]
        if one.state != "found" or not (after and _explanation(after[0]) == _explanation(one)):
            lines += _explained(one)
    return "".join(f"{line}\n" for line in lines)


def _explanation(one: Ailment) -> tuple[str, str, str, str]:
    return one.means, one.lost, one.mend, one.state


def _explained(one: Ailment) -> Iterator[str]:
    if one.state == "mended":
        yield f"  mended: {one.outcome}"
        return
    yield f"  {one.means}"
    yield f"  Lost: {one.lost}"
    if one.state == "not mended":
        yield f"  not mended: {one.outcome}"
    elif one.mendable:
        yield f"  With --fix: {one.mend}"
    else:
        yield f"  By hand: {one.mend}"


def ailments_summary(found: Diagnosis) -> str:
    """Return what a diagnosis came to, in one line."""
    if not found.ailments:
        return (
            "nothing is wrong"
            if found.complete
            else "nothing wrong was found in what could be read"
        )
    mended = sum(1 for one in found.ailments if one.state == "mended")
    mendable = sum(1 for one in found.remaining if one.mendable and one.state == "found")
    told = [f"{len(found.ailments)} wrong"]
    told += [f"{mended} mended"] if mended else []
    told += [f"{mendable} can be mended with --fix"] if mendable else []
    left = len(found.remaining) - mendable
    told += [f"{left} {'takes' if left == 1 else 'take'} a person"] if left else []
    return ", ".join(told)
