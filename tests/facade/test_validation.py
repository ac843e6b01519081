from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from gitexp.errors import InvalidInput, NotFound
from gitexp.repository import Repository
from gitexp.validation import validate_directory

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
        "endpoints/e.yaml: a symbolic link, and links are never followed"
    ]


def test_a_name_that_differs_only_by_case_is_refused(repository: Repository, project: Path) -> None:
    put(project, "experiments/a/experiment.yaml", HEADER.format(name="a"))
    put(project, "experiments/A/experiment.yaml", HEADER.format(name="A"))
    assert problems(repository) == [
        (
            'experiments/A/experiment.yaml: "A" is not a usable experiment name: '
            "it must match [a-z0-9][a-z0-9._-]{0,62}"
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
    with pytest.raises(NotFound, match=r"no document at bot/endpoints/g\.yaml in bad"):
        repository.validate(["bot/endpoints/g.yaml"], revision="bad")


@pytest.mark.parametrize("revision", [None, "HEAD"])
def test_a_path_that_covers_nothing_is_not_passed_over(
    repository: Repository, project: Path, git, revision: str | None
) -> None:
    put(project, "src/app.py", "")
    put(project, "endpoints/notes.txt", "")
    git(project, "add", "--all")
    git(project, "commit", "--quiet", "--message=src")
    for path in ("bot/src", "bot/endpoints/notes.txt"):
        with pytest.raises(NotFound) as caught:
            repository.validate(["bot/gitexp.yaml", path], revision=revision)
        assert str(caught.value).startswith(f"no document at {path}")


@pytest.mark.parametrize("revision", [None, "HEAD"])
def test_a_path_upwards_covers_the_project(
    repository: Repository, project: Path, surroundings, git, revision: str | None
) -> None:
    put(project, "experiments/a/experiment.yaml", HEADER.format(name="a"))
    git(project, "add", "--all")
    git(project, "commit", "--quiet", "--message=a")
    deep = replace(surroundings, directory=project / "experiments")
    below = Repository.open(deep.directory, surroundings=deep)
    assert below.validate([".."], revision=revision).files == 2
    assert below.validate(["."], revision=revision).files == 1
    assert below.validate(["a/../../gitexp.yaml"], revision=revision).files == 1
    with pytest.raises(InvalidInput, match="outside the project"):
        below.validate(["../.."], revision=revision)


def test_values_are_not_passed_when_the_definition_beside_them_is_broken(
    repository: Repository, project: Path
) -> None:
    put(project, "experiments/a/experiment.yaml", HEADER.format(name="a"))
    put(project, "experiments/a/parameters.yaml", "anything: 1\n")
    put(project, "gitexp.yaml", "format: 1\nid: bot\nparameters: {x: {type: nothing}}\n")
    (found,) = problems(repository, "bot/experiments/a/parameters.yaml")
    assert found.startswith('gitexp.yaml:3: parameters.x.type: "nothing" is not one of')
    assert problems(repository) == [found]
    put(project, "gitexp.yaml", "format: 1\nid: bot\nparameters: {x: {type: enum, options: []}}\n")
    assert len(problems(repository, "bot/experiments/a")) == 1
    assert problems(repository, "bot/experiments/a/experiment.yaml") == []


def test_a_definition_that_is_a_link_is_a_problem(
    project: Path, tmp_path: Path, surroundings
) -> None:
    (tmp_path / "elsewhere.yaml").write_bytes((project / "gitexp.yaml").read_bytes())
    (project / "gitexp.yaml").unlink()
    (project / "gitexp.yaml").symlink_to(tmp_path / "elsewhere.yaml")
    report = validate_directory(project, surroundings=surroundings)
    assert [str(problem) for problem in report.problems] == [
        "gitexp.yaml: a symbolic link, and links are never followed"
    ]


@pytest.mark.parametrize("revision", [None, "HEAD"])
def test_links_in_the_place_of_directories_are_problems(
    repository: Repository, project: Path, tmp_path: Path, git, revision: str | None
) -> None:
    put(project, "elsewhere/a/experiment.yaml", HEADER.format(name="a"))
    put(project, "datasets/data.txt", "")
    (project / "experiments").mkdir()
    (project / "experiments/a").symlink_to("../elsewhere/a")
    (project / "evaluators").symlink_to("elsewhere")
    (project / "datasets/raw").symlink_to("../elsewhere")
    git(project, "add", "--all")
    git(project, "commit", "--quiet", "--message=links")
    found = [p.removeprefix("HEAD:") for p in problems(repository, revision=revision)]
    assert found == [
        "evaluators: a symbolic link, and links are never followed",
        "experiments/a: a symbolic link, and links are never followed",
    ]


@pytest.mark.parametrize("revision", [None, "HEAD"])
def test_misnamed_documents_are_problems(
    repository: Repository, project: Path, git, revision: str | None
) -> None:
    put(project, "experiments/a/experiment.yaml", HEADER.format(name="a"))
    put(project, "experiments/a/paramters.yaml", "model: small\n")
    put(project, "experiments/BAD NAME/parameters.yaml", "model: small\n")
    put(project, "experiments/con/experiment.yaml", "id: xbcdefghabcdefgha\n\nname: con\n")
    put(project, "datasets/Mine.csv", "input\n1\n")
    put(project, "endpoints/e.yml", "type: python\n")
    put(project, "experiments/a/notes.md", "")
    git(project, "add", "--all")
    git(project, "commit", "--quiet", "--message=misnamed")
    found = [p.removeprefix("HEAD:") for p in problems(repository, revision=revision)]
    assert found == [
        (
            'datasets/Mine.csv: "Mine" is not a usable name in datasets: '
            "it must match [a-z0-9][a-z0-9._-]{0,62}"
        ),
        'endpoints/e.yml: unknown file; did you mean "e.yaml"?',
        (
            'experiments/BAD NAME/parameters.yaml: "BAD NAME" is not a usable experiment name: '
            "it must match [a-z0-9][a-z0-9._-]{0,62}"
        ),
        'experiments/a/paramters.yaml: unknown file; did you mean "parameters.yaml"?',
        (
            'experiments/con/experiment.yaml: "con" is not a usable experiment name: '
            "it is the name of a device on Windows"
        ),
    ]


def test_values_without_a_header_are_no_experiment(repository: Repository, project: Path) -> None:
    put(project, "experiments/a/parameters.yaml", "model: small\n")
    assert problems(repository) == [
        (
            "experiments/a/parameters.yaml: there is no experiment.yaml beside it, "
            "so this is no experiment"
        )
    ]


def test_what_cannot_be_read_is_a_problem(repository: Repository, project: Path) -> None:
    (project / "endpoints/e.yaml").mkdir(parents=True)
    assert problems(repository) == ["endpoints/e.yaml: a directory, not a file"]


def test_two_projects_with_one_id_are_told_apart(tmp_path: Path, surroundings, git) -> None:
    git(tmp_path, "init", "--quiet", "--initial-branch=main", "mono")
    for name in ("one", "two"):
        Repository.init(tmp_path / "mono" / name, surroundings=surroundings)
    definition = tmp_path / "mono/two/gitexp.yaml"
    definition.write_text(definition.read_text().replace("id: two", "id: one"))
    git(tmp_path / "mono", "commit", "--quiet", "--all", "--message=copy")
    repository = Repository.open(tmp_path / "mono/one", surroundings=surroundings)
    line = 1 + definition.read_text().splitlines().index("id: one")
    message = "'one' is the id of the project in two/gitexp.yaml too; each needs one of its own"
    assert problems(repository) == [f"gitexp.yaml:{line}: id: {message}"]
    assert problems(repository, revision="HEAD") == [f"HEAD:one/gitexp.yaml:{line}: id: {message}"]
    assert problems(repository, revision="HEAD~1") == []


def test_evaluators_are_held_to_what_they_say(repository: Repository, project: Path) -> None:
    put(project, "evaluators/a.yaml", "type: regex\n\npattern: (\n")
    put(project, "evaluators/b.yaml", "type: human\n\nmin: 3\n\nmax: 1\n")
    judge = "type: llm-judge\n\nmodel: m\n\nbase_url: http://127.0.0.1\n\nrubric: '{{ outptu }}'\n"
    put(project, "evaluators/c.yaml", judge)
    put(project, "evaluators/d.yaml", "type: python\n\ncallable: nowhere:f\n")
    put(project, "workflows/w.yaml", "evaluators:\n  - evaluator: d\n  - evaluator: d\n")
    found = problems(repository)
    assert [problem.partition(": ")[0] for problem in found] == [
        "evaluators/a.yaml",
        "evaluators/b.yaml",
        "evaluators/c.yaml",
        "workflows/w.yaml",
    ]
    assert 'rubric: there is no variable "outptu"; did you mean "output"?' in found[2]
    assert found[3] == "workflows/w.yaml: evaluators[1].evaluator: 'd' is there already"
