"""A remote through the `git` program: its transports, credentials, proxies and server checks."""

from __future__ import annotations

import contextlib
import itertools
import random
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from gitexp.errors import GitexpError, MissingObject, RepositoryBusy
from gitexp.ids import ObjectId, is_object_id
from gitexp.store.git_program import Finished, GitProgram
from gitexp.store.model import PushUpdate
from gitexp.store.pushes import (
    NO_ATOMIC,
    check_updates,
    reasons_against,
    refuse_rewrites,
    rejected,
    remote_title,
    unanswered,
    unfinished,
)
from gitexp.store.refnames import ref_name_fault
from gitexp.store.refspecs import parse_refspec, tracking_ref
from gitexp.store.urls import redact
from gitexp.store.watching import PATIENCE, Watch, patience_for

_PAUSES = (0.05, 0.1, 0.2, 0.4)
"""Seconds between attempts to write references that another process is writing."""

_MOST_DISTURBANCES = 2
"""How often a fetch is tried again whose objects did not arrive whole."""

_AS_A_PACK = ("-c", "fetch.unpackLimit=1")
"""Objects with files of their own are removed by a `git gc` that looked before they were named."""

_REASON = re.compile(r"\[[^]]*\] \((?P<reason>.*)\)\Z|(?P<summary>.*)", re.DOTALL)


