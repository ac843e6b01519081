"""Deciding flags: each is compiled once into what answers for somebody in microseconds.

The order is PostHog's: a flag that is off, then the holdout, then the conditions from the top,
of which the first that fits, and whose rollout reaches whoever asks, decides.

Who has no identifier gets nothing that is drawn. PostHog's server takes their number for 0, so that
everybody who is not told apart has a flag that is rolled out to 1 % of people, or to none.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from gitexp.flags.documents import Condition, Flag, Rule
from gitexp.flags.hashing import (
    PostHogDraws,
    Span,
    growthbook_draw,
    growthbook_spans,
    in_namespace,
    posthog_spans,
)
from gitexp.flags.operators import FITS_MISSING, Now, rule_test, text_of

Reason = Literal[
    "condition_match",
    "no_condition_match",
    "out_of_rollout_bound",
    "flag_disabled",
    "holdout",
    "outside_namespace",
    "missing_identifier",
]
"""Why a flag came out as it did; those that PostHog has too are called as there."""

Properties = Mapping[str, Any]
_HOLDOUT = "holdout-"
IDENTIFIER = "distinct_id"
"""The property that is whoever asks, where they have no other of that name."""


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """What a flag comes to for somebody.

    Attributes:
        enabled: whether they have it; who is held out has not.
        variant: the variant that they have, `holdout-ID` for who is held out; None without one.
        payload: what the flag or the variant says besides; None where they have not the flag.
    """

    key: str
    enabled: bool = False
    variant: str | None = None
    payload: Any = None
    reason: Reason

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON data."""
        return dict(vars(self))


Decision = Callable[[str], "Evaluation | None"]
"""Tells what an identifier that fits a condition comes to; None outside its rollout.

Nobody in particular, the empty identifier, is outside of whatever is drawn.
"""

Fits = Callable[[str, Properties], bool]
_Table = tuple[tuple[float, float, Evaluation], ...]


class CompiledFlag:
    """A flag, ready to answer."""

    __slots__ = ("_by", "_conditions", "_early_exit", "_first", "_results")

    def __init__(self, flag: Flag, now: Now) -> None:
        self._by = flag.hashing.by
        self._early_exit = flag.early_exit
        self._first = _first_steps(flag)
        self._results: Mapping[Reason, Evaluation] = {
            reason: Evaluation(key=flag.key, reason=reason)
            for reason in ("no_condition_match", "out_of_rollout_bound", "missing_identifier")
        }
        self._conditions = tuple(
            (_fitting(condition.rules, now), _decision(flag, condition)) for condition in flag.asked
        )

    def __call__(self, identifier: str, properties: Properties) -> Evaluation:
        """Return what the flag comes to."""
        drawn = identifier if self._by is None else identity(properties.get(self._by))
        for step in self._first:
            found = step(drawn)
            if found is not None:
                return found
        reason: Reason = "no_condition_match"
        for fits, decide in self._conditions:
            if fits is not None and not fits(identifier, properties):
                continue
            found = decide(drawn)
            if found is not None:
                return found
            reason = "out_of_rollout_bound"
            if self._early_exit:
                break
        if reason == "out_of_rollout_bound" and not drawn:
            reason = "missing_identifier"
        return self._results[reason]


def identity(value: Any) -> str:
    """Return what is drawn of somebody: a number or another id as its text, nothing for None."""
    return "" if value is None else text_of(value)


def _first_steps(flag: Flag) -> tuple[Decision, ...]:
    """Return what is asked before any condition: whether it is on, the holdout, the namespace."""
    if not flag.active:
        disabled = Evaluation(key=flag.key, reason="flag_disabled")
        return (lambda _: disabled,)
    steps: list[Decision] = []
    if flag.holdout is not None or flag.hashing.namespace is not None:
        missing = Evaluation(key=flag.key, reason="missing_identifier")
        steps.append(lambda who: None if who else missing)
    if flag.holdout is not None:
        held = Evaluation(key=flag.key, variant=flag.holdout.variant, reason="holdout")
        share, held_out = flag.holdout.percent / 100, PostHogDraws(_HOLDOUT).rollout
        steps.append(lambda who: held if held_out(who) <= share else None)
    if flag.hashing.namespace is not None:
        space = flag.hashing.namespace
        out = Evaluation(key=flag.key, reason="outside_namespace")
        steps.append(lambda who: None if in_namespace(who, space.name, space.span) else out)
    return tuple(steps)


# --- whether a condition fits ---------------------------------------------------------------


def _fitting(rules: Sequence[Rule], now: Now) -> Fits | None:
    """Return what tells whether all rules hold; None where there are none."""
    tests = tuple((rule.key, rule_test(rule, now), rule.operator in FITS_MISSING) for rule in rules)
    if not tests:
        return None

    def fits(identifier: str, properties: Properties) -> bool:
        for key, test, missing in tests:
            value = properties.get(key)
            if value is None and key == IDENTIFIER:
                value = identifier or None
            if not (missing if value is None else test(value)):
                return False
        return True

    return fits


# --- what follows when it does --------------------------------------------------------------


def _decision(flag: Flag, condition: Condition) -> Decision:
    chosen = flag.variant(condition.variant)
    if flag.hashing.method == "growthbook":
        return _growthbook(flag, condition.rollout, chosen.key if chosen else None)
    return _posthog(flag, condition.rollout, chosen.key if chosen else None)


def _outcome(flag: Flag, variant: str | None = None) -> Evaluation:
    found = flag.variant(variant)
    payload = found.payload if found else None if flag.variants else flag.payload
    return Evaluation(
        key=flag.key, enabled=True, variant=variant, payload=payload, reason="condition_match"
    )


def _table(flag: Flag, spans: Sequence[Span]) -> _Table:
    pairs = zip(spans, flag.variants, strict=True)
    return tuple((*span, _outcome(flag, variant.key)) for span, variant in pairs)


def _posthog(flag: Flag, rollout: float, override: str | None) -> Decision:
    both, share = PostHogDraws(f"{flag.seed}.").both, rollout / 100
    plain = _outcome(flag, override)
    drawn = flag.variants if override is None else ()
    table = _table(flag, posthog_spans(one.weight for one in drawn)) if drawn else ()
    if not table and share >= 1:
        return lambda _: plain
    salt = "variant" if table else ""

    def decide(identifier: str) -> Evaluation | None:
        if not identifier:
            return None
        first, second = both(identifier, share, salt)
        if first > share:
            return None
        for begin, end, outcome in table:
            if begin <= second < end:
                return outcome
        return plain

    return decide


def _growthbook(flag: Flag, rollout: float, override: str | None) -> Decision:
    """Return the decision of a rule that forces a value, or of one that shares people out."""
    seed, version, coverage = flag.seed, flag.hashing.version, rollout / 100
    if override is not None or not flag.variants:
        plain = _outcome(flag, override)
        if coverage >= 1:
            return lambda _: plain

        def force(identifier: str) -> Evaluation | None:
            reached = identifier and coverage > 0
            drawn = reached and growthbook_draw(seed, identifier, version) <= coverage
            return plain if drawn else None

        return force
    weights = [variant.weight / 100 for variant in flag.variants]
    table = _table(flag, growthbook_spans(weights, coverage))

    def share_out(identifier: str) -> Evaluation | None:
        number = growthbook_draw(seed, identifier, version) if identifier else 1.0
        for begin, end, outcome in table:
            if begin <= number < end:
                return outcome
        return None

    return share_out
