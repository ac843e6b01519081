"""What git is told about a project's files, checked with git."""

from __future__ import annotations

from pathlib import Path

import pytest

from gitexp.review.git_setup import attributes_for
from tests.real_git import new_repository


@pytest.mark.parametrize("root", ["", "apps/bot", "my apps/b[o]t", 'a"b', "a*b?", "é"])
def test_attributes_mean_the_files_of_one_project(tmp_path: Path, root: str) -> None:
    git = new_repository(tmp_path / "repository")
    file = git.path / ".git/info/attributes"
    file.parent.mkdir(exist_ok=True)
    file.write_text("".join(f"{line}\n" for line in attributes_for(root, branches=True)))
    inside = f"{root}/" if root else ""

    def merge_of(path: str) -> str:
        return git("check-attr", "-z", "merge", path).split("\0")[2]

    def diff_of(path: str) -> str:
        return git("check-attr", "-z", "diff", path).split("\0")[2]

    for path in ("gitexp.yaml", "experiments/tone/parameters.yaml", "groups/leads.yaml"):
        assert (merge_of(inside + path), diff_of(inside + path)) == ("gitexp", "gitexp")
        assert merge_of(f"elsewhere/{path}") == "unspecified"
    assert diff_of(f"{inside}datasets/golden.jsonl") == "gitexp"
    assert merge_of(f"{inside}datasets/golden.jsonl") == "unspecified"
    assert merge_of("environment.yaml") == "gitexp"
    assert diff_of("runs/2026/01/02/0304/20260102T030405-abcdefgh.json") == "gitexp"
    assert diff_of(f"{inside}src/app.py") == "unspecified"
