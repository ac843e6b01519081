"""`gitexp evaluator` and its verbs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gitexp.cli.arguments import pairs, version_option
from gitexp.cli.catalogue import EVALUATOR_COMMANDS
from gitexp.cli.failures import AnswerIsNo
from gitexp.cli.groups import LazyGroup, UsageFault, command, group
from gitexp.cli.output import Output, output_options
from gitexp.cli.tables import Column, Table

if TYPE_CHECKING:
    from gitexp.evaluation.datasets.sample import Sample
    from gitexp.evaluation.evaluators.evaluator import Evaluator
    from gitexp.evaluation.evaluators.loading import Listed
    from gitexp.project.workspace import Workspace
    from gitexp.runs.rows import Score

_COLUMNS = (
    Column(key="name", title="evaluator", kind="code"),
    Column(key="type", title="type"),
    Column(key="description", title="description", optional=True, spare=2),
    Column(key="weight", title="weight", kind="number", spare=3),
    Column(key="digest", title="id", kind="digest", spare=1),
    Column(key="file", title="file", kind="code", optional=True, spare=4),
)
_SCORE_COLUMNS = (
    Column(key="evaluator", title="evaluator", kind="code"),
    Column(key="value", title="value", kind="value"),
    Column(key="passed", title="passed", kind="value"),
    Column(key="reason", title="reason", optional=True),
    Column(key="error", title="error", optional=True),
    Column(key="usage", title="usage", kind="value", optional=True),
)


@group("evaluator", sections=EVALUATOR_COMMANDS, cls=LazyGroup)
@click.pass_context
def evaluator_command(context: click.Context) -> None:
    """List, show and try evaluators

    Without a command, the evaluators of the project are listed.
    """
    if context.invoked_subcommand is None:
        context.invoke(list_command)


@command("list", examples=["gitexp evaluator list", "gitexp evaluator list --format json"])
@output_options
def list_command(output: Output) -> None:
    """List evaluators

    Those of the project's files come first, then the built-in ones.
    """
    from gitexp.evaluation.evaluators.loading import list_evaluators

    workspace = output.session.repository.workspace
    directory = _directory(workspace)
    found = list_evaluators(directory, root=workspace.root)
    rows = [_row(one, directory) for one in found]
    table = Table(columns=_COLUMNS, rows=rows)
    output.listing(rows, table, ids=[one.name for one in found])


@command(
    "show", examples=["gitexp evaluator show tone", "gitexp evaluator show 3f2a91c --format json"]
)
@click.argument("evaluator", metavar="NAME")
@output_options
def show_command(output: Output, evaluator: str) -> None:
    """Show an evaluator

    It is named by its name or by the first digits of its id.
    """
    from gitexp.documents.yaml_writer import dump_yaml

    directory = _directory(output.session.repository.workspace)
    found = _load(output, evaluator)
    row = {**_row(found, directory), "options": dict(found.options)}
    table = Table(columns=_COLUMNS, rows=[row])
    text = f"# {row['file'] or 'built in'}\n{dump_yaml(found.options).decode()}"
    output.entry(row, table, quiet=found.name, text=text)


@command(
    "test",
    examples=[
        "gitexp evaluator test exact-match --output Paris --expected Paris",
        "gitexp evaluator test price --output '{\"total\": 12.5}' --expected 12.49 --json",
        "gitexp evaluator test tone --input 'Hello?' --output-file answer.txt --experiment tone",
    ],
)
@click.argument("evaluator", metavar="NAME")
@click.option("--output", "answer", metavar="TEXT", help="Score this output")
@click.option("--output-file", "answer_file", metavar="PATH", help="Score the output in this file")
@click.option("--expected", metavar="TEXT", help="Say what is expected")
@click.option("--input", "asked", metavar="TEXT", default="", help="Say what was asked")
@click.option(
    "--metadata", multiple=True, metavar="NAME=VALUE", help="Add metadata; may be repeated"
)
@click.option("--json", "as_json", is_flag=True, help="Read input, output and expected as JSON")
@click.option("--experiment", metavar="EXPERIMENT", help="Take parameters and secrets from here")
@version_option
@output_options
def test_command(
    output: Output,
    evaluator: str,
    answer: str | None,
    answer_file: str | None,
    expected: str | None,
    asked: str,
    metadata: tuple[str, ...],
    as_json: bool,
    experiment: str | None,
    version: str | None,
) -> None:
    """Score one output, without a run

    Exits with 3 when the output does not pass, and with 1 when the evaluator breaks.
    """
    from gitexp.evaluation.evaluators.trying import scores_of

    workspace = output.session.repository.workspace
    found = _load(output, evaluator)
    read = _read_json if as_json else _as_text
    text = _answer(output.session.directory, answer, answer_file)
    sample = _sample(read(asked, "--input") if asked else asked, expected, metadata, read)
    score = scores_of(
        [found],
        sample,
        read(text, "--output"),
        directory=_directory(workspace),
        parameters=_parameters(workspace, experiment, version),
        environ=output.session.environ,
    )[found.name]
    entry = {"evaluator": found.name, **score.to_dict()}
    output.entry(entry, Table(columns=_SCORE_COLUMNS, rows=[entry]), quiet=_word(score))
    _judge(score)


def _judge(score: Score) -> None:
    from gitexp.errors import GitexpError

    if score.error:
        raise GitexpError("the evaluator broke", hint="Its score says how.")
    if score.passed is False:
        raise AnswerIsNo


def _word(score: Score) -> str:
    if score.error:
        return "error"
    return {True: "passed", False: "failed", None: "unscored"}[score.passed]


def _load(output: Output, name: str) -> Evaluator:
    from gitexp.evaluation.evaluators.scoring import load_scoring

    workspace = output.session.repository.workspace
    return load_scoring(_directory(workspace), [name], root=workspace.root).evaluators[0]


def _directory(workspace: Workspace) -> Path:
    from gitexp.errors import NotAllowed

    if workspace.directory is None:
        raise NotAllowed(
            "evaluators are files of a working tree, and this repository is bare",
            hint="Look at them in a clone: `gitexp clone URL`.",
        )
    return workspace.directory


def _row(evaluator: Evaluator | Listed, directory: Path) -> dict[str, Any]:
    from gitexp.documents import layout
    from gitexp.ids import Name

    path = layout.evaluator_path("", Name(evaluator.name))
    return {
        "name": evaluator.name,
        "type": evaluator.options["type"],
        "description": evaluator.options.get("description", ""),
        "weight": evaluator.options.get("weight", 1.0),
        "digest": evaluator.digest,
        "file": path if (directory / path).exists() else "",
    }


def _answer(directory: Path, text: str | None, file: str | None) -> str:
    if (text is None) == (file is None):
        raise UsageFault(
            "one output is scored", hint="Give either `--output TEXT` or `--output-file PATH`."
        )
    if file is None:
        return text or ""
    try:
        return (directory / file).read_text(encoding="utf-8")
    except OSError as exc:
        raise UsageFault(f"--output-file {file!r}: {exc.strerror}") from exc
    except ValueError as exc:
        raise UsageFault(f"--output-file {file!r}: it is no text in UTF-8") from exc


def _sample(asked: Any, expected: str | None, metadata: tuple[str, ...], read: Any) -> Sample:
    from gitexp.documents.problems import MISSING
    from gitexp.evaluation.datasets.sample import Sample

    return Sample(
        id="test",
        input=asked,
        expected=MISSING if expected is None else read(expected, "--expected"),
        metadata=dict(pairs(metadata, "--metadata")),
    )


def _as_text(text: str, option: str) -> Any:
    return text


def _read_json(text: str, option: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as exc:
        raise UsageFault(f"{option}: it is no JSON: {exc}", hint="Leave out `--json`.") from exc


def _parameters(
    workspace: Workspace, experiment: str | None, version: str | None
) -> Mapping[str, Any]:
    if experiment is None and version is None:
        return {}
    from gitexp.environments.resolving import Selectors, resolve

    return resolve(workspace, Selectors(experiment=experiment, version=version))
