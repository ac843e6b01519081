"""`gitexp gate`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from gitexp.cli.failures import AnswerIsNo
from gitexp.cli.files import write_whole
from gitexp.cli.gate_views import gate_table, junit_xml, summary
from gitexp.cli.groups import UsageFault, command
from gitexp.cli.output import Output, output_options
from gitexp.cli.run_arguments import run_argument, run_id_of
from gitexp.errors import InvalidInput, NotAllowed

if TYPE_CHECKING:
    from gitexp.results.gates.rules import Rule

_KINDS = ("min", "max", "max-regression")


@command(
    "gate",
    examples=[
        "gitexp gate 20261121T1315 --min accuracy=0.9 --max latency.p95=2.0",
        "gitexp gate 20261121T1315 --max-regression accuracy=0.02 --baseline env:production",
        "gitexp gate 20261121T1315 --min accuracy=0.9 --use-intervals --junit gate.xml",
    ],
)
@run_argument()
@click.option(
    "--min", "least", multiple=True, metavar="NAME=NUMBER", help="Ask for at least so much"
)
@click.option("--max", "most", multiple=True, metavar="NAME=NUMBER", help="Allow at most so much")
@click.option(
    "--max-regression",
    "regressions",
    multiple=True,
    metavar="NAME=NUMBER",
    help="Allow it to be worse than in the baseline by at most so much",
)
@click.option(
    "--baseline",
    metavar="RUN|env:NAME|version:REV|latest",
    help="Measure regressions against this run",
)
@click.option("--max-error-rate", metavar="RATE", help="Allow at most this share of errors")
@click.option("--max-unscored", metavar="RATE", help="Allow at most this share without a score")
@click.option("--min-samples", metavar="N", help="Judge nothing by fewer samples")
@click.option(
    "--use-intervals", is_flag=True, help="Pass a number only if its whole interval passes"
)
@click.option(
    "--confidence",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    metavar="SHARE",
    help="Choose how sure the intervals are, with --use-intervals  [default: 0.95]",
)
@click.option("--junit", metavar="FILE", help="Write the verdicts as JUnit XML as well")
@output_options
def gate_command(
    output: Output,
    run: str,
    least: tuple[str, ...],
    most: tuple[str, ...],
    regressions: tuple[str, ...],
    baseline: str | None,
    max_error_rate: str | None,
    max_unscored: str | None,
    min_samples: str | None,
    use_intervals: bool,
    confidence: float | None,
    junit: str | None,
) -> None:
    """Judge a run by rules, for people and for CI

    NAME is an evaluator (its mean), EVALUATOR.pass_rate, pass_rate, scored_pass_rate, error_rate,
    pass@K, pass^K, metrics.NAME, latency.p95, cost, tokens or duration_seconds. Exits with 0 if
    the gate is passed, with 3 if a rule failed, and with 1 if a rule could not be judged, as
    without a baseline. Regressions are judged over pairs of the same samples.
    """
    from gitexp.runs.estimates import CONFIDENCE

    single = {
        "max-error-rate": max_error_rate,
        "max-unscored": max_unscored,
        "min-samples": min_samples,
    }
    given = dict(zip(_KINDS, (least, most, regressions), strict=True))
    texts = [(kind, text) for kind, of in given.items() for text in of]
    texts += [(kind, text) for kind, text in single.items() if text is not None]
    rules = list(_rules(texts))
    if not rules:
        raise UsageFault("a gate needs a rule", hint="Give one, such as `--min accuracy=0.9`.")
    if regressions and baseline is None:
        raise UsageFault(
            "--max-regression needs a baseline",
            hint="Add `--baseline env:production`, a run, `version:REV` or `latest`.",
        )
    if confidence is not None and not use_intervals:
        raise UsageFault(
            "--confidence is of intervals, which are not used", hint="Add `--use-intervals`."
        )
    session = output.session
    report = session.repository.runs.gate(
        run_id_of(session, run),
        *rules,
        baseline=baseline,
        confidence=CONFIDENCE if confidence is None else confidence,
        use_intervals=use_intervals,
    )
    if junit is not None:
        write_whole(session.directory / junit, junit_xml(report))
    output.listing(
        [verdict.to_dict() for verdict in report.verdicts],
        gate_table(report),
        ids=[v.rule.text for v in report.verdicts if v.outcome != "passed"],
        document=report,
    )
    if report.outcome == "unjudged":
        raise NotAllowed(summary(report), hint="The notes of the rules say why.")
    session.say(summary(report))
    if report.outcome == "failed":
        raise AnswerIsNo


def _rules(texts: list[tuple[str, str]]) -> Iterator[Rule]:
    from gitexp.results.gates.rules import rule_of

    for kind, text in texts:
        try:
            yield rule_of(kind, text)
        except InvalidInput as exc:
            raise UsageFault(f"--{exc.message}", hint="Run `gitexp gate --help`.") from None
