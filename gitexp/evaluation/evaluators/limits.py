"""Evaluators of what an answer took: `latency`, `cost` and `tokens`."""

from __future__ import annotations

from gitexp.evaluation.answers import Usage
from gitexp.evaluation.evaluators.cases import Case, Described, Judging
from gitexp.evaluation.evaluators.verdicts import PASSED, failed, unscored
from gitexp.runs.rows import Score


def latency(described: Described) -> Judging:
    """Return what passes an output that took at most `max_seconds`."""
    most = described.options["max_seconds"]

    def judge(case: Case) -> Score:
        took = case.duration_seconds
        if took is None:
            return unscored("it is not known how long the output took")
        return PASSED if took <= most else failed(f"{took:.3g} s is more than {most:g} s")

    return Judging(judge=judge, expects=False)


def cost(described: Described) -> Judging:
    """Return what passes an output that cost at most `max_cost`."""
    most = described.options["max_cost"]

    def judge(case: Case) -> Score:
        spent = case.usage.cost if case.usage else None
        if spent is None:
            return unscored("it is not known what the output cost")
        return PASSED if spent <= most else failed(f"{spent:.6g} is more than {most:g}")

    return Judging(judge=judge, expects=False)


def tokens(described: Described) -> Judging:
    """Return what passes an output that took at most `max_tokens`: in all, in or out."""
    most, which = described.options["max_tokens"], described.get("of", "total")

    def judge(case: Case) -> Score:
        used = _tokens(case.usage, which)
        if used is None:
            return unscored("it is not known how many tokens the output took")
        return PASSED if used <= most else failed(f"{used} tokens are more than {most}")

    return Judging(judge=judge, expects=False)


def _tokens(usage: Usage | None, which: str) -> int | None:
    if usage is None or (usage.input_tokens is None and usage.output_tokens is None):
        return None
    if which == "input":
        return usage.input_tokens
    return usage.output_tokens if which == "output" else usage.tokens
