"""The days of A/B tests are held to their settings, and to what was recorded first."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from gitexp.abtests.data.sums import Cell, Exposures, MetricSums
from gitexp.abtests.results import days
from gitexp.abtests.results.days import DayRecord
from gitexp.abtests.results.fingerprints import Fingerprint
from gitexp.documents import layout
from gitexp.documents.json_codec import dump_json
from tests.abtests.data.making import ab_test
from tests.review.verifying.world import EXPERIMENT, Ground

BRANCH = f"analyses/bot/{EXPERIMENT}"
TEST = ab_test({"key": "sales", "type": "mean"})
PRINT = Fingerprint.of(TEST, TEST.metrics[0])


def day(date: str, **changes: Any) -> DayRecord:
    made = DayRecord(
        metric="sales",
        fingerprint=PRINT.value,
        data=PRINT.data,
        day=date,
        until=f"{date}T23:59:59Z",
        sums=MetricSums.of({("control", ""): Cell(count=2, successes=1)}),
        exposures=Exposures(units={"control": 2}, rows=2),
        computed_at="2026-02-01T00:00:00Z",
        by="Ada <ada@example.org>",
    )
    return replace(made, **changes)


def write(ground: Ground, *records: DayRecord) -> None:
    days.write(ground.repository.workspace, EXPERIMENT, records, {"sales": PRINT})


def text_of(record: DayRecord, **changes: Any) -> bytes:
    return dump_json({**record.to_dict(), **changes})


def settings(**changes: Any) -> bytes:
    said = {"metric": "sales", "fingerprint": PRINT.value, "data": PRINT.data}
    return dump_json({"format": 1, **said, "settings": PRINT.settings, **changes})


SETTINGS = layout.settings_path("sales", PRINT.value)


def test_days_as_they_are_recorded_are_in_order(ground: Ground) -> None:
    write(ground, day("2026-01-01"), day("2026-01-02"))
    found = ground.verified("analyses")
    assert found.sound
    assert found.looked_at["days"] == 2
    write(ground, day("2026-01-03"))
    assert ground.verified("analyses").looked_at["days"] == 1


def test_a_day_that_was_changed_or_removed_is_named(ground: Ground) -> None:
    write(ground, day("2026-01-01"), day("2026-01-02"))
    one, two = day("2026-01-01"), day("2026-01-02")
    ground.put(BRANCH, {one.path: text_of(one, by="Eve <eve@example.org>"), two.path: None})
    changed, removed = ground.problems("analyses")
    assert f"{one.path}: a file was changed by" in changed
    assert f"{two.path}: a file was removed by" in removed


def test_what_a_day_says_of_itself_is_true(ground: Ground) -> None:
    write(ground, day("2026-01-01"))
    elsewhere = day("2026-01-05").path
    ground.put(BRANCH, {elsewhere: text_of(day("2026-01-01"))})
    (said,) = ground.problems("analyses")
    assert f"{elsewhere}: it is about 2026-01-01, which is not the day of its name" in said


def test_a_day_stands_under_its_own_fingerprint(ground: Ground) -> None:
    other = "f" * 64
    path = layout.analysis_path("sales", other, "2026-01-01")
    ground.put(BRANCH, {path: text_of(day("2026-01-01"))})
    (said,) = ground.problems("analyses")
    assert f"what it says belongs in {layout.analysis_dir('sales', PRINT.value)}" in said


def test_settings_that_are_missing_or_of_other_days_are_found(ground: Ground) -> None:
    record = day("2026-01-01")
    ground.put(BRANCH, {record.path: text_of(record)})
    (said,) = ground.problems("analyses")
    assert f"the settings that it was computed with are missing: {SETTINGS}" in said
    ground.put(BRANCH, {SETTINGS: settings(data="0" * 64)})
    (said,) = ground.problems("analyses")
    assert f"its fingerprint is not that of {SETTINGS}" in said


def test_settings_are_those_of_their_fingerprint(ground: Ground) -> None:
    looser = json.loads(json.dumps(PRINT.settings))
    looser["judgement"]["confidence"] = 0.5
    ground.put(BRANCH, {SETTINGS: settings(settings=looser)})
    (said,) = ground.problems("analyses")
    assert f"{SETTINGS}: its settings are not those of its fingerprint" in said


def test_what_is_no_day_and_what_cannot_be_read_are_named(ground: Ground) -> None:
    record = day("2026-01-01")
    ground.put(BRANCH, {"notes.txt": b"mine\n", SETTINGS: b"{}\n", record.path: text_of(record)})
    found = "\n".join(ground.problems("analyses"))
    assert "notes.txt: it is no part of an analysis" in found
    assert f"{SETTINGS}: " in found


def test_days_that_two_clones_computed_are_in_order_after_they_are_joined(ground: Ground) -> None:
    write(ground, day("2026-01-01"), day("2026-01-02"))
    ours = ground.git("rev-parse", BRANCH)
    ground.git("update-ref", "-d", f"refs/heads/{BRANCH}")
    failed = day("2026-01-01", sums=None, exposures=None, error="no rows")
    later = day("2026-01-02", computed_at="2026-04-01T00:00:00Z")
    theirs = {failed.path: text_of(failed), later.path: text_of(later), SETTINGS: settings()}
    ground.put(BRANCH, dict(theirs))
    ground.git("update-ref", f"refs/heads/{BRANCH}", ours)
    days.join(ground.repository.workspace, f"refs/heads/{BRANCH}")
    shown = ground.git("show", f"{BRANCH}:{later.path}")
    assert json.loads(shown)["computed_at"] == later.computed_at
    assert ground.verified("analyses").sound
