"""Whose signatures versions and promotions carry, by the keys that the trunk allows now.

A signature that does not fit what carries it is a problem. One by a key that is unknown, expired
or revoked is worth knowing: it was good once, perhaps. What the policies of an environment ask of
the version that is live, and of the promotion that made it so, is held to them.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from gitexp.documents import layout
from gitexp.documents.canonical import digest_of
from gitexp.environments.binding import Binding, binding_at
from gitexp.environments.branches import branch_of, names_with_branches
from gitexp.errors import InvalidInput, NotFound
from gitexp.experiments.homes import all_homes
from gitexp.experiments.versions import list_versions
from gitexp.ids import Name, ObjectId, VersionId
from gitexp.project.policies import Policy
from gitexp.project.reading import project_at
from gitexp.review.signatures import promotions
from gitexp.review.signatures.answers import UNSIGNED, Answer, Unverified, Verified
from gitexp.review.signatures.commits import commit_answer
from gitexp.review.signatures.signers import Check, Signers, signers_at
from gitexp.review.verifying.examination import Branch, Examination
from gitexp.store.model import TreeId
from gitexp.store.trees import tree_of

_KEYS = f"Whose keys count stands in {layout.SIGNERS_FILE} and {layout.GPG_KEYS_FILE} on the trunk."
_FORGED = "Do not use it; see who pushed it, and save or promote again."


def check_signatures(look: Examination) -> None:
    """Note the signatures of versions and promotions that are broken or do not count."""
    tree = _trunk_tree(look)
    signers = signers_at(look.workspace, tree)
    around = look.workspace.surroundings
    with ExitStack() as stack:
        now = around.clock.now()
        check = stack.enter_context(signers.checking(around.environ, now=now))
        signed = _Signatures(look, check, signers)
        signed.versions()
        for name in names_with_branches(look.workspace):
            for branch in look.branch(branch_of(look.workspace, name)):
                with look.reading("signatures", branch=branch.name):
                    signed.environment(branch, name, _policies(look, tree, name))


def _trunk_tree(look: Examination) -> TreeId | None:
    """Return the tree of the shared remote's trunk; where there is none, of the trunk here."""
    workspace = look.workspace
    tip = look.store.ref(workspace.tracking(workspace.trunk_ref)) or look.store.ref(
        workspace.trunk_ref
    )
    return tree_of(look.store, tip) if tip else None


def _policies(look: Examination, tree: TreeId | None, name: Name) -> tuple[Policy, ...]:
    if tree is None:
        return ()
    try:
        return tuple(project_at(look.workspace, tree).environment(name).policies)
    except (InvalidInput, NotFound):
        return ()  # what is wrong with the definition is found among the documents


class _Signatures:
    """The signatures of a repository, each commit's asked once."""

    def __init__(self, look: Examination, check: Check, signers: Signers) -> None:
        self._look = look
        self._check = check
        files = [signers.allowed.hex(), (signers.revoked or b"").hex(), signers.keys.hex()]
        self._keys = f"{digest_of(files)}/{check.now:%Y%m%dT%H}"

    def versions(self) -> None:
        """Note the versions whose signatures do not count."""
        for home in all_homes(self._look.workspace):
            branch = layout.branch_name(home.branch)
            with self._look.reading("signatures", branch=branch):
                for version in list_versions(self._look.workspace, home.name):
                    answer = self._of_commit(version.version)
                    self._judge(answer, "its commit", branch, version.version)

    def environment(self, branch: Branch, name: Name, policies: tuple[Policy, ...]) -> None:
        """Note the moves of an environment whose signatures do not count."""
        for commit in self._look.commits(branch, None):
            binding = self._binding(commit)
            if binding is None:
                continue
            record = self._of_record(binding, commit)
            live = commit == branch.tip and binding.bound
            wanted = live and any(policy.signed is not None for policy in policies)
            where = branch.name, commit
            self._judge(record, "its promotion record", *where, required=wanted)
            self._judge(self._of_commit(commit), "its commit", *where)
            if live and any(policy.signed_versions for policy in policies):
                self._live_version(binding, *where)

    def _live_version(self, binding: Binding, branch: str, commit: ObjectId) -> None:
        version = binding.version
        if version is not None and self._look.is_here(version):
            answer = self._of_commit(VersionId(version))
            self._judge(answer, f"version {version[:10]}", branch, commit, required=True)

    def _binding(self, commit: ObjectId) -> Binding | None:
        try:
            return binding_at(self._look.store, commit, cache=self._look.workspace.cache)
        except InvalidInput:
            return None  # found when the environments are looked at

    def _of_record(self, binding: Binding, commit: ObjectId) -> Answer:
        if binding.signature is None:
            return UNSIGNED
        document = binding.to_dict()
        return self._known(f"record/{commit}", lambda: promotions.verify(document, self._check))

    def _of_commit(self, commit: ObjectId) -> Answer:
        return self._known(
            f"commit/{commit}", lambda: commit_answer(self._check, self._look.store, commit)
        )

    def _known(self, what: str, ask: Callable[[], Answer]) -> Answer:
        """Return an answer, asked once an hour for the same keys."""
        key, cache = f"signature/1/{self._keys}/{what}", self._look.workspace.cache
        known: Any = None if self._look.full else cache.get(key)
        if known is not None:
            return Verified(**known) if "identity" in known else Unverified(**known)
        answer = ask()
        cache.put(key, dict(vars(answer)))
        return answer

    def _judge(
        self,
        answer: Answer,
        what: str,
        branch: str,
        commit: ObjectId,
        *,
        required: bool = False,
    ) -> None:
        self._look.looked_at["signatures" if _is_signed(answer) else "unsigned"] += 1
        if isinstance(answer, Verified) or not (answer.signed or required):
            return
        self._look.add(
            "signatures",
            f"the signature of {what} does not count: {answer.reason}"
            if answer.signed
            else f"{what} has to be signed, and is not",
            _FORGED if answer.broken else _KEYS,
            severity="problem" if answer.broken or required else "note",
            branch=branch,
            commit=commit,
        )


def _is_signed(answer: Answer) -> bool:
    return isinstance(answer, Verified) or answer.signed
