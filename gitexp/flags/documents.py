"""Feature flags: what `flags/KEY.yaml` says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from gitexp.documents.canonical import digest_of
from gitexp.flags.hashing import Span
from gitexp.ids import Digest

Method = Literal["posthog", "growthbook"]


@dataclass(frozen=True, kw_only=True)
class Variant:
    """A variant of a flag.

    Attributes:
        weight: the percentage of those with the flag that get it.
        payload: what programs are answered besides the key.
    """

    key: str
    name: str = ""
    description: str = ""
    weight: float
    payload: Any = None


@dataclass(frozen=True, kw_only=True)
class Rule:
    """A rule about one property of whoever asks."""

    key: str
    operator: str = "exact"
    value: Any = None


@dataclass(frozen=True, kw_only=True)
class Condition:
    """Rules that must all hold, and what follows.

    Attributes:
        rollout: the percentage of those who fit that get the flag.
        variant: the variant that all of them get; None leaves it to the weights.
    """

    description: str = ""
    rules: tuple[Rule, ...] = ()
    rollout: float
    variant: str | None = None

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], *, rollout: float) -> Condition:
        """Return the condition that a checked document describes."""
        return cls(
            description=data.get("description", ""),
            rules=tuple(Rule(**rule) for rule in data.get("properties", ())),
            rollout=data.get("rollout", rollout),
            variant=data.get("variant"),
        )


@dataclass(frozen=True, kw_only=True)
class Holdout:
    """People who are kept out of every flag with this holdout."""

    id: str
    percent: float

    @property
    def variant(self) -> str:
        """What stands for a variant with those who are kept out."""
        return f"holdout-{self.id}"


@dataclass(frozen=True, kw_only=True)
class Namespace:
    """A share of all people, apart from those of other flags in the same namespace."""

    name: str
    span: Span


@dataclass(frozen=True, kw_only=True)
class Hashing:
    """How people are told apart and drawn.

    Attributes:
        version: the version of GrowthBook's hash; PostHog has one.
        seed: what is hashed together with whoever asks; None stands for the flag's key.
        by: the property by which people are told apart; None for who they are.
        namespace: GrowthBook's.
    """

    method: Method = "posthog"
    version: Literal[1, 2] = 1
    seed: str | None = None
    by: str | None = None
    namespace: Namespace | None = None

    @classmethod
    def from_document(cls, data: Any) -> Hashing:
        """Return the hashing that a checked document describes: a name, or a mapping."""
        if isinstance(data, str):
            return cls(method="growthbook" if data == "growthbook" else "posthog")
        space = data.get("namespace")
        if space is not None:
            space = Namespace(name=space["name"], span=(space["from"], space["to"]))
        return cls(**{**data, "namespace": space})


@dataclass(frozen=True, kw_only=True)
class Flag:
    """A feature flag: who gets it, and in which variant.

    Attributes:
        variants: in the order in which they are drawn; none for a flag that is only on or off.
        payload: what programs are answered of a flag without variants.
        rollout: the percentage of people that get it, where a condition says nothing else.
        conditions: the first that fits decides; without any, everybody fits.
        early_exit: whether whoever fits a condition and is outside its rollout does not get on
            to the next.
        definition: all that the file says.
    """

    key: str
    description: str = ""
    active: bool = True
    variants: tuple[Variant, ...] = ()
    payload: Any = None
    rollout: float = 100
    conditions: tuple[Condition, ...] = ()
    early_exit: bool = False
    holdout: Holdout | None = None
    hashing: Hashing = field(default_factory=Hashing)
    created_by: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    definition: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False)

    @classmethod
    def from_dict(cls, key: str, data: Mapping[str, Any]) -> Flag:
        """Return the flag that a checked document describes."""
        rollout = data.get("rollout", 100)
        holdout = data.get("holdout")
        conditions = data.get("conditions", ())
        return cls(
            key=key,
            description=data.get("description", ""),
            active=data["active"],
            variants=tuple(Variant(**one) for one in data.get("variants", ())),
            payload=data.get("payload"),
            rollout=rollout,
            conditions=tuple(Condition.from_dict(one, rollout=rollout) for one in conditions),
            early_exit=data.get("early_exit", False),
            holdout=Holdout(**{**holdout, "id": str(holdout["id"])}) if holdout else None,
            hashing=Hashing.from_document(data.get("hashing", "posthog")),
            created_by=data.get("created_by", ""),
            tags=dict(data.get("tags", {})),
            definition=data,
        )

    @property
    def seed(self) -> str:
        """What is hashed together with whoever asks."""
        return self.hashing.seed or self.key

    @property
    def asked(self) -> tuple[Condition, ...]:
        """The conditions in their order; where the file has none, one that everybody fits."""
        return self.conditions or (Condition(rollout=self.rollout),)

    @property
    def multivariate(self) -> bool:
        """Whether it has two variants or more."""
        return len(self.variants) > 1

    @property
    def eligible(self) -> bool:
        """Whether an A/B test may use it: two variants or more, the first called `control`."""
        return self.multivariate and self.variants[0].key == "control"

    @property
    def digest(self) -> Digest:
        """What tells whether two flags say the same, whatever their layout."""
        return digest_of(dict(self.definition))

    def variant(self, key: str | None) -> Variant | None:
        """Return the variant with a key, or None when there is none."""
        return next((one for one in self.variants if one.key == key), None)

    def to_dict(self) -> dict[str, Any]:
        """Return key, digest and all that the file says."""
        return {"key": self.key, "digest": self.digest, **self.definition}
