"""Options by which a forge is asked, and what CI says about the pull request that it is about."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gitexp.cli.files import read_bounded
from gitexp.cli.groups import UsageFault
from gitexp.cli.session import Session
from gitexp.errors import InvalidInput

if TYPE_CHECKING:
    from gitexp.integrations.forges.comments import Forge, ForgeName, Place
    from gitexp.project.workspace import Workspace
    from gitexp.review.reporting.report import Report

FORGES = ("github", "gitlab", "gitea")

_LARGEST_EVENT = 32 * 2**20
_PULL = re.compile(r"refs/pull/([0-9]{1,12})/")


@dataclass(frozen=True, kw_only=True)
class _Variables:
    """The environment variables by which the CI of a forge says where it is."""

    address: str
    repository: str
    number: str
    token: str
    default_address: str = ""


_VARIABLES: Mapping[str, _Variables] = {
    "github": _Variables(
        address="GITHUB_API_URL",
        repository="GITHUB_REPOSITORY",
        number="GITHUB_REF",
        token="GITHUB_TOKEN",
        default_address="https://api.github.com",
    ),
    "gitlab": _Variables(
        address="CI_API_V4_URL",
        repository="CI_PROJECT_ID",
        number="CI_MERGE_REQUEST_IID",
        token="GITLAB_TOKEN",
    ),
    "gitea": _Variables(
        address="GITHUB_API_URL",
        repository="GITHUB_REPOSITORY",
        number="GITHUB_REF",
        token="GITEA_TOKEN",
    ),
}


@dataclass(frozen=True, kw_only=True)
class ForgeOptions:
    """Which forge is asked, about which pull request.

    Attributes:
        forge: None to ask none.
        variable: the environment variable that holds the token; a usual one by default.
        author: who wrote the comment; whom the token belongs to by default.
    """

    forge: ForgeName | None = None
    address: str | None = None
    repository: str | None = None
    number: int | None = None
    variable: str | None = None
    author: str | None = None

    def check(self, session: Session, option: str) -> None:
        """See that all is there before anything is done.

        Args:
            option: the one that names the forge.

        Raises:
            UsageFault: an option is missing, or says something without the one that names a forge.
            InvalidInput: the token is not there.
        """
        if self.forge is not None:
            self.token(session)
            self.place(session)
        elif any((self.address, self.repository, self.number, self.variable, self.author)):
            raise UsageFault(
                f"options of a forge are given without {option}", hint=f"Add `{option} github`."
            )

    @property
    def _variables(self) -> _Variables:
        assert self.forge is not None
        return _VARIABLES[self.forge]

    def token(self, session: Session) -> str:
        """Return the token.

        Raises:
            InvalidInput: the variable is not set.
        """
        name = self.variable or self._variables.token
        token = session.environ.get(name, "")
        if not token:
            raise InvalidInput(
                f"there is no token: the environment variable {name} is not set",
                hint="Set it to a token of the forge, or name another one with "
                "`--token-variable NAME`.",
            )
        return token

    def place(self, session: Session) -> tuple[str, str, int]:
        """Return the address of the API, the repository and the number of the pull request.

        Raises:
            UsageFault: one of them is not known.
        """
        environ, names = session.environ, self._variables
        address = self.address or environ.get(names.address) or names.default_address
        repository = self.repository or environ.get(names.repository, "")
        number = self.number or _number(environ, names.number)
        missing = [
            option
            for option, value in (
                ("--api", address),
                ("--repository", repository),
                ("--number", number),
            )
            if not value
        ]
        if missing or number is None:
            raise UsageFault(
                f"it is not known which pull request is meant: {' and '.join(missing)} are missing"
                if len(missing) > 1
                else f"it is not known which pull request is meant: {missing[0]} is missing",
                hint="The job of a pull request knows it; elsewhere give the options.",
            )
        return address, repository, number

    def opened(self, session: Session) -> tuple[Forge, Place]:
        """Return the forge and the pull request."""
        from gitexp.integrations.forges.comments import Place, forge_of

        assert self.forge is not None
        address, repository, number = self.place(session)
        place = Place(repository=repository, number=number)
        token, environ = self.token(session), session.environ
        return forge_of(self.forge, place, address=address, token=token, environ=environ), place


def _number(environ: Mapping[str, str], variable: str) -> int | None:
    """Return the number of the pull request that a job is about, None for no such job."""
    text = environ.get(variable, "")
    if found := _PULL.match(text):
        return int(found[1])
    if text.isascii() and text.isdigit():
        return int(text)
    return _number_in_event(environ.get("GITHUB_EVENT_PATH", ""))


def _number_in_event(path: str) -> int | None:
    """Return the number in the file by which GitHub describes what happened."""
    if not path:
        return None
    try:
        event = json.loads(read_bounded(Path(path), _LARGEST_EVENT))
        number = event["pull_request"]["number"]
    except (InvalidInput, ValueError, KeyError, TypeError, RecursionError):
        return None
    return number if type(number) is int else None


def project_of(session: Session, trunk: str | None, project: str | None) -> Workspace:
    """Return the project that a change is of: as a trunk defines it, else as it is checked out."""
    if trunk is None and project is None:
        return session.repository.workspace
    if trunk is None:
        raise UsageFault(
            "--project is for projects of a trunk that is named", hint="Add `--trunk main`."
        )
    from gitexp.opening import open_by_trunk

    session.refuse_another_repository(session.directory)
    return open_by_trunk(
        session.directory, trunk, project=project, surroundings=session.surroundings
    )


TRUNK_OPTIONS = (
    click.option(
        "--trunk",
        metavar="BRANCH",
        help="Take definition, policies and groups from this branch of the shared remote",
    ),
    click.option("--project", metavar="ID", help="Name the project, where a trunk holds several"),
)


def keep(session: Session, options: ForgeOptions, report: Report, limit: int) -> None:
    """Keep a report as a comment, and say what became of it."""
    from gitexp.integrations.forges.comments import keep_comment
    from gitexp.review.reporting.forms import markdown
    from gitexp.review.reporting.markdown import mark_of

    forge, place = options.opened(session)
    body = markdown(report, limit=limit)
    kept = keep_comment(forge, mark_of(report.project), body, author=options.author or "")
    shown = kept.comment.url or f"{place.repository} #{place.number}"
    session.say(f"comment {kept.action}: {shown}")


def comment_options(function: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of trunk and comment, and its function `ForgeOptions`."""
    return _with_options(function, (*TRUNK_OPTIONS, _COMMENT, *_PLACE, _AUTHOR))


