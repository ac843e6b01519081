"""`gitexp ab` and the verbs that make and show A/B tests."""

from __future__ import annotations

from typing import Any

import click

from gitexp.cli.ab_views import ab_table, counts_table, show_ab, show_step
from gitexp.cli.arguments import experiment_argument, values_from
from gitexp.cli.catalogue import AB_COMMANDS
from gitexp.cli.groups import LazyGroup, UsageFault, command, group
from gitexp.cli.output import Output, output_options

_STATUSES = ("draft", "running", "paused", "stopped", "complete", "all")
_TYPES = ("mean", "proportion", "ratio", "retention", "quantile")
_GOALS = ("increase", "decrease")
_PAGE = 100


@group("ab", sections=AB_COMMANDS, cls=LazyGroup)
@click.pass_context
def ab_command(context: click.Context) -> None:
    """Plan, launch, end and judge A/B tests

    The A/B test of an experiment is the file ab-test.yaml in its directory, and every step of its
    life is one commit on its branch. Without a command, A/B tests are listed.
    """
    if context.invoked_subcommand is None:
        context.invoke(list_command)


@command(
    "list",
    examples=[
        "gitexp ab list",
        "gitexp ab list --status running --order=-started_at",
        "gitexp ab list --archived --format csv",
    ],
)
@click.option(
    "--status",
    type=click.Choice(_STATUSES),
    default="all",
    metavar="|".join(_STATUSES),
    help="Keep those in this state  [default: all]",
)
@click.option("--archived", is_flag=True, help="Keep archived ones, instead of the others")
@click.option("--flag", default="", metavar="KEY", help="Keep those of this flag")
@click.option(
    "--created-by",
    multiple=True,
    metavar="ADDRESS",
    help="Keep those that this person made; may be repeated",
)
@click.option(
    "--search",
    default="",
    metavar="TEXT",
    help="Keep those with this in name, title or description",
)
@click.option("--prompt", default="", metavar="NAME", help="Keep those that compare this prompt")
@click.option("--event", default="", metavar="EVENT", help="Keep those that count this event")
@click.option(
    "--order",
    default="-created_at",
    metavar="FIELD",
    help="Order by name, created_at, started_at, ended_at, duration or status; with - in front, "
    "the other way round  [default: -created_at]",
)
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    default=_PAGE,
    metavar="N",
    help=f"List at most N  [default: {_PAGE}]",
)
@click.option(
    "--offset", type=click.IntRange(min=0), default=0, metavar="N", help="Leave out the first N"
)
@output_options
def list_command(
    output: Output, prompt: str, created_by: tuple[str, ...], limit: int, offset: int, **chosen: Any
) -> None:
    """List A/B tests"""
    page = output.session.repository.experiments.ab_tests(
        prompt_name=prompt, created_by=created_by, limit=limit, offset=offset, **chosen
    )
    items = [item.to_dict() for item in page.items]
    output.listing(items, ab_table(page.items), ids=[item.name for item in page.items])
    if page.total > offset + len(items):
        output.session.say(f"{page.total} A/B tests fit; see more with --offset")


@command("show", examples=["gitexp ab show tone", "gitexp ab show tone --format json"])
@experiment_argument()
@output_options
def show_command(output: Output, experiment: str) -> None:
    """Show an A/B test

    Metrics that were added or changed after the launch are marked, by Git's history.
    """
    show_ab(output, output.session.experiment(experiment).ab_test)


@command(
    "create",
    examples=[
        "gitexp ab create tone --primary sales:mean",
        "gitexp ab create tone --flag tone-2 --variant control=80 --variant test=20",
        "gitexp ab create tone --primary paid:proportion --secondary errors:mean:decrease",
        "gitexp ab create tone --from definition.yaml",
    ],
)
@experiment_argument()
@click.option(
    "--flag", default="", metavar="KEY", help="Use this flag  [default: the experiment's name]"
)
@click.option(
    "--variant",
    "variants",
    multiple=True,
    metavar="KEY[=PERCENT]",
    help="Add a variant, the control first; may be repeated  [default: those of the flag]",
)
@click.option(
    "--primary",
    multiple=True,
    metavar="KEY:TYPE[:GOAL]",
    help="Add a metric that decides; may be repeated",
)
@click.option(
    "--secondary",
    multiple=True,
    metavar="KEY:TYPE[:GOAL]",
    help="Add a metric that explains; may be repeated",
)
@click.option("--title", metavar="TEXT", help="Give it a name for people")
@click.option("--description", default="", metavar="TEXT", help="Say what it is about")
@click.option(
    "--from",
    "source",
    type=click.Path(dir_okay=False, allow_dash=True),
    metavar="FILE",
    help="Take the rest of the definition from a YAML file, - for standard input",
)
@output_options
def create_command(
    output: Output,
    experiment: str,
    flag: str,
    variants: tuple[str, ...],
    primary: tuple[str, ...],
    secondary: tuple[str, ...],
    title: str | None,
    description: str,
    source: str | None,
) -> None:
    """Make an experiment an A/B test

    The experiment is made where there is none, and so is the flag, which is off until the launch.
    Metrics are of the type mean, proportion, ratio, retention or quantile; what they count, and
    where the data is, stands in ab-test.yaml.
    """
    definition = values_from(output.session, source) if source else {}
    added = {
        "primary": [_metric(text, "primary") for text in primary],
        "secondary": [_metric(text, "secondary") for text in secondary],
    }
    if primary or secondary:
        definition["metrics"] = _joined(definition.get("metrics", {}), added)
    if title:
        definition["title"] = title
    from gitexp.experiment import Experiment

    made = Experiment(experiment, repository=output.session.repository)
    shares = [_variant(text) for text in variants]
    done = made.ab_test.create(definition, flag=flag, variants=shares, description=description)
    show_step(output, done)


def _joined(metrics: Any, added: dict[str, list[Any]]) -> Any:
    """Return the metrics of a definition with more; what is no such thing as it is."""
    lists = metrics.values() if isinstance(metrics, dict) else [None]
    if not all(isinstance(one, list) for one in lists):
        return metrics
    joined = {role: [*metrics.get(role, ()), *more] for role, more in added.items()}
    return {**metrics, **{role: listed for role, listed in joined.items() if listed}}


def _variant(text: str) -> dict[str, Any]:
    key, equals, share = text.partition("=")
    if not equals:
        return {"key": key}
    try:
        split = float(share)
    except ValueError:
        raise UsageFault(
            f"--variant {text!r}: {share!r} is no percentage", hint="Write it as --variant test=20."
        ) from None
    return {"key": key, "split": int(split) if split.is_integer() else split}


def _metric(text: str, role: str) -> dict[str, Any]:
    key, *rest = text.split(":")
    kind, goal = (*rest, "increase")[:2] if rest else ("", "")
    if kind not in _TYPES or goal not in _GOALS or len(rest) > 2:
        raise UsageFault(
            f"--{role} {text!r} is no metric",
            hint=f"Write it as KEY:TYPE or KEY:TYPE:decrease; a type is {', '.join(_TYPES)}.",
        )
    return {"key": key, "type": kind, "goal": goal}


@command("stats", examples=["gitexp ab stats", "gitexp ab stats --format json"])
@output_options
def stats_command(output: Output) -> None:
    """Count A/B tests that were launched and completed lately

    Archived tests and deleted experiments do not count.
    """
    counts = output.session.repository.experiments.stats()
    active = str(counts.active_experiments)
    output.entry(counts.to_dict(), counts_table(counts), quiet=active)
