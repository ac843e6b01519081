from __future__ import annotations

from gitexp.cli.changes import (
    change_line,
    change_table,
    change_text,
    changed_slots,
    fenced,
    text_diffs,
)
from gitexp.cli.rendering import csv_table, plain_table
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


def test_a_table_of_changes_leaves_long_texts_to_their_diffs() -> None:
    assert plain_table(change_table(CHANGES)) == (
        "parameter    kind     before     after      change\n"
        "temperature  changed  0.5        0.7        +0.2 (+40.0 %)\n"
        "stream       added               true\n"
        "seed         removed  7\n"
        "prompt       changed  (2 lines)  (3 lines)  see below\n"
    )


def test_csv_holds_the_values_themselves() -> None:
    lines = csv_table(change_table(CHANGES[:3])).splitlines()
    assert lines == [
        "name,kind,before,after,delta",
        "temperature,changed,0.5,0.7,0.19999999999999996",
        "stream,added,,true,",
        "seed,removed,7,,",
    ]


def test_a_long_text_is_a_unified_diff() -> None:
    [(name, diff)] = text_diffs(CHANGES, ("tone@1", "tone@2"))
    assert name == "prompt"
    assert diff.splitlines() == [
        "--- tone@1 prompt",
        "+++ tone@2 prompt",
        "@@ -1,2 +1,3 @@",
        " You are kind.",
        " Answer in one line.",
        "+Stop.",
    ]


def test_a_missing_newline_at_the_end_is_told() -> None:
    change = ValueChange(name="p", kind="changed", before="a\nb", after="a\nb\n")
    assert "\\ no newline at the end\n" in text_diffs([change], ("x", "y"))[0][1]


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


def test_a_fence_is_longer_than_any_in_the_text() -> None:
    assert fenced("```x\n") == "````diff\n```x\n````\n"
