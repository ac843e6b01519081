"""What of a change of a flag moves people: to other variants, or out of the flag.

Raising a rollout only adds people, since rollout and variant are drawn apart. With GrowthBook's
hashing a rollout is cut out of each variant's part, and raising it adds people likewise.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from gitexp.environments.branches import environment_name
from gitexp.environments.history import snapshot_before
from gitexp.environments.live import live_snapshot
from gitexp.flags.documents import Flag, Namespace
from gitexp.flags.hashing import Span, growthbook_spans, posthog_spans
from gitexp.project.workspace import Workspace


def rebucketing(before: Flag, after: Flag) -> list[str]:
    """Return what moves people who have a flag already, a line each; nothing where nobody is."""
    return list(_notes(before, after))


def moved_in(workspace: Workspace, environment: str) -> list[str]:
    """Return how the newest commit of an environment moves people, each line with a flag's key.

    Raises:
        InvalidInput: the name is not usable.
        InvalidDocuments: the environment's branch cannot be read.
    """
    name = environment_name(environment)
    live = live_snapshot(workspace, name)
    if live is None:
        return []
    before = snapshot_before(workspace, name, live.binding.previous, reader=workspace.store)
    return moved_between(before.flags, live.flags) if before else []


def moved_between(
    before: Mapping[str, Mapping[str, Any]], after: Mapping[str, Mapping[str, Any]]
) -> list[str]:
    """Return how people are moved between two states of flags, each line with a flag's key.

    A flag that is in one of them alone moves nobody.
    """
    return [
        f"{key}: {line}"
        for key, document in after.items()
        if key in before and before[key] != document
        for line in rebucketing(Flag.from_dict(key, before[key]), Flag.from_dict(key, document))
    ]


def _notes(before: Flag, after: Flag) -> Iterator[str]:
    if _drawing(before) != _drawing(after):
        yield "everybody is drawn anew, because the hashing changes"
    elif share := moved_share(before, after):
        lose = " or lose it" if after.hashing.method == "growthbook" else ""
        yield f"{share * 100:.3g} % of those with the flag change their variant{lose}"
    if lost := _outside(before.hashing.namespace, after.hashing.namespace):
        yield f"{lost * 100:.3g} % of those with the flag lose it, because the namespace changes"
    if not before.active:
        return
    if not after.active:
        yield "nobody has the flag any more, because it is off"
        return
    yield from _targeting_notes(before, after)
    if before.holdout != after.holdout:
        yield "the holdout changes, so that others are kept out"


def _targeting_notes(before: Flag, after: Flag) -> Iterator[str]:
    if _targeting(before) != _targeting(after) or _some_are_taken_over(before, after):
        yield "the conditions change, so that some may lose the flag or change their variant"
        return
    for number, (old, new) in enumerate(zip(before.asked, after.asked, strict=True)):
        if new.rollout < old.rollout:
            of = f" of conditions[{number}]" if len(after.asked) > 1 else ""
            yield f"the rollout{of} falls from {old.rollout:g} % to {new.rollout:g} %"


def _targeting(flag: Flag) -> object:
    """Return whom the conditions are about, but for their rollouts."""
    is_first_last = flag.early_exit and len(flag.asked) > 1
    return is_first_last, [(condition.rules, condition.variant) for condition in flag.asked]


def _some_are_taken_over(before: Flag, after: Flag) -> bool:
    """Return whether a rollout rises that takes people from a later condition's variant."""
    variants = {condition.variant for condition in after.asked}
    pairs = zip(before.asked, after.asked, strict=True)
    return len(variants) > 1 and any(new.rollout > old.rollout for old, new in pairs)


def _drawing(flag: Flag) -> tuple[object, ...]:
    hashing = flag.hashing
    version = hashing.version if hashing.method == "growthbook" else None
    return (hashing.method, version, flag.seed, hashing.by)


def _outside(before: Namespace | None, after: Namespace | None) -> float:
    """Return the share of those in a namespace, from 0 to 1, who are not in another one.

    People stand in each namespace at a place that is drawn anew, by its name.
    """
    if after is None:
        return 0.0
    begin, end = after.span
    if before is None or before.name != after.name:
        return 1 - (end - begin)
    old_begin, old_end = before.span
    return 1 - _overlap(before.span, after.span) / (old_end - old_begin)


def moved_share(before: Flag, after: Flag) -> float:
    """Return the share of those with a flag, from 0 to 1, who have not their variant afterwards.

    Those whom a lower rollout leaves out are not among them. With GrowthBook's hashing, where it
    depends on the rollout, it is that of the condition that moves most.
    """
    if not (before.variants and after.variants):
        return float(bool(before.variants or after.variants))
    rollouts = [(before.rollout, after.rollout)]
    if len(before.asked) == len(after.asked):
        pairs = zip(before.asked, after.asked, strict=True)
        rollouts = [(old.rollout, new.rollout) for old, new in pairs if old.variant is None]
    moved = (_moved(_parts(before, min(old, new)), _parts(after, new)) for old, new in rollouts)
    return max(moved, default=0.0)


def _moved(old: Sequence[tuple[str, Span]], new: Sequence[tuple[str, Span]]) -> float:
    whole = sum(end - begin for _, (begin, end) in old)
    kept = sum(_overlap(span, other) for key, span in old for also, other in new if key == also)
    return 0.0 if kept > whole - 1e-9 else 1 - kept / whole


def _parts(flag: Flag, rollout: float) -> list[tuple[str, Span]]:
    weights = [variant.weight for variant in flag.variants]
    if flag.hashing.method == "growthbook":
        spans = growthbook_spans([weight / 100 for weight in weights], rollout / 100)
    else:
        spans = posthog_spans(weights)
    return [(variant.key, span) for variant, span in zip(flag.variants, spans, strict=True)]


def _overlap(one: Span, other: Span) -> float:
    return max(0.0, min(one[1], other[1]) - max(one[0], other[0]))
