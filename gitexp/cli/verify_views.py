"""How the findings of a verification are shown: to people, to programs, and to CI as JUnit XML."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitexp.cli.safety import visible
from gitexp.cli.tables import Column, Table

if TYPE_CHECKING:
    from gitexp.review.verifying.findings import Verification

_COLUMNS = (
    Column(key="severity", title="severity"),
    Column(key="check", title="check"),
    Column(key="branch", title="branch", kind="code"),
    Column(key="commit", title="commit", kind="hash"),
    Column(key="path", title="path", kind="code"),
    Column(key="message", title="message"),
    Column(key="advice", title="advice"),
)


def findings_table(found: Verification) -> Table:
    """Return a row for each finding."""
    return Table(columns=_COLUMNS, rows=[one.to_dict() for one in found.findings])


def findings_text(found: Verification) -> str:
    """Return every finding with what to do about it; the same advice is given once."""
    lines: list[str] = []
    for number, one in enumerate(found.findings):
        lines.append(f"{one.severity}: {one}")
        after = found.findings[number + 1 : number + 2]
        if one.advice and not (after and after[0].advice == one.advice):
            lines.append(f"  {one.advice}")
    return "".join(f"{line}\n" for line in lines)


def findings_summary(found: Verification) -> str:
    """Return what a verification came to, in one line."""
    looked_at = ", ".join(_counted(name, n) for name, n in found.looked_at.items() if n)
    told = f"looked at {looked_at}" if looked_at else "nothing changed since the last time"
    counts = [
        f"{len(listed)} {word}{'' if len(listed) == 1 else 's'}"
        for word, listed in (("problem", found.problems), ("note", found.notes))
        if listed
    ]
    return f"{told}: {' and '.join(counts) or 'everything is in order'}"


def _counted(plural: str, count: int) -> str:
    return f"{count:,} {plural if count > 1 else plural.removesuffix('s')}"


def findings_junit(found: Verification) -> bytes:
    """Return JUnit XML with a case for each check, which fails where it found problems.

    Nothing in it can be taken for XML or for a control sequence, whatever names and paths hold.
    """
    from xml.etree import ElementTree as ET

    by_check = {check: [p for p in found.problems if p.check == check] for check in found.checks}
    failures = str(sum(1 for problems in by_check.values() if problems))
    counts = {"tests": str(len(by_check)), "failures": failures}
    root = ET.Element("testsuites", {"name": "gitexp verify", **counts})
    suite = ET.SubElement(root, "testsuite", {"name": "gitexp verify", **counts})
    for check, problems in by_check.items():
        attributes = {"name": check, "classname": "gitexp.verify"}
        case = ET.SubElement(suite, "testcase", attributes)
        if problems:
            message = {"message": visible(str(problems[0]))}
            failure = ET.SubElement(case, "failure", message)
            failure.text = visible("\n".join(map(str, problems)), keep="\n")
    return bytes(ET.tostring(root, encoding="utf-8", xml_declaration=True)) + b"\n"