@dataclass(frozen=True, kw_only=True)
class GitRemote:
    """A remote that the `git` program talks to, as the user has set it up.

    Attributes:
        program: `git`, in the local repository.
        address: the address, secrets and all; it is shown through `url` alone.
        name: the configured name, or None.
        push_address: the address to look at after a push, where pushes go elsewhere.
        may_cut_history: whether a fetch with a depth may make a complete repository shallow.
        patience: seconds without a sign of life after which the remote is given up.
        objects: the directory of the local objects, whose packs are joined when there are many.
    """

    program: GitProgram
    address: str
    name: str | None = None
    push_address: str | None = None
    may_cut_history: bool = False
    patience: float = PATIENCE
    objects: Path | None = None

    def __repr__(self) -> str:
        return f"GitRemote({self.name or self.url!r})"

    @property
    def url(self) -> str:
        """The address, with any password left out."""
        return redact(self.address)

    def list_refs(self, prefixes: Sequence[str]) -> dict[str, ObjectId]:
        """Return the references there whose full names begin with one of the prefixes, sorted.

        Raises:
            RemoteUnavailable: it cannot be reached, or refused the credentials.
        """
        done = self._listing(prefixes, self._argument)
        if done.code != 0:
            raise self._failure(done)
        return _listed(done.out, prefixes)

    def fetch(
        self, refspecs: Sequence[str], *, depth: int | None = None, prune: bool = False
    ) -> None:
        """Bring references over as `git fetch` does with these refspecs, tags left alone.

        A refspec without a destination only brings the objects, also by full object id. `depth`
        is for repositories that are shallow already: where the history is complete, git would
        cut off what is here, so there it has no effect unless `may_cut_history` is set. What
        `prune` removes are references that these refspecs would write and nothing else.

        Raises:
            RemoteUnavailable: it cannot be reached.
            NotFound: a reference or object that was named exactly is not there.
            Conflict: a local reference would lose commits, and its refspec has no `+`.
            RepositoryBusy: other processes keep moving the same local references.
            StoreError: what it sent cannot be kept here.
        """
        wanted = [str(parse_refspec(text)) for text in refspecs]
        if wanted:
            self._fetch(
                "--show-forced-updates",
                "--prune" if prune else "--no-prune",
                *self._depth(depth),
                wanted=wanted,
            )

    def fetch_promised(self, object_id: ObjectId) -> None:
        """Bring an object over that a partial clone has left out.

        Raises:
            RemoteUnavailable: it cannot be reached.
            NotFound: the object is not there.
        """
        # The server must not conclude from the commits here that the object is here as well.
        alone = ("-c", "fetch.negotiationAlgorithm=noop")
        self._fetch("--filter=blob:none", wanted=[object_id], before=alone)

    def push(self, updates: Sequence[PushUpdate]) -> None:
        """Move references there, all or none, each by compare-and-swap; never by force.

        A reference that already holds its new value counts as moved, so a push can be repeated.
        Everything goes in one push, and the server itself compares the old values.

        Raises:
            PushRejected: a reference there does not hold its `old` value, or the server refused
                it; nothing was changed there.
            RemoteUnavailable: it cannot be reached, and the push had not arrived.
            MissingObject: a new value is not in this repository.
        """
        check_updates(updates)
        refuse_rewrites(updates, self._descends, self._title)
        if updates:
            self._push(updates, atomic=True)

    @property
    def _title(self) -> str:
        return remote_title(self.name, self.url)

    @property
    def _argument(self) -> str:
        return self.name or self.address

    def _fetch(self, *options: str, wanted: Sequence[str], before: Sequence[str] = ()) -> None:
        """Fetch, and again when somebody else was at work in the repository."""
        for attempt in itertools.count():
            done = self.program.run(
                *_AS_A_PACK,
                *before,
                "fetch",
                "--progress",
                "--no-tags",
                "--no-recurse-submodules",
                "--no-write-fetch-head",
                "--refmap=",
                *options,
                "--end-of-options",
                self._argument,
                *wanted,
                watch=self._watch(),
            )
            if done.code == 0:
                break
            failure, chances = self._fetch_failure(done)
            if attempt >= chances:
                raise failure
            time.sleep(_PAUSES[attempt] * random.uniform(0.5, 1.5))
        self._consolidate()

    def _consolidate(self) -> None:
        """Join packs when there are many; what was fetched is here whether that works or not."""
        if self.objects is not None:
            from gitexp.store.consolidating import consolidate

            with contextlib.suppress(OSError, GitexpError):
                consolidate(self.objects, self.program.environ)

    def _watch(self, *, until_heard: bool = False) -> Watch:
        return Watch(patience=self._patience, until_heard=until_heard)

    @property
    def _patience(self) -> float:
        return patience_for(self.patience, interactive=self.program.interactive)

    def _push(self, updates: Sequence[PushUpdate], *, atomic: bool) -> None:
        # The server is heard of before objects are packed; its hooks may be slow and silent.
        sends = any(update.new for update in updates)
        done = self.program.run(
            "push",
            "--porcelain",
            "--progress",
            "--atomic" if atomic else "--no-atomic",
            "--no-follow-tags",
            "--no-verify",
            *(f"--force-with-lease={update.ref}:{update.old or ''}" for update in updates),
            "--end-of-options",
            self._argument,
            *(f"{update.new or ''}:{update.ref}" for update in updates),
            watch=self._watch(until_heard=True) if sends else None,
        )
        refused = _refused(done.out)
        if done.code == 0 and not refused:
            return
        if any("does not support --atomic push" in line for line in done.errors):
            self._push_one(updates)
        else:
            self._settle(updates, refused, done)

    def _push_one(self, updates: Sequence[PushUpdate]) -> None:
        """Push without `--atomic`, which means the same for a single reference."""
        if len(updates) > 1:
            raise rejected({update.ref: NO_ATOMIC for update in updates}, self._title)
        self._push(updates, atomic=False)

    def _settle(
        self, updates: Sequence[PushUpdate], refused: Mapping[str, str], done: Finished
    ) -> None:
        """Tell a refusal from a broken connection, and that from a push that had arrived."""
        there = self._look_again(updates, refused, done)
        left = unfinished(updates, there)
        reasons = reasons_against(updates, refused, there)
        if not left:
            self._follow(updates)
        elif reasons:
            from gitexp.store.git_failures import server_lines

            raise rejected(reasons, self._title, said=server_lines(done.errors))
        elif len(left) < len(updates):
            # What was refused stands as wanted there already: a deletion of what is gone.
            self._push(left, atomic=True)
        else:
            raise self._failure(done)

    def _look_again(
        self, updates: Sequence[PushUpdate], refused: Mapping[str, str], done: Finished
    ) -> dict[str, ObjectId]:
        from gitexp.store.git_failures import never_connected

        failure = self._failure(done)
        if (
            done.gave_up
            or isinstance(failure, MissingObject)
            or (not refused and never_connected(done.errors))
        ):
            raise failure
        names = [update.ref for update in updates]
        listed = self._listing(names, self.push_address or self._argument)
        if listed.code != 0:
            raise failure
        return _listed(listed.out, names)

    def _follow(self, updates: Sequence[PushUpdate]) -> None:
        """Move the tracking references, as git itself does when it has seen the answer."""
        if self.name is None:
            return
        configured = self.program.run("config", "--get-all", f"remote.{self.name}.fetch")
        refspecs = [parse_refspec(line) for line in configured.out.splitlines() if line[0] != "^"]
        moves = [(tracking_ref(refspecs, update.ref), update.new) for update in updates]
        lines = [f"update {ref} {new}" if new else f"delete {ref}" for ref, new in moves if ref]
        if lines:
            self.program.run("update-ref", "--stdin", lines=lines)

    def _listing(self, prefixes: Sequence[str], where: str) -> Finished:
        heads = all(prefix.startswith("refs/heads/") for prefix in prefixes)
        narrow = ["--heads"] if heads else []
        return self.program.run(
            "ls-remote",
            "--refs",
            "--quiet",
            *narrow,
            "--end-of-options",
            where,
            watch=self._watch(),
        )

    def _descends(self, old: ObjectId, new: ObjectId) -> bool:
        done = self.program.run("merge-base", "--is-ancestor", old, new)
        if done.code > 1 and any(new in line for line in done.errors):
            raise self._failure(done)
        return done.code == 0

    def _depth(self, depth: int | None) -> list[str]:
        if depth is None or not (self.may_cut_history or self._is_shallow()):
            return []
        return [f"--depth={int(depth)}"]

    def _is_shallow(self) -> bool:
        return self.program.run("rev-parse", "--is-shallow-repository").out.strip() == "true"

    def _fetch_failure(self, done: Finished) -> tuple[GitexpError, int]:
        """Return why a fetch failed, and how often it is worth another attempt."""
        from gitexp.store.git_failures import disturbance

        disturbed = disturbance(done.errors, self._title, self.program.directory)
        if disturbed is not None:
            return disturbed, _MOST_DISTURBANCES
        failure = self._failure(done)
        return failure, len(_PAUSES) if isinstance(failure, RepositoryBusy) else 0

    def _failure(self, done: Finished) -> GitexpError:
        if done.gave_up:
            return unanswered(self._title, self.name, self._patience)
        from gitexp.store.git_failures import Trouble, diagnose

        where = Trouble(title=self._title, name=self.name, directory=self.program.directory)
        failure = diagnose(done.errors, where)
        if self.name and "does not appear to be a git repository" in failure.message:
            # ls-remote does without a repository that it may not read, and then takes the
            # name of the remote for a path; this call says what is wrong.
            local = self.program.run("rev-parse", "--git-dir")
            failure = diagnose(local.errors, where) if local.code != 0 else failure
        return failure


def _listed(text: str, prefixes: Sequence[str]) -> dict[str, ObjectId]:
    beginnings = tuple(prefixes)
    found = {}
    for line in text.splitlines():
        value, _, name = line.partition("\t")
        if name.startswith(beginnings) and is_object_id(value) and not ref_name_fault(name):
            found[name] = ObjectId(value)
    return dict(sorted(found.items()))


def _refused(text: str) -> dict[str, str]:
    """Return the refused references and the reasons in the answer of `git push --porcelain`."""
    reasons = {}
    for line in text.splitlines():
        flag, _, rest = line.partition("\t")
        pair, _, summary = rest.partition("\t")
        if flag == "!":
            reasons[pair.rpartition(":")[2]] = _reason(summary)
    return reasons


def _reason(summary: str) -> str:
    found = _REASON.match(summary)
    return (found["reason"] or found["summary"]) if found else summary
