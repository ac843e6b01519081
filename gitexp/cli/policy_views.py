"""How policies and what they come to are shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from gitexp.cli.tables import Column, Table

if TYPE_CHECKING:
    from gitexp.project.policies import Policy
    from gitexp.review.policies.judgements import Judgement

_POLICY_COLUMNS = (
    Column(key="environment", title="environment", kind="code"),
    Column(key="name", title="policy"),
    Column(key="when", title="when"),
    Column(key="asked", title="asks", data_key="asks"),
    Column(key="bypass", title="may be passed over by", optional=True, spare=1),
)
_REQUIREMENT_COLUMNS = (
    Column(key="policy", title="policy"),
    Column(key="kind", title="asks for"),
    Column(key="outcome", title="outcome"),
    Column(key="text", title="what is there"),
    Column(key="who", title="who can give it", kind="names", optional=True),
)
_VERDICTS = {
    "allowed": "it is allowed now",
    "approval_required": "it takes approval: `gitexp promote` asks for that",
    "refused": "it is not allowed now, and no approval would help",
}


def policy_items(environment: str, policies: Sequence[Policy]) -> list[dict[str, Any]]:
    """Return policies as JSON has them: in words, and as they stand in the file."""
    from gitexp.review.policies.describing import described

    return [
        {
            "environment": environment,
            **described(policy).to_dict(),
            "document": dict(policy.document),
        }
        for policy in policies
    ]


def policy_table(items: Sequence[Mapping[str, Any]]) -> Table:
    """Return a row for each policy."""
    rows = [dict(item) | {"asked": "; ".join(item["asks"])} for item in items]
    note = "" if rows else "no policies: whoever may push may move what is live"
    return Table(columns=_POLICY_COLUMNS, rows=rows, note=note)


def judgement_items(judgement: Judgement | None) -> list[dict[str, Any]]:
    """Return the requirements of a judgement as JSON has them."""
    return [r.to_dict() for r in judgement.requirements] if judgement is not None else []


def judgement_table(judgement: Judgement | None) -> Table:
    """Return a row for each requirement, and below them what it all comes to."""
    note = "nothing would change"
    if judgement is not None:
        note = _VERDICTS[judgement.verdict]
        if judgement.passed_over:
            note += f"; not asked: {', '.join(judgement.passed_over)}"
    return Table(columns=_REQUIREMENT_COLUMNS, rows=judgement_items(judgement), note=note)
