from __future__ import annotations

from gitexp.cli.changes import change_line, change_text, changed_slots
from gitexp.experiments.changes import ValueChange

LONG = "You are kind.\nAnswer in one line.\n"
CHANGES = [
    ValueChange(name="temperature", kind="changed", before=0.5, after=0.7, type="number"),
    ValueChange(name="stream", kind="added", after=True, type="boolean"),
    ValueChange(name="seed", kind="removed", before=7, type="integer"),
    ValueChange(name="prompt", kind="changed", before=LONG, after=LONG + "Stop.\n", type="text"),
]


def test_numbers_change_by_an_amount_and_a_share() -> None:
    assert change_text(0.5, 0.7) == "+0.2 (+40.0 %)"
    assert change_text(-4, -5) == "-1 (-25.0 %)"
    assert change_text(0, 3) == "+3"
    assert change_text(True, False) == ""
    assert change_text("a", "b") == ""
    assert change_text(None, 1) == ""


def test_changes_fit_into_one_line() -> None:
    assert change_line(CHANGES) == (
        "temperature 0.5 → 0.7, stream = true, seed removed, prompt changed"
    )
    assert changed_slots({"n": {"before": 1, "after": 2}, "p": {"before": LONG, "after": ""}}) == (
        "n 1 → 2, p changed"
    )
    assert changed_slots(None) == ""


def test_many_changes_in_one_line_are_counted() -> None:
    many = [ValueChange(name=f"s{n}", kind="removed", before=n) for n in range(9)]
    assert change_line(many) == "s0 removed, s1 removed, s2 removed and 6 more"
