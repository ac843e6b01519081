"""Validating a whole repository, a set of files, or any revision without checking it out.

Every document is held to its schema; then the documents are held to each other: values to the
slots of the project, a header's name to its directory, an id to one experiment alone.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from gitexp.abtests.validating import ab_test_problems
from gitexp.documents import layout
from gitexp.documents.kinds import DocumentKind
from gitexp.documents.misplaced import misplaced
from gitexp.documents.parsed import ParsedDocument
from gitexp.documents.problems import Problem
from gitexp.errors import InvalidDocuments, InvalidInput
from gitexp.project.definition import Project
from gitexp.project.finding import project_ids
from gitexp.project.sources import Source, revision_source, working_source
from gitexp.project.workspace import Workspace
from gitexp.review.groups.problems import group_problems
from gitexp.review.policies.problems import policy_problems


@dataclass(frozen=True, kw_only=True)
class ValidationReport:
    """Everything that is wrong, and how many documents were looked at."""

    problems: tuple[Problem, ...]
    files: int

    @property
    def valid(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems


def validate(
    workspace: Workspace, paths: Sequence[str | Path] = (), *, revision: str | None = None
) -> ValidationReport:
    """Return everything that is wrong with files of the working tree or of a revision.

    Raises:
        NotFound: a path or the revision does not exist, or there is no document at a path.
        InvalidInput: there is no working tree and no revision was given, or a path is outside
            the project.
    """
    if revision is not None:
        source = revision_source(workspace, revision, paths)
    else:
        source = working_source(workspace, paths)
    return validate_source(workspace, source)


def validate_source(workspace: Workspace, source: Source) -> ValidationReport:
    """Return everything that is wrong with some documents."""
    problems = [problem for path in source.paths for problem in _check_file(source, path)]
    if source.place == "project":
        problems += _cross_check(workspace, source)
    return ValidationReport(problems=tuple(_in_order(problems)), files=len(source.paths))


def _in_order(problems: Sequence[Problem]) -> list[Problem]:
    unique = dict.fromkeys(problems)
    return sorted(unique, key=lambda p: (p.file, p.line or 0, p.column or 0, p.place))


# --- checking one document ------------------------------------------------------------------


def _check_file(source: Source, path: str) -> list[Problem]:
    kind = layout.kind_of(path, place=source.place)
    shown = source.shown(path)
    wrong = misplaced(path) if source.place == "project" else None
    if path in source.links:
        return [Problem(file=shown, message="a symbolic link, and links are never followed")]
    if wrong or kind is None:
        return [Problem(file=shown, message=wrong or "unknown file")]
    try:
        data = source.read(path) or b""
        if kind == "sample":
            return _dataset_problems(data, path, shown)
        return _schema_problems(kind, _parsed(data, shown), shown)
    except InvalidDocuments as exc:
        return list(exc.problems)
    except InvalidInput as exc:
        return [Problem(file=shown, message=exc.message.removeprefix(f"{path} is "))]


def _dataset_problems(data: bytes, path: str, shown: str) -> list[Problem]:
    """Return what is wrong with the rows of a dataset; a large file's are not in the repository."""
    from gitexp.evaluation.datasets.checking import problems_of
    from gitexp.evaluation.datasets.content import bytes_content
    from gitexp.evaluation.datasets.descriptions import format_of
    from gitexp.store.lfs.pointers import parse_pointer

    form = format_of(path)
    if form is None or parse_pointer(data) is not None:
        return []
    return problems_of(bytes_content(data, shown, form))


def _schema_problems(kind: DocumentKind, document: ParsedDocument, file: str) -> list[Problem]:
    from gitexp.documents.schemas import check

    problems = check(kind, document, file=file)
    if kind == "dataset" and not problems:
        from gitexp.evaluation.datasets.descriptions import faults

        return faults(document, file)
    if kind == "entrypoint" and not problems:
        from gitexp.evaluation.jobs.entrypoints import faults as faults_of_entrypoint

        return faults_of_entrypoint(document, file)
    if kind == "prompt" and not problems:
        from gitexp.prompts.documents import problems_of as problems_of_prompt

        return problems_of_prompt(document, file)
    if kind == "flag" and not problems:
        from gitexp.flags.problems import problems_of as problems_of_flag

        return problems_of_flag(document, file)
    if kind == "ab-test" and not problems:
        from gitexp.abtests.problems import problems_of as problems_of_test

        return problems_of_test(document, file)
    if kind == "endpoint" and not problems:
        from gitexp.evaluation.endpoints.checking import faults_in

        return [
            document.problem(file, place, message) for place, message in faults_in(document.value)
        ]
    return problems or _evaluation_problems(kind, document.value, file)


