from __future__ import annotations

from pathlib import Path

import pytest

from gitexp.errors import InvalidInput, NotFound
from gitexp.repository import Repository

HEADER = "id: xabcdefghabcdefgh\n\nname: {name}\n"


def write(project: Path, **files: str) -> None:
    for name, text in files.items():
        path = project / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def put(project: Path, path: str, text: str) -> None:
    (project / path).parent.mkdir(parents=True, exist_ok=True)
    (project / path).write_text(text, encoding="utf-8")


def problems(repository: Repository, *paths: str, revision: str | None = None) -> list[str]:
    return [str(p) for p in repository.validate(paths, revision=revision).problems]


def test_a_good_project_is_valid(repository: Repository, project: Path) -> None:
    put(project, "experiments/a/experiment.yaml", HEADER.format(name="a"))
    put(project, "experiments/a/parameters.yaml", "model: small\n")
    put(project, "datasets/d.jsonl", '{"input": 1}\n')
    report = repository.validate()
    assert (report.problems, report.files) == ((), 4)


def test_every_problem_of_every_file_is_reported_with_its_line(
    repository: Repository, project: Path
) -> None:
    put(project, "experiments/a/experiment.yaml", HEADER.format(name="b") + "tgas: {}\n")
    put(project, "experiments/c/experiment.yaml", HEADER.format(name="c"))
    put(project, "experiments/c/parameters.yaml", "temperature: -1\n\nmodle: small\n")
    put(project, "endpoints/e.yaml", "type: python\n")
    found = problems(repository)
    assert [p.split(": ")[0] for p in found] == [
        "endpoints/e.yaml:1",
        "experiments/a/experiment.yaml:4",
        "experiments/c/parameters.yaml:1",
        "experiments/c/parameters.yaml:1",
        "experiments/c/parameters.yaml:3",
    ]
    assert "unknown parameter. Did you mean 'model'?" in found[4]


def test_a_header_is_held_to_its_directory_and_its_id(
    repository: Repository, project: Path
) -> None:
    put(project, "experiments/a/experiment.yaml", HEADER.format(name="a"))
    put(project, "experiments/b/experiment.yaml", HEADER.format(name="a"))
    assert problems(repository) == [
        (
            "experiments/b/experiment.yaml:1: id: 'xabcdefghabcdefgh' is the id of "
            "experiments/a/experiment.yaml too; a copy needs one of its own"
        ),
        "experiments/b/experiment.yaml:3: name: 'a' is not the name of its directory, 'b'",
    ]


def test_a_revision_is_checked_without_checking_it_out(
    repository: Repository, project: Path, git
) -> None:
    put(project, "experiments/a/experiment.yaml", "id: wrong\n")
    git(project, "switch", "--quiet", "--create", "bad")
    git(project, "add", "--all")
    git(project, "commit", "--quiet", "--message=bad")
    git(project, "switch", "--quiet", "main")
    assert problems(repository) == []
    assert all(p.startswith("bad:experiments/a/") for p in problems(repository, revision="bad"))
    assert problems(repository, revision="bad")


def test_an_environment_is_checked_too(repository: Repository) -> None:
    from gitexp.experiment import Experiment

    Experiment.publish(
        name="tuning", values={"model": "small"}, environment="production", repository=repository
    )
    report = repository.validate(revision="env:production")
    assert (report.problems, report.files) == ((), 2)


def test_only_the_named_files_are_checked(repository: Repository, project: Path) -> None:
    put(project, "endpoints/e.yaml", "type: python\n")
    put(project, "endpoints/f.yaml", "type: python\n")
    assert len(problems(repository, "bot/endpoints/e.yaml")) == 1
    assert len(problems(repository, "bot/endpoints")) == 2


def test_a_symbolic_link_is_never_followed(repository: Repository, project: Path) -> None:
    (project / "endpoints").mkdir()
    (project / "endpoints/e.yaml").symlink_to("/etc/hostname")
    assert problems(repository) == [
        "endpoints/e.yaml: endpoints/e.yaml is a symbolic link, and links are never followed"
    ]


def test_a_name_that_differs_only_by_case_is_refused(repository: Repository, project: Path) -> None:
    put(project, "experiments/a/experiment.yaml", HEADER.format(name="a"))
    put(project, "experiments/A/experiment.yaml", HEADER.format(name="A"))
    assert problems(repository) == [
        (
            "experiments/A/experiment.yaml: 'A' is not a usable experiment name; "
            "use [a-z0-9][a-z0-9._-]*"
        )
    ]


def test_a_path_outside_the_project_is_refused(repository: Repository, tmp_path: Path) -> None:
    (tmp_path / "other.yaml").write_text("a: 1\n")
    with pytest.raises(InvalidInput, match="outside the project"):
        repository.validate(["other.yaml"])
    with pytest.raises(NotFound, match="does not exist"):
        repository.validate(["bot/nothing.yaml"])


def test_files_of_a_revision_are_named_as_in_the_working_tree(
    repository: Repository, project: Path, git
) -> None:
    put(project, "endpoints/e.yaml", "type: python\n")
    put(project, "endpoints/f.yaml", "type: python\n")
    git(project, "switch", "--quiet", "--create", "bad")
    git(project, "add", "--all")
    git(project, "commit", "--quiet", "--message=bad")
    git(project, "switch", "--quiet", "main")
    assert len(problems(repository, revision="bad")) == 2
    assert len(problems(repository, "bot/endpoints/e.yaml", revision="bad")) == 1
    with pytest.raises(NotFound, match=r"no document at endpoints/g\.yaml in bad"):
        repository.validate(["bot/endpoints/g.yaml"], revision="bad")
