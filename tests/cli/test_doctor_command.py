from __future__ import annotations

import json
from pathlib import Path

from tests.cli.conftest import Run, git


def damaged(project: Path) -> tuple[str, Path]:
    """Return an object of the trunk, and its file, which is empty now."""
    name = git("rev-parse", "HEAD:gitexp.yaml").strip()
    path = project / ".git" / "objects" / name[:2] / name[2:]
    path.chmod(0o644)
    path.write_bytes(b"")
    return name, path


def test_a_healthy_repository_is_done(project: Path, gitexp: Run) -> None:
    result = gitexp("doctor").ok()
    assert (result.out, result.err) == ("", "nothing is wrong\n")
    assert gitexp("doctor", "--fix").ok().err == "nothing is wrong\n"


def test_what_could_not_be_looked_at_is_not_called_right(
    tone: list[str], gitexp: Run, tmp_path: Path
) -> None:
    gitexp("share", "tone").ok()
    gitexp("promote", "tone", "staging").ok()
    git("remote", "set-url", "origin", str(tmp_path / "nowhere"))
    said = gitexp("doctor").ok().err
    assert "note: not everything could be looked at: " in said
    assert said.endswith("nothing wrong was found in what could be read\n")


def test_what_is_wrong_is_explained_before_anything_is_done(project: Path, gitexp: Run) -> None:
    name, path = damaged(project)
    commit = git("rev-parse", "--short=10", "HEAD").strip()
    result = gitexp("doctor")
    assert result.code == 3
    assert result.out == (
        f"object: object {name}, of main@{commit}:gitexp.yaml: its file is damaged, it is empty\n"
        "  Whatever needs it cannot be read, by gitexp or by Git: a version, a promotion or a "
        "run.\n"
        "  Lost: Nothing, if the working tree or the shared remote still has it.\n"
        "  With --fix: Its file is moved to the quarantine in `.git/gitexp`, and it is got again "
        "from the working tree or from the shared remote.\n"
    )
    assert result.err.endswith("1 wrong, 1 can be mended with --fix\n")
    assert path.read_bytes() == b""


def test_what_is_safe_is_mended(project: Path, gitexp: Run) -> None:
    name, _ = damaged(project)
    result = gitexp("doctor", "--fix").ok()
    assert result.out.splitlines()[1] == "  mended: set aside; got again from the working tree"
    assert result.err.endswith("1 wrong, 1 mended\n")
    assert git("cat-file", "-t", name) == "blob\n"
    again = gitexp("doctor").ok()
    assert again.out == ""
    assert again.err.startswith("note: 1 file set aside earlier in ")


def test_forms_for_programs(project: Path, gitexp: Run) -> None:
    name, _ = damaged(project)
    document = json.loads(gitexp("doctor", "--format", "json").out)
    assert document["healthy"] is False
    (ailment,) = document["ailments"]
    assert (ailment["kind"], ailment["mendable"], ailment["state"]) == ("object", True, "found")
    assert name in ailment["what"]
    assert gitexp("doctor", "--quiet").out.startswith(f"object {name}")
    assert gitexp("doctor", "--format", "csv").out.startswith("kind,what,means,lost,mend,")
