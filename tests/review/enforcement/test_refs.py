"""Which references a push may make, whatever stands behind them."""

from __future__ import annotations

import pytest

from gitexp.errors import InvalidInput
from gitexp.review.enforcement.moves import Place, parse_moves, place_of
from tests.review.enforcement.serving import Server

ZERO = "0" * 40
SOME = "1" * 40


def test_lines_of_the_hook_are_read() -> None:
    made, gone = parse_moves([f"{ZERO} {SOME} refs/heads/a b\n", f"{SOME} {ZERO} refs/heads/x\n"])
    assert (made.ref, made.old, made.new) == ("refs/heads/a b", None, SOME)
    assert (gone.old, gone.deletes) == (SOME, True)


def test_another_line_is_an_error() -> None:
    with pytest.raises(InvalidInput, match="is no line of a pre-receive hook"):
        parse_moves(["refs/heads/main"])


@pytest.mark.parametrize(
    ("ref", "place"),
    [
        ("refs/heads/main", Place(kind="trunk")),
        ("refs/heads/feature/x", Place(kind="other")),
        ("refs/tags/v1", Place(kind="other")),
        ("refs/heads/exp/bot/tone", Place(kind="experiment", project="bot", name="tone")),
        ("refs/heads/env/bot/staging", Place(kind="environment", project="bot", name="staging")),
        ("refs/heads/runs/bot/tone", Place(kind="runs", project="bot", name="tone")),
        ("refs/heads/analyses/bot/tone", Place(kind="analyses", project="bot", name="tone")),
        ("refs/heads/changes/bot", Place(kind="changes", project="bot")),
        (
            "refs/heads/change/bot/20261121-abcd2345",
            Place(kind="change", project="bot", name="20261121-abcd2345"),
        ),
        (f"refs/gitexp/pins/{SOME}", Place(kind="pin", name=SOME)),
    ],
)
def test_a_reference_is_known_by_its_name(ref: str, place: Place) -> None:
    assert place_of(ref, {"main"}) == place


@pytest.mark.parametrize(
    "ref",
    [
        "refs/heads/Env/bot/production",
        "refs/heads/ENV/bot/production",
        "refs/heads/\u0435nv/bot/production",
        "refs/heads/env\u00a0/bot/production",
        "refs/heads/e\u0301nv/bot/production",
        "refs/heads/env/bot/Production",
        "refs/heads/env/bot/production/x",
        "refs/heads/env/bot",
        "refs/heads/Main",
        "refs/heads/m\u0430in",
        "refs/heads/changes/bot/x",
        "refs/heads/change/bot/mine",
        "refs/tags/env/bot/production",
        "refs/tags/main",
        f"refs/replace/{SOME}",
        "refs/gitexp/other",
        "refs/gitexp/pins/short",
    ],
)
def test_what_only_looks_like_one_is_refused(ref: str) -> None:
    with pytest.raises(InvalidInput):
        place_of(ref, {"main"})


@pytest.mark.interop
def test_branches_of_people_are_their_own(server: Server) -> None:
    carol = server.person("carol")
    carol.git("switch", "--quiet", "--create", "feature/x")
    carol.git.commit({"notes.txt": "mine"})
    carol.takes("feature/x")
    carol.git.commit({"notes.txt": "other"})
    carol.git("commit", "--quiet", "--amend", "--message", "again")
    carol.takes("--force", "feature/x")
    carol.git("tag", "v1")
    carol.takes("v1")
    carol.takes("--delete", "feature/x")


@pytest.mark.interop
def test_one_wrong_reference_keeps_all_out(server: Server) -> None:
    carol = server.person("carol")
    carol.git("switch", "--quiet", "--create", "feature/x")
    carol.git.commit({"notes.txt": "mine"})
    said = carol.refused("feature/x", "feature/x:refs/heads/ENV/bot/production")
    assert "looks like one of gitexp's own and is none" in said
    assert server.tip("feature/x") is None


@pytest.mark.interop
def test_branches_of_a_project_that_the_trunk_does_not_hold_are_refused(server: Server) -> None:
    said = server.person("carol").refused("main:refs/heads/env/other/production")
    assert "the trunk holds no project" in said


@pytest.mark.interop
def test_pins_are_made_and_never_moved_or_removed(server: Server) -> None:
    carol = server.person("carol")
    commit = carol.git("rev-parse", "main")
    carol.takes(f"main:refs/gitexp/pins/{commit}")
    assert "keeps a version that was live, and stays" in carol.refused(
        "--delete", f"refs/gitexp/pins/{commit}"
    )
    other = carol.git.commit({"notes.txt": "mine"})
    assert "keeps a version" in carol.refused(f"{other}:refs/gitexp/pins/{commit}")
    assert "must keep the version" in carol.refused(f"{commit}:refs/gitexp/pins/{other}")
