"""`gitexp stats`: plans, power, smallest effects and curves, without a repository."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Run

FUNNEL = ("--metric", "funnel", "--baseline", "0.1")


def test_a_plan_is_shown_with_the_power_it_achieves(gitexp: Run) -> None:
    found = gitexp("stats", "plan", *FUNNEL, "--mde", "5", "--rate", "2000").ok()
    assert found.out == (
        "units             118334\n"
        "for each variant  59167, 59167\n"
        "days              60\n"
        "achieved power    0.8000\n"
        "effect            5 %\n"
        "baseline          0.1\n"
        "test              alpha 0.05, two-sided, relative difference\n"
        "method            exact\n"
    )


def test_the_rule_answers_with_the_fields_of_the_endpoint(gitexp: Run) -> None:
    arguments = ("--metric", "mean_count", "--baseline", "4", "--mde", "5", "--method", "lehr")
    found = gitexp("stats", "plan", *arguments, "--format", "json").ok()
    answer = json.loads(found.out)
    assert {name: answer[name] for name in list(answer)[:4]} == {
        "baseline_value": 4.0,
        "variance": 8.0,
        "recommended_sample_size": 6400,
        "recommended_running_time_days": None,
    }
    assert answer["achieved_power"] == pytest.approx(0.7977, abs=1e-4)


def test_a_sequential_plan_says_what_it_takes_on_average(gitexp: Run) -> None:
    arguments = ("--metric", "mean_count", "--baseline", "4", "--mde", "5", "--sequential")
    found = gitexp("stats", "plan", *arguments).ok()
    assert "units             11484\n" in found.out
    assert "units on average  7347\n" in found.out
    assert (
        "test              alpha 0.05, two-sided, relative difference, sequential, 20 looks\n"
        in (found.out)
    )


def test_large_amounts_are_shown_as_they_are_written(gitexp: Run) -> None:
    arguments = ("--metric", "mean_sum_or_avg", "--baseline", "12345", "--variance", "250000")
    found = gitexp("stats", "plan", *arguments, "--mde", "1").ok()
    assert "baseline          12345\nvariance          250000, given\n" in found.out


def test_quiet_prints_the_units_alone(gitexp: Run) -> None:
    found = gitexp("stats", "plan", *FUNNEL, "--mde", "5", "-q").ok()
    assert found.out == "118334\n"


def test_sums_come_from_a_file_or_from_the_line(directory: Path, gitexp: Run) -> None:
    sums = '{"number_of_samples": 1000, "sum": 100}'
    (directory / "sums.json").write_text(sums)
    plan = ("stats", "plan", "--metric", "funnel", "--mde", "5", "-q", "--stats")
    assert gitexp(*plan, sums).ok().out == "118334\n"
    assert gitexp(*plan, "sums.json").ok().out == "118334\n"


def test_no_answer_is_no(gitexp: Run) -> None:
    arguments = ("--metric", "funnel", "--baseline", "0", "--mde", "5")
    found = gitexp("stats", "plan", *arguments)
    assert found.code == 3
    assert "note              the baseline is 0, so no effect is a share of it\n" in found.out


@pytest.mark.parametrize(
    "arguments, code, message",
    [
        (("plan", "--metric", "funnel", "--mde", "5"), 1,
         ("error: Provide either baseline_value or baseline_stats.\n"
          "hint: In a shell they are `--baseline N` and `--stats FILE`.\n")),
        (("plan", "--metric", "ratio", "--baseline", "2", "--mde", "5"), 1,
         ("error: Ratio and retention metrics require baseline_stats, or both baseline_value "
          "and variance.\n"
          "hint: In a shell they are `--stats FILE`, `--baseline N` and `--variance N`.\n")),
        (("plan", *FUNNEL, "--mde", "0"), 1,
         "error: minimum_detectable_effect: Must be greater than 0.\n"),
        (("plan", *FUNNEL, "--mde", "5", "--allocation", "a,b"), 2,
         "error: 'a,b' is no allocation\n"),
        (("plan", *FUNNEL, "--mde", "5", "--variants", "3", "--allocation", "1,1"), 2,
         "error: the allocation has 2 parts, and there are 3 variants\n"),
        (("plan", "--metric", "funnel", "--mde", "5", "--stats", "none.json"), 2,
         "error: --stats: cannot read 'none.json': No such file or directory\n"),
        (("plan", "--metric", "funnel", "--mde", "5", "--stats", "{"), 2,
         "error: --stats:1: not JSON: expecting property name enclosed in double quotes\n"),
        (("plan", "--metric", "funnel", "--mde", "5", "--stats",
          '{"number_of_samples": 9, "sum": 1, "sum": 2}'), 2,
         "error: --stats:1: sum: the key is repeated; line 1 has it\n"),
        (("curve", *FUNNEL, "--mde", "0"), 1, "error: an effect must be above 0: 0.0\n"),
        (("power", *FUNNEL, "--mde", "5", "--size", "9" * 400), 1,
         "error: sample_size is more than 1000000000000000\n"),
        (("plan", *FUNNEL, "--mde", "5", "--variants", "99999999"), 1,
         "error: number_of_variants: Ensure this value is less than or equal to 1000.\n"),
        (("curve", *FUNNEL), 2, "error: a curve has an effect or a size\n"),
        (("curve", *FUNNEL, "--mde", "5", "--size", "5"), 2,
         "error: a curve has an effect or a size\n"),
        (("mde", *FUNNEL, "--size", "20"), 1,
         "error: no effect is found with a power of 0.8 by 20 units\n"),
    ],
)  # fmt: skip
def test_what_cannot_be_planned_is_refused(
    gitexp: Run, arguments: tuple[str, ...], code: int, message: str
) -> None:
    found = gitexp("stats", *arguments)
    assert (found.code, found.out) == (code, "")
    assert found.err.startswith(message)


def test_a_power_of_nothing_says_why(gitexp: Run) -> None:
    found = gitexp("stats", "power", *FUNNEL, "--mde", "5", "--size", "10").ok()
    assert "achieved power    0.0000\n" in found.out
    assert "note              with so few units, results refuse to be judged\n" in found.out


def test_power_and_smallest_effect_undo_each_other(gitexp: Run) -> None:
    size = ("--size", "100000", "-q")
    effect = gitexp("stats", "mde", *FUNNEL, *size).ok().out.strip()
    power = gitexp("stats", "power", *FUNNEL, *size, "--mde", effect).ok().out
    assert float(power) == pytest.approx(0.8, abs=1e-9)


def test_a_curve_is_listed_and_drawn(directory: Path, gitexp: Run) -> None:
    curve = ("stats", "curve", *FUNNEL, "--mde", "5", "--points", "4")
    listed = gitexp(*curve, "--format", "csv").ok().out.splitlines()
    assert listed[0] == "sample_size,effect,power"
    assert len(listed) == 5
    drawn = gitexp(*curve).ok().out
    assert drawn.startswith("power for an effect of 5 %\n")
    assert "units over all variants" in drawn
    gitexp(*curve, "-o", "power.svg").ok()
    assert "units over all variants" in (directory / "power.svg").read_text(encoding="utf-8")


def test_a_curve_over_effects_names_its_axis(gitexp: Run) -> None:
    drawn = gitexp("stats", "curve", *FUNNEL, "--size", "50000", "--points", "4")
    assert drawn.ok().out.startswith("power for 50000 units\n")
    assert "effect, % of the baseline" in drawn.out
