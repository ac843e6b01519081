"""Who pushes, from the one source that the server was set up with, and from no other.

A variable that another kind of server would set may be sent by a client (`AcceptEnv` of sshd,
a proxy that passes headers on), so what is not configured is never looked at.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from gitexp.documents.problems import shown
from gitexp.errors import Forbidden, InvalidInput
from gitexp.ids import ObjectId
from gitexp.project.groups import Actor, Groups
from gitexp.review.enforcement.certificates import certified
from gitexp.review.enforcement.moves import RefMove
from gitexp.review.signatures.answers import Verified
from gitexp.review.signatures.commits import commit_answer
from gitexp.review.signatures.signers import Check
from gitexp.store.protocol import Store
from gitexp.store.trees import read_commit

Method = Literal["variable", "certificate", "signature", "claimed"]
SETTING = "gitexp.identity"
_VARIABLE = re.compile(r"variable:([A-Za-z_][A-Za-z0-9_]*)")
_HINT = (
    "The keeper of the server names one with `gitexp hook install --server --identity "
    "variable:REMOTE_USER`, or `certificate`, `signature` or `claimed`."
)


@dataclass(frozen=True, kw_only=True)
class Source:
    """Where the server takes identities from: the method, and the variable's name."""

    method: Method
    variable: str = ""

    def __str__(self) -> str:
        return f"variable:{self.variable}" if self.variable else self.method


def parse_source(text: str | None) -> Source:
    """Return the source that a setting names.

    Raises:
        InvalidInput: it names none; nothing is guessed.
    """
    if text is not None and (match := _VARIABLE.fullmatch(text)):
        return Source(method="variable", variable=match[1])
    for method in ("certificate", "signature", "claimed"):
        if text == method:
            return Source(method=method)
    said = f"{SETTING} is {shown(text)}" if text else f"{SETTING} is not set"
    raise InvalidInput(f"it is not known where identities come from: {said}", hint=_HINT)


class Identify(Protocol):
    """Tells who asks for a move."""

    def __call__(self, move: RefMove) -> Actor:
        """Return who it is.

        Raises:
            Forbidden: that cannot be told.
        """
        ...


@dataclass(frozen=True, kw_only=True)
class Around:
    """What a push brings along: the objects, all its moves, the groups, and checks of signatures.

    Attributes:
        environ: the variables of the hook.
        check: asked for only where signatures tell who somebody is.
    """

    store: Store
    moves: Sequence[RefMove]
    groups: Groups
    environ: Mapping[str, str]
    check: Callable[[], Check]


def identify(source: Source, around: Around) -> Identify:
    """Return what tells who asks for each move of a push.

    Raises:
        Forbidden: the source says nothing about this push.
    """
    if source.method == "variable":
        actor = _by_variable(source.variable, around)
        return lambda move: actor
    if source.method == "certificate":
        signer = certified(around.store, around.moves, around.environ, around.check())
        actor = Actor(identity=signer, source="certificate")
        return lambda move: actor
    if source.method == "signature":
        return lambda move: _by_signature(move, around)
    return lambda move: _as_claimed(move, around.store)


def _by_variable(variable: str, around: Around) -> Actor:
    name = around.environ.get(variable, "")
    if not name:
        raise Forbidden(
            f"the server did not say who you are: {variable} is not set",
            hint=f"Push through an address that asks who you are; else the keeper of the server "
            f"corrects {SETTING}.",
        )
    return Actor(identity=around.groups.of(name), name=name, source="variable")


def _by_signature(move: RefMove, around: Around) -> Actor:
    answer = commit_answer(around.check(), around.store, _tip(move))
    if isinstance(answer, Verified):
        return Actor(identity=answer.identity, source="signature")
    raise Forbidden(
        f"the newest commit of the push does not say who you are: {answer.reason}",
        hint="Sign your commits (`git config commit.gpgsign true`) with a key that the trunk's "
        "allowed_signers names.",
    )


def _as_claimed(move: RefMove, store: Store) -> Actor:
    committer = read_commit(store, _tip(move)).committer
    return Actor(identity=committer.email, name=committer.name, source="git")


def _tip(move: RefMove) -> ObjectId:
    """Return the commit that speaks for a move: for a deletion, none does.

    Raises:
        Forbidden: it is a deletion.
    """
    if move.new is None:
        raise Forbidden(
            "who deletes something cannot be told from commits",
            hint="The keeper of the server deletes it there, or lets it know who pushes.",
        )
    return move.new
