"""What the benchmark of flags starts as a process; it prints the seconds that evaluating took.

flag_workers.py WHO WHAT COUNT     WHO is gitexp, growthbook (by gitexp), flagd or posthog;
                                   WHAT is split or rules
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

_SPLIT: dict[str, Any] = {
    "active": True,
    "rollout": 60,
    "variants": [{"key": "control", "weight": 50}, {"key": "test", "weight": 50}],
}
_RULES: list[dict[str, Any]] = [
    {"key": "plan", "operator": "in", "value": ["pro", "team"]},
    {"key": "age", "operator": "gte", "value": 18},
]
_TARGETED = {**_SPLIT, "conditions": [{"properties": _RULES, "rollout": 60}]}
_PROPERTIES: dict[str, Any] = {"plan": "pro", "age": 30, "country": "de"}

Ask = Callable[[str], Any]


def gitexp(what: str, hashing: str = "posthog") -> Ask:
    """Return what asks gitexp's evaluator."""
    from gitexp.flags.evaluating import Evaluator

    evaluate = Evaluator([_flag(what, hashing)]).evaluate
    properties = _PROPERTIES if what == "rules" else None
    return lambda who: evaluate("checkout", who, properties)


def growthbook(what: str) -> Ask:
    """Return what asks gitexp's evaluator by GrowthBook's hashing."""
    return gitexp(what, "growthbook")


def flagd(what: str) -> Ask:
    """Return what asks flagd's evaluator in process."""
    from openfeature.contrib.tools.flagd.core import FlagdCore
    from openfeature.evaluation_context import EvaluationContext

    from gitexp.flags.exporting import to_flagd

    core = FlagdCore()
    core.set_flags(to_flagd([_flag(what, "posthog")]).document)
    properties = _PROPERTIES if what == "rules" else {}
    return lambda who: core.resolve_string_value("checkout", "", EvaluationContext(who, properties))


def posthog(what: str) -> Ask:
    """Return what asks PostHog's local evaluation."""
    from posthog.feature_flags import match_feature_flag_properties

    rules = [{**rule, "operator": "exact"} if rule["operator"] == "in" else rule for rule in _RULES]
    variants = [{"key": key, "rollout_percentage": 50} for key in ("control", "test")]
    group = {"properties": rules if what == "rules" else [], "rollout_percentage": 60}
    filters = {"groups": [group], "multivariate": {"variants": variants}}
    flag = {"key": "checkout", "active": True, "filters": filters}
    return lambda who: match_feature_flag_properties(flag, who, _PROPERTIES, bucketing_value=who)


def _flag(what: str, hashing: str) -> Any:
    from gitexp.flags.documents import Flag

    data = _TARGETED if what == "rules" else _SPLIT
    return Flag.from_dict("checkout", {**data, "hashing": hashing})


def main(who: str, what: str, count: str) -> None:
    """Print how long so many evaluations take, each for somebody else."""
    asks = {"gitexp": gitexp, "growthbook": growthbook, "flagd": flagd, "posthog": posthog}
    ask, people = asks[who](what), [f"person-{number}" for number in range(int(count))]
    ask("somebody")
    began = time.perf_counter()
    for person in people:
        ask(person)
    print(time.perf_counter() - began)


if __name__ == "__main__":
    main(*sys.argv[1:])
