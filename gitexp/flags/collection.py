"""The flags of a project as its users hold them."""

from __future__ import annotations

import builtins
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from gitexp.environments.binding import Binding
from gitexp.flags.catalog import FlagEntry, entries_of, flag_keys, get_flag, list_flags
from gitexp.flags.deciding import Evaluation
from gitexp.flags.documents import Flag
from gitexp.flags.evaluating import Evaluator
from gitexp.flags.selecting import FlagPage, eligible_flags
from gitexp.project.workspace import Workspace
from gitexp.store.trees import tree_of

if TYPE_CHECKING:
    from gitexp.flags.exporting import Export
    from gitexp.flags.serving import ServedFlags


class Flags:
    """The feature flags of a project: as its trunk has them, and as environments serve them."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace

    def keys(self) -> builtins.list[str]:
        """Return the keys of the flags of the trunk, sorted."""
        store = self._workspace.store
        tip = self._workspace.trunk_tip(store)
        return flag_keys(self._workspace, tree_of(store, tip) if tip else None, reader=store)

    def list(self, *, search: str = "", environment: str | None = None) -> builtins.list[FlagEntry]:
        """Return a line for each flag whose key or description contains a text, by key.

        Args:
            environment: those that are published there, instead of those of the trunk.

        Raises:
            NotFound, NotBound: there is no such environment, or nothing was ever live in it.
        """
        wanted = search.casefold()
        if environment is not None:
            found = entries_of(self.of(environment))
        else:
            found = list_flags(self._workspace)
            self._workspace.cache.flush()
        return [e for e in found if wanted in f"{e.key}\n{_description(e)}".casefold()]

    def get(self, key: str, *, revision: str | None = None) -> Flag:
        """Return a flag as the trunk has it, or a revision.

        Raises:
            NotFound: there is none of that key, or no such revision.
            InvalidDocuments: it is not valid.
        """
        from gitexp.store.revisions import resolve_revision

        tip = resolve_revision(self._workspace.store, revision) if revision else None
        return get_flag(self._workspace, key, tip=tip)

    def create(
        self,
        key: str,
        variants: Sequence[str | Mapping[str, Any]] = (),
        *,
        description: str = "",
        active: bool = False,
        rollout: float = 100,
        **more: Any,
    ) -> Flag:
        """Return a new flag, in one commit on the trunk; it is off unless told otherwise.

        Args:
            variants: keys, which share everybody alike, or mappings as the file has them.
            more: anything else that the file may say, such as `conditions`.

        Raises:
            InvalidInput: the key is not usable.
            InvalidDocuments: everything that is wrong with it.
            AlreadyExists: there is a flag of that key.
        """
        from gitexp.flags.making import create_flag, shared_out

        document: dict[str, Any] = {"description": description} if description else {}
        document["active"] = active
        texts = [one for one in variants if isinstance(one, str)]
        if variants:
            mappings = [dict(one) for one in variants if not isinstance(one, str)]
            document["variants"] = shared_out(texts) if len(texts) == len(variants) else mappings
        return create_flag(self._workspace, key, {**document, "rollout": rollout, **more})

    def evaluator(self) -> Evaluator:
        """Return the flags of the trunk, ready to be evaluated; what is not valid is left out."""
        entries = list_flags(self._workspace)
        clock = self._workspace.surroundings.clock
        return Evaluator((e.flag for e in entries if e.flag is not None), clock=clock)

    def evaluate(
        self,
        key: str,
        identifier: str | int | None = None,
        properties: Mapping[str, Any] | None = None,
        *,
        environment: str | None = None,
    ) -> Evaluation:
        """Return what a flag comes to for somebody; of many, ask what `of` returns.

        Args:
            environment: as it is published there, instead of as the trunk has it.

        Raises:
            NotFound: there is no such flag or environment.
        """
        if environment is not None:
            return self.of(environment).evaluate(key, identifier, properties)
        one = Evaluator([self.get(key)], clock=self._workspace.surroundings.clock)
        return one.evaluate(key, identifier, properties)

    def eligible(
        self,
        *,
        search: str = "",
        active: bool | None = None,
        created_by: Sequence[str] = (),
        order: str = "-created_at",
        limit: int = 20,
        offset: int = 0,
    ) -> FlagPage:
        """Return one page of the flags that an A/B test may use, as `eligible_flags` says."""
        page = eligible_flags(
            self._workspace,
            search=search,
            active=active,
            created_by=created_by,
            order=order,
            limit=limit,
            offset=offset,
        )
        self._workspace.cache.flush()
        return page

    # --- environments -------------------------------------------------------------------------

    def of(
        self,
        environment: str | None = None,
        *,
        at: str | None = None,
        locked: bool = False,
        offline: bool = False,
    ) -> ServedFlags:
        """Return the flags that are published in an environment, ready to be evaluated.

        Without a name, `GITEXP_ENVIRONMENT` names it, else it is `default`.

        Args:
            at: a commit of the environment, to read what was published then.
            locked: read the commit that `gitexp.lock` pins, and verify it.
            offline: never ask the remote.

        Raises:
            NotFound: there is no such environment or commit.
            NotBound: nothing was ever bound or published there.
            InvalidDocuments: a flag is not the one that was published.
        """
        from gitexp.environments.pinning import Pin
        from gitexp.environments.reading import read_snapshot
        from gitexp.environments.resolving import chosen_environment
        from gitexp.flags.serving import ServedFlags

        around = self._workspace.surroundings
        pin = Pin(at=at, locked=locked, offline=offline)
        name = chosen_environment(environment, around.environ)
        return ServedFlags.of(read_snapshot(self._workspace, name, pin), clock=around.clock)

    def publish(
        self,
        *keys: str,
        environment: str,
        experiment: str | None = None,
        revision: str | None = None,
        reason: str | None = None,
        bypass: str | None = None,
    ) -> Binding:
        """Return what an environment says once flags are published there, in one commit.

        Args:
            experiment: take the flags as this shared experiment has them, instead of the trunk.
            revision: take the flags as this shared commit has them.
            bypass: why policies are passed over, by somebody whom they name.

        Raises:
            ApprovalRequired: a policy asks for approval; `change` is the change request.
            Refused, Forbidden: a policy forbids it, or whoever asks may not.
            NotFound, NotAllowed: there is no such flag, or it is not shared.
            Conflict: somebody else moved the environment meanwhile; nothing was changed.
        """
        from gitexp.flags.publishing import publish

        return publish(
            self._workspace,
            keys,
            environment,
            experiment=experiment,
            revision=revision,
            reason=reason,
            bypass=bypass,
        )

    def withdraw(
        self, *keys: str, environment: str, reason: str | None = None, bypass: str | None = None
    ) -> Binding:
        """Return what an environment says once flags are taken away; raises as `publish` does."""
        from gitexp.flags.publishing import withdraw

        return withdraw(self._workspace, keys, environment, reason=reason, bypass=bypass)

    def moved_people(self, environment: str) -> builtins.list[str]:
        """Return how the newest commit of an environment moves people who have its flags already.

        Each line begins with the key of a flag; a flag that is new there moves nobody.
        """
        from gitexp.flags.rebucketing import moved_in

        return moved_in(self._workspace, environment)

    def export(self, *keys: str, environment: str | None = None) -> Export:
        """Return flags in flagd's format, and what of them it cannot say.

        Args:
            keys: only these; all by default.
            environment: as they are published there, instead of as the trunk has them.

        Raises:
            NotFound: there is no such flag or environment.
        """
        from gitexp.flags.catalog import missing
        from gitexp.flags.exporting import to_flagd

        flags = self.of(environment) if environment is not None else self.evaluator()
        for key in keys:
            if key not in flags:
                raise missing(key, sorted(flags))
        return to_flagd([flags[key] for key in keys or sorted(flags)])


def _description(entry: FlagEntry) -> str:
    return entry.flag.description if entry.flag else ""
