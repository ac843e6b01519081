"""`gitexp flag` and the verbs that show, make and evaluate flags."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import click

from gitexp.cli.arguments import environment_option, pairs
from gitexp.cli.catalogue import FLAG_COMMANDS
from gitexp.cli.flag_views import entry_table, evaluation_table, flag_fields
from gitexp.cli.groups import LazyGroup, UsageFault, command, group
from gitexp.cli.output import Output, output_options

if TYPE_CHECKING:
    from gitexp.cli.session import Session
    from gitexp.flags.evaluating import Evaluator
    from gitexp.flags.serving import ServedFlags

key_argument = click.argument("key", metavar="KEY")
search_option = click.option(
    "--search", default="", metavar="TEXT", help="Keep those with this in key or description"
)


@group("flag", sections=FLAG_COMMANDS, cls=LazyGroup)
@click.pass_context
def flag_command(context: click.Context) -> None:
    """List, evaluate and publish feature flags

    A flag is the file flags/KEY.yaml on the trunk; production reads it from its environment, once
    it is published there. Without a command, flags are listed.
    """
    if context.invoked_subcommand is None:
        context.invoke(list_command)


@command("list", examples=["gitexp flag list", "gitexp flag list production --format json"])
@click.argument("environment", metavar="[ENVIRONMENT]", required=False)
@search_option
@output_options
def list_command(output: Output, environment: str | None, search: str) -> None:
    """List flags, or those that are published in an environment"""
    found = output.session.repository.flags.list(search=search, environment=environment)
    nothing = "no flags; make one with `gitexp flag create KEY`"
    table = entry_table(found, nothing="no such flags" if search or environment else nothing)
    output.listing([entry.to_dict() for entry in found], table, ids=[e.key for e in found])


@command("show", examples=["gitexp flag show checkout", "gitexp flag show checkout --revision v1"])
@key_argument
@click.option("--revision", metavar="REVISION", help="Show it as of this commit")
@environment_option("Show it as it is published there")
@output_options
def show_command(output: Output, key: str, revision: str | None, environment: str | None) -> None:
    """Show a flag"""
    flags = output.session.repository.flags
    if revision and environment:
        raise UsageFault("--revision does not go together with --environment")
    if environment is None:
        flag = flags.get(key, revision=revision)
    else:
        flag = flags.of(environment).flag(key)
    output.entry(flag.to_dict(), flag_fields(flag), quiet=flag.digest)


@command(
    "create",
    examples=[
        "gitexp flag create search --rollout 10",
        "gitexp flag create checkout --variant control=50 --variant test=50",
        "gitexp flag create checkout --variant control --variant test --variant third",
    ],
)
@key_argument
@click.option("--description", default="", metavar="TEXT", help="Say what it switches")
@click.option(
    "--variant",
    "variants",
    multiple=True,
    metavar="KEY[=WEIGHT]",
    help="Add a variant; without weights all have the same share",
)
@click.option(
    "--rollout",
    type=click.FloatRange(0, 100),
    default=100,
    metavar="PERCENT",
    help="Give it to this percentage of people  [default: 100]",
)
@click.option("--on", is_flag=True, help="Switch it on; a new flag is off")
@output_options
def create_command(
    output: Output, key: str, description: str, variants: tuple[str, ...], rollout: float, on: bool
) -> None:
    """Make a flag, in one commit on the trunk

    Conditions, holdouts and payloads are written into the file; `gitexp validate` checks it.
    """
    flag = output.session.repository.flags.create(
        key,
        _variants(variants),
        description=description,
        active=on,
        rollout=int(rollout) if rollout.is_integer() else rollout,
    )
    output.entry(flag.to_dict(), flag_fields(flag), quiet=flag.key)


def _variants(texts: tuple[str, ...]) -> list[Any]:
    """Return keys where none has a weight, else mappings; each must have one then."""
    if not any("=" in text for text in texts):
        return list(texts)
    found = []
    for name, weight in pairs(texts, "--variant"):
        try:
            number = float(weight)
        except ValueError:
            raise UsageFault(f"{weight!r} is no weight of variant {name!r}") from None
        found.append({"key": name, "weight": int(number) if number.is_integer() else number})
    return found


@command(
    "evaluate",
    examples=[
        "gitexp flag evaluate checkout --id user-1",
        "gitexp flag evaluate checkout --id user-1 --property plan=pro --environment production",
        "gitexp flag evaluate --id user-1 --environment production --format json",
    ],
)
@click.argument("key", metavar="[KEY]", required=False)
@click.option("--id", "identifier", metavar="IDENTIFIER", help="Ask for this person")
@click.option(
    "--property",
    "properties",
    multiple=True,
    metavar="NAME=VALUE",
    help="Say this of them, JSON or a text; may be repeated",
)
@environment_option("Ask the flags published there")
@click.option("--repo", metavar="URL", help="Read from this repository, without a clone")
@click.option("--project", metavar="ID", help="Name the project, where there are several")
@click.option("--at", metavar="COMMIT", help="Read the environment as of this commit of it")
@click.option("--locked", is_flag=True, help="Read what gitexp.lock pins, and verify it")
@click.option("--offline", is_flag=True, help="Use what is here and ask no remote")
@output_options
def evaluate_command(
    output: Output,
    key: str | None,
    identifier: str | None,
    properties: tuple[str, ...],
    **source: Any,
) -> None:
    """Show what flags come to for somebody

    Without KEY, all flags are asked; without an environment, those of the trunk.
    """
    said = _properties(properties)
    if any(source.values()):
        flags: Evaluator = _served(output.session, **source)
    else:
        flags = _of_trunk(output.session, key)
    keys = [key] if key is not None else sorted(flags)
    found = [flags.evaluate(one, identifier, said) for one in keys]
    quiet = [str(one.variant or one.enabled).lower() for one in found]
    items = [one.to_dict() for one in found]
    document = items[0] if key is not None else items
    output.listing(items, evaluation_table(found), ids=quiet, document=document)


def _of_trunk(session: Session, key: str | None) -> Evaluator:
    """Return one flag of the trunk, or all, after a warning of those that are not valid."""
    from gitexp.flags.evaluating import Evaluator

    flags, clock = session.repository.flags, session.surroundings.clock
    if key is not None:
        return Evaluator([flags.get(key)], clock=clock)
    entries = flags.list()
    for entry in entries:
        if entry.problem:
            session.warn(f"flag {entry.key!r} is left out: {entry.problem}")
    return Evaluator((entry.flag for entry in entries if entry.flag), clock=clock)


def _served(
    session: Session, *, environment: str | None, repo: str | None, **pin: Any
) -> ServedFlags:
    """Return the flags of an environment, after a warning where they are stale."""
    from gitexp.serving import feature_flags

    where = repo if repo is not None else session.directory
    flags = feature_flags(environment, repository=where, surroundings=session.surroundings, **pin)
    if flags.provenance.stale:
        session.warn("the remote cannot be reached; these flags were read from it earlier")
    return flags


def _properties(texts: Iterable[str]) -> dict[str, Any]:
    import json

    from gitexp.flags.operators import text_of

    found: dict[str, Any] = {}
    for name, text in pairs(texts, "--property"):
        try:
            value = json.loads(text)
        except ValueError:
            value = text
        # 1.10 is a version, and no number that is compared as 1.1; so is 2.0, and no 2.
        is_other = isinstance(value, float) and text_of(value) != text
        found[name] = text if is_other else value
    return found


@command(
    "eligible",
    examples=["gitexp flag eligible", "gitexp flag eligible --search checkout --order key"],
)
@search_option
@click.option("--active/--inactive", default=None, help="Keep those that are on, or off")
@click.option("--created-by", multiple=True, metavar="ADDRESS", help="Keep those that they made")
@click.option(
    "--order", default="-created_at", metavar="FIELD", help="Sort by it  [default: -created_at]"
)
@click.option("--limit", type=int, default=20, metavar="N", help="Show so many  [default: 20]")
@click.option("--offset", type=int, default=0, metavar="N", help="Leave out so many before")
@output_options
def eligible_command(output: Output, created_by: tuple[str, ...], **chosen: Any) -> None:
    """List the flags that an A/B test may use

    They have two variants or more, and the first is `control`.
    """
    page = output.session.repository.flags.eligible(created_by=created_by, **chosen)
    output.listing(
        [entry.to_dict() for entry in page.results],
        entry_table(page.results, nothing="no flags that an A/B test may use"),
        ids=[entry.key for entry in page.results],
        document=page.to_dict(),
    )
