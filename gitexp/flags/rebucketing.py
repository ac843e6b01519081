"""What of a change of a flag moves people: to other variants, or out of the flag.

Raising a rollout only adds people, since rollout and variant are drawn apart. With GrowthBook's
hashing a rollout is cut out of each variant's part, and raising it adds people likewise.
"""

from __future__ import annotations

from collections.abc import Iterator

from gitexp.environments.branches import environment_name
from gitexp.environments.history import flags_before
from gitexp.environments.live import live_snapshot
from gitexp.flags.documents import Flag
from gitexp.flags.hashing import Span, posthog_spans
from gitexp.project.workspace import Workspace


def rebucketing(before: Flag, after: Flag) -> list[str]:
    """Return what moves people who have a flag already, a line each; nothing where nobody is."""
    return list(_notes(before, after))


def moved_in(workspace: Workspace, environment: str) -> list[str]:
    """Return how the newest commit of an environment moves people, each line with a flag's key.

    A flag that is new there moves nobody.

    Raises:
        InvalidInput: the name is not usable.
        InvalidDocuments: the environment's branch cannot be read.
    """
    name = environment_name(environment)
    live = live_snapshot(workspace, name)
    if live is None:
        return []
    before = flags_before(workspace, name, live.binding.previous, reader=workspace.store)
    return [
        f"{key}: {line}"
        for key, document in live.flags.items()
        if key in before and before[key] != document
        for line in rebucketing(Flag.from_dict(key, before[key]), Flag.from_dict(key, document))
    ]


def _notes(before: Flag, after: Flag) -> Iterator[str]:
    if _drawing(before) != _drawing(after):
        yield "everybody is drawn anew, because the hashing changes"
    elif share := moved_share(before, after):
        yield f"{share * 100:.3g} % of those with the flag change their variant"
    if not before.active:
        return
    if not after.active:
        yield "nobody has the flag any more, because it is off"
        return
    if before.conditions == after.conditions:
        if after.rollout < before.rollout:
            yield f"the rollout falls from {before.rollout:g} % to {after.rollout:g} %"
    else:
        yield "the conditions change, so that some may lose the flag or change their variant"
    if before.holdout != after.holdout:
        yield "the holdout changes, so that others are kept out"


def _drawing(flag: Flag) -> tuple[object, ...]:
    hashing = flag.hashing
    version = hashing.version if hashing.method == "growthbook" else None
    return (hashing.method, version, flag.seed, hashing.by, hashing.namespace)


def moved_share(before: Flag, after: Flag) -> float:
    """Return the share of people, from 0 to 1, whose variant is another one afterwards."""
    if not before.variants and not after.variants:
        return 0.0
    old, new = _parts(before), _parts(after)
    kept = sum(_overlap(span, other) for key, span in old for also, other in new if key == also)
    return 0.0 if kept > 1 - 1e-9 else 1 - kept


def _parts(flag: Flag) -> list[tuple[str, Span]]:
    spans = posthog_spans(variant.weight for variant in flag.variants)
    return [(variant.key, span) for variant, span in zip(flag.variants, spans, strict=True)]


def _overlap(one: Span, other: Span) -> float:
    return max(0.0, min(one[1], other[1]) - max(one[0], other[0]))