def _evaluation_problems(kind: DocumentKind, value: Any, file: str) -> list[Problem]:
    """Return what is wrong with an evaluator or an evaluation workflow whose schema is right."""
    if kind == "evaluator":
        from gitexp.evaluation.evaluators.loading import description_problems

        return description_problems(value, file)
    if kind == "workflow":
        from gitexp.evaluation.evaluators.scoring import workflow_problems

        return workflow_problems(value, file)
    return []


def _parsed(data: bytes, shown: str) -> ParsedDocument:
    from gitexp.documents import schemas

    return schemas.parse(data, file=shown)


# --- holding documents to each other --------------------------------------------------------


def _cross_check(workspace: Workspace, source: Source) -> list[Problem]:
    headers = {p: d for p in source.paths if (d := _valid(source, p, "experiment")) is not None}
    values = [path for path in source.paths if layout.kind_of(path) == "parameters"]
    problems = _name_problems(source, headers) + _id_problems(source, headers)
    problems += group_problems(source, headers, partial(_valid, source))
    problems += policy_problems(source, partial(_valid, source))
    problems += ab_test_problems(workspace, source, partial(_valid, source))
    problems += [problem for path in values for problem in _headless(source, path)]
    if values or layout.PROJECT_FILE in source.paths:
        project = _project(source)
        if not isinstance(project, Project):
            return problems + project
        problems += _project_id_problems(workspace, source)
        for path in values:
            if (document := _valid(source, path, "parameters")) is not None:
                problems += _value_problems(project, document, source.shown(path))
    return problems


def _project(source: Source) -> Project | list[Problem]:
    """Return the project definition, or what is wrong with it, by which values are not judged."""
    file = source.shown(layout.PROJECT_FILE)
    document = _valid(source, layout.PROJECT_FILE, "project")
    if document is None:
        missing = "it is missing, and without it values cannot be judged"
        return (
            _check_file(source, layout.PROJECT_FILE)
            if _is_there(source, layout.PROJECT_FILE)
            else [Problem(file=file, message=missing)]
        )
    try:
        return Project.from_dict(document.value, file=file)
    except InvalidDocuments as exc:
        return list(exc.problems)


def _is_there(source: Source, path: str) -> bool:
    """Return whether something stands at a path, be it readable or not."""
    try:
        return source.read(path) is not None
    except InvalidInput:
        return True


def _headless(source: Source, path: str) -> list[Problem]:
    """Return the problem of values that have no header beside them."""
    directory = path.rpartition("/")[0]
    if misplaced(path) or _is_there(source, f"{directory}/{layout.HEADER_FILE}"):
        return []
    message = f"there is no {layout.HEADER_FILE} beside it, so this is no experiment"
    return [Problem(file=source.shown(path), message=message)]


def _project_id_problems(workspace: Workspace, source: Source) -> list[Problem]:
    """Return the problem of a project whose id another project of the repository has."""
    document = _valid(source, layout.PROJECT_FILE, "project")
    if document is None:
        return []
    identity = document.value["id"]
    others = project_ids(workspace.store, workspace.cache, source.commit)
    same = [r for r, other in others.items() if other == identity and r != workspace.root]
    if not same:
        return []
    where = ", ".join(layout.join(root, layout.PROJECT_FILE) for root in same)
    message = f"{identity!r} is the id of the project in {where} too; each needs one of its own"
    return [document.problem(source.shown(layout.PROJECT_FILE), ("id",), message)]


def _valid(source: Source, path: str, kind: DocumentKind) -> ParsedDocument | None:
    """Return a valid document of a kind, None for any other."""
    if layout.kind_of(path) != kind:
        return None
    try:
        data = source.read(path)
        document = _parsed(data, path) if data is not None else None
    except InvalidInput:
        return None
    if document is None or _schema_problems(kind, document, path):
        return None
    return document


def _value_problems(project: Project, document: ParsedDocument, file: str) -> list[Problem]:
    """Return what is wrong with values, each with the line of its parameter."""
    problems = []
    for problem in project.problems_of(document.value or {}, file=file):
        position = document.position((re.split(r"[.[]", problem.place)[0],))
        line, column = position or (None, None)
        problems.append(replace(problem, line=line, column=column))
    return problems


def _name_problems(source: Source, headers: Mapping[str, ParsedDocument]) -> list[Problem]:
    problems = []
    for path, header in headers.items():
        name, directory = header.value["name"], path.split("/")[-2]
        if name != directory:
            message = f"{name!r} is not the name of its directory, {directory!r}"
            problems.append(header.problem(source.shown(path), ("name",), message))
    return problems


def _id_problems(source: Source, headers: Mapping[str, ParsedDocument]) -> list[Problem]:
    seen: dict[str, str] = {}
    problems = []
    for path, header in headers.items():
        identity = header.value["id"]
        first = seen.setdefault(identity, path)
        if first != path:
            message = f"{identity!r} is the id of {first} too; a copy needs one of its own"
            problems.append(header.problem(source.shown(path), ("id",), message))
    return problems