def review_options(function: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of trunk and reviews, and its function `ForgeOptions`."""
    return _with_options(function, (*TRUNK_OPTIONS, _REVIEWS, *_PLACE))


def _with_options(
    function: Callable[..., None], options: Sequence[Callable[[Any], Any]]
) -> Callable[..., None]:
    @functools.wraps(function)
    def with_forge(
        *leading: Any,
        forge: ForgeName | None,
        api: str | None,
        repository: str | None,
        number: int | None,
        token_variable: str | None,
        author: str | None = None,
        **arguments: Any,
    ) -> None:
        given = ForgeOptions(
            forge=forge,
            address=api,
            repository=repository,
            number=number,
            variable=token_variable,
            author=author,
        )
        function(*leading, given, **arguments)

    for option in reversed(options):
        with_forge = option(with_forge)
    return with_forge


_COMMENT = click.option(
    "--comment",
    "forge",
    type=click.Choice(FORGES),
    metavar="|".join(FORGES),
    help="Keep the report as one comment on the pull request",
)
_REVIEWS = click.option(
    "--reviews",
    "forge",
    type=click.Choice(FORGES),
    metavar="|".join(FORGES),
    help="Count the reviews of the pull request there as votes",
)
_PLACE = (
    click.option("--api", metavar="URL", help="Name the API of the forge  [default: as CI says]"),
    click.option("--repository", metavar="OWNER/NAME", help="Name the repository there"),
    click.option("--number", type=click.IntRange(1), metavar="N", help="Name the pull request"),
    click.option(
        "--token-variable",
        metavar="NAME",
        help="Read the token from this variable  [default: GITHUB_TOKEN and so on]",
    ),
)
_AUTHOR = click.option(
    "--author", metavar="USER", help="Name who writes the comment  [default: as the token says]"
)
