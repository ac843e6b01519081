"""Refspecs, as `git fetch` understands them, for the remotes that gitexp serves by itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from gitexp.errors import InvalidInput, NotFound
from gitexp.ids import ObjectId, is_object_id
from gitexp.store.refnames import ref_name_fault

_DWIM = ("{}", "refs/{}", "refs/tags/{}", "refs/heads/{}")


@dataclass(frozen=True, kw_only=True)
class Refspec:
    """What to take from a remote and where to put it.

    Attributes:
        source: a reference name, one with a single `*`, or a full object id.
        target: where to put it here, or None when only the objects are wanted.
        force: whether the target may move to what does not descend from it.
    """

    source: str
    target: str | None = None
    force: bool = False

    @property
    def is_pattern(self) -> bool:
        return "*" in self.source

    def target_of(self, name: str) -> str | None:
        """Return where a remote reference goes, or None when it is not meant or goes nowhere."""
        return _mapped(self.source, self.target, name)

    def source_of(self, name: str) -> str | None:
        """Return the remote reference that a local one follows, or None."""
        return None if self.target is None else _mapped(self.target, self.source, name)

    def __str__(self) -> str:
        target = "" if self.target is None else f":{self.target}"
        return f"{'+' if self.force else ''}{self.source}{target}"


@dataclass(frozen=True, kw_only=True)
class Fetched:
    """One thing that a fetch brings over.

    Attributes:
        source: the name or id that was asked for.
        id: what it stands for there.
        target: the local reference to move, or None.
        force: whether that may be moved to what does not descend from it.
    """

    source: str
    id: ObjectId
    target: str | None
    force: bool


def parse_refspec(text: str) -> Refspec:
    """Return a refspec for fetching.

    Raises:
        InvalidInput: the text is none, or a name in it is not allowed.
    """
    body = text.removeprefix("+")
    source, _, target = body.partition(":")
    fault = _source_fault(source) or (_target_fault(source, target) if target else None)
    if fault:
        raise InvalidInput(
            f"{text!r} cannot be fetched: {fault}",
            hint="Write it as `git fetch` takes it, such as "
            "+refs/heads/*:refs/remotes/origin/*, with full names.",
        )
    return Refspec(source=source, target=target or None, force=text.startswith("+"))


def plan_fetch(
    refspecs: Sequence[Refspec], there: Mapping[str, ObjectId], *, remote: str
) -> list[Fetched]:
    """Return what a fetch with these refspecs brings from a remote with these references.

    Raises:
        NotFound: a reference that was named exactly is not there.
    """
    plan: list[Fetched] = []
    for refspec in refspecs:
        if refspec.is_pattern:
            plan.extend(_matching(refspec, there))
        else:
            plan.append(_exact(refspec, there, remote))
    return list(dict.fromkeys(plan))


def stale_targets(
    refspecs: Sequence[Refspec], there: Mapping[str, ObjectId], here: Iterable[str]
) -> list[str]:
    """Return the local references that follow, by these refspecs, what is no longer there."""
    stale = []
    for name in here:
        sources = [source for r in refspecs if (source := r.source_of(name)) is not None]
        if sources and not any(source in there for source in sources):
            stale.append(name)
    return stale


def tracking_ref(refspecs: Iterable[Refspec], name: str) -> str | None:
    """Return the local reference that follows a remote one, or None."""
    return next((to for r in refspecs if (to := r.target_of(name)) is not None), None)


def ref_prefixes(refspecs: Sequence[Refspec]) -> list[str]:
    """Return prefixes that cover every reference the refspecs may mean."""
    prefixes: list[str] = []
    for refspec in refspecs:
        if refspec.is_pattern:
            prefixes.append(refspec.source.split("*", 1)[0])
        elif not is_object_id(refspec.source):
            prefixes += [form.format(refspec.source) for form in _DWIM]
    return prefixes


def not_there(name: str, remote: str) -> NotFound:
    """Return the error for a reference or object that a remote does not have."""
    what = "object" if is_object_id(name) else "reference"
    return NotFound(
        f"the {what} '{name}' is not on {remote}",
        hint="See what is there with `git ls-remote`.",
    )


def _matching(refspec: Refspec, there: Mapping[str, ObjectId]) -> list[Fetched]:
    head, _, tail = refspec.source.partition("*")
    return [
        Fetched(source=name, id=id, target=refspec.target_of(name), force=refspec.force)
        for name, id in there.items()
        if _between(name, head, tail) is not None
    ]


def _exact(refspec: Refspec, there: Mapping[str, ObjectId], remote: str) -> Fetched:
    source = refspec.source
    if is_object_id(source):
        return Fetched(
            source=source, id=ObjectId(source), target=refspec.target, force=refspec.force
        )
    name = next((n for form in _DWIM if (n := form.format(source)) in there), None)
    if name is None:
        raise not_there(source, remote)
    return Fetched(source=name, id=there[name], target=refspec.target, force=refspec.force)


def _mapped(pattern: str, template: str | None, name: str) -> str | None:
    if template is None:
        return None
    if "*" not in pattern:
        return template if pattern == name else None
    middle = _between(name, *pattern.split("*", 1))
    return None if middle is None else template.replace("*", middle, 1)


def _between(name: str, head: str, tail: str) -> str | None:
    if len(name) <= len(head) + len(tail):
        return None
    if not (name.startswith(head) and name.endswith(tail)):
        return None
    return name[len(head) : len(name) - len(tail)]


def _source_fault(source: str) -> str | None:
    if is_object_id(source) or source == "HEAD":
        return None
    if source.count("*") > 1:
        return "it holds more than one '*'"
    full = source if source.startswith("refs/") else f"refs/heads/{source}"
    if source.startswith("-") or not source:
        return "it begins with '-'" if source else "it names nothing"
    return ref_name_fault(full.replace("*", "x", 1))


def _target_fault(source: str, target: str) -> str | None:
    if source.count("*") != target.count("*"):
        return "both sides need a '*', or neither"
    return ref_name_fault(target.replace("*", "x", 1))
