"""The merge driver: three files in, ours rewritten, whatever they hold."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from gitexp.review.merging.driver import MergeFiles, Outcome, merge_files

Drive = Callable[..., "tuple[Outcome, bytes]"]


@pytest.fixture
def drive(tmp_path: Path) -> Drive:
    """Runs the driver over three texts, and returns the outcome and what became of ours."""

    def run(
        base: bytes,
        ours: bytes,
        theirs: bytes,
        *,
        path: str = "experiments/tone/parameters.yaml",
        program_path: str = os.environ["PATH"],
    ) -> tuple[Outcome, bytes]:
        names = dict(zip(("base", "ours", "theirs"), (base, ours, theirs), strict=True))
        for name, text in names.items():
            (tmp_path / name).write_bytes(text)
        outcome = merge_files(
            MergeFiles(
                base=tmp_path / "base",
                ours=tmp_path / "ours",
                theirs=tmp_path / "theirs",
                path=path,
                directory=tmp_path,
                environ={"PATH": program_path, "HOME": str(tmp_path)},
            )
        )
        return outcome, (tmp_path / "ours").read_bytes()

    return run


def test_different_keys_are_merged_and_the_same_is_named(drive: Drive) -> None:
    outcome, text = drive(b"a: 1\nb: 1\nc: 1\n", b"a: 2\nb: 1\nc: 2\n", b"a: 1\nb: 3\nc: 3\n")
    assert outcome == Outcome(clean=False, clashes=("c (base 1, ours 2, theirs 3)",))
    assert text == b"a: 2\nb: 3\n<<<<<<< ours\nc: 2\n=======\nc: 3\n>>>>>>> theirs\n"


TEST = "experiments/tone/ab-test.yaml"
DRAFT = b"status: draft\n\nvariants: 2\n\ntitle: a\n"
RUNNING = b"status: running\n\nvariants: 2\n\ntitle: a\n"


@pytest.mark.parametrize(
    "path", ["experiments/tone/ab-test.yaml", "bot/experiments/a/ab-test.yaml"]
)
def test_two_moves_of_one_test_are_never_put_together(drive: Drive, path: str) -> None:
    other = b"status: draft\n\nvariants: 3\n\ntitle: a\n"
    outcome, text = drive(DRAFT, RUNNING, other, path=path)
    clash = "where the A/B test stands, or what its launch locks: take one of them as a whole"
    assert outcome == Outcome(clean=False, clashes=(clash,))
    assert text == RUNNING


def test_a_move_of_a_test_goes_together_with_other_words(drive: Drive) -> None:
    outcome, text = drive(
        DRAFT,
        RUNNING,
        DRAFT.replace(b"title: a", b"title: b"),
        path="experiments/tone/ab-test.yaml",
    )
    assert outcome == Outcome(clean=True)
    assert text == RUNNING.replace(b"title: a", b"title: b")


def test_without_git_it_merges_by_key_all_the_same(drive: Drive) -> None:
    outcome, text = drive(b"a: 1\nb: 1\n", b"a: 2\nb: 1\n", b"a: 1\nb: 3\n", program_path="/none")
    assert outcome == Outcome(clean=True)
    assert text == b"a: 2\nb: 3\n"


def test_without_git_what_cannot_be_read_conflicts_as_a_whole(drive: Drive) -> None:
    outcome, text = drive(b"a: [", b"b: [", b"c: [\n", program_path="/none")
    assert outcome.clean is False
    assert outcome.problem is not None
    assert text == b"<<<<<<< ours\nb: [\n=======\nc: [\n>>>>>>> theirs\n"


def test_a_list_where_a_mapping_is_expected_is_merged_line_by_line(drive: Drive) -> None:
    outcome, text = drive(b"- 1\n- 2\n", b"- 1\n- 3\n", b"- 1\n- 4\n")
    assert outcome.clean is False
    assert outcome.problem == "experiments/tone/parameters.yaml is no mapping of keys to values"
    assert b"<<<<<<< ours\n- 3\n=======\n- 4\n>>>>>>> theirs\n" in text


def test_bytes_that_are_no_text_stay_ours(drive: Drive) -> None:
    outcome, text = drive(b"\x00a", b"\x00b", b"\x00c")
    assert outcome.clean is False
    assert text == b"\x00b"


def test_the_values_of_an_environment_are_one_thing_beside_its_binding(
    drive: Drive, tmp_path: Path
) -> None:
    texts = (b"a: 1\nb: 1\n", b"a: 2\nb: 1\n", b"a: 1\nb: 3\n")
    assert drive(*texts, path="parameters.yaml")[0].clean
    (tmp_path / "environment.yaml").write_text(
        "project: bot\nenvironment: live\naction: promote\ndigest: x\n"
    )
    assert drive(*texts, path="parameters.yaml")[0].clashes == (
        "a (base 1, ours 2, theirs 1)",
        "b (base 1, ours 1, theirs 3)",
    )
    assert drive(*texts)[0].clean


def test_another_programs_file_of_the_name_of_a_binding_is_merged_by_key(drive: Drive) -> None:
    outcome, text = drive(
        b"name: x\nchannels: [a]\n",
        b"name: y\nchannels: [a]\n",
        b"name: x\nchannels: [b]\n",
        path="environment.yaml",
    )
    assert (outcome.clean, text) == (True, b"name: y\nchannels: [b]\n")
