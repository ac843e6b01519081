"""The definition of an A/B test: what `ab-test.yaml` says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal

from gitexp.abtests.amounts import Size
from gitexp.abtests.metrics import Metric
from gitexp.abtests.sources import Conditions, Data, conditions
from gitexp.abtests.splits import equal_splits
from gitexp.clock import parse_iso

Status = Literal["draft", "running", "paused", "stopped"]
Conclusion = Literal["won", "lost", "inconclusive", "stopped_early", "invalid"]
Multiple = Literal["exclude", "first_seen"]
Method = Literal["frequentist", "bayesian", "sequential"]
Difference = Literal["relative", "absolute"]
Correction = Literal["none", "holm", "benjamini-hochberg", "bonferroni"]
Alternative = Literal["two-sided", "greater", "less"]

CONTROL = "control"
"""The key of the first variant, which the others are compared with."""

CONCLUSIONS: tuple[Conclusion, ...] = ("won", "lost", "inconclusive", "stopped_early", "invalid")

LAUNCHED_FACTS = (
    "started_at", "ended_at", "conclusion", "note", "shipped", "archived", "exposure_frozen",
    "frozen_at",
)  # fmt: skip
"""What a draft has not, and a reset takes away."""


@dataclass(frozen=True, kw_only=True)
class Variant:
    """A variant, and the percentage of units that get it."""

    key: str
    name: str = ""
    description: str = ""
    split: float


@dataclass(frozen=True, kw_only=True)
class Exposure:
    """What makes a unit a part of the test.

    Attributes:
        event: only rows of the exposures whose event this is; empty for all.
        where: only rows that these fit.
        multiple: what is done with a unit that saw several variants.
    """

    event: str = ""
    where: Conditions = field(default_factory=dict)
    multiple: Multiple = "exclude"


@dataclass(frozen=True, kw_only=True)
class Prior:
    """What was believed of a difference before, in the unit that `difference` names."""

    mean: float = 0.0
    sd: float


@dataclass(frozen=True, kw_only=True)
class Statistics:
    """How the results are judged.

    Attributes:
        prior: of the Bayesian method; None believes nothing.
        tuning: of the sequential method, the units at which intervals are the narrowest.
    """

    method: Method = "frequentist"
    confidence: float = 0.95
    difference: Difference = "relative"
    correction: Correction = "none"
    alternative: Alternative = "two-sided"
    prior: Prior | None = None
    tuning: float = 5000

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Statistics:
        """Return the settings that a checked document describes."""
        prior = data.get("prior")
        return cls(**{**data, "prior": Prior(**prior) if prior else None})


@dataclass(frozen=True, kw_only=True)
class Minimum:
    """What has to be there before anything is judged.

    Attributes:
        sample_size: the least number of units in each variant.
        effect: the difference that matters; None where nobody said.
    """

    sample_size: int = 50
    effect: Size | None = None


@dataclass(frozen=True, kw_only=True)
class PromptVersions:
    """The prompt whose versions the variants are, in their order.

    Attributes:
        versions: the number of the version of each variant.
        templates: the templates that the metrics come from.
        commits: the commit of each version; empty where the document has none.
    """

    name: str
    versions: tuple[int, ...]
    templates: tuple[str, ...]
    commits: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class AbTest:
    """What `ab-test.yaml` says.

    Attributes:
        experiment: the name of the experiment that it is a part of.
        title: the name for people; that of the experiment where the document has none.
        flag: the key of the feature flag that gives units their variants.
        variants: the control first; every one has its split.
        exposure_frozen: whether nobody new is taken in, since `frozen_at`.
        metrics: those that decide first.
        planning: the answer of the plan that was made; empty where none was.
        prompt: the prompt whose versions are compared; None for other tests.
        started_at: when it was launched; None for a draft.
        ended_at: when it was ended; None until then.
        shipped: the key of the variant that everybody gets; empty where none was shipped.
        document: all that the file says.
    """

    experiment: str
    title: str
    status: Status = "draft"
    archived: bool = False
    exposure_frozen: bool = False
    frozen_at: datetime | None = None
    flag: str
    variants: tuple[Variant, ...]
    exposure: Exposure = field(default_factory=Exposure)
    metrics: tuple[Metric, ...] = ()
    statistics: Statistics = field(default_factory=Statistics)
    data: Data = field(default_factory=Data)
    minimum: Minimum = field(default_factory=Minimum)
    planning: Mapping[str, Any] = field(default_factory=dict)
    prompt: PromptVersions | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    conclusion: Conclusion | None = None
    note: str = ""
    shipped: str = ""
    document: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False)

    @classmethod
    def from_dict(cls, experiment: str, data: Mapping[str, Any]) -> AbTest:
        """Return the test that a checked document of an experiment describes."""
        return cls(
            experiment=experiment,
            title=data.get("title", experiment),
            status=data.get("status", "draft"),
            archived=data.get("archived", False),
            exposure_frozen=data.get("exposure_frozen", False),
            frozen_at=_moment(data, "frozen_at"),
            flag=data["flag"],
            variants=variants_of(data["variants"]),
            exposure=_exposure(data.get("exposure", {})),
            metrics=tuple(_metrics(data.get("metrics", {}))),
            statistics=Statistics.from_dict(data.get("statistics", {})),
            data=Data.from_dict(data.get("data", {})),
            minimum=_minimum(data.get("minimum", {})),
            planning=data.get("planning", {}),
            prompt=_prompt(data.get("prompt")),
            started_at=_moment(data, "started_at"),
            ended_at=_moment(data, "ended_at"),
            conclusion=data.get("conclusion"),
            note=data.get("note", ""),
            shipped=data.get("shipped", ""),
            document=data,
        )

    @property
    def control(self) -> Variant:
        """The variant that the others are compared with."""
        return self.variants[0]

    @property
    def treatments(self) -> tuple[Variant, ...]:
        """The other variants."""
        return self.variants[1:]

    @property
    def primary(self) -> tuple[Metric, ...]:
        """The metrics that decide."""
        return tuple(metric for metric in self.metrics if metric.role == "primary")

    @property
    def secondary(self) -> tuple[Metric, ...]:
        """The metrics that explain."""
        return tuple(metric for metric in self.metrics if metric.role == "secondary")

    def metric(self, key: str) -> Metric | None:
        """Return the metric with a key; None where there is none."""
        return next((metric for metric in self.metrics if metric.key == key), None)

    def variant(self, key: str) -> Variant | None:
        """Return the variant with a key; None where there is none."""
        return next((variant for variant in self.variants if variant.key == key), None)


def variants_of(data: Sequence[Mapping[str, Any]]) -> tuple[Variant, ...]:
    """Return variants with a split each: equal shares where the document has none."""
    shares = equal_splits(len(data))
    return tuple(
        replace(Variant(**{"split": share, **one}), name=one.get("name", one["key"]))
        for one, share in zip(data, shares, strict=True)
    )


def _metrics(data: Mapping[str, Any]) -> Iterator[Metric]:
    yield from (Metric.from_dict(one, role="primary") for one in data.get("primary", ()))
    yield from (Metric.from_dict(one, role="secondary") for one in data.get("secondary", ()))


def _exposure(data: Mapping[str, Any]) -> Exposure:
    return Exposure(**{**data, "where": conditions(data.get("where", {}))})


def _minimum(data: Mapping[str, Any]) -> Minimum:
    effect = data.get("effect")
    return Minimum(
        sample_size=data.get("sample_size", 50), effect=None if effect is None else Size.of(effect)
    )


def _prompt(data: Mapping[str, Any] | None) -> PromptVersions | None:
    if data is None:
        return None
    return PromptVersions(
        name=data["name"],
        versions=tuple(data["versions"]),
        templates=tuple(data["templates"]),
        commits=tuple(data.get("commits", ())),
    )


def _moment(data: Mapping[str, Any], key: str) -> datetime | None:
    return parse_iso(data[key]) if key in data else None
