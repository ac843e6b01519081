"""Comparisons: runs side by side as values, as JSON, as rows and as a table of pandas."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Literal

from gitexp.clock import iso
from gitexp.documents.problems import MISSING
from gitexp.documents.values import same
from gitexp.errors import NotFound
from gitexp.experiments.headers import Direction
from gitexp.runs.metrics import plain_number
from gitexp.runs.run import Run

if TYPE_CHECKING:
    import pandas as pd

ParameterKind = Literal["parameters", "params"]
MeasureKind = Literal["metrics", "scores", "stats"]

PASS_RATE = "pass_rate"


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """A parameter of the runs.

    Attributes:
        kind: `parameters` for a value of the version, `params` for one that was logged.
        values: one for each run, in their order; `MISSING` where a run has none.
    """

    name: str
    kind: ParameterKind
    values: tuple[Any, ...]

    @property
    def field(self) -> str:
        """The name that tells it from everything else, such as `params.lr`."""
        return f"{self.kind}.{self.name}"

    @property
    def differs(self) -> bool:
        """Whether two runs have different values; types count, and so does having none."""
        return not all(_same(self.values[0], value) for value in self.values[1:])


@dataclass(frozen=True, kw_only=True)
class Change:
    """How a value differs from the baseline's.

    Attributes:
        absolute: the value less the baseline's.
        relative: the same as a ratio of the baseline's size; None where that is 0 or no finite
            number.
    """

    absolute: float
    relative: float | None

    def to_dict(self) -> dict[str, Any]:
        """Return both numbers as JSON has them."""
        return {"absolute": _plain(self.absolute), "relative": _plain(self.relative)}


@dataclass(frozen=True, kw_only=True)
class Measure:
    """A number by which runs are judged, for each run in their order.

    Attributes:
        kind: `metrics` for a logged metric, `scores` for the mean of an evaluator's scores,
            `stats` for the pass rate.
        direction: which values are better; None where nobody has said.
        values: None where a run has none.
        steps: at which step a metric's value was logged.
        changes: against the baseline; None for the baseline, and where two values do not compare.
        best: for each run, whether its value is the best; more than one is where values are equal.
    """

    name: str
    kind: MeasureKind
    direction: Direction | None
    values: tuple[float | None, ...]
    steps: tuple[int | None, ...]
    changes: tuple[Change | None, ...]
    best: tuple[bool, ...]

    @property
    def field(self) -> str:
        """The name that tells it from everything else, such as `metrics.loss`."""
        return f"{self.kind}.{self.name}"


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Runs side by side, in the order in which they were given.

    Attributes:
        baseline: the position of the run that the others are measured against.
        parameters: those of the version first, then those that were logged; all of them.
        measures: the pass rate, the scores, the metrics.
        same_samples: for each run, whether it used the samples of the baseline; None where it is
            not recorded for both.
    """

    runs: tuple[Run, ...]
    baseline: int
    parameters: tuple[Parameter, ...]
    measures: tuple[Measure, ...]
    same_samples: tuple[bool | None, ...]

    def only(self, names: Iterable[str]) -> Comparison:
        """Return this comparison with these measures alone, named as `loss` or `metrics.loss`.

        Raises:
            NotFound: no run has a measure of that name.
        """
        chosen = {m.field: m for name in names for m in self._named(name)}
        return replace(self, measures=tuple(chosen.values()))

    def differing(self) -> Comparison:
        """Return this comparison without the parameters that are the same in all runs."""
        return replace(self, parameters=tuple(p for p in self.parameters if p.differs))

    def _named(self, name: str) -> list[Measure]:
        found = [m for m in self.measures if name in (m.name, m.field)]
        if not found:
            raise missing_measure(name, [m.name for m in self.measures])
        return found

    def to_dict(self) -> dict[str, Any]:
        """Return the mapping that `--format json` prints; values are keyed by the run's id.

        A number that is missing is None; NaN and the infinities are texts. A parameter's missing
        value is None too, and `missing` names the runs, since None may be a value.
        """
        return {
            "baseline": self.runs[self.baseline].id,
            "runs": [self._run_entry(position) for position in range(len(self.runs))],
            "parameters": [self._parameter_entry(parameter) for parameter in self.parameters],
            "metrics": [self._measure_entry(measure) for measure in self.measures],
        }

    def _run_entry(self, position: int) -> dict[str, Any]:
        run = self.runs[position]
        return {
            "id": run.id,
            "name": run.name,
            "experiment": run.experiment,
            "status": run.status,
            "version": run.version,
            "digest": run.digest,
            "created_at": iso(run.created_at),
            "duration_seconds": run.duration_seconds,
            "dataset": run.dataset.to_dict() if run.dataset else None,
            "same_samples": self.same_samples[position],
            "code": run.code.to_dict(),
            "stats": run.stats.to_dict(),
        }

    def _parameter_entry(self, parameter: Parameter) -> dict[str, Any]:
        values = self._by_run(parameter.values)
        return {
            "name": parameter.name,
            "kind": parameter.kind,
            "differs": parameter.differs,
            "values": {key: None if v is MISSING else v for key, v in values.items()},
            "missing": [key for key, value in values.items() if value is MISSING],
        }

    def _measure_entry(self, measure: Measure) -> dict[str, Any]:
        changes = self._by_run(measure.changes)
        return {
            "name": measure.name,
            "kind": measure.kind,
            "direction": measure.direction,
            "values": {key: _plain(v) for key, v in self._by_run(measure.values).items()},
            "steps": self._by_run(measure.steps),
            "changes": {key: change and change.to_dict() for key, change in changes.items()},
            "best": [key for key, best in self._by_run(measure.best).items() if best],
        }

    def _by_run(self, values: Sequence[Any]) -> dict[str, Any]:
        return {run.id: value for run, value in zip(self.runs, values, strict=True)}

    def rows(self) -> list[dict[str, Any]]:
        """Return a flat row for each run, with the same keys in the same order in every row.

        After the run's own fields come `parameters.SLOT` and `params.NAME`, then for each measure
        `FIELD`, `FIELD.change` and `FIELD.relative`. A missing number is None, a missing parameter
        `MISSING`.
        """
        return [self._row(position) for position in range(len(self.runs))]

    def _row(self, position: int) -> dict[str, Any]:
        run = self.runs[position]
        row: dict[str, Any] = {
            "id": run.id,
            "name": run.name,
            "experiment": run.experiment,
            "status": run.status,
            "baseline": position == self.baseline,
            "version": run.version,
            "digest": run.digest,
            "created_at": iso(run.created_at),
            "duration_seconds": run.duration_seconds,
            "commit": run.code.commit,
            "dirty": run.code.dirty,
            "dataset": run.dataset.name if run.dataset else None,
            "dataset_digest": run.dataset.digest if run.dataset else None,
            "same_samples": self.same_samples[position],
        }
        row |= {parameter.field: parameter.values[position] for parameter in self.parameters}
        for measure in self.measures:
            change = measure.changes[position]
            row[measure.field] = measure.values[position]
            row[f"{measure.field}.change"] = change.absolute if change else None
            row[f"{measure.field}.relative"] = change.relative if change else None
        return row

    def to_frame(self) -> pd.DataFrame:
        """Return the rows as a DataFrame; what a run does not have is missing (NaN, None or NaT).

        The columns of measures hold floats, so there a NaN that was logged looks like none.
        """
        import pandas as pd

        rows = [{k: None if v is MISSING else v for k, v in row.items()} for row in self.rows()]
        floats = {"duration_seconds": "float64"}
        for measure in self.measures:
            for name in ("", ".change", ".relative"):
                floats[measure.field + name] = "float64"
        frame: pd.DataFrame = pd.DataFrame(rows).astype(floats)
        frame["created_at"] = pd.to_datetime(frame["created_at"], utc=True, format="ISO8601")
        return frame


def missing_measure(name: str, known: Sequence[str]) -> NotFound:
    """Return the error for a metric that none of the runs has, with what was probably meant."""
    close = get_close_matches(name, known, n=1)
    hint = f"Did you mean {close[0]!r}?" if close else "They have no metrics."
    if known and not close:
        shown = ", ".join(known[:_SHOWN])
        more = f" and {len(known) - _SHOWN} more" if len(known) > _SHOWN else ""
        hint = f"They have {shown}{more}."
    return NotFound(f"none of the runs has a metric {name!r}", hint=hint)


_SHOWN = 8


def _same(one: Any, other: Any) -> bool:
    if one is MISSING or other is MISSING:
        return one is other
    return same(one, other)


def _plain(value: float | None) -> float | str | None:
    return None if value is None else plain_number(value)
