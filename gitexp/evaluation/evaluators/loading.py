"""Evaluators of a project: `evaluators/NAME.yaml`, or built in under the name of their type."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gitexp.documents import layout
from gitexp.documents.canonical import digest_of
from gitexp.documents.problems import Problem
from gitexp.errors import InvalidDocuments, InvalidInput, NotFound
from gitexp.evaluation.evaluators.cases import Described
from gitexp.evaluation.evaluators.evaluator import Evaluator
from gitexp.evaluation.evaluators.framing import frame_of
from gitexp.evaluation.evaluators.types import BUILT_IN, judging_of
from gitexp.evaluation.files import each, name_in, names_of_files, read_document
from gitexp.ids import Name

DEFAULT_EVALUATOR = "exact-match"
"""What scores a run when neither the run nor the experiment names an evaluator."""


def load_evaluators(
    directory: Path, names: Iterable[str], *, root: str = ""
) -> tuple[Evaluator, ...]:
    """Return the evaluators of these names, each once, in their order.

    Raises:
        NotFound: a name is neither a file of the project nor built in.
        InvalidDocuments: everything that is wrong in the files, all of them together.
        InvalidInput: a library that one of them needs is not installed.
    """
    return each(dict.fromkeys(names), lambda name: load_evaluator(directory, name, root=root))


def load_evaluator(directory: Path, name: str, *, root: str = "") -> Evaluator:
    """Return an evaluator by its name; a file of the project wins over a built-in one.

    Nothing that it names is imported or asked before it is opened.

    Raises:
        NotFound: the name is neither.
        InvalidDocuments: everything that is wrong in the file.
        InvalidInput: a library that it needs is not installed.
    """
    options = _options(directory, name, root)
    file = layout.join(root, layout.evaluator_path("", Name(name)))
    return evaluator_of(name, options, directory=directory, file=file)


def evaluator_of(
    name: str, options: Mapping[str, Any], *, directory: Path, file: str = ""
) -> Evaluator:
    """Return the evaluator that a checked description makes.

    Args:
        file: the description's name in messages.

    Raises:
        InvalidDocuments: the description is wrong in a way that its schema does not say.
        InvalidInput: a library that it needs is not installed.
    """
    described = Described(options=options, file=file or name, directory=directory)
    judging = judging_of(described)
    return Evaluator(
        name=name,
        digest=digest_of(options),
        options=options,
        frame=frame_of(options, judging),
        judge=judging.judge,
        connect=judging.connect,
        scale=judging.scale,
        timeout=judging.timeout,
    )


def description_problems(options: Mapping[str, Any], file: str) -> list[Problem]:
    """Return what is wrong with a description whose schema is right, as far as can be told here.

    What a library that is not installed would say of it is not told.
    """
    try:
        evaluator_of("evaluator", options, directory=Path(), file=file)
    except InvalidDocuments as exc:
        return list(exc.problems)
    except InvalidInput:
        return []
    return []


def _options(directory: Path, name: str, root: str) -> Mapping[str, Any]:
    """Return the checked description of an evaluator."""
    own = name_in(directory, layout.EVALUATORS_DIR, name, what="evaluator", root=root)
    path = layout.evaluator_path("", own)
    if name in BUILT_IN and not (directory / path).exists():
        return {"type": name}
    file = layout.join(root, path)
    try:
        return read_document(directory, path, "evaluator", what=f"evaluator {name!r}", file=file)
    except NotFound as exc:
        built_in = ", ".join(sorted(BUILT_IN))
        make = (exc.hint or "").removesuffix(".")
        raise NotFound(exc.message, hint=f"{make}, or use a built-in one: {built_in}.") from exc


@dataclass(frozen=True, kw_only=True)
class Listed:
    """An evaluator as it is described, not made."""

    name: str
    options: Mapping[str, Any]

    @property
    def digest(self) -> str:
        """The digest over its description."""
        return digest_of(self.options)


def evaluator_names(directory: Path) -> tuple[str, ...]:
    """Return the names of the evaluators that the project has files of, in their order."""
    return names_of_files(directory, layout.EVALUATORS_DIR)


def list_evaluators(directory: Path, *, root: str = "") -> tuple[Listed, ...]:
    """Return the evaluators of the project's files, then the built-in ones that they leave.

    They are read and not made, so that no library that one of them needs must be there.

    Raises:
        InvalidDocuments: everything that is wrong in the files, all of them together.
        InvalidInput: a file's name is none.
    """
    names = dict.fromkeys([*evaluator_names(directory), *BUILT_IN])
    return each(names, lambda name: Listed(name=name, options=_options(directory, name, root)))
