"""Files with CRLF in the working tree, as an editor on Windows leaves them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from gitexp.repository import Repository
from gitexp.surroundings import Surroundings

Git = Callable[..., str]
PATH = "experiments/tuning/parameters.yaml"


@pytest.fixture
def checked_out(
    repository: Repository, project: Path, surroundings: Surroundings, git: Git
) -> Callable[[str, str], Repository]:
    """Checks an experiment's branch out under a setting and attributes."""

    def check_out(autocrlf: str, attributes: str) -> Repository:
        git(project, "config", "core.autocrlf", autocrlf)
        (project / ".git" / "info" / "attributes").write_text(attributes)
        repository.experiments.create("tuning").commit({"model": "small"})
        git(project, "switch", "--quiet", "exp/bot/tuning")
        return Repository.open(project, surroundings=surroundings)

    return check_out


@pytest.mark.parametrize(
    ("autocrlf", "attributes", "stored"),
    [
        ("true", "", b"\n"),
        ("input", "", b"\n"),
        ("false", "*.yaml text\n", b"\n"),
        ("false", "*.yaml text=auto eol=crlf\n", b"\n"),
        ("false", "", b"\r\n"),
        ("true", "*.yaml -text\n", b"\r\n"),
    ],
)
def test_a_file_is_stored_as_git_would_store_it(
    checked_out, project: Path, git: Git, autocrlf: str, attributes: str, stored: bytes
) -> None:
    repository = checked_out(autocrlf, attributes)
    (project / PATH).write_bytes(b"model: large\r\n")
    version = repository.experiments.get("tuning").commit()
    assert version.values["model"] == "large"
    shown = git(project, "ls-files", "--eol", "--", PATH).split()
    assert shown[0] == ("i/lf" if stored == b"\n" else "i/crlf")
    assert git(project, "status", "--porcelain") == ""
    assert (project / PATH).read_bytes() == b"model: large\r\n"


def test_files_that_differ_in_their_line_endings_alone_are_not_edited(
    checked_out, project: Path, git: Git
) -> None:
    repository = checked_out("true", "")
    for path in (project / PATH, project / "gitexp.yaml"):
        path.write_bytes(path.read_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"))
    status = repository.status()
    assert [found.uncommitted for found in status.experiments] == [()]
    assert not any("was edited" in hint for hint in status.hints)
