"""Evaluators for tests: made from options, opened, and asked for one score."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gitexp.documents import schemas
from gitexp.documents.parsed import ParsedDocument
from gitexp.documents.problems import MISSING
from gitexp.environments.parameters import Parameters, Provenance
from gitexp.errors import InvalidDocuments
from gitexp.evaluation.answers import Usage
from gitexp.evaluation.datasets.sample import Sample
from gitexp.evaluation.evaluators.evaluator import Evaluator
from gitexp.evaluation.evaluators.loading import evaluator_of
from gitexp.evaluation.evaluators.trying import scores_of
from gitexp.ids import VersionId
from gitexp.runs.rows import Score

NOWHERE = Path("/nowhere")


def sample(expected: Any = MISSING, **fields: Any) -> Sample:
    """Return a sample that expects something."""
    return Sample(**{"id": "a", "input": "q", **fields, "expected": expected})


def evaluator(directory: Path = NOWHERE, name: str = "e", **options: Any) -> Evaluator:
    """Return the evaluator of a description, which is checked as a file is."""
    problems = schemas.check("evaluator", ParsedDocument(value=options), file="e.yaml")
    if problems:
        raise InvalidDocuments(problems)
    return evaluator_of(name, options, directory=directory, file="e.yaml")


def score(output: Any, expected: Any = MISSING, **options: Any) -> Score:
    """Return the score that an evaluator which judges at once gives."""
    return evaluator(**options).score_now(sample(expected), output)


def asked(
    made: Evaluator,
    output: Any,
    expected: Any = MISSING,
    *,
    directory: Path = NOWHERE,
    parameters: Mapping[str, Any] | None = None,
    environ: Mapping[str, str] | None = None,
    usage: Usage | None = None,
    **fields: Any,
) -> Score:
    """Return the score of an evaluator that is opened for it."""
    return scores_of(
        [made],
        sample(expected, **fields),
        output,
        directory=directory,
        parameters=parameters or {},
        environ=environ or {},
        usage=usage,
    )[made.name]


def secret_parameters(values: Mapping[str, Any], *secrets: str) -> Parameters:
    """Return parameters of which some are secrets; their values name environment variables."""
    provenance = Provenance(
        experiment="tone",
        experiment_id="x",
        version=VersionId("0" * 40),
        digest="sha256:0",  # type: ignore[arg-type]
    )
    types = dict.fromkeys(secrets, "secret")
    return Parameters(values, types=types, provenance=provenance, environ={})
