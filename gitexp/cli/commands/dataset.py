"""`gitexp dataset` and its verbs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from gitexp.cli.arguments import pairs
from gitexp.cli.commands.diff import exit_code_option
from gitexp.cli.dataset_arguments import selection_options
from gitexp.cli.dataset_views import ENTRIES, dataset_item, diff_table, sample_table, summary
from gitexp.cli.failures import AnswerIsNo
from gitexp.cli.groups import Entry, LazyGroup, command, entries, group
from gitexp.cli.output import Output, output_options
from gitexp.cli.plain import json_line
from gitexp.cli.problem_reports import WRITERS
from gitexp.cli.tables import Table
from gitexp.cli.terminal import write_out

if TYPE_CHECKING:
    from gitexp.cli.session import Session
    from gitexp.evaluation.datasets.collection import Datasets
    from gitexp.evaluation.datasets.fields import Columns
    from gitexp.evaluation.datasets.loading import Dataset
    from gitexp.evaluation.datasets.selecting import Selection

DATASET_COMMANDS: Mapping[str, Mapping[str, Entry]] = {
    "Commands": {
        **entries("dataset", list="List datasets"),
        **entries("dataset", add="Add a dataset from an address or a file"),
        **entries("dataset", show="Show a dataset, or its samples"),
        **entries("dataset", validate="Check the rows of datasets"),
        **entries("dataset", diff="Compare two versions of a dataset sample by sample"),
    }
}
_FORMATS = ("jsonl", "csv", "yaml", "parquet")
_MAPPINGS = ("input", "expected", "output", "metadata")


def datasets_of(session: Session) -> Datasets:
    """Return the datasets of the project."""
    from gitexp.evaluation.datasets.collection import Datasets

    return Datasets(session.repository.workspace)


@group("dataset", sections=DATASET_COMMANDS, cls=LazyGroup)
@click.pass_context
def dataset_command(context: click.Context) -> None:
    """List, add, check and compare datasets

    A dataset is a file in datasets/: NAME.jsonl, .csv, .yaml or .parquet, or NAME.dataset.yaml,
    which says where its rows are. Without a command, the datasets are listed.
    """
    if context.invoked_subcommand is None:
        context.invoke(list_command)


@command("list", examples=["gitexp dataset list", "gitexp dataset list --format json"])
@output_options
def list_command(output: Output) -> None:
    """List datasets"""
    found = datasets_of(output.session).list()
    rows = [vars(entry) for entry in found]
    nothing = "no datasets; a dataset is a file in datasets/, such as datasets/NAME.jsonl"
    table = Table(columns=ENTRIES, rows=rows, note="" if rows else nothing)
    output.listing(found, table, ids=[entry.name for entry in found])


@command(
    "add",
    examples=[
        "gitexp dataset add faq https://example.org/faq.jsonl",
        "gitexp dataset add mmlu s3://corpora/mmlu.parquet --field input=question",
        "gitexp dataset add faq raw/export.csv --field input.q=Question --field expected=Answer",
    ],
)
@click.argument("name", metavar="NAME")
@click.argument("source", metavar="URL|FILE")
@click.option("--description", default="", metavar="TEXT", help="Say what it holds")
@click.option(
    "--rows",
    type=click.Choice(_FORMATS),
    metavar="|".join(_FORMATS),
    help="Say how the rows are written down  [default: what the name ends with]",
)
@click.option(
    "--field",
    "fields",
    multiple=True,
    metavar="PART=COLUMN",
    help="Say which column is the input, expected, metadata.KEY ...; may be repeated",
)
@click.option(
    "--split",
    "splits",
    multiple=True,
    metavar="NAME=FILTER",
    help="Name the samples that fit a filter; may be repeated",
)
@click.option("--digest", metavar="SHA256", help="Refuse a file with another digest")
@click.option("--replace", is_flag=True, help="Pin what is there now; keep what is not given again")
@output_options
def add_command(
    output: Output,
    name: str,
    source: str,
    description: str,
    rows: str | None,
    fields: tuple[str, ...],
    splits: tuple[str, ...],
    digest: str | None,
    replace: bool,
) -> None:
    """Add a dataset from an address or a file

    The rows are fetched and checked. What is elsewhere, or already in the project, is described
    in datasets/NAME.dataset.yaml with the digest of its bytes; any other file is copied to
    datasets/. Nothing is committed.
    """
    from gitexp.evaluation.datasets.collection import NewDataset

    new = NewDataset(
        name=name,
        source=source,
        description=description,
        format=rows,  # type: ignore[arg-type]
        fields=_fields(fields),
        splits=dict(pairs(splits, "--split")) or None,
        digest=digest,
        replace=replace,
    )
    dataset = datasets_of(output.session).add(new)
    _show(output, dataset, name)


def _fields(texts: tuple[str, ...]) -> dict[str, Columns] | None:
    """Return the parts of samples that `PART=COLUMN` and `PART.KEY=COLUMN` name."""
    found: dict[str, Any] = {}
    for name, column in pairs(texts, "--field"):
        part, dot, key = name.partition(".")
        if dot and part in _MAPPINGS and isinstance(found.get(part, {}), dict):
            found.setdefault(part, {})[key] = column
        else:
            found[name] = column
    return found or None


@command(
    "show",
    examples=[
        "gitexp dataset show faq",
        "gitexp dataset show faq --split test --samples",
        "gitexp dataset show faq --sample 50 --seed 7 --samples --format jsonl > few.jsonl",
        "gitexp dataset show faq@main",
    ],
)
@click.argument("name", metavar="NAME[@REVISION]|FILE")
@selection_options
@click.option("--samples", is_flag=True, help="List the samples themselves")
@output_options
def show_command(output: Output, name: str, selection: Selection, samples: bool) -> None:
    """Show a dataset, or its samples

    All rows are checked. The digest is that of the samples, in whatever order they are; that of
    chosen samples is their own.
    """
    dataset = datasets_of(output.session).get(name).select(selection)
    if samples:
        _show_samples(output, dataset)
    else:
        _show(output, dataset, dataset.name)


def _show(output: Output, dataset: Dataset, name: str) -> None:
    item = dataset_item(dataset)
    output.entry(item, summary(item), quiet=name)


def _show_samples(output: Output, dataset: Dataset) -> None:
    """Write the samples; as JSON lines one after the other, however many there are."""
    if output.quiet:
        for sample in dataset:
            output.lines([sample.id])
    elif output.format == "jsonl":
        for sample in dataset:
            output.data(json_line(sample.to_dict()) + "\n")
    else:
        rows = [sample.to_dict() for sample in dataset]
        output.listing(rows, sample_table(rows), ids=[])


@command(
    "validate",
    examples=["gitexp dataset validate", "gitexp dataset validate faq --format github"],
)
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option(
    "--format",
    "form",
    type=click.Choice(tuple(WRITERS)),
    default="text",
    metavar="|".join(WRITERS),
    help="Choose the form of the report  [default: text]",
)
@click.option("-q", "--quiet", is_flag=True, help="Print nothing; the exit code tells")
@click.pass_obj
def validate_command(session: Session, names: tuple[str, ...], form: str, quiet: bool) -> None:
    """Check the rows of datasets

    Without NAME, all datasets are checked. Unlike `gitexp validate`, what is elsewhere is fetched
    and checked too. Exits with 3 when something is wrong.
    """
    from gitexp.review.validating import ValidationReport

    datasets = datasets_of(session)
    chosen = names or tuple(datasets.names())
    problems = [problem for name in chosen for problem in datasets.problems(name)]
    if not quiet:
        report = ValidationReport(problems=tuple(problems), files=len(chosen))
        write_out(WRITERS[form](report, session.terminal))
    if problems:
        raise AnswerIsNo


@command(
    "diff",
    examples=[
        "gitexp dataset diff faq",
        "gitexp dataset diff faq@main faq",
        "gitexp dataset diff faq@v1 faq@v2 --exit-code",
        "gitexp dataset diff old/faq.csv faq --format json",
    ],
)
@click.argument("a", metavar="A")
@click.argument("b", metavar="[B]", required=False)
@exit_code_option
@output_options
def diff_command(output: Output, a: str, b: str | None, exit_code: bool) -> None:
    """Compare two versions of a dataset sample by sample

    Each side is NAME, NAME@REVISION or a file. With one NAME alone, what is committed is compared
    with the working tree. Samples are matched by their ids; those without one of their own by
    what they ask and expect.
    """
    before, after = (a, b) if b is not None else (f"{a}@HEAD", a)
    found = datasets_of(output.session).diff(before, after)
    ids = [change.id for change in found.changes]
    output.listing(found.changes, diff_table(found), ids=ids, document=found)
    if exit_code and found.changes:
        raise AnswerIsNo
